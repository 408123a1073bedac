package io.shardflux.driver;

import static io.shardflux.driver.DriverShards.BOUND;
import static io.shardflux.driver.DriverShards.IDS;
import static org.assertj.core.api.Assertions.assertThat;

import io.r2dbc.spi.Connection;
import io.r2dbc.spi.ConnectionMetadata;
import io.r2dbc.spi.R2dbcBadGrammarException;
import io.r2dbc.spi.R2dbcException;
import io.r2dbc.spi.R2dbcTimeoutException;
import io.r2dbc.spi.Result;
import io.r2dbc.spi.ValidationDepth;
import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.r2dbc.failure.ShardUnavailableException;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.router.KeyColumn;
import io.shardflux.router.KeyType;
import io.shardflux.router.ShardingStrategy;
import io.shardflux.router.TableRule;
import io.shardflux.sql.statement.Hints;
import java.math.BigDecimal;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.reactivestreams.Publisher;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.test.StepVerifier;

/** Statements of one database, over three shards. */
class DriverIntegrationTests {

  private static final int USERS = 600;

  private static DriverShards shards;

  @BeforeAll
  static void load() {
    shards = new DriverShards();
    shards.load(USERS);
  }

  @AfterAll
  static void close() {
    shards.close();
  }

  @Test
  void aKeyIsAskedForOnItsShardAlone() {
    expect(
        shards.rows(
            row -> row.get("name", String.class), "SELECT name FROM users WHERE id = ?", 42),
        "user 42");
    StepVerifier.create(shards.factory.explain("SELECT name FROM users WHERE id = ?", 42))
        .assertNext(
            plan -> {
              assertThat(plan.parts())
                  .extracting(Explanation.Part::shard)
                  .containsExactly(IDS.get(0));
              assertThat(plan.merge()).isNull();
            })
        .expectComplete()
        .verify(BOUND);
  }

  @Test
  void namesAreBoundByName() {
    expect(
        shards.on(
            connection ->
                Flux.from(
                        connection
                            .createStatement(
                                "SELECT age FROM users WHERE id = :id AND name = :name AND id = :id")
                            .bind("id", 7L)
                            .bind("name", "user 7")
                            .execute())
                    .concatMap(
                        result ->
                            result.map(row -> Objects.requireNonNull(row.get(0, Integer.class))))),
        7);
  }

  /** A shard's own driver knows no escaped quotes. */
  @Test
  void textsThatSeemToHaveMarkersHaveNone() {
    expect(
        shards.on(
            connection ->
                Flux.from(
                        connection
                            .createStatement(
                                "SELECT CONCAT('isn\\'t it? ', name, ?) FROM users WHERE id = ?")
                            .bind(0, "'?")
                            .bind(1, 7L)
                            .execute())
                    .concatMap(
                        result ->
                            result.map(row -> Objects.requireNonNull(row.get(0, String.class))))),
        "isn't it? user 7'?");
  }

  @Test
  void allShardsRowsComeInOrder() {
    expect(
        shards.rows(
            row -> row.get("id", Long.class), "SELECT id FROM users ORDER BY id DESC LIMIT 5"),
        600L,
        599L,
        598L,
        597L,
        596L);
    expect(
        shards.rows(
            row -> row.get(0, Long.class), "SELECT id FROM users ORDER BY id LIMIT 3 OFFSET 100"),
        101L,
        102L,
        103L);
    StepVerifier.create(
            shards
                .rows(row -> row.get(0, Long.class), "SELECT id FROM users ORDER BY id")
                .collectList())
        .expectNext(IntStream.rangeClosed(1, USERS).mapToObj(Long::valueOf).toList())
        .expectComplete()
        .verify(BOUND);
  }

  @Test
  void textIsOrderedAsTheServerDoes() {
    expect(
        shards.rows(
            row -> row.get(0, String.class), "SELECT name FROM users ORDER BY name LIMIT 4"),
        "user 1",
        "user 10",
        "user 100",
        "user 101");
  }

