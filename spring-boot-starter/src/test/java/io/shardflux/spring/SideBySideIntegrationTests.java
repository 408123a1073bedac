package io.shardflux.spring;

import static org.assertj.core.api.Assertions.assertThat;

import io.r2dbc.spi.ConnectionFactories;
import io.r2dbc.spi.ConnectionFactory;
import io.shardflux.driver.ShardfluxConnectionFactory;
import io.shardflux.servers.Database;
import io.shardflux.servers.TestServers;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.springframework.beans.factory.annotation.Qualifier;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.r2dbc.connection.R2dbcTransactionManager;
import org.springframework.r2dbc.core.DatabaseClient;
import org.springframework.transaction.ReactiveTransactionManager;
import org.springframework.transaction.annotation.Transactional;
import reactor.core.publisher.Mono;
import reactor.test.StepVerifier;

/** Shards and another database in one application, as {@code spring.md} says. */
@ExtendWith(OutputCaptureExtension.class)
@Tag("same-on-any-server")
class SideBySideIntegrationTests {

  private static final Path PAGE = Path.of("..", "src", "docs", "spring.md");
  private static final Path THIS =
      Path.of(
          "src", "test", "java", "io", "shardflux", "spring", "SideBySideIntegrationTests.java");

  private final List<Database> databases = TestServers.shared().freshDatabases("beside");

  /** The page's. */
  @Configuration(proxyBeanMethods = false)
  @EnableAutoConfiguration
  static class Application {

    @Bean(defaultCandidate = false)
    @Qualifier("reports")
    ConnectionFactory reports(@Value("${reports.url}") String url) {
      return ConnectionFactories.get(url);
    }

    @Bean(defaultCandidate = false)
    @Qualifier("reports")
    DatabaseClient reportsClient(@Qualifier("reports") ConnectionFactory reports) {
      return DatabaseClient.create(reports);
    }

    @Bean(defaultCandidate = false)
    @Qualifier("reports")
    ReactiveTransactionManager reportsTransactions(
        @Qualifier("reports") ConnectionFactory reports) {
      return new R2dbcTransactionManager(reports);
    }

    @Bean
    Service service(DatabaseClient shards, @Qualifier("reports") DatabaseClient reports) {
      return new Service(shards, reports);
    }
  }

  /** An application as a user would write it. */
  public static class Service {

    private final DatabaseClient shards;
    private final DatabaseClient reports;

    /** Both databases. */
    public Service(DatabaseClient shards, DatabaseClient reports) {
      this.shards = shards;
      this.reports = reports;
    }

    /** Fails after a row on each side. */
    @Transactional
    public Mono<Void> ofShards() {
      return both();
    }

    /** The same, in a transaction of the other database. */
    @Transactional("reports")
    public Mono<Void> ofReports() {
      return both();
    }

    private Mono<Void> both() {
      return shards
          .sql("INSERT INTO users (id, name) VALUES (1, 'a')")
          .then()
          .then(reports.sql("INSERT INTO reports (id) VALUES (1)").then())
          .then(Mono.error(new IllegalStateException("on purpose")));
    }
  }

  @Test
  void thePageHasThisCode() throws IOException {
    Matcher section =
        Pattern.compile("(?s)### Beside another database.*?```java\n(.*?)```")
            .matcher(Files.readString(PAGE));
    assertThat(section.find()).isTrue();
    assertThat(words(Files.readString(THIS))).contains(words(section.group(1)));
  }

  private static String words(String text) {
    return text.replaceAll("\\s+", "");
  }

  @Test
  void eachStatementAndTransactionGoesToTheDatabaseThatIsNamed(CapturedOutput output) {
    try (ConfigurableApplicationContext context = start()) {
      DatabaseClient shards = context.getBean(DatabaseClient.class);
      DatabaseClient reports = context.getBean("reportsClient", DatabaseClient.class);
      assertThat(shards.getConnectionFactory()).isInstanceOf(ShardfluxConnectionFactory.class);
      run(reports, "CREATE TABLE reports (id BIGINT PRIMARY KEY)");
      Service service = context.getBean(Service.class);

      fails(service.ofShards());
      assertThat(count(shards, "users")).isZero();
      assertThat(count(reports, "reports")).isOne();

      run(reports, "DELETE FROM reports");
      fails(service.ofReports());
      assertThat(count(shards, "users")).isOne();
      assertThat(count(reports, "reports")).isZero();
    }
    assertThat(output).doesNotContain("SQL goes past the shards");
  }

  /** The first two databases are shards, the third is the other one. */
  private ConfigurableApplicationContext start() {
    for (Database shard : databases.subList(0, 2)) {
      run(
          DatabaseClient.create(ConnectionFactories.get(shard.r2dbcUrl())),
          "CREATE TABLE users (id BIGINT PRIMARY KEY, name VARCHAR(100))");
    }
    return new SpringApplicationBuilder(Application.class)
        .web(WebApplicationType.NONE)
        .run(
            "--reports.url=" + databases.get(2).r2dbcUrl(),
            "--shardflux.shards.shard_0.url=" + databases.get(0).r2dbcUrl(),
            "--shardflux.shards.shard_1.url=" + databases.get(1).r2dbcUrl(),
            "--shardflux.strategies.by_id.type=modulo",
            "--shardflux.strategies.by_id.shards[0]=shard_0",
            "--shardflux.strategies.by_id.shards[1]=shard_1",
            "--shardflux.tables.users.strategy=by_id",
            "--shardflux.tables.users.key.id=integer");
  }

  private static void run(DatabaseClient client, String sql) {
    StepVerifier.create(client.sql(sql).then()).expectComplete().verify(WebApplication.BOUND);
  }

  private static void fails(Mono<Void> transaction) {
    StepVerifier.create(transaction).expectErrorMessage("on purpose").verify(WebApplication.BOUND);
  }

  private static long count(DatabaseClient client, String table) {
    return client
        .sql("SELECT COUNT(*) FROM " + table)
        .map(row -> Long.parseLong(String.valueOf(row.get(0))))
        .one()
        .blockOptional(WebApplication.BOUND)
        .orElseThrow();
  }
}
