package io.shardflux.r2dbc;

import static io.shardflux.r2dbc.TestShards.BOUND;
import static io.shardflux.r2dbc.TestShards.IDS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.r2dbc.spi.IsolationLevel;
import io.r2dbc.spi.R2dbcBadGrammarException;
import io.shardflux.r2dbc.failure.ShardTimeoutException;
import io.shardflux.r2dbc.failure.ShardUnavailableException;
import io.shardflux.r2dbc.settings.PoolOptions;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.r2dbc.statement.StatementSpec;
import io.shardflux.r2dbc.transaction.ShardTransaction;
import io.shardflux.servers.TestServers;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.test.StepVerifier;

class ShardTransactionIntegrationTests {

  private static final String SLOW =
      "SELECT REPEAT('x', 20000), SLEEP(0.005) FROM users a JOIN users b JOIN users c";

  private final List<Shard> shards = TestShards.fresh(TestServers.shared());
  private final ShardRouter router =
      TestShards.router(shards).pool(PoolOptions.builder().maxSize(1).build()).build();

  @BeforeEach
  void load() {
    TestShards.load(router);
  }

  @AfterEach
  void close() {
    router.close().block(BOUND);
  }

  @Test
  void aCommitKeepsWhatWasWritten() {
    ShardTransaction transaction = begin(router);
    assertThat(transaction.shard()).isEqualTo(IDS.get(0));
    StepVerifier.create(insert(transaction, 77000).then(transaction.commit()))
        .expectComplete()
        .verify(BOUND);
    assertThat(count(77000)).isOne();
    StepVerifier.create(transaction.sql("DO 0").rowsUpdated())
        .expectErrorSatisfies(
            error ->
                assertThat(error)
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessage("transaction on shard_0: committed (expected: one that is open)"))
        .verify(BOUND);
  }

  @Test
  void aRollbackUndoesIt() {
    ShardTransaction transaction = begin(router);
    StepVerifier.create(insert(transaction, 77000).then(transaction.rollback()))
        .expectComplete()
        .verify(BOUND);
    assertThat(count(77000)).isZero();
  }

  @Test
  void aStatementThatWasMadeBeforeRunsInsideWithItsValues() {
    StatementSpec made =
        router
            .on(IDS.get(0))
            .sql("SELECT ? + COUNT(*) FROM users WHERE id = ?")
            .bind(0, 5)
            .bind(1, 77000);
    ShardTransaction transaction = begin(router);
    StepVerifier.create(
            insert(transaction, 77000)
                .then(transaction.sql(made).map((row, metadata) -> row.get(0, Long.class)).one())
                .delayUntil(inside -> transaction.rollback()))
        .expectNext(6L)
        .expectComplete()
        .verify(BOUND);
    StepVerifier.create(made.map((row, metadata) -> row.get(0, Long.class)).one())
        .expectNext(5L)
        .expectComplete()
        .verify(BOUND);
  }

  @Test
  void aSavepointKeepsWhatCameBefore() {
    ShardTransaction transaction = begin(router);
    StepVerifier.create(
            insert(transaction, 77000)
                .then(transaction.createSavepoint("here"))
                .then(insert(transaction, 77001))
                .then(transaction.rollbackToSavepoint("here"))
                .then(transaction.releaseSavepoint("here"))
                .then(transaction.commit()))
        .expectComplete()
        .verify(BOUND);
    assertThat(count(77000)).isOne();
    assertThat(count(77001)).isZero();
  }

  @Test
  void aRefusedStatementLeavesItOpen() {
    ShardTransaction transaction = begin(router);
    StepVerifier.create(insert(transaction, 77000).then(transaction.sql("NONSENSE").rowsUpdated()))
        .expectErrorSatisfies(
            error ->
                assertThat(error)
                    .isInstanceOf(R2dbcBadGrammarException.class)
                    .hasMessageStartingWith("shard_0: ")
                    .hasMessageNotContaining("shard_0: shard_0"))
        .verify(BOUND);
    StepVerifier.create(transaction.commit()).expectComplete().verify(BOUND);
    assertThat(count(77000)).isOne();
  }

  @Test
  void aLateStatementIsEndedAndLeavesItOpen() {
    ShardTransaction transaction = begin(router);
    StepVerifier.create(
            insert(transaction, 77000)
                .thenMany(
                    transaction
                        .sql(SLOW)
                        .timeouts(Timeouts.of(Duration.ofMillis(300)))
                        .map((row, metadata) -> 1)
                        .all()))
        .thenConsumeWhile(row -> true)
        .expectError(ShardTimeoutException.class)
        .verify(BOUND);
    StepVerifier.create(transaction.commit()).expectComplete().verify(BOUND);
    assertThat(count(77000)).isOne();
  }

  @Test
  void cancelledStatementsMakeWayForTheNext() {
    ShardTransaction transaction = begin(router);
    for (int i = 0; i < 5; i++) {
      StepVerifier.create(transaction.sql(SLOW).map((row, metadata) -> 1).all().take(3))
          .expectNextCount(3)
          .expectComplete()
          .verify(BOUND);
    }
    StepVerifier.create(insert(transaction, 77000).then(transaction.commit()))
        .expectComplete()
        .verify(BOUND);
    assertThat(count(77000)).isOne();
  }