  @Test
  void aggregatesAreThoseOfAllShards() {
    StepVerifier.create(
            shards.rows(
                row ->
                    List.<Object>of(
                        Objects.requireNonNull(row.get(0, Object.class)),
                        Objects.requireNonNull(row.get("s", Object.class)),
                        Objects.requireNonNull(row.get("a", Object.class)),
                        Objects.requireNonNull(row.get("lo", Object.class)),
                        Objects.requireNonNull(row.get("hi", Object.class))),
                "SELECT COUNT(*), SUM(age) AS s, AVG(age) AS a, MIN(id) AS lo, MAX(id) AS hi"
                    + " FROM users"))
        .expectNext(List.of(600L, new BigDecimal("14700"), new BigDecimal("25.0000"), 1L, 600L))
        .expectComplete()
        .verify(BOUND);
  }

  @Test
  void aggregatesOfNoRowAreOneRow() {
    expect(
        shards.rows(
            row -> row.get(0) + " " + row.get("n"),
            "SELECT COUNT(DISTINCT name), COUNT(DISTINCT age) AS n FROM users WHERE age > ?",
            1000),
        "0 0");
  }

  @Test
  void groupsAreThoseOfAllShards() {
    expect(
        shards.rows(
            row -> row.get("country", String.class) + " " + row.get("n", Long.class),
            "SELECT country, COUNT(*) AS n FROM users GROUP BY country ORDER BY country"),
        "DE 300",
        "FR 300");
    expect(
        shards.rows(
            row -> row.get(0, Integer.class),
            "SELECT age FROM users GROUP BY age HAVING COUNT(*) > 1 ORDER BY age DESC LIMIT 2"),
        49,
        48);
    StepVerifier.create(
            shards.rows(row -> row.get(0), "SELECT DISTINCT country FROM users").collectList())
        .assertNext(rows -> assertThat(rows).containsExactlyInAnyOrder("DE", "FR"))
        .expectComplete()
        .verify(BOUND);
  }

  @Test
  void hiddenColumnsDoNotShow() {
    expect(
        shards.rows(
            row -> row.getMetadata().getColumnMetadatas().stream().map(c -> c.getName()).toList(),
            "SELECT name FROM users ORDER BY age, id LIMIT 1"),
        List.of("name"));
  }

  @Test
  void colocatedTablesAreJoined() {
    expect(
        shards.rows(
            row -> row.get("name", String.class) + " " + row.get("total", BigDecimal.class),
            "SELECT u.name, o.total FROM users u JOIN orders o ON u.id = o.user_id"
                + " WHERE u.id = ? ORDER BY o.no",
            7),
        "user 7 7.01",
        "user 7 7.02",
        "user 7 7.03");
    expect(
        shards.rows(
            row -> row.get(0, Long.class),
            "SELECT COUNT(*) FROM users u JOIN orders o ON u.id = o.user_id"),
        900L);
  }

  @Test
  void whatCanNotBeRightIsRefused() {
    refused(
        "/* shardflux: gather=false */ SELECT a.id FROM users a JOIN users b ON a.age = b.age",
        "CROSS_SHARD_JOIN");
    refused("UPDATE users SET age = 1", "SCATTERED_WRITE");
    refused("SELECT 1; SELECT 2", "SEVERAL_STATEMENTS");
    refused("SELECT * FROM nowhere", "UNKNOWN_TABLE");
    refused("SET @a = 1", "");
  }

  @Test
  void rowsOfManyShardsAreInserted() {
    StepVerifier.create(
            shards.updated(
                "INSERT INTO users (id, name) VALUES (?, ?), (?, ?), (?, ?), (?, ?)",
                70001,
                "a",
                70002,
                "b",
                70003,
                "c",
                70004,
                "d"))
        .expectNext(4L)
        .expectComplete()
        .verify(BOUND);
    expect(
        shards.rows(row -> row.get(0, String.class), "SELECT name FROM users WHERE id = 70003"),
        "c");
    expect(shards.updated("DELETE FROM users WHERE id IN (70001, 70002, 70003, 70004)"), 4L);
  }

  @Test
  void aReferenceTableIsWrittenEverywhere() {
    expect(shards.updated("INSERT INTO countries VALUES ('DE', 'Germany')"), 1L);
    IDS.forEach(
        shard ->
            expect(
                shards
                    .router
                    .on(shard)
                    .sql("SELECT COUNT(*) FROM countries WHERE code = 'DE'")
                    .map((row, metadata) -> Objects.requireNonNull(row.get(0, Long.class)))
                    .one(),
                1L));
    expect(
        shards.rows(
            row -> row.get(0, Long.class),
            "SELECT COUNT(*) FROM users u" + " JOIN countries c ON c.code = u.country"),
        300L);
  }

