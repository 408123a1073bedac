package io.shardflux.driver;

import static io.shardflux.driver.DriverShards.BOUND;
import static io.shardflux.driver.DriverShards.IDS;
import static org.assertj.core.api.Assertions.assertThat;

import io.r2dbc.spi.Connection;
import io.r2dbc.spi.IsolationLevel;
import io.r2dbc.spi.Result;
import io.r2dbc.spi.TransactionDefinition;
import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.r2dbc.ShardRouterBuilder;
import io.shardflux.r2dbc.settings.PoolOptions;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.r2dbc.settings.TransactionMode;
import io.shardflux.r2dbc.settings.TransactionOptions;
import io.shardflux.router.KeyColumn;
import io.shardflux.router.ShardingStrategy;
import io.shardflux.router.TableRule;
import io.shardflux.sql.statement.RefusalCode;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import org.assertj.core.api.Condition;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.reactivestreams.Publisher;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.test.StepVerifier;

/** Gathered reads in transactions, whose shards' rows are those that the transaction sees. */
class GatherInTransactionIntegrationTests extends GatheringShards {

  /** Answered by one server, of all rows: the largest number of users of an age. */
  private static final String GROUPS =
      "SELECT MAX(c) FROM (SELECT COUNT(*) AS c FROM users GROUP BY age) d";

  /** Answered by shards that are sent the settings. */
  private static final String JOINED =
      "SELECT SUM(u.id) FROM settings s JOIN users u ON u.age = s.id";

  /** Answered by one server, which has the countries itself. */
  private static final String COPIES =
      "SELECT SUM(n) FROM (SELECT ROW_NUMBER() OVER (ORDER BY u.id) AS n FROM users u JOIN"
          + " countries c ON c.label = u.name) d";

  private DriverShards shards(
      int users,
      UnaryOperator<ShardRouterBuilder> settings,
      Function<ShardRouter, ShardfluxConnectionFactory> driver,
      TransactionMode mode) {
    DriverShards made =
        shards(
            users,
            builder ->
                settings
                    .apply(builder)
                    .timeouts(Timeouts.of(BOUND).withAcquire(BOUND.minusSeconds(1)))
                    .transactions(TransactionOptions.defaults().withMode(mode)),
            driver);
    made.router.operations().createTransactionTables().block(BOUND);
    made.updated("INSERT INTO settings (label) VALUES ('x'), ('y')").block(BOUND);
    return made;
  }

  private DriverShards shards(int users, TransactionMode mode) {
    return shards(users, builder -> builder, ShardfluxConnectionFactory::of, mode);
  }

  private static TransactionDefinition at(IsolationLevel level) {
    return level;
  }

  private static <T> Flux<T> begun(
      ShardfluxConnectionFactory factory,
      TransactionDefinition way,
      Function<Connection, Publisher<T>> work) {
    return Flux.usingWhen(
        factory.create(),
        connection ->
            Flux.concat(
                Mono.from(connection.beginTransaction(way)).then(Mono.<T>empty()),
                Flux.defer(() -> work.apply(connection)),
                Mono.from(connection.commitTransaction()).then(Mono.<T>empty())),
        Connection::close);
  }

  private static Flux<Long> changed(Connection connection, String sql) {
    return Flux.defer(() -> connection.createStatement(sql).execute())
        .concatMap(Result::getRowsUpdated);
  }

