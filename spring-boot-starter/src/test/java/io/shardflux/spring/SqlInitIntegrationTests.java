package io.shardflux.spring;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.router.ShardId;
import io.shardflux.servers.Database;
import io.shardflux.servers.TestServers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Configuration;
import org.springframework.r2dbc.core.DatabaseClient;

/** Spring Boot's scripts over three shards that have no table yet. */
class SqlInitIntegrationTests {

  private static final Duration BOUND = Duration.ofSeconds(60);

  @TempDir
  @SuppressWarnings("NullAway.Init")
  private static Path folder;

  private final List<Database> databases = TestServers.shared().freshDatabases("boot_init");

  /** The application. */
  @Configuration(proxyBeanMethods = false)
  @EnableAutoConfiguration
  static class Application {}

  private ConfigurableApplicationContext application(String mode, String schema, String data)
      throws Exception {
    List<String> properties = new ArrayList<>();
    for (int i = 0; i < databases.size(); i++) {
      properties.add("shardflux.shards.shard_" + i + ".url=" + databases.get(i).r2dbcUrl());
      properties.add("shardflux.strategies.by_id.shards[" + i + "]=shard_" + i);
    }
    properties.add("shardflux.strategies.by_id.type=modulo");
    properties.add("shardflux.tables.users.strategy=by_id");
    properties.add("shardflux.tables.users.key.id=integer");
    properties.add("shardflux.tables.countries.reference=true");
    properties.add("spring.sql.init.mode=" + mode);
    properties.add("spring.sql.init.schema-locations=" + file("schema.sql", schema));
    properties.add("spring.sql.init.data-locations=" + file("data.sql", data));
    return new SpringApplicationBuilder(Application.class)
        .web(WebApplicationType.NONE)
        .run(properties.stream().map(one -> "--" + one).toArray(String[]::new));
  }

  private static String file(String name, String text) throws Exception {
    return "file:" + Files.writeString(folder.resolve(name), text);
  }

  /** Shards are no embedded database, the only one that Spring fills without being told. */
  @Test
  void scriptsAreNotRunUnlessTheModeSaysSo() throws Exception {
    try (ConfigurableApplicationContext context =
        application("embedded", "CREATE TABLE users (id BIGINT)", "")) {
      DatabaseClient client = context.getBean(DatabaseClient.class);
      assertThatThrownBy(() -> client.sql("SELECT id FROM users").fetch().all().blockLast(BOUND))
          .hasStackTraceContaining("UNKNOWN_TABLE");
    }
  }

  @Test
  void scriptsMakeTablesOnAllShardsAndFillThem() throws Exception {
    try (ConfigurableApplicationContext context =
        application(
            "always",
            """
            -- Of users.
            DROP TABLE IF EXISTS users;
            CREATE TABLE users (id BIGINT PRIMARY KEY, name VARCHAR(100));
            /* Of all. */
            CREATE TABLE IF NOT EXISTS countries (code CHAR(2) PRIMARY KEY);
            CREATE INDEX by_name ON users (name);
            """,
            """
            INSERT INTO users (id, name) VALUES (1, 'a'), (2, 'b'), (3, 'c');
            INSERT INTO countries (code) VALUES ('PL');
            """)) {
      DatabaseClient client = context.getBean(DatabaseClient.class);
      assertThat(
              client
                  .sql("SELECT name FROM users JOIN countries ON code = 'PL' ORDER BY id")
                  .mapValue(String.class)
                  .all()
                  .collectList()
                  .block(BOUND))
          .containsExactly("a", "b", "c");
      for (int i = 0; i < 3; i++) {
        Long users =
            context
                .getBean(ShardRouter.class)
                .on(ShardId.of("shard_" + i))
                .sql("SELECT COUNT(*) FROM users")
                .map((row, metadata) -> Objects.requireNonNull(row.get(0, Long.class)))
                .one()
                .block(BOUND);
        assertThat(users).isEqualTo(1);
      }
      assertThatThrownBy(() -> client.sql("DROP TABLE users").then().block(BOUND))
          .hasStackTraceContaining("every-shard=true");
    }
  }
}
