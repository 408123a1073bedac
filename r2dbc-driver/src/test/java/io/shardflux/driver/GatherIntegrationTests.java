package io.shardflux.driver;

import static io.shardflux.driver.DriverShards.BOUND;
import static io.shardflux.driver.DriverShards.IDS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.r2dbc.spi.Connection;
import io.r2dbc.spi.R2dbcException;
import io.r2dbc.spi.R2dbcTimeoutException;
import io.r2dbc.spi.TransactionDefinition;
import io.shardflux.r2dbc.settings.GatherOptions;
import io.shardflux.r2dbc.settings.PoolOptions;
import io.shardflux.r2dbc.settings.ScatterReads;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.servers.TestServers;
import io.shardflux.sql.statement.RefusalCode;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.test.StepVerifier;

/** Reads that one server answers which is given the rows of the others, in temporary tables. */
class GatherIntegrationTests extends GatheringShards {

  private static final String PAIRS =
      "SELECT COUNT(*) FROM users a JOIN users b ON a.age = b.age AND a.id < b.id";

  private static final int CANCELS = Integer.getInteger("gather.cancels", 50);
  private static final int USERS = Integer.getInteger("gather.users", 100);

  private DriverShards shards(int users, GatherOptions gathers, PoolOptions pool) {
    Duration most = USERS > 1_000 ? BOUND.multipliedBy(10) : BOUND;
    Timeouts patient = Timeouts.of(most).withAcquire(most.minusSeconds(1));
    return shards(
        users,
        builder -> builder.gathers(gathers).pool(pool).timeouts(patient),
        MutatedFactory::inTables);
  }

  private DriverShards shards(int users) {
    return shards(users, GatherOptions.defaults(), PoolOptions.defaults());
  }

  @Test
  void boundsAreToldAndNothingIsCut() {
    DriverShards few =
        shards(
            30,
            GatherOptions.builder().maxRows(60).maxBytes(1_024).build(),
            PoolOptions.defaults());
    expect(numbers(few, PAIRS), 0L);
    refused(
        numbers(few, "/* shardflux: gather=59 */ " + PAIRS), RefusalCode.TOO_MANY_GATHERED_ROWS);
    expect(numbers(few, "/* shardflux: gather=60 */ " + PAIRS), 0L);
    refused(
        numbers(few, "SELECT COUNT(*) FROM users a JOIN users b ON a.name = b.name"),
        RefusalCode.TOO_MANY_GATHERED_ROWS);
    refused(numbers(few, "/* shardflux: gather=false */ " + PAIRS), RefusalCode.CROSS_SHARD_JOIN);
    refused(numbers(few, "/* shardflux: scatter=false */ " + PAIRS), RefusalCode.SCATTER_FORBIDDEN);
    isClean(few);
  }

  @Test
  void aPolicyRefusesWhatAHintAllows() {
    DriverShards none =
        shards(
            9, GatherOptions.builder().reads(ScatterReads.REFUSED).build(), PoolOptions.defaults());
    refused(numbers(none, PAIRS), RefusalCode.CROSS_SHARD_JOIN);
    expect(numbers(none, "/* shardflux: gather=true */ " + PAIRS), 0L);
  }

  @Test
  void onlyRowsThatMatterAreRead() {
    DriverShards all = shards(30);
    StepVerifier.create(
            all.factory.explain(
                "SELECT a.id FROM users a LEFT JOIN orders o ON o.total = a.age AND o.no < 2 AND"
                    + " a.age > 1 WHERE a.id IN (3, 6) AND o.no IS NULL AND (SELECT 1)"))
        .assertNext(
            explanation -> {
              assertThat(explanation.refusal()).isNull();
              assertThat(explanation.merge()).contains("users into", "orders into", "10000 rows");
              List<String> texts =
                  explanation.parts().stream().map(Explanation.Part::sql).distinct().toList();
              assertThat(texts).hasSize(3);
              assertThat(texts.get(0)).contains("FROM `users` AS `a` WHERE (a.id IN (3, 6)) LIMIT");
              assertThat(texts.get(1))
                  .contains("FROM `orders` AS `o` WHERE (o.no < 2) LIMIT 10001");
              assertThat(texts.get(2)).contains("`_shardflux_g0` AS `a`", "`_shardflux_g1` AS `o`");
              // The keys 3 and 6 are on one shard.
              assertThat(explanation.parts()).hasSize(1 + 3 + 1);
            })
        .expectComplete()
        .verify(BOUND);
  }

