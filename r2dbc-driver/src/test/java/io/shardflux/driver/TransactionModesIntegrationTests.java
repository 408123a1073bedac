package io.shardflux.driver;

import static io.shardflux.driver.DriverShards.BOUND;
import static io.shardflux.driver.DriverShards.IDS;
import static io.shardflux.driver.DriverShards.bound;
import static org.assertj.core.api.Assertions.assertThat;

import io.r2dbc.spi.Connection;
import io.r2dbc.spi.IsolationLevel;
import io.r2dbc.spi.Option;
import io.r2dbc.spi.R2dbcBadGrammarException;
import io.r2dbc.spi.R2dbcDataIntegrityViolationException;
import io.r2dbc.spi.R2dbcRollbackException;
import io.r2dbc.spi.R2dbcTimeoutException;
import io.r2dbc.spi.R2dbcTransientException;
import io.r2dbc.spi.Result;
import io.r2dbc.spi.TransactionDefinition;
import io.r2dbc.spi.ValidationDepth;
import io.shardflux.r2dbc.atomic.TransactionsInDoubt;
import io.shardflux.r2dbc.settings.PoolOptions;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.r2dbc.settings.TransactionMode;
import io.shardflux.r2dbc.settings.TransactionOptions;
import io.shardflux.sql.statement.Hints;
import java.time.Duration;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.reactivestreams.Publisher;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;
import reactor.test.StepVerifier;

/** Transactions over shards by the driver, in each mode. */
class TransactionModesIntegrationTests {

  /** Of users 3, 1 and 2, who are on the three shards in their order. */
  private static final String ALL = "SELECT SUM(age) FROM users";

  private DriverShards shards = of(TransactionMode.ATOMIC);

  private static DriverShards of(TransactionMode mode) {
    DriverShards made =
        new DriverShards(
            router ->
                router
                    .transactions(TransactionOptions.defaults().withMode(mode))
                    .pool(PoolOptions.builder().maxSize(4).build()));
    made.router.operations().createTransactionTables().block(BOUND);
    made.load(6);
    return made;
  }

  private void in(TransactionMode mode) {
    shards.close();
    shards = of(mode);
  }

  @AfterEach
  void close() {
    shards.awaitIdle();
    assertThat(shards.router.operations().inDoubt().blockOptional(BOUND).orElseThrow())
        .isEqualTo(new TransactionsInDoubt(List.of(), Map.of()));
    shards.close();
  }

  private <T> Flux<T> transaction(Function<Connection, Publisher<T>> work) {
    return shards.on(
        connection ->
            Flux.concat(
                Mono.from(connection.beginTransaction()).then(Mono.<T>empty()),
                Flux.defer(() -> work.apply(connection)),
                Mono.from(connection.commitTransaction()).then(Mono.<T>empty())));
  }

  private static Mono<Long> changed(Connection connection, String sql, Object... values) {
    return Flux.defer(() -> bound(connection, sql, values).execute())
        .concatMap(Result::getRowsUpdated)
        .single();
  }

  private static Flux<Long> read(Connection connection, String sql) {
    return Flux.defer(() -> connection.createStatement(sql).execute())
        .concatMap(result -> result.map(row -> Objects.requireNonNull(row.get(0, Long.class))));
  }

  private static Mono<Long> grow(Connection connection, int id, int by) {
    return changed(connection, "UPDATE users SET age = age + " + by + " WHERE id = " + id);
  }

  private long number(String sql) {
    return shards
        .rows(row -> row.get(0, Long.class), sql)
        .single()
        .blockOptional(BOUND)
        .orElseThrow();
  }

  private List<Long> ages() {
    return shards
        .rows(row -> row.get(0, Long.class), "SELECT age FROM users ORDER BY id")
        .collectList()
        .blockOptional(BOUND)
        .orElseThrow();
  }

  private void assertUnchanged() {
    assertThat(ages()).containsExactly(1L, 2L, 3L, 4L, 5L, 6L);
  }