  /** A transaction that gathers what it wrote, which nobody else sees. */
  @ParameterizedTest
  @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "SINGLE")
  void whatItWroteIsGathered(TransactionMode mode) {
    DriverShards some = shards(9, mode);
    some.updated("INSERT INTO countries VALUES ('aa', 'user 4')").block(BOUND);
    for (String sql : List.of(GROUPS, JOINED, COPIES)) {
      Long outside = numbers(some, sql).single().blockOptional(BOUND).orElseThrow();
      expect(
          begun(
              some.factory,
              at(IsolationLevel.READ_COMMITTED),
              connection ->
                  Flux.concat(
                      longs(connection, sql),
                      changed(connection, "UPDATE users SET age = 2, name = 'user 4' WHERE id = 3"),
                      longs(connection, sql),
                      numbers(some, sql),
                      Mono.from(connection.rollbackTransaction()).then(Mono.<Long>empty()),
                      longs(connection, sql),
                      Mono.from(connection.beginTransaction()).then(Mono.<Long>empty()))),
          outside,
          1L,
          sql.equals(GROUPS) ? 2L : sql.equals(JOINED) ? 6L : 3L,
          outside,
          outside);
    }
    isClean(some);
  }

  /** Each shard has the view of its first read; at READ COMMITTED, of each read. */
  @ParameterizedTest
  @CsvSource({"REPEATABLE READ, 45", "READ COMMITTED, 1045"})
  void aViewIsKeptAsTheIsolationLevelSays(String level, long then) {
    DriverShards some = shards(9, TransactionMode.SINGLE_WRITER);
    // Ends with the sum of all ages.
    String sums =
        "SELECT s FROM (SELECT SUM(age) OVER (ORDER BY id) AS s FROM users) d ORDER BY s DESC LIMIT"
            + " 1";
    for (TransactionDefinition way :
        List.of(at(IsolationLevel.valueOf(level)), readOnly(IsolationLevel.valueOf(level)))) {
      expect(
          begun(
              some.factory,
              way,
              connection ->
                  Flux.concat(
                      longs(connection, sums),
                      some.updated("UPDATE users SET age = age + 1000 WHERE id = 5"),
                      longs(connection, sums),
                      some.updated("UPDATE users SET age = age - 1000 WHERE id = 5"))),
          45L,
          1L,
          then,
          1L);
    }
    isClean(some);
  }

  @Test
  void aTransactionOnOneShardRefusesOthersRowsAndGoesOn() {
    DriverShards some = shards(9, TransactionMode.SINGLE);
    for (String sql : List.of(GROUPS, JOINED)) {
      refused(
          begun(some.factory, at(IsolationLevel.READ_COMMITTED), one -> longs(one, sql)),
          RefusalCode.GATHER_IN_TRANSACTION);
    }
    expect(
        begun(
            some.factory,
            at(IsolationLevel.READ_COMMITTED),
            connection ->
                Flux.concat(
                    changed(connection, "UPDATE users SET age = 70 WHERE id = 3"),
                    longs(connection, GROUPS)
                        .onErrorResume(
                            GatherInTransactionIntegrationTests::isRefused, error -> Mono.empty()),
                    longs(connection, "SELECT age FROM users WHERE id = 3"))),
        1L,
        70L);
    expect(numbers(some, "SELECT age FROM users WHERE id = 3"), 70L);
  }

  /** Servers that log no temporary table, by which a transaction may have some. */
  private static ShardRouter unlogged(DriverShards shards, TransactionMode mode) {
    ShardRouterBuilder builder =
        ShardRouter.builder()
            .strategy("by_user", ShardingStrategy.modulo(IDS))
            .table(new TableRule.Sharded("users", List.of(KeyColumn.integer("id")), "by_user"))
            .table(new TableRule.Reference("countries"))
            .table(new TableRule.Pinned("settings", IDS.get(1)))
            .transactions(TransactionOptions.defaults().withMode(mode));
    for (int i = 0; i < IDS.size(); i++) {
      String url = shards.databases.get(i).r2dbcUrl();
      builder.shard(
          Shard.of(
              IDS.get(i).value(),
              url + (url.contains("?") ? "&" : "?") + "sessionVariables=binlog_format='ROW'"));
    }
    return builder.build();
  }

  /** Rows of temporary tables are numbered by the server, too. */
  @ParameterizedTest
  @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "SINGLE")
  void theLastNumberStaysThatOfTheTransactionsOwnRow(TransactionMode mode) {
    DriverShards some = shards(9, mode);
    ShardRouter router = unlogged(some, mode);
    String numbered =
        "SELECT MAX(n) FROM (SELECT ROW_NUMBER() OVER (ORDER BY age) AS n FROM users) d";
    String last = "/* shardflux: shard=shard_1 */ SELECT LAST_INSERT_ID()";
    try {
      expect(
          begun(
              MutatedFactory.inTables(router),
              at(IsolationLevel.READ_COMMITTED),
              connection ->
                  Flux.concat(
                      changed(connection, "INSERT INTO settings (label) VALUES ('z')"),
                      longs(connection, numbered),
                      longs(connection, last),
                      longs(connection, numbered),
                      longs(connection, last))),
          1L,
          9L,
          3L,
          9L,
          3L);
    } finally {
      router.close().block(BOUND);
    }
  }

  /** Rows in temporary tables of the transaction's own connection, which is closed behind it. */
  @ParameterizedTest
  @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "SINGLE")
  void tablesAreMadeInTheTransaction(TransactionMode mode) {
    DriverShards some = shards(9, mode);
    some.updated("INSERT INTO countries VALUES ('aa', 'user 4')").block(BOUND);
    ShardRouter router = unlogged(some, mode);
    try {
      ShardfluxConnectionFactory tables = MutatedFactory.inTables(router);
      expect(
          begun(
              tables,
              at(IsolationLevel.REPEATABLE_READ),
              connection ->
                  Flux.concat(
                      longs(connection, GROUPS),
                      Mono.from(connection.createSavepoint("a")).then(Mono.<Long>empty()),
                      changed(connection, "UPDATE users SET age = 2 WHERE id = 3"),
                      longs(connection, GROUPS),
                      longs(connection, COPIES),
                      Mono.from(connection.rollbackTransactionToSavepoint("a"))
                          .then(Mono.<Long>empty()),
                      longs(connection, GROUPS),
                      changed(connection, "UPDATE users SET age = 71 WHERE id = 3"))),
          1L,
          1L,
          2L,
          1L,
          1L,
          1L);
      expect(numbers(some, "SELECT age FROM users WHERE id = 3"), 71L);
      refused(
          begun(tables, readOnly(IsolationLevel.REPEATABLE_READ), one -> longs(one, GROUPS)),
          RefusalCode.GATHER_IN_TRANSACTION);
      hasNoTables(router);
    } finally {
      router.close().block(BOUND);
    }
    isClean(some);
  }

  /** A transaction can't keep its session's temporary tables out of a log. */
  @Test
  void whatWouldBeLoggedIsRefused() {
    DriverShards some =
        shards(9, builder -> builder, MutatedFactory::inTables, TransactionMode.SINGLE_WRITER);
    Flux<Long> read =
        begun(some.factory, at(IsolationLevel.READ_COMMITTED), one -> longs(one, GROUPS));
    if (some.onMariaDb()) {
      refused(read, RefusalCode.GATHER_BINLOG);
    } else {
      expect(read, 1L);
    }
    isClean(some);
  }

  /** Each has connections of all shards, and waits for none while another has its turn. */
  @ParameterizedTest
  @ValueSource(ints = {1, 4})
  void manyAtOnceEnd(int connections) {
    DriverShards many =
        shards(
            30,
            builder -> builder.pool(PoolOptions.builder().maxSize(connections).minIdle(0).build()),
            ShardfluxConnectionFactory::of,
            TransactionMode.SINGLE_WRITER);
    StepVerifier.create(
            Flux.range(0, 24)
                .flatMap(
                    i ->
                        begun(
                            many.factory,
                            at(IsolationLevel.REPEATABLE_READ),
                            one -> longs(one, i % 2 == 0 ? GROUPS : JOINED)),
                    24))
        .expectNextCount(24)
        .expectComplete()
        .verify(BOUND);
    isClean(many);
  }

  @Test
  void aCancelLeavesNothing() {
    DriverShards given = shards(20, TransactionMode.SINGLE_WRITER);
    for (int i = 0; i < 20; i++) {
      Disposable read =
          begun(
                  given.factory,
                  at(IsolationLevel.READ_COMMITTED),
                  connection ->
                      Flux.concat(
                          changed(connection, "UPDATE users SET age = 80 WHERE id = 3"),
                          longs(connection, GROUPS),
                          longs(connection, JOINED),
                          Mono.<Long>never()))
              .subscribe(row -> {}, error -> {});
      Mono.delay(Duration.ofMillis(ThreadLocalRandom.current().nextInt(40))).block(BOUND);
      read.dispose();
    }
    isClean(given);
    expect(numbers(given, "SELECT age FROM users WHERE id = 3"), 3L);
  }

  /** Its rows would be others' than the transaction's. */
  @Test
  void rowsThatAreTakenBehindItsEndAreAnError() {
    DriverShards some = shards(9, TransactionMode.SINGLE_WRITER);
    StepVerifier.create(
            some.on(
                connection ->
                    Mono.from(connection.beginTransaction())
                        .then(Mono.from(connection.createStatement(GROUPS).execute()))
                        .delayUntil(result -> connection.commitTransaction())
                        .flatMapMany(result -> result.map(row -> row.get(0, Long.class)))))
        .expectErrorSatisfies(
            error -> assertThat(error).hasMessageContaining("expected: one that is open"))
        .verify(BOUND);
    some.awaitIdle();
  }

  /** Whoever takes one row and commits has nothing under way. */
  @Test
  void aTransactionCommitsBehindARowThatWasEnough() {
    DriverShards some = shards(9, TransactionMode.SINGLE_WRITER);
    ShardRouter router = unlogged(some, TransactionMode.SINGLE_WRITER);
    try {
      ShardfluxConnectionFactory tables = MutatedFactory.inTables(router);
      expect(
          begun(
              tables,
              at(IsolationLevel.READ_COMMITTED),
              one ->
                  Flux.concat(
                      changed(one, "UPDATE users SET age = 71 WHERE id = 3"),
                      longs(one, GROUPS).next(),
                      longs(one, GROUPS).take(1),
                      longs(one, GROUPS).next())),
          1L,
          1L,
          1L,
          1L);
      expect(numbers(some, "SELECT age FROM users WHERE id = 3"), 71L);
    } finally {
      router.close().block(BOUND);
    }
    isClean(some);
  }

  /** Their tables have the same names on the same connection. */
  @Test
  void twoAtOnceNeverGetEachOthersRows() {
    DriverShards some = shards(9, TransactionMode.SINGLE_WRITER);
    ShardRouter router = unlogged(some, TransactionMode.SINGLE_WRITER);
    String sum = "SELECT s FROM (SELECT SUM(id) OVER () AS s FROM users WHERE id <= %d) d LIMIT 1";
    try {
      ShardfluxConnectionFactory tables = MutatedFactory.inTables(router);
      Mono<Long> refused = Mono.just(-1L);
      expect(
          begun(
              tables,
              at(IsolationLevel.READ_COMMITTED),
              one ->
                  Flux.range(0, 20)
                      .concatMap(
                          i ->
                              Flux.mergeSequential(
                                      longs(one, sum.formatted(4))
                                          .onErrorResume(
                                              GatherInTransactionIntegrationTests::isRefused,
                                              error -> refused),
                                      longs(one, sum.formatted(9))
                                          .onErrorResume(
                                              GatherInTransactionIntegrationTests::isRefused,
                                              error -> refused))
                                  .collectList())
                      .doOnNext(
                          both -> {
                            assertThat(both.get(0)).isIn(10L, -1L);
                            assertThat(both.get(1)).isIn(45L, -1L);
                            assertThat(both).doesNotHave(ALL_REFUSED);
                          })
                      .count()),
          20L);
    } finally {
      router.close().block(BOUND);
    }
    isClean(some);
  }

  /** An error of a server, as that it lacks a table, is none. */
  private static boolean isRefused(Throwable error) {
    return String.valueOf(error.getMessage()).contains(RefusalCode.GATHER_IN_TRANSACTION.name());
  }

  private static final Condition<List<? extends Long>> ALL_REFUSED =
      new Condition<>(both -> both.stream().allMatch(sum -> sum < 0), "all refused");

  /** A temporary table that gets a key would commit the write. */
  @Test
  void aGroupByAKeyOfSeveralShardsIsRefusedAndCommitsNothing() {
    DriverShards some = shards(9, TransactionMode.SINGLE_WRITER);
    some.everywhere("ALTER TABLE users MODIFY name VARCHAR(100) NOT NULL");
    some.everywhere("ALTER TABLE users ADD UNIQUE KEY (name)");
    ShardRouter router = unlogged(some, TransactionMode.SINGLE_WRITER);
    String byName =
        "SELECT age FROM users GROUP BY name HAVING STDDEV(id) = 0 AND ROUND(MAX(id), 1) = 3";
    try {
      ShardfluxConnectionFactory tables = MutatedFactory.inTables(router);
      Flux<Long> work =
          begun(
              tables,
              at(IsolationLevel.READ_COMMITTED),
              one ->
                  Flux.concat(
                      changed(one, "UPDATE users SET age = 72 WHERE id = 3"), longs(one, byName)));
      if (some.onMariaDb()) {
        // It has no ONLY_FULL_GROUP_BY of its own.
        expect(work, 1L, 72L);
      } else {
        refused(work, RefusalCode.GATHER_IN_TRANSACTION);
        expect(numbers(some, "SELECT age FROM users WHERE id = 3"), 3L);
      }
    } finally {
      router.close().block(BOUND);
    }
    isClean(some);
  }
}
