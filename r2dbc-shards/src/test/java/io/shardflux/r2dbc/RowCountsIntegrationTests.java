package io.shardflux.r2dbc;

import static org.assertj.core.api.Assertions.assertThat;

import io.r2dbc.spi.Connection;
import io.r2dbc.spi.ConnectionFactories;
import io.shardflux.r2dbc.observe.RowCountOptions;
import io.shardflux.servers.TestServers;
import java.time.Duration;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

class RowCountsIntegrationTests {

  private static final Duration BOUND = Duration.ofSeconds(60);
  private static final RowCountOptions EXACT = new RowCountOptions(true, Duration.ofSeconds(1));
  private static final RowCountOptions ESTIMATED =
      new RowCountOptions(false, Duration.ofSeconds(1));

  private final Connection connection =
      Objects.requireNonNull(
          Mono.from(
                  ConnectionFactories.get(
                          TestServers.shared().freshDatabases("counts").get(0).r2dbcUrl())
                      .create())
              .block(BOUND));

  @AfterEach
  void close() {
    Mono.from(connection.close()).block(BOUND);
  }

  @Test
  void countsExactlyAndEstimatesAfresh() {
    run("CREATE TABLE `odd``name` (id BIGINT PRIMARY KEY AUTO_INCREMENT, v INT)");
    assertThat(rows(EXACT)).isZero();
    assertThat(rows(ESTIMATED)).isBetween(0L, 1L);

    run("INSERT INTO `odd``name` (v) VALUES (1), (2), (3), (4), (5), (6), (7), (8), (9), (10)");
    // The server holds answers of information_schema.TABLES for a day.
    run("SELECT TABLE_ROWS FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE()");
    run(
        "INSERT INTO `odd``name` (v) SELECT a.v FROM `odd``name` a, `odd``name` b, `odd``name` c,"
            + " `odd``name` d");
    run("ANALYZE TABLE `odd``name`");

    assertThat(rows(EXACT)).isEqualTo(10_010);
    assertThat(rows(ESTIMATED)).isBetween(5_000L, 15_000L);
  }

  private long rows(RowCountOptions counts) {
    return Objects.requireNonNull(
        Flux.from(connection.createStatement(counts.sql("odd`name")).execute())
            .concatMap(result -> result.map((row, metadata) -> RowCountOptions.rows(row)))
            .single()
            .block(BOUND));
  }

  private void run(String sql) {
    Flux.from(connection.createStatement(sql).execute())
        .concatMap(result -> result.map((row, metadata) -> 1))
        .then()
        .block(BOUND);
  }
}