  @ParameterizedTest
  @EnumSource(names = {"ATOMIC", "BEST_EFFORT"})
  void severalShardsAreWrittenAndReadInOne(TransactionMode mode) {
    in(mode);
    StepVerifier.create(
            transaction(
                connection ->
                    Flux.concat(
                        read(connection, "SELECT id FROM users WHERE name = 'user 2'"),
                        grow(connection, 1, -1),
                        grow(connection, 2, 1),
                        read(connection, ALL),
                        changed(
                            connection, "UPDATE users SET age = age + 10 WHERE id IN (1, 2, 3)"),
                        read(connection, "SELECT age FROM users WHERE age > 9 ORDER BY age"),
                        // The subquery runs first, in the same transaction.
                        read(
                            connection,
                            "SELECT COUNT(*) FROM users WHERE age = (SELECT MAX(age) FROM users)"))))
        .expectNext(2L, 1L, 1L, 21L, 3L, 10L, 13L, 13L, 2L)
        .expectComplete()
        .verify(BOUND);
    assertThat(ages()).containsExactly(10L, 13L, 13L, 4L, 5L, 6L);
  }

  @ParameterizedTest
  @EnumSource(names = {"ATOMIC", "BEST_EFFORT"})
  void anErrorOfTheWorkLeavesNothing(TransactionMode mode) {
    in(mode);
    StepVerifier.create(
            transaction(
                connection ->
                    grow(connection, 1, -1)
                        .then(grow(connection, 2, 1))
                        .then(Mono.error(new IllegalStateException("mine")))))
        .expectErrorMessage("mine")
        .verify(BOUND);
    assertUnchanged();
  }

  @Test
  void aSingleWriterMayGoOnBehindARefusedWrite() {
    in(TransactionMode.SINGLE_WRITER);
    StepVerifier.create(
            transaction(
                connection ->
                    Flux.concat(
                        read(connection, ALL),
                        grow(connection, 1, 1),
                        grow(connection, 2, 1).onErrorReturn(R2dbcBadGrammarException.class, -1L),
                        changed(connection, "UPDATE users SET age = 9 WHERE id IN (1, 2)")
                            .onErrorReturn(R2dbcBadGrammarException.class, -2L),
                        read(connection, "SELECT age FROM users WHERE id = 2 FOR UPDATE"),
                        read(connection, ALL))))
        .expectNext(21L, 1L, -1L, -2L, 2L, 22L)
        .expectComplete()
        .verify(BOUND);
    assertThat(ages()).containsExactly(2L, 2L, 3L, 4L, 5L, 6L);
  }

  @Test
  void aSingleOneIsOnOneShard() {
    in(TransactionMode.SINGLE);
    StepVerifier.create(
            transaction(connection -> grow(connection, 1, 1).thenMany(read(connection, ALL))))
        .expectErrorSatisfies(
            error ->
                assertThat(error)
                    .isInstanceOf(R2dbcBadGrammarException.class)
                    .hasMessageStartingWith(
                        "TRANSACTION_SHARD: [shard_0, shard_1, shard_2]: not in this transaction"
                            + " of mode single, which is on shard_1"))
        .verify(BOUND);
    assertUnchanged();
  }