  @Test
  void whatServersFillInByThemselvesIsLeftToNone() {
    try (DriverShards own =
        new DriverShards(
            builder ->
                builder
                    .strategy("by_time", ShardingStrategy.hash(IDS))
                    .table(
                        new TableRule.Sharded(
                            "visits", List.of(new KeyColumn("seen", KeyType.DATETIME)), "by_time"))
                    .table(new TableRule.Reference("cities")))) {
      own.everywhere("CREATE TABLE cities (id INT AUTO_INCREMENT PRIMARY KEY, label VARCHAR(9))");
      own.everywhere(
          "CREATE TABLE visits (seen DATETIME(6) PRIMARY KEY ON UPDATE CURRENT_TIMESTAMP(6), n INT)");
      expect(own.updated("INSERT INTO cities VALUES (7, 'a'), (?, 'b')", 8), 2L);
      refused(own, "INSERT INTO cities (label) VALUES ('c')", "NON_DETERMINISTIC");
      refused(own, "INSERT INTO cities VALUES (0, 'c')", "NON_DETERMINISTIC");
      expect(own.updated("INSERT INTO visits VALUES ('2026-01-31 12:00:00', 1)"), 1L);
      refused(own, "UPDATE visits SET n = 2 WHERE seen = '2026-01-31 12:00:00'", "KEY_UPDATE");
    }
  }

  @Test
  void aWriteToAllShardsNeedsPermission() {
    refused("UPDATE users SET age = age WHERE age < 0", "SCATTERED_WRITE");
    refused("UPDATE users SET age = age WHERE id < 0", "SCATTERED_WRITE");
    expect(
        shards.updated(
            "/* shardflux: scatter-writes=true */ UPDATE users SET age = age WHERE age < 0"),
        0L);
  }

  @Test
  void generatedValuesAreGiven() {
    expect(
        shards.on(
            connection ->
                Flux.from(
                        connection
                            .createStatement("INSERT INTO settings (label) VALUES ('x')")
                            .returnGeneratedValues("id")
                            .execute())
                    .concatMap(
                        result ->
                            result.map(
                                row -> Objects.requireNonNull(row.get("id", Long.class)) > 0))),
        true);
  }

  @Test
  void bindingsAreRunOneAfterTheOther() {
    expect(
        shards.on(
            connection ->
                Flux.from(
                        connection
                            .createStatement("SELECT name FROM users WHERE id = ?")
                            .bind(0, 1)
                            .add()
                            .bind(0, 2)
                            .add()
                            .bind(0, 3)
                            .execute())
                    .concatMap(
                        result ->
                            result.map(row -> Objects.requireNonNull(row.get(0, String.class))))),
        "user 1",
        "user 2",
        "user 3");
  }

  @Test
  void aHintNamesTheShard() {
    expect(
        shards.rows(
            row -> row.get(0, Long.class),
            "/* shardflux: shard=shard_1 */ SELECT COUNT(*) FROM users"),
        200L);
    Hints noScatter = Hints.builder().scatter(false).build();
    StepVerifier.create(
            shards
                .rows(row -> row.get(0), "SELECT COUNT(*) FROM users")
                .contextWrite(ShardfluxConnectionFactory.hints(noScatter)))
        .expectErrorMatches(
            error -> String.valueOf(error.getMessage()).startsWith("SCATTER_FORBIDDEN"))
        .verify(BOUND);
  }

  @Test
  void aHintBoundsTheTime() {
    StepVerifier.create(
            shards.rows(
                row -> row.get(0),
                "/* shardflux: shard=shard_0, timeout=200ms */ SELECT SLEEP(30)"))
        .expectError(R2dbcTimeoutException.class)
        .verify(BOUND);
    StepVerifier.create(
            shards.rows(
                row -> row.get(0), "/* shardflux: read-preference=best */ SELECT id FROM users"))
        .expectErrorMatches(
            error ->
                "read-preference: best (expected: primary, replica-preferred or nearest)"
                    .equals(error.getMessage()))
        .verify(BOUND);
  }