  /** What a mention of few rows is joined with is no more than its rows are joined with. */
  @Test
  void aSmallSideCutsALargeOneDown() {
    DriverShards large =
        shards(100, GatherOptions.builder().maxRows(60).build(), PoolOptions.defaults());
    large.updated("INSERT INTO settings (label) VALUES ('x'), ('user 2')").block(BOUND);
    for (String from :
        List.of(
            "users u JOIN settings s ON s.id = u.age",
            "settings s LEFT JOIN users u ON s.id = u.age",
            "users u RIGHT JOIN settings s ON s.id = u.age AND u.id > s.id - 1",
            "orders o, users u, settings s WHERE s.id = u.age AND o.no = s.id AND o.total ="
                + " 1.01")) {
      expect(numbers(large, "SELECT COUNT(*) FROM " + from), from.startsWith("o") ? 2L : 4L);
    }
    expect(
        numbers(
            large,
            "SELECT COUNT(*) FROM settings s WHERE EXISTS (SELECT 1 FROM users u WHERE u.id = s.id"
                + " AND u.name = 'user 2')"),
        1L);
    for (String from :
        List.of(
            "users u LEFT JOIN settings s ON s.id = u.age",
            "users u JOIN settings s ON s.id < u.age",
            "users u JOIN orders o ON o.total = u.age")) {
      refused(numbers(large, "SELECT COUNT(*) FROM " + from), RefusalCode.TOO_MANY_GATHERED_ROWS);
    }
    isClean(large);
  }

  @Test
  void transactionsThatReadAnywhereGather() {
    DriverShards some = shards(9);
    String recursive =
        "WITH RECURSIVE n AS (SELECT MIN(id) AS i FROM users UNION ALL SELECT i + 1 FROM n WHERE i"
            + " < 4) SELECT i FROM n";
    for (String sql :
        List.of("SELECT ROW_NUMBER() OVER (ORDER BY id) FROM users LIMIT 4", recursive)) {
      expect(some.on(connection -> begun(connection, readOnly(null), sql)), 1L, 2L, 3L, 4L);
    }
  }

  private static Flux<Long> begun(Connection connection, TransactionDefinition way, String sql) {
    return Flux.from(connection.beginTransaction(way)).thenMany(longs(connection, sql));
  }