  @Test
  void hintsAndTheContextSayTheMode() {
    in(TransactionMode.SINGLE_WRITER);
    Flux<Long> both =
        transaction(connection -> grow(connection, 1, 1).then(grow(connection, 2, 1)));
    Hints atomic = Hints.builder().transactions("atomic").build();
    StepVerifier.create(
            Flux.concat(
                both.contextWrite(TransactionMode.ATOMIC.inContext()),
                both.contextWrite(ShardfluxConnectionFactory.hints(atomic)),
                transaction(
                    connection ->
                        changed(
                                connection,
                                "/* shardflux: transactions=best-effort */ UPDATE users SET age ="
                                    + " age + 1 WHERE id = 1")
                            .then(grow(connection, 2, 1)))))
        .expectNext(1L, 1L, 1L)
        .expectComplete()
        .verify(BOUND);
    assertThat(ages()).startsWith(4L, 5L);
    StepVerifier.create(both).expectError(R2dbcBadGrammarException.class).verify(BOUND);
    StepVerifier.create(
            transaction(
                connection ->
                    grow(connection, 1, 1)
                        .then(
                            changed(
                                connection,
                                "/* shardflux: transactions=atomic */ UPDATE users SET age = 1"
                                    + " WHERE id = 2"))))
        .expectErrorMessage(
            "transactions: ATOMIC (expected: SINGLE_WRITER, in which the transaction on [shard_1]"
                + " has begun)")
        .verify(BOUND);
    StepVerifier.create(
            shards.updated(
                "/* shardflux: transactions=both */ DELETE FROM users WHERE id IN (1, 2)"))
        .expectErrorMessage(
            "transactions: both (expected: single, single-writer, atomic or best-effort)")
        .verify(BOUND);
    assertThat(ages()).startsWith(4L, 5L);
  }

  /** As one server does: the statement alone is undone, and the transaction is open. */
  @ParameterizedTest
  @EnumSource(names = {"ATOMIC", "BEST_EFFORT"})
  void aFailedWriteOfSeveralShardsLeavesTheTransactionOpen(TransactionMode mode) {
    in(mode);
    StepVerifier.create(
            transaction(
                connection ->
                    Flux.concat(
                        grow(connection, 2, 1),
                        // On the first shard it is new, on the second it is there.
                        changed(
                                connection,
                                "INSERT INTO users (id, name) VALUES (30, 'x'), (1, 'x')")
                            .onErrorReturn(R2dbcDataIntegrityViolationException.class, -1L),
                        read(connection, "SELECT COUNT(*) FROM users"),
                        grow(connection, 1, 1))))
        .expectNext(1L, -1L, 6L, 1L)
        .expectComplete()
        .verify(BOUND);
    assertThat(ages()).containsExactly(2L, 3L, 3L, 4L, 5L, 6L);
  }

  @Test
  void aCancelledWriteOfSeveralShardsLeavesNothing() {
    try (Session third = new Session(shards.databases.get(2))) {
      third.run("BEGIN");
      third.run("UPDATE users SET age = 2 WHERE id = 2");
      StepVerifier.create(
              transaction(
                  connection ->
                      Mono.<Long>create(
                              sink -> {
                                Disposable write =
                                    changed(
                                            connection,
                                            "UPDATE users SET age = 9 WHERE id IN (1, 2)")
                                        .subscribe();
                                third.awaitStatements("%UPDATE users%", count -> count == 1);
                                write.dispose();
                                sink.success(1L);
                              })
                          .subscribeOn(Schedulers.boundedElastic())))
          .expectNext(1L)
          .expectErrorSatisfies(
              error ->
                  assertThat(error)
                      .isInstanceOf(R2dbcRollbackException.class)
                      .hasMessageContaining("a statement on several shards was cancelled"))
          .verify(BOUND);
      third.run("ROLLBACK");
    }
    assertUnchanged();
  }

  /** What ran beside it would be undone with it. */
  @Test
  void aFailedWriteOfSeveralShardsUndoesNothingOfOthersBesideIt() {
    StepVerifier.create(
            transaction(
                connection ->
                    Flux.range(0, 20)
                        .flatMap(
                            i ->
                                i % 2 == 0
                                    ? grow(connection, 1 + i % 3, 1)
                                    : changed(
                                            connection,
                                            "INSERT INTO users (id, name) VALUES (30, 'x'), (1, 'x')")
                                        .onErrorReturn(
                                            R2dbcDataIntegrityViolationException.class, 0L),
                            20)
                        .reduce(0L, Long::sum)))
        .expectNext(10L)
        .expectComplete()
        .verify(BOUND);
    assertThat(ages().stream().mapToLong(age -> age).sum()).isEqualTo(21 + 10);
  }