  @Test
  void statementsAtOnceRunOneAfterTheOther() {
    ShardTransaction transaction = begin(router);
    StepVerifier.create(
            Flux.range(77000, 50)
                .flatMap(id -> insert(transaction, id), 50)
                .count()
                .delayUntil(all -> transaction.commit()))
        .expectNext(50L)
        .expectComplete()
        .verify(BOUND);
    assertThat(count(77049)).isOne();
  }

  @Test
  void oneThatIsForgottenIsRolledBack() {
    try (Closing closing =
        new Closing(
            TestShards.router(shards)
                .pool(PoolOptions.builder().maxSize(1).build())
                .timeouts(Timeouts.of(Duration.ofSeconds(2)))
                .build())) {
      ShardTransaction transaction = begin(closing.router());
      StepVerifier.create(insert(transaction, 77000)).expectNext(1L).expectComplete().verify(BOUND);
      StepVerifier.create(
              closing
                  .router()
                  .on(IDS.get(0))
                  .sql("SELECT COUNT(*) FROM users WHERE id = 77000")
                  .timeouts(Timeouts.of(BOUND))
                  .map((row, metadata) -> Objects.requireNonNull(row.get(0, Long.class)))
                  .one())
          .expectNext(0L)
          .expectComplete()
          .verify(BOUND);
      StepVerifier.create(transaction.commit())
          .expectErrorSatisfies(
              error ->
                  assertThat(error)
                      .hasMessage(
                          "transaction on shard_0: rolled back, as nobody used it for 2000 ms"
                              + " (expected: one that is open)"))
          .verify(BOUND);
    }
  }

  @Test
  void aCancelBeforeItIsThereLeavesNone() {
    ShardTransaction holding = begin(router);
    StepVerifier.create(router.on(IDS.get(0)).begin(IsolationLevel.READ_COMMITTED))
        .thenAwait(Duration.ofMillis(50))
        .thenCancel()
        .verify(BOUND);
    holding.rollback().block(BOUND);
    assertThat(count(77000)).isZero();
  }

  @Test
  void aLostConnectionRollsItBack() {
    try (Closing others = new Closing(TestShards.router(shards).build())) {
      ShardTransaction transaction = begin(router);
      StepVerifier.create(
              insert(transaction, 77000)
                  .then(
                      transaction
                          .sql("SELECT CONNECTION_ID()")
                          .map((row, metadata) -> Objects.requireNonNull(row.get(0, Long.class)))
                          .one())
                  .flatMap(id -> others.router().on(IDS.get(0)).sql("KILL " + id).rowsUpdated())
                  .then(transaction.sql("DO 0").rowsUpdated()))
          .expectErrorSatisfies(
              error ->
                  assertThat(error)
                      .isInstanceOf(ShardUnavailableException.class)
                      .hasMessage(
                          "shard_0: connection lost (expected: an answer; the transaction on it is"
                              + " rolled back)"))
          .verify(BOUND);
      StepVerifier.create(transaction.commit())
          .expectErrorSatisfies(
              error ->
                  assertThat(error)
                      .hasMessageStartingWith(
                          "transaction on shard_0: rolled back, as its connection was lost"))
          .verify(BOUND);
      StepVerifier.create(transaction.rollback()).expectComplete().verify(BOUND);
      assertThat(count(77000)).isZero();
    }
  }

  @Test
  void aHungServerIsLateWithItsBeginning() {
    TestServers servers = TestServers.shared();
    assumeTrue(servers.controllable(), "these servers can't be paused");
    servers.pause(servers.servers().get(0));
    try {
      StepVerifier.create(
              router
                  .on(IDS.get(0))
                  .begin(IsolationLevel.READ_COMMITTED, Timeouts.of(Duration.ofSeconds(2))))
          .expectErrorSatisfies(
              error ->
                  assertThat(error)
                      .isInstanceOf(ShardTimeoutException.class)
                      .hasMessageStartingWith("shard_0: no row within 2000 ms"))
          .verify(BOUND);
    } finally {
      servers.restore();
    }
    router.operations().closeBreaker(IDS.get(0)).block(BOUND);
    StepVerifier.create(begin(router).rollback()).expectComplete().verify(BOUND);
  }

  private static ShardTransaction begin(ShardRouter router) {
    return Objects.requireNonNull(
        router.on(IDS.get(0)).begin(IsolationLevel.READ_COMMITTED).block(BOUND));
  }

  private static Mono<Long> insert(ShardTransaction transaction, long id) {
    return transaction
        .sql("INSERT INTO users (id, name) VALUES (?, ?)")
        .bind(0, id)
        .bind(1, "x")
        .rowsUpdated();
  }

  private long count(long id) {
    return Objects.requireNonNull(
        router
            .on(IDS.get(0))
            .sql("SELECT COUNT(*) FROM users WHERE id = ?")
            .bind(0, id)
            .map((row, metadata) -> Objects.requireNonNull(row.get(0, Long.class)))
            .one()
            .block(BOUND));
  }

  /** A router that is closed at a block's end. */
  private record Closing(ShardRouter router) implements AutoCloseable {

    @Override
    public void close() {
      router.close().block(BOUND);
    }
  }
}
