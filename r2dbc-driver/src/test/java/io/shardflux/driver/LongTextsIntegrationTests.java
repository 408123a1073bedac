package io.shardflux.driver;

import static io.shardflux.driver.DriverShards.BOUND;
import static org.assertj.core.api.Assertions.assertThat;

import io.r2dbc.spi.Connection;
import io.r2dbc.spi.R2dbcTimeoutException;
import io.r2dbc.spi.Result;
import io.r2dbc.spi.Statement;
import io.shardflux.driver.plan.BusyPlanning;
import io.shardflux.servers.Database;
import java.time.Duration;
import java.util.Collections;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Scheduler;
import reactor.core.scheduler.Schedulers;
import reactor.test.StepVerifier;

/** Statements of thousands of values, and who plans them. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@Tag("same-on-any-server")
class LongTextsIntegrationTests {

  private static final int ROWS = 15_000;
  private static final int VALUES = 3_000;

  private final DriverShards shards = new DriverShards();
  private final Scheduler loop = Schedulers.newParallel("caller-loop", 1, true);

  @BeforeEach
  void empty() {
    shards.everywhere("DELETE FROM users");
    assertThat(shards.factory.check().block(BOUND)).isEmpty();
  }

  @AfterAll
  void close() {
    loop.dispose();
    shards.close();
  }

  @Test
  void manyRowsGoWhereTheyBelong() {
    assertThat(inserted("").block(BOUND)).isEqualTo(ROWS);
    for (Database database : shards.databases) {
      int shard = shards.databases.indexOf(database);
      try (Session session = new Session(database)) {
        assertThat(session.number("SELECT COUNT(*) FROM users")).isEqualTo(ROWS / 3);
        assertThat(
                session.number(
                    "SELECT COUNT(*) FROM users WHERE id % 3 = "
                        + shard
                        + " AND age = id % 100 AND name = CONCAT('user ', id)"))
            .isEqualTo(ROWS / 3);
      }
    }
    assertThat(keys().block(BOUND)).isEqualTo(ROWS);
    shards.awaitIdle();
  }

  private Mono<Long> inserted(String hint) {
    String sql = hint + "INSERT INTO users (id, name, age) VALUES " + times("(?, ?, ?)", ROWS);
    return shards
        .on(
            connection -> {
              Statement statement = patient(connection, sql);
              for (int row = 0; row < ROWS; row++) {
                statement
                    .bind(3 * row, row + 1)
                    .bind(3 * row + 1, "user " + (row + 1))
                    .bind(3 * row + 2, (row + 1) % 100);
              }
              return Flux.from(statement.execute()).concatMap(Result::getRowsUpdated);
            })
        .reduce(0L, Long::sum);
  }

  private Mono<Long> keys() {
    String sql = "SELECT id FROM users WHERE id IN (" + times("?", ROWS) + ")";
    return shards
        .on(
            connection -> {
              Statement statement = patient(connection, sql);
              for (int row = 0; row < ROWS; row++) {
                statement.bind(row, row + 1);
              }
              return Flux.from(statement.execute())
                  .concatMap(result -> result.map(row -> row.get("id", Long.class)));
            })
        .distinct()
        .count();
  }

  /** Whose servers may be busy. */
  private static Statement patient(Connection connection, String sql) {
    Mono.from(connection.setStatementTimeout(BOUND)).subscribe();
    return connection.createStatement(sql);
  }

  private static String times(String part, int times) {
    return String.join(", ", Collections.nCopies(times, part));
  }

  static Stream<String> longTexts() {
    return Stream.of(
        "SELECT name FROM users WHERE id IN (" + times("?", VALUES) + ")",
        "SELECT name FROM users WHERE age NOT IN (" + times("?", VALUES) + ") ORDER BY name",
        "INSERT INTO users (id, name, age) VALUES " + times("(?, ?, ?)", VALUES / 3),
        "INSERT INTO countries (code, label) VALUES " + times("(?, ?)", VALUES / 2),
        "UPDATE users SET age = 1 WHERE id IN (" + times("?", VALUES) + ")",
        "DELETE FROM users WHERE name IN (" + times("?", VALUES) + ")");
  }

  @ParameterizedTest
  @MethodSource("longTexts")
  void noEventLoopPlansALongText(String sql) {
    Object[] values = IntStream.range(0, VALUES).boxed().toArray();
    String known = sql + " ";
    for (String text : List.of(sql, known, known, known)) {
      assertThat(planner(text, values).block(BOUND)).startsWith("shardflux-planning");
    }
  }

  /** The places from which a value may be missing, a name or an index be wrong. */
  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2_999, 14_999, 29_999})
  void aMissingValueOfALongTextIsToldAndNothingIsSent(int missing) {
    String gap = "'" + "x".repeat(3 * Markers.SHORT_LOOK) + "'";
    for (String part : List.of("(?, ?)", "(?, " + gap + "), (?, ?)")) {
      int markers = part.equals("(?, ?)") ? 2 : 3;
      int rows = Math.min(30_000 / markers, (1 << 20) / (part.length() + 2) - 1);
      int last = Math.min(missing, rows * markers - 1);
      String sql = "INSERT INTO users (id, name) VALUES " + times(part, rows);
      StepVerifier.create(
              shards.on(
                  connection -> {
                    Statement statement = connection.createStatement(sql);
                    IntStream.range(0, last).forEach(i -> statement.bind(i, i));
                    return Flux.from(statement.execute()).concatMap(Result::getRowsUpdated);
                  }))
          .expectErrorSatisfies(
              error ->
                  assertThat(error)
                      .isInstanceOf(IllegalStateException.class)
                      .hasMessageStartingWith("bind: no value for marker " + last + " (expected: "))
          .verify(BOUND);
    }
    assertThat(shards.rows(row -> 1, "SELECT 1 FROM users").count().block(BOUND)).isZero();
  }

  @Test
  void anEventLoopPlansAShortTextThatIsKnown() {
    String sql = "SELECT name FROM users WHERE id = ?";
    planner(sql, 1).block(BOUND);
    assertThat(planner(sql, 1).block(BOUND)).startsWith("caller-loop");
  }

  /** The thread on which the plan is made. */
  private Mono<String> planner(String sql, Object... values) {
    return Mono.defer(() -> shards.factory.explain(sql, values))
        .map(explanation -> Thread.currentThread().getName())
        .subscribeOn(loop);
  }

  @Test
  void planningEndsWithTheStatementsTime() {
    try (BusyPlanning busy = new BusyPlanning()) {
      StepVerifier.create(
              shards.on(
                  connection ->
                      Mono.from(connection.setStatementTimeout(Duration.ofMillis(300)))
                          .thenMany(connection.createStatement("SELECT 1 FROM users").execute())))
          .expectErrorSatisfies(
              error ->
                  assertThat(error)
                      .isInstanceOf(R2dbcTimeoutException.class)
                      .hasMessageStartingWith("planning: not done within 300 ms"))
          .verify(BOUND);
      assertThat(busy.over()).isFalse();
    }
  }

  @Test
  void whoGivesUpDoesNotWaitForPlanning() {
    try (BusyPlanning busy = new BusyPlanning()) {
      StepVerifier.create(shards.rows(row -> 1, "SELECT 2 FROM users"))
          .thenAwait(Duration.ofMillis(50))
          .thenCancel()
          .verify(BOUND);
      assertThat(busy.over()).isFalse();
    }
    assertThat(shards.rows(row -> 1, "SELECT 3 FROM users").count().block(BOUND)).isZero();
    shards.awaitIdle();
  }
}