  /** By its words it might be a write, of which one shard alone may have any. */
  @Test
  void aReadIsNoWriteWhateverItsWords() {
    in(TransactionMode.SINGLE_WRITER);
    StepVerifier.create(
            transaction(
                connection ->
                    Flux.concat(
                        grow(connection, 1, 1),
                        read(connection, "SELECT age AS next FROM users WHERE id = 2"),
                        read(connection, "SELECT MAX(age) AS share FROM users"))))
        .expectNext(1L, 2L, 6L)
        .expectComplete()
        .verify(BOUND);
  }

  /** It would be in no transaction if the commit overtook it. */
  @Test
  void aCommitIsRefusedBesideAStatementThatIsPlanned() {
    StepVerifier.create(
            shards.on(
                connection ->
                    Flux.concat(
                        connection.beginTransaction(),
                        grow(connection, 1, 1).then(),
                        Mono.<Void>defer(
                            () -> {
                              changed(
                                      connection,
                                      "INSERT INTO users (id, name) VALUES (31, 'never seen')")
                                  .subscribe(done -> {}, error -> {});
                              return Mono.from(connection.commitTransaction());
                            }))))
        .expectErrorSatisfies(
            error -> assertThat(error).hasMessageStartingWith("commit: 1 statements under way"))
        .verify(BOUND);
    shards.awaitIdle();
    assertThat(number("SELECT COUNT(*) FROM users")).isEqualTo(6);
    assertUnchanged();
  }

  @Test
  void savepointsHoldOnAllShards() {
    StepVerifier.create(
            transaction(
                connection ->
                    Flux.concat(
                        grow(connection, 1, 1).then(),
                        connection.createSavepoint("here"),
                        grow(connection, 1, 10).then(),
                        grow(connection, 2, 10).then(),
                        connection.rollbackTransactionToSavepoint("here"),
                        grow(connection, 3, 1).then(),
                        connection.releaseSavepoint("here"))))
        .expectComplete()
        .verify(BOUND);
    assertThat(ages()).containsExactly(2L, 2L, 4L, 4L, 5L, 6L);
  }

  @Test
  void referenceTablesAreWrittenOnAllShardsOrOnNone() {
    StepVerifier.create(
            transaction(
                connection ->
                    Flux.concat(
                        changed(connection, "INSERT INTO countries VALUES ('DE', 'Germany')"),
                        read(connection, "SELECT COUNT(*) FROM countries"),
                        grow(connection, 1, 1))))
        .expectNext(1L, 1L, 1L)
        .expectComplete()
        .verify(BOUND);
    StepVerifier.create(
            transaction(
                connection ->
                    Flux.concat(
                        grow(connection, 1, 1),
                        changed(connection, "DELETE FROM countries"),
                        read(connection, "SELECT COUNT(*) FROM countries"),
                        Mono.error(new IllegalStateException("mine")))))
        .expectNext(1L, 1L, 0L)
        .expectErrorMessage("mine")
        .verify(BOUND);
    for (int i = 0; i < IDS.size(); i++) {
      try (Session session = new Session(shards.databases.get(i))) {
        assertThat(session.number("SELECT COUNT(*) FROM countries")).isOne();
      }
    }
  }

  /** Each shard's view begins with the transaction's first statement there. */
  @Test
  void eachShardHasTheViewOfItsLevel() {
    for (IsolationLevel level :
        List.of(IsolationLevel.REPEATABLE_READ, IsolationLevel.READ_COMMITTED)) {
      long before = number(ALL);
      StepVerifier.create(
              shards.on(
                  connection ->
                      Flux.concat(
                          Mono.from(connection.setTransactionIsolationLevel(level))
                              .then(Mono.from(connection.beginTransaction()))
                              .then(Mono.<Long>empty()),
                          read(connection, ALL),
                          shards.updated("UPDATE users SET age = age + 1 WHERE id IN (1, 2, 3)"),
                          read(connection, ALL),
                          Mono.from(connection.rollbackTransaction()).then(Mono.<Long>empty()))))
          .expectNext(before, 3L, before + (level.equals(IsolationLevel.READ_COMMITTED) ? 3 : 0))
          .expectComplete()
          .verify(BOUND);
    }
  }

