package io.shardflux.spring;

import static org.assertj.core.api.Assertions.assertThat;

import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.router.ShardId;
import io.shardflux.spring.actuate.ShardsEndpoint;
import io.shardflux.spring.actuate.ShardsHealthIndicator;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;

/** The examples of {@code spring.md} make an application. */
class SpringPageTests {

  private static final Path PAGE = Path.of("..", "src", "docs", "spring.md");

  @Configuration(proxyBeanMethods = false)
  @Import(WebApplication.Application.class)
  static class Example {

    @Bean
    ShardRouterCustomizer archive() {
      return builder ->
          builder.shard(Shard.of("archive", "r2dbc:mysql://app@127.0.0.1:3308/archive"));
    }
  }

  @Test
  void everyExampleWorks(@TempDir Path folder) throws IOException {
    String page = Files.readString(PAGE);
    assertThat(page)
        .contains("Shard.of(\"archive\", \"r2dbc:mysql://app@127.0.0.1:3308/archive\")");
    Matcher examples = Pattern.compile("(?s)```yaml\n(.*?)```").matcher(page);
    StringBuilder yaml = new StringBuilder();
    while (examples.find()) {
      yaml.append(examples.group(1));
    }
    Path file = Files.writeString(folder.resolve("application.yaml"), yaml);
    try (ConfigurableApplicationContext context =
        new SpringApplicationBuilder(Example.class)
            .run("--server.port=0", "--spring.config.location=file:" + file)) {
      assertThat(context.getBean(ShardRouter.class).topology().shards())
          .extracting(ShardId::value)
          .containsExactly("shard_0", "shard_1", "archive");
      assertThat(context.getBeansOfType(ShardsEndpoint.class)).hasSize(1);
      assertThat(context.getBeansOfType(ShardsHealthIndicator.class)).hasSize(1);
    }
  }
}