  @Test
  void explainShowsWhatEachShardIsSent() {
    StepVerifier.create(
            shards.rows(
                row -> row.get("shard") + ": " + row.get("sql"),
                "EXPLAIN SHARDS SELECT name FROM users WHERE id = ?",
                5))
        .expectNext("shard_2: SELECT name FROM users WHERE id = ?")
        .expectComplete()
        .verify(BOUND);
    StepVerifier.create(
            shards.rows(
                row -> row.get("refusal", String.class), "explain  shards\nDELETE FROM users"))
        .expectNextMatches(refusal -> refusal.startsWith("SCATTERED_WRITE"))
        .expectComplete()
        .verify(BOUND);
  }

  @Test
  void explainTakesValuesByName() {
    String sql = "SELECT name FROM users WHERE name = :name AND id = :id OR id = :id";
    StepVerifier.create(shards.factory.explain(sql, Map.of("id", 5, "name", "x")))
        .assertNext(
            plan ->
                assertThat(plan.parts())
                    .extracting(Explanation.Part::shard)
                    .containsExactly(IDS.get(2)))
        .expectComplete()
        .verify(BOUND);
    StepVerifier.create(shards.factory.explain(sql, Map.of("id", 5)))
        .expectErrorMessage("values: [id] (expected: one for each of [name, id])")
        .verify(BOUND);
  }

  @Test
  void aFailedShardFailsTheWhole() {
    DriverShards own = new DriverShards();
    try {
      own.load(9);
      own.router.operations().openBreaker(IDS.get(1)).block(BOUND);
      StepVerifier.create(own.rows(row -> row.get(0), "SELECT id FROM users").then())
          .expectError(ShardUnavailableException.class)
          .verify(BOUND);
      own.router.operations().openBreaker(IDS.get(2)).block(BOUND);
      StepVerifier.create(
              own.rows(row -> row.get(0), "SELECT id FROM users ORDER BY name, id").then())
          .expectErrorSatisfies(
              error -> {
                assertThat(error)
                    .isInstanceOf(R2dbcException.class)
                    .hasMessageContaining("[shard_1, shard_2] of 3 failed");
                assertThat(error.getSuppressed()).hasSize(2);
              })
          .verify(BOUND);
      expect(own.rows(row -> row.get(0, Long.class), "SELECT id FROM users WHERE id = 3"), 3L);
    } finally {
      own.close();
    }
  }

  @Test
  void aBatchRunsItsStatements() {
    expect(
        shards.on(
            connection ->
                Flux.from(
                        connection
                            .createBatch()
                            .add("INSERT INTO settings (label) VALUES ('batch')")
                            .add("SELECT label FROM settings WHERE label = 'batch'")
                            .execute())
                    .concatMap(
                        result ->
                            result.map(row -> Objects.requireNonNull(row.get(0, String.class))))),
        "batch");
  }

  @Test
  void aWriteNobodyConsumesIsDone() {
    StepVerifier.create(
            shards.on(
                connection ->
                    Mono.from(
                            connection
                                .createStatement("INSERT INTO users (id, name) VALUES (80001, 'x')")
                                .execute())
                        .then()))
        .expectComplete()
        .verify(BOUND);
    expect(shards.updated("DELETE FROM users WHERE id = 80001"), 1L);
  }

  @Test
  void slowConsumersHoldFewRows() {
    StepVerifier.create(
            shards.rows(row -> row.get(0, Long.class), "SELECT id FROM users ORDER BY id"), 0)
        .thenRequest(2)
        .expectNext(1L, 2L)
        .thenRequest(1)
        .expectNext(3L)
        .thenCancel()
        .verify(BOUND);
  }

  @Test
  void aCancelFreesEveryShard() {
    String large =
        "SELECT u.id, REPEAT('x', 20000) FROM users u JOIN orders o ON u.id = o.user_id"
            + " ORDER BY u.id";
    StepVerifier.create(shards.rows(row -> row.get("id", Long.class), large).take(3))
        .expectNext(1L, 2L, 2L)
        .expectComplete()
        .verify(BOUND);
    shards.awaitIdle();
    expect(
        shards.rows(row -> row.get(0, Long.class), "SELECT COUNT(*) FROM users WHERE id <= 600"),
        600L);
  }