  @Test
  void whatOnlyLockedIsLockedToTheEnd() {
    try (Session second = new Session(shards.databases.get(1))) {
      second.run("SET innodb_lock_wait_timeout = 1");
      StepVerifier.create(
              transaction(
                  connection ->
                      Flux.concat(
                          read(connection, "SELECT age FROM users WHERE id = 1 FOR UPDATE"),
                          grow(connection, 2, 1),
                          grow(connection, 3, 1),
                          Mono.fromCallable(
                                  () -> {
                                    try {
                                      second.run("UPDATE users SET age = 9 WHERE id = 1");
                                      return -1L;
                                    } catch (RuntimeException locked) {
                                      return -2L;
                                    }
                                  })
                              .subscribeOn(Schedulers.boundedElastic()))))
          .expectNext(1L, 1L, 1L, -2L)
          .expectComplete()
          .verify(BOUND);
      second.run("UPDATE users SET age = 9 WHERE id = 1");
    }
    assertThat(ages()).containsExactly(9L, 3L, 4L, 4L, 5L, 6L);
  }

  @Test
  void whatASessionKnowsIsAskedOfOneShardAlone() {
    String last = "SELECT LAST_INSERT_ID()";
    StepVerifier.create(
            transaction(
                connection ->
                    Flux.concat(
                        changed(connection, "INSERT INTO settings (label) VALUES ('x')"),
                        read(connection, last),
                        read(connection, ALL),
                        read(connection, last))))
        .expectNext(1L, 1L, 21L)
        .expectErrorMatches(error -> String.valueOf(error.getMessage()).startsWith("SESSION_STATE"))
        .verify(BOUND);
    StepVerifier.create(
            transaction(
                connection ->
                    changed(connection, "INSERT INTO settings (label) VALUES ('x')")
                        .then(
                            changed(
                                connection,
                                "UPDATE users SET age = LAST_INSERT_ID() WHERE id = 2"))))
        .expectErrorMatches(error -> String.valueOf(error.getMessage()).startsWith("SESSION_STATE"))
        .verify(BOUND);
    assertUnchanged();
  }

  @Test
  void aLostConnectionOfAnyShardRollsBackAll() {
    try (Session second = new Session(shards.databases.get(1))) {
      StepVerifier.create(
              transaction(
                  connection ->
                      Flux.concat(
                          grow(connection, 3, 1),
                          grow(connection, 1, 1),
                          Mono.<Long>fromRunnable(
                                  () -> second.run("KILL " + second.inTransaction()))
                              .subscribeOn(Schedulers.boundedElastic()),
                          Mono.from(connection.validate(ValidationDepth.REMOTE))
                              .map(answers -> answers ? 1L : 0L))))
          .expectNext(1L, 1L, 0L)
          .expectErrorSatisfies(
              error ->
                  assertThat(error)
                      .isInstanceOf(R2dbcRollbackException.class)
                      .hasMessageContaining("rolled back, as shard_1: connection lost"))
          .verify(BOUND);
    }
    assertUnchanged();
  }