  @Test
  void aFailedShardIsNeverLeftOut() {
    DriverShards two = shards(9);
    two.router.operations().openBreaker(IDS.get(1)).block(BOUND);
    StepVerifier.create(numbers(two, "/* shardflux: failure-policy=partial */ " + PAIRS))
        .expectErrorSatisfies(error -> assertThat(error).hasMessageContaining("shard_1"))
        .verify(BOUND);
    two.router.operations().closeBreaker(IDS.get(1)).block(BOUND);
    expect(numbers(two, PAIRS), 0L);
    isClean(two);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 4})
  void manyAtOnceWaitForNoConnectionOfTheirOwn(int connections) {
    DriverShards many =
        shards(
            60,
            GatherOptions.defaults(),
            PoolOptions.builder().maxSize(connections).minIdle(0).build());
    StepVerifier.create(Flux.range(0, 64).flatMap(i -> numbers(many, PAIRS), 64))
        .thenConsumeWhile(count -> count == 10)
        .expectComplete()
        .verify(BOUND);
    isClean(many);
  }

  @Test
  void aCancelLeavesNothing() {
    DriverShards given = shards(20);
    for (int i = 0; i < CANCELS; i++) {
      int after = ThreadLocalRandom.current().nextInt(60);
      boolean late = i % 2 == 1;
      Disposable read =
          numbers(given, (late ? "/* shardflux: timeout=" + (after + 1) + "ms */ " : "") + PAIRS)
              .subscribe(row -> {}, error -> {});
      Mono.delay(Duration.ofMillis(after)).block(BOUND);
      read.dispose();
    }
    isClean(given);
    expect(numbers(given, PAIRS), 0L);
  }

  /** A server's error ends no session, as one opened anew would cost more than the answer. */
  @Test
  void anErrorOfTheStatementKeepsTheConnection() {
    DriverShards kept =
        shards(9, GatherOptions.defaults(), PoolOptions.builder().maxSize(1).minIdle(0).build());
    expect(numbers(kept, PAIRS), 0L);
    kept.awaitIdle();
    List<String> before = told(kept, "SELECT CONNECTION_ID()");
    StepVerifier.create(
            numbers(kept, "SELECT (SELECT id FROM users) + COUNT(*) OVER () FROM orders"))
        .expectErrorSatisfies(error -> assertThat(error).hasMessageContaining("more than 1 row"))
        .verify(BOUND);
    isClean(kept);
    assertThat(told(kept, "SELECT CONNECTION_ID()")).isEqualTo(before);
  }

  /** As a count is usually taken. */
  @Test
  void aReaderOfTheFirstRowKeepsTheConnection() {
    DriverShards kept =
        shards(9, GatherOptions.defaults(), PoolOptions.builder().maxSize(1).minIdle(0).build());
    expect(numbers(kept, PAIRS), 0L);
    kept.awaitIdle();
    List<String> before = told(kept, "SELECT CONNECTION_ID()");
    for (String sql : List.of(PAIRS, "SELECT ROW_NUMBER() OVER (ORDER BY age) - 1 FROM users")) {
      for (int i = 0; i < 5; i++) {
        expect(numbers(kept, sql).next().flux(), 0L);
      }
    }
    isClean(kept);
    assertThat(told(kept, "SELECT CONNECTION_ID()")).isEqualTo(before);
  }

  /** By hand with -Xmx96m and -Dgather.users=5000, which are 10,000 rows for each statement. */
  @ParameterizedTest
  @ValueSource(ints = {1, 2, 10})
  void manyAtOnceFitInTheHeap(int connections) {
    DriverShards many =
        shards(
            0,
            GatherOptions.defaults(),
            PoolOptions.builder().maxSize(connections).minIdle(0).build());
    for (int id = 0; id < USERS; id += 500) {
      String rows =
          IntStream.rangeClosed(id + 1, Math.min(USERS, id + 500))
              .mapToObj(
                  each -> "(" + each + ", '" + each + "x".repeat(80) + "', " + each + ", 'DE')")
              .collect(Collectors.joining(", "));
      many.updated("INSERT INTO users (id, name, age, country) VALUES " + rows).block(BOUND);
    }
    Flux<Long> all =
        Flux.range(0, 64)
            .flatMap(
                i ->
                    numbers(
                        many,
                        "/* shardflux: timeout=10m */ SELECT COUNT(*) FROM users a JOIN users b ON"
                            + " b.age = a.id AND b.name = a.name AND b.country = a.country"),
                64);
    StepVerifier.create(all)
        .thenConsumeWhile(count -> count == USERS)
        .expectComplete()
        .verify(BOUND.multipliedBy(10));
    isClean(many);
  }

  @Test
  void aLateOneIsToldAndLeavesNothing() {
    DriverShards late = shards(9);
    StepVerifier.create(
            numbers(
                late,
                "/* shardflux: timeout=400ms */ SELECT COUNT(*) FROM users a JOIN users b ON a.age"
                    + " < b.age JOIN users c JOIN users d JOIN users e JOIN users f JOIN users g"
                    + " JOIN users h JOIN users i WHERE CRC32(CONCAT(a.id, c.id, d.id, e.id, f.id,"
                    + " g.id, h.id, i.id)) > 7"))
        .expectError(R2dbcTimeoutException.class)
        .verify(BOUND);
    isClean(late);
  }

  /** A server that hangs once its rows were read, before it told whether its table is the same. */
  @Test
  void aLateLookIsWithinTheStatementsTime() {
    TestServers servers = TestServers.shared();
    assumeTrue(servers.controllable(), "these servers can't be paused");
    DriverShards late = shards(9);
    AtomicInteger looks = new AtomicInteger();
    AtomicInteger hangs = new AtomicInteger(Integer.MAX_VALUE);
    ShardfluxConnectionFactory factory =
        MutatedFactory.watching(
            late.router,
            () -> {
              if (looks.incrementAndGet() == hangs.get()) {
                // Nothing may park an event loop.
                CompletableFuture<Void> paused =
                    CompletableFuture.runAsync(() -> servers.pause(late.databases.get(0).server()));
                while (!paused.isDone()) {
                  looks.getPlain();
                }
              }
            });
    Flux<Long> read =
        Flux.usingWhen(
            factory.create(),
            connection -> longs(connection, "/* shardflux: timeout=2s */ " + PAIRS),
            Connection::close);
    expect(read, 0L);
    expect(read, 0L);
    int before = looks.getAndSet(0);
    expect(read, 0L);
    // The last three are of the shards' tables behind their rows.
    hangs.set(looks.getAndSet(0) - 2);
    assertThat(hangs.get()).isBetween(2, before);
    try {
      Duration took =
          StepVerifier.create(read).expectError(R2dbcTimeoutException.class).verify(BOUND);
      assertThat(took).isBetween(Duration.ofSeconds(1), Duration.ofSeconds(8));
      assertThat(looks.get()).isEqualTo(hangs.get() + 2);
    } finally {
      servers.restore();
    }
    hangs.set(Integer.MAX_VALUE);
    isClean(late);
  }

  @Test
  void aServerThatDiesIsNamed() {
    TestServers servers = TestServers.shared();
    assumeTrue(servers.controllable(), "these servers can't be killed");
    DriverShards three = shards(9);
    expect(numbers(three, PAIRS), 0L);
    try {
      servers.kill(three.databases.get(2).server());
      StepVerifier.create(numbers(three, PAIRS))
          .expectErrorSatisfies(error -> assertThat(error).hasMessageContaining("shard_2"))
          .verify(BOUND);
    } finally {
      servers.restore();
    }
  }

  /** A table is another one in other capitals, so a query of WITH is none of its names. */
  @Test
  void aNameInOtherCapitalsIsNoTable() {
    DriverShards both = shards(9);
    refused(
        numbers(
            both,
            "WITH USERS AS (SELECT 5 AS lim) SELECT COUNT(*) FROM users u JOIN orders o ON o.total"
                + " = u.age JOIN orders p ON p.no = o.no"),
        RefusalCode.CROSS_SHARD_JOIN);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "MODIFY age BIGINT | age = 3000000000 | SUM(age) = 9000000000",
        "MODIFY country VARCHAR(20) | country = 'abcde' | SUM(country = 'abcde') = 3",
        "MODIFY age DECIMAL(10,4) | age = 1.2345 | SUM(age) = 3.7035",
      })
  void tablesThatChangedMeanwhileAreReadAsTheyAre(String change, String set, String holds) {
    DriverShards changed = shards(3);
    expect(numbers(changed, PAIRS), 0L);
    changed.everywhere("ALTER TABLE users " + change);
    changed.everywhere("UPDATE users SET " + set);
    expect(numbers(changed, "SELECT " + holds + " FROM (SELECT * FROM users LIMIT 9) d"), 1L);
  }

  @Test
  void aColumnThatAStarDoesNotMeanIsNeverAnothers() {
    DriverShards hidden = shards(9);
    hidden.everywhere("ALTER TABLE orders ADD age INT DEFAULT 1 INVISIBLE");
    hidden.factory.check().block(BOUND);
    refused(
        numbers(
            hidden,
            "SELECT u.id, ROW_NUMBER() OVER (), (SELECT COUNT(*) FROM orders WHERE age = 1) FROM"
                + " users u"),
        RefusalCode.CROSS_SHARD_JOIN);
  }

  /** One server makes such a query once, or twice of the same rows. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "SELECT name FROM users LIMIT 5 | a.name = b.name | 5",
        "SELECT name, ROW_NUMBER() OVER (ORDER BY age) AS n FROM users | a.name = b.name AND a.n ="
            + " b.n | 30",
        "SELECT GROUP_CONCAT(name) AS names FROM users | a.names = b.names | 1",
        "SELECT SUM(age) + STDDEV(age) AS total FROM users | a.total = b.total | 1",
        "WITH d AS (SELECT DISTINCT u.name FROM users u JOIN users v ON u.age = v.age LIMIT 5)"
            + " SELECT d.name FROM d | a.name = b.name | 5",
      })
  void aNameOfWithAgreesWithItself(String query, String alike, long rows) {
    DriverShards many =
        shards(
            30,
            GatherOptions.builder().maxRows(query.contains(" v ") ? 60 : 30).build(),
            PoolOptions.defaults());
    String sql = "WITH c AS (" + query + ") SELECT COUNT(*) FROM c a JOIN c b ON " + alike;
    Disposable writer =
        many.updated("/* shardflux: scatter-writes=true */ UPDATE users SET age = age + 1")
            .repeat()
            .subscribe();
    try {
      Flux<Long> counts = Flux.range(0, 12).concatMap(i -> numbers(many, sql));
      assertThat(counts.collectList().block(BOUND)).containsOnly(rows);
    } finally {
      writer.dispose();
    }
    isClean(many);
  }

  /** A temporary table lacks what its shards don't have alike. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "ADD age INT DEFAULT 100 | MODIFY age BIGINT DEFAULT 100, ADD extra INT | age = 100",
        "COMMENT '' | ADD country CHAR(2) | COUNTRY IS NULL",
      })
  void aColumnThatShardsDoNotHaveAlikeIsNeverAnothers(String all, String one, String condition) {
    DriverShards uneven = shards(9);
    String sql =
        "SELECT u.id, COUNT(*) OVER (), (SELECT COUNT(*) FROM orders WHERE %s) FROM users u";
    expect(numbers(uneven, sql.formatted("u.age = 1")).count().flux(), 9L);
    uneven.everywhere("ALTER TABLE orders " + all);
    uneven.router.on(IDS.get(1)).sql("ALTER TABLE orders " + one).rowsUpdated().block(BOUND);
    uneven.factory.check().block(BOUND);
    refused(numbers(uneven, sql.formatted(condition)), RefusalCode.CROSS_SHARD_JOIN);
    expect(numbers(uneven, sql.formatted("u.id = 1")).count().flux(), 9L);
  }

  @Test
  void anErrorTellsNoRow() {
    DriverShards secret = shards(3);
    secret.everywhere("DROP TABLE users");
    secret.everywhere(
        "CREATE TABLE users (id BIGINT, name VARCHAR(20), age INT, PRIMARY KEY (id, name))"
            + " CHARACTER SET utf8mb4 COLLATE utf8mb4_bin");
    secret.factory.check().block(BOUND);
    // On a shard where it does not belong.
    for (int i = 0; i < 2; i++) {
      secret
          .router
          .on(IDS.get(i))
          .sql("INSERT INTO users VALUES (77, 'secret', 1)")
          .rowsUpdated()
          .block(BOUND);
    }
    StepVerifier.create(numbers(secret, "SELECT ROW_NUMBER() OVER (ORDER BY name), id FROM users"))
        .expectErrorSatisfies(
            error -> {
              assertThat(error)
                  .hasMessageContaining("1062")
                  .hasMessageContaining("users")
                  .hasMessageNotContaining("77");
              // The trace has all causes and what is suppressed.
              assertThat(trace(error) + ((R2dbcException) error).getSql())
                  .doesNotContain("secret", "736563726574");
            })
        .verify(BOUND);
  }

  private static String trace(Throwable error) {
    StringWriter trace = new StringWriter();
    error.printStackTrace(new PrintWriter(trace));
    return trace.toString();
  }

  @Test
  void nothingGetsIntoABinaryLog() {
    DriverShards logged = shards(9);
    String version = told(logged, "SELECT VERSION()").get(0);
    String position =
        version.contains("MariaDB") ? "SELECT @@gtid_current_pos" : "SELECT @@gtid_executed";
    expect(numbers(logged, PAIRS), 0L);
    logged.awaitIdle();
    List<String> before = told(logged, position);
    expect(numbers(logged, PAIRS), 0L);
    logged.awaitIdle();
    assumeTrue(version.contains("MariaDB"), "other tests write to these servers");
    assertThat(told(logged, position)).isEqualTo(before);
    assertThat(told(logged, "SELECT @@binlog_format")).containsOnly("MIXED");
  }

  @Test
  void namesStandAsOneServerGivesThem() {
    DriverShards named = shards(6);
    StepVerifier.create(
            named.on(
                connection ->
                    Flux.from(
                            connection
                                .createStatement(
                                    "SELECT users.*, (SELECT COUNT(*) FROM orders), COUNT(*) OVER"
                                        + " () FROM users ORDER BY users.id")
                                .execute())
                        .concatMap(
                            result ->
                                result.map(
                                    (row, metadata) ->
                                        metadata.getColumnMetadatas().stream()
                                            .map(column -> column.getName())
                                            .toList()))))
        .expectNext(
            List.of(
                "id",
                "name",
                "age",
                "country",
                "(SELECT COUNT(*) FROM orders)",
                "COUNT(*) OVER ()"))
        .thenConsumeWhile(any -> true)
        .expectComplete()
        .verify(BOUND);
  }
}