  @Test
  void aNewColumnIsSeen() {
    DriverShards own = new DriverShards();
    try {
      own.load(3);
      own.everywhere("ALTER TABLE users ADD COLUMN nick VARCHAR(20)");
      StepVerifier.create(
              own.rows(row -> 1, "SELECT id FROM users WHERE nick IS NULL ORDER BY id")
                  .onErrorResume(
                      R2dbcBadGrammarException.class,
                      soon ->
                          Mono.delay(Duration.ofSeconds(2))
                              .thenMany(
                                  own.rows(
                                      row -> 1,
                                      "SELECT id FROM users WHERE nick IS NULL ORDER BY id"))))
          .expectNextCount(3)
          .expectComplete()
          .verify(BOUND);
    } finally {
      own.close();
    }
  }

  @Test
  void theServersVersionIsKnown() {
    String version =
        shards
            .router
            .on(IDS.get(0))
            .sql("SELECT VERSION()")
            .map((row, metadata) -> Objects.requireNonNull(row.get(0, String.class)))
            .one()
            .block(BOUND);
    expect(
        shards.on(
            connection ->
                Flux.from(connection.createStatement("SELECT id FROM users WHERE id = 1").execute())
                    .concatMap(result -> result.map(row -> connection.getMetadata()))
                    .map(ConnectionMetadata::getDatabaseVersion)),
        Objects.requireNonNull(version));
  }

  @Test
  void aClosedConnectionIsNotValid() {
    StepVerifier.create(
            Mono.from(shards.factory.create())
                .flatMapMany(
                    connection ->
                        Flux.concat(
                            connection.validate(ValidationDepth.REMOTE),
                            Mono.from(connection.close()).then(Mono.<Boolean>empty()),
                            connection.validate(ValidationDepth.REMOTE))))
        .expectNext(true, false)
        .expectComplete()
        .verify(BOUND);
  }

  private static void refused(String sql, String reason) {
    refused(shards, sql, reason);
  }

  private static void refused(DriverShards asked, String sql, String reason) {
    StepVerifier.create(
            asked.on(
                (Connection connection) ->
                    Flux.from(connection.createStatement(sql).execute())
                        .concatMap(Result::getRowsUpdated)))
        .expectErrorSatisfies(
            error ->
                assertThat(error)
                    .isInstanceOf(R2dbcBadGrammarException.class)
                    .hasMessageStartingWith(reason))
        .verify(BOUND);
  }

  @SafeVarargs
  @SuppressWarnings("varargs")
  private static <T> void expect(Publisher<T> actual, T... expected) {
    StepVerifier.create(actual).expectNext(expected).expectComplete().verify(BOUND);
  }

  @Test
  void whatIsComputedIsOfItsColumnsType() {
    expect(
        shards.rows(
            row -> row.get(0) + ", " + (row.get(1) instanceof BigDecimal) + ", " + row.get(2),
            "SELECT COALESCE(SUM(total - total), 0), SUM(DISTINCT age * 0), COALESCE(MAX(age), 1.50)"
                + " FROM users JOIN orders ON id = user_id WHERE age < 2"),
        "0.00, true, 1.00");
    expect(
        shards.rows(
            row -> String.valueOf(row.get(0)),
            "SELECT COALESCE(SUM(total), 0) FROM orders WHERE total < 0"),
        "0.00");
  }

  @Test
  void columnsThatAStarLeavesOutAreNotKnown() {
    shards.everywhere("ALTER TABLE orders ADD COLUMN secret INT DEFAULT 1 INVISIBLE");
    StepVerifier.create(shards.factory.explain("SELECT secret FROM orders"))
        .assertNext(
            plan -> assertThat(plan.refusal()).hasMessageStartingWith("UNKNOWN_COLUMN: secret"))
        .expectComplete()
        .verify(BOUND);
  }

  @Test
  void aServerThatReadsTextOtherwiseIsRefused() {
    ShardRouter router =
        ShardRouter.builder()
            .shard(
                Shard.of(
                    "shard_0",
                    shards.databases.get(0).r2dbcUrl()
                        + "?sessionVariables=sql_mode%3D'ANSI_QUOTES'"))
            .build();
    StepVerifier.create(
            Flux.usingWhen(
                ShardfluxConnectionFactory.of(router).create(),
                connection -> connection.createStatement("SELECT 1").execute(),
                Connection::close))
        .expectErrorSatisfies(
            error ->
                assertThat(error)
                    .hasMessageStartingWith("shard_0: sql_mode: ANSI_QUOTES (expected"))
        .verify(BOUND);
    router.close().block(BOUND);
  }
}