  /** No server sees that each has a row that the other waits for. */
  @Test
  void aDeadlockOverShardsEndsByTheStatementsTime() {
    Function<Integer, Flux<Long>> growing =
        first ->
            transaction(
                connection ->
                    grow(connection, first, 1)
                        .then(Mono.delay(Duration.ofMillis(200)))
                        .then(
                            changed(
                                connection,
                                "/* shardflux: timeout=1s */ UPDATE users SET age = age + 1 WHERE"
                                    + " id = "
                                    + (3 - first))));
    List<Object> ended =
        Flux.merge(
                growing.apply(1).cast(Object.class).onErrorResume(Mono::just),
                growing.apply(2).cast(Object.class).onErrorResume(Mono::just))
            .collectList()
            .blockOptional(BOUND)
            .orElseThrow();
    assertThat(ended)
        .hasSize(2)
        .anyMatch(R2dbcTimeoutException.class::isInstance)
        .allMatch(each -> each.equals(1L) || each instanceof R2dbcTransientException);
    long through = ended.stream().filter(each -> each.equals(1L)).count();
    assertThat(ages()).startsWith(1 + through, 2 + through);
  }

  @Test
  void aReadOfAKeySeesWhatWasAnswered() {
    StepVerifier.create(
            Flux.range(1, 60)
                .concatMap(
                    i ->
                        shards
                            .updated("UPDATE users SET age = ? WHERE id = 1", i)
                            .thenMany(
                                Flux.range(0, 4)
                                    .flatMap(
                                        reader ->
                                            shards.rows(
                                                row -> row.get(0, Integer.class),
                                                "SELECT age FROM users WHERE id = 1"))
                                    .distinct())
                            .map(age -> age - i)))
        .expectNextSequence(Collections.nCopies(60, 0))
        .expectComplete()
        .verify(BOUND);
  }

  /** Each takes the shards in an order of its own. */
  @Test
  void fullPoolsHoldNobodyUpInACircle() {
    int callers = 64;
    try (DriverShards small =
        new DriverShards(
            router ->
                router
                    .pool(PoolOptions.builder().maxSize(2).build())
                    .timeouts(Timeouts.of(Duration.ofSeconds(30))))) {
      small.load(6);
      StepVerifier.create(
              Flux.range(0, callers)
                  .flatMap(
                      i ->
                          small.on(
                              connection ->
                                  Flux.concat(
                                          Mono.from(connection.beginTransaction())
                                              .then(Mono.<Long>empty()),
                                          read(connection, ofOne(i)),
                                          read(connection, ofOne(i + 1)),
                                          read(connection, ALL),
                                          Mono.from(connection.commitTransaction())
                                              .then(Mono.<Long>empty()))
                                      .last()),
                      callers))
          .expectNextCount(callers)
          .expectComplete()
          .verify(BOUND);
      small.awaitIdle();
    }
  }

  private static String ofOne(int i) {
    return "SELECT age FROM users WHERE id = " + (1 + i % 3);
  }

  @Test
  void writesOutsideATransactionAreAtomicToo() {
    assertThat(shards.updated("UPDATE users SET age = 9 WHERE id IN (1, 2, 3)").block(BOUND))
        .isEqualTo(3);
    assertThat(decisions()).isOne();
    StepVerifier.create(shards.updated("INSERT INTO users (id) VALUES (30), (1), (31)"))
        .expectErrorSatisfies(
            error ->
                assertThat(error)
                    .isInstanceOf(R2dbcDataIntegrityViolationException.class)
                    .hasMessageEndingWith(
                        "; nothing was written, all of [shard_0, shard_1] rolled back"))
        .verify(BOUND);
    assertThat(number("SELECT COUNT(*) FROM users")).isEqualTo(6);
    assertThat(shards.updated("UPDATE users SET age = 9 WHERE id = 1").block(BOUND)).isOne();
    assertThat(
            shards
                .updated(
                    "/* shardflux: transactions=best-effort */ UPDATE users SET age = 8 WHERE id IN"
                        + " (1, 2, 3)")
                .block(BOUND))
        .isEqualTo(3);
    assertThat(decisions()).isOne();
  }

