package io.shardflux.bom;

import static org.assertj.core.api.Assertions.assertThat;

import io.shardflux.driver.ShardfluxConnectionFactory;
import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.router.ShardId;
import io.shardflux.servers.TestServers;
import io.shardflux.spring.ShardfluxAutoConfiguration;
import io.shardflux.sql.SqlPlanner;
import java.net.URL;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.springframework.boot.SpringBootVersion;

/** An application that names no version but those of two BOMs has what it asked for. */
class BomTests {

  @ParameterizedTest
  @ValueSource(
      classes = {
        ShardId.class,
        SqlPlanner.class,
        ShardRouter.class,
        ShardfluxConnectionFactory.class,
        ShardfluxAutoConfiguration.class,
        TestServers.class
      })
  void givesEachModule(Class<?> type) {
    URL source = type.getProtectionDomain().getCodeSource().getLocation();
    assertThat(source.getPath()).matches(".*/target/(classes/|shardflux-[a-z0-9-]+-[0-9.]+\\.jar)");
  }

  @Test
  void leavesSpringBootToItsOwn() {
    assertThat(SpringBootVersion.getVersion()).isEqualTo(System.getProperty("spring-boot.version"));
  }
}