  /** What it costs over a plain connection: its beginning, the statement, and its commit. */
  @Test
  void oneStatementOnOneShardCostsNoMoreThanThere() {
    try (DriverShards one =
        new DriverShards(router -> router.pool(PoolOptions.builder().maxSize(1).build()))) {
      one.load(3);
      Mono<Long> questions =
          one.router
              .on(IDS.get(0))
              .sql(
                  "SELECT variable_value FROM "
                      + (one.onMariaDb() ? "information_schema" : "performance_schema")
                      + ".session_status WHERE variable_name = 'Questions'")
              .map(
                  (row, metadata) -> Long.valueOf(Objects.requireNonNull(row.get(0, String.class))))
              .one();
      long before = questions.blockOptional(BOUND).orElseThrow();
      StepVerifier.create(
              one.on(
                  connection ->
                      Flux.concat(
                          connection.beginTransaction(),
                          changed(
                                  connection,
                                  "/* shardflux: shard=shard_0 */ UPDATE users SET age = 9 WHERE id"
                                      + " = 3")
                              .then(),
                          connection.commitTransaction())))
          .expectComplete()
          .verify(BOUND);
      // The last of them is this question itself.
      assertThat(questions.blockOptional(BOUND).orElseThrow() - before).isEqualTo(3 + 1);
    }
  }

  @Test
  void withoutAutoCommitOneGoesBehindTheOther() {
    StepVerifier.create(
            shards.on(
                connection ->
                    Flux.concat(
                        connection.setAutoCommit(false),
                        grow(connection, 1, 1).then(),
                        grow(connection, 2, 1).then(),
                        connection.commitTransaction(),
                        grow(connection, 1, 1).then(),
                        grow(connection, 2, 1).then(),
                        connection.rollbackTransaction(),
                        grow(connection, 2, 10).then(),
                        grow(connection, 3, 10).then(),
                        connection.setAutoCommit(true),
                        Mono.<Void>fromRunnable(
                            () -> assertThat(connection.isAutoCommit()).isTrue()))))
        .expectComplete()
        .verify(BOUND);
    assertThat(ages()).containsExactly(2L, 13L, 13L, 4L, 5L, 6L);
  }

  @Test
  void aLockWaitHoldsOnEachShardAndIsGoneBehindIt() {
    String asked = "SELECT @@innodb_lock_wait_timeout + 0";
    TransactionDefinition waiting =
        new TransactionDefinition() {
          @Override
          public <T> @Nullable T getAttribute(Option<T> option) {
            return option.equals(LOCK_WAIT_TIMEOUT) ? option.cast(Duration.ofSeconds(7)) : null;
          }
        };
    try (DriverShards one =
        new DriverShards(router -> router.pool(PoolOptions.builder().maxSize(1).build()))) {
      one.router.operations().createTransactionTables().block(BOUND);
      one.load(3);
      long usual = wait(one, asked);
      StepVerifier.create(
              one.on(
                      connection ->
                          Flux.concat(
                              Mono.from(connection.beginTransaction(waiting))
                                  .then(Mono.<Long>empty()),
                              grow(connection, 3, 1),
                              grow(connection, 2, 1),
                              read(connection, "/* shardflux: shard=shard_0 */ " + asked),
                              read(connection, "/* shardflux: shard=shard_2 */ " + asked),
                              Mono.from(connection.commitTransaction()).then(Mono.<Long>empty())))
                  .contextWrite(TransactionMode.ATOMIC.inContext()))
          .expectNext(1L, 1L, 7L, 7L)
          .expectComplete()
          .verify(BOUND);
      assertThat(wait(one, asked)).isEqualTo(usual);
    }
  }

  private static long wait(DriverShards on, String asked) {
    return on.router
        .on(IDS.get(0))
        .sql(asked)
        .map((row, metadata) -> Objects.requireNonNull(row.get(0, Long.class)))
        .one()
        .blockOptional(BOUND)
        .orElseThrow();
  }

  private long decisions() {
    long all = 0;
    for (var database : shards.databases) {
      try (Session session = new Session(database)) {
        all += session.number("SELECT COUNT(*) FROM shardflux_decision WHERE outcome = 1");
      }
    }
    return all;
  }
}
