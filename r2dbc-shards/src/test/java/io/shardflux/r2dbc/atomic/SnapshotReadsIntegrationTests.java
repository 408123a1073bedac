package io.shardflux.r2dbc.atomic;

import static io.shardflux.r2dbc.atomic.Bank.BOUND;
import static org.assertj.core.api.Assertions.assertThat;

import io.r2dbc.spi.IsolationLevel;
import io.r2dbc.spi.Option;
import io.r2dbc.spi.R2dbcException;
import io.r2dbc.spi.R2dbcRollbackException;
import io.r2dbc.spi.TransactionDefinition;
import io.shardflux.r2dbc.Await;
import io.shardflux.r2dbc.Relay;
import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.r2dbc.observe.ShardStatistics;
import io.shardflux.r2dbc.scatter.FailurePolicy;
import io.shardflux.r2dbc.settings.PoolOptions;
import io.shardflux.r2dbc.settings.ReadConsistency;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.r2dbc.settings.TransactionMode;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.core.scheduler.Schedulers;
import reactor.test.StepVerifier;

/** Reads of all shards as of one instant, beside transfers between the shards. */
class SnapshotReadsIntegrationTests {

  private static final int LANES = 6;
  private static final int LOOKS = Integer.getInteger("transactions.snapshots", 15);

  private static final TransactionDefinition PLAIN =
      new TransactionDefinition() {
        @Override
        public <T> @Nullable T getAttribute(Option<T> option) {
          return null;
        }
      };

  private final AtomicInteger transfers = new AtomicInteger();
  private Bank bank;

  @BeforeEach
  void open() {
    bank = new Bank();
  }

  @AfterEach
  void close() {
    Await.until(
        "no connection taken",
        bank.router.operations().statistics(),
        all ->
            all.stream()
                .map(ShardStatistics::pool)
                .allMatch(pool -> pool.acquired() == 0 && pool.pending() == 0));
    Await.until(
        "no branch",
        Mono.fromCallable(bank::branches).subscribeOn(Schedulers.boundedElastic()),
        List::isEmpty);
    bank.close();
  }

  /** The protocol, which takes its time between the decision and the commits of the others. */
  private static Protocol slow(boolean barrier) {
    return new Protocol() {
      @Override
      Mono<Void> past(Point point, String transaction) {
        return point == Point.DECIDED ? Mono.delay(Duration.ofMillis(15)).then() : Mono.empty();
      }

      @Override
      boolean hasBarrier() {
        return barrier;
      }
    };
  }

  private Disposable transferring(SpanningTransactions transactions) {
    return Flux.range(0, LANES)
        .flatMap(
            lane ->
                transactions
                    .run(
                        PLAIN,
                        transaction ->
                            Bank.add(transaction, 2L * lane, -1)
                                .then(Bank.add(transaction, 2L * lane + 1, 1)))
                    .doOnComplete(transfers::incrementAndGet)
                    .onErrorComplete()
                    .repeat(),
            LANES)
        .subscribe();
  }

  private static Mono<Long> sum(RouterTransaction transaction, List<Shard> shards) {
    return Flux.fromIterable(shards)
        .flatMap(
            shard ->
                transaction
                    .on(shard.id())
                    .sql("SELECT SUM(amount) FROM accounts")
                    .map((row, metadata) -> Objects.requireNonNull(row.get(0, Long.class)))
                    .one())
        .reduce(0L, Long::sum);
  }

  private Mono<Long> sum(SpanningTransactions transactions) {
    return transactions
        .run(PLAIN, transaction -> sum(transaction, bank.shards))
        .single()
        .contextWrite(ReadConsistency.SNAPSHOT.inContext());
  }

  private Mono<Long> sum(ShardRouter router) {
    return router
        .inTransaction(transaction -> sum(transaction, bank.shards))
        .single()
        .contextWrite(ReadConsistency.SNAPSHOT.inContext());
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void aSumIsRightWhileTransfersRun(boolean barrier) {
    SpanningTransactions transactions = bank.transactions(slow(barrier));
    Disposable running = transferring(transactions);
    try {
      goOn();
      if (barrier) {
        assertThat(sum(transactions).repeat(LOOKS - 1L).collectList().block(BOUND))
            .hasSize(LOOKS)
            .containsOnly(Bank.SUM);
        goOn();
      } else {
        // Without the guard one is wrong soon.
        assertThat(sum(transactions).repeat().any(sum -> sum != Bank.SUM).block(BOUND)).isTrue();
      }
    } finally {
      running.dispose();
    }
  }

  private void goOn() {
    int before = transfers.get();
    Await.until("transfers", Mono.fromSupplier(transfers::get), now -> now > before + LANES);
  }

  @Test
  void aTransactionSeesOneInstantToItsEnd() {
    List<Long> sums =
        bank.router
            .inTransaction(
                transaction ->
                    Bank.amount(transaction, 0, "")
                        .concatWith(
                            bank.router
                                .inTransaction(
                                    other -> Bank.add(other, 0, -30).then(Bank.add(other, 1, 30)))
                                .contextWrite(ReadConsistency.EACH_SHARD.inContext())
                                .thenMany(Bank.amount(transaction, 1, ""))
                                .concatWith(Bank.amount(transaction, 0, ""))))
            .contextWrite(ReadConsistency.SNAPSHOT.inContext())
            .collectList()
            .block(BOUND);
    assertThat(sums).containsExactly(100L, 100L, 100L);
    assertThat(bank.amount(1)).isEqualTo(130);
  }

  /** Many at once, beside commits, over small pools. */
  @Test
  void manyAtOnceGetThrough() {
    ShardRouter other =
        bank.another(
            Bank.builder(bank.shards, TransactionMode.ATOMIC)
                .pool(PoolOptions.builder().maxSize(2).build())
                .timeouts(Timeouts.of(Duration.ofSeconds(20))));
    Disposable running = transferring(bank.transactions(Protocol.WHOLE));
    try {
      assertThat(
              Flux.range(0, 24)
                  .flatMap(i -> sum(i % 2 == 0 ? other : bank.router), 8)
                  .collectList()
                  .block(BOUND))
          .hasSize(24)
          .containsOnly(Bank.SUM);
    } finally {
      running.dispose();
    }
  }

  /** One that is silent, and one that closes its connections, while the others are locked. */
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void aLostServerIsNamedAndLeavesNothingLocked(boolean silent) {
    try (Relay relay = Relay.to(bank.shards.get(1))) {
      List<Shard> over =
          List.of(bank.shards.get(0), relay.instead(bank.shards.get(1)), bank.shards.get(2));
      SpanningTransactions transactions =
          bank.transactions(
              Protocol.WHOLE,
              Bank.builder(over, TransactionMode.ATOMIC)
                  .timeouts(Timeouts.of(Duration.ofSeconds(3))));
      assertThat(sum(transactions).block(BOUND)).isEqualTo(Bank.SUM);
      if (silent) {
        relay.drop();
      } else {
        relay.reset();
      }
      StepVerifier.create(sum(transactions))
          .expectErrorMatches(error -> String.valueOf(error.getMessage()).contains("shard_1"))
          .verify(BOUND);
      relay.pass();
      lockedNowhere();
    }
  }

  /** Its row is held by another one; the error names it, in the time that the caller has. */
  @Test
  void aShardWhoseRowIsNotToBeHadIsNamed() {
    Bank.run(
            bank.shards.get(1),
            "START TRANSACTION;SELECT id FROM shardflux_barrier WHERE id = 1 FOR UPDATE;DO SLEEP(3)")
        .subscribe(null, error -> {});
    Await.until(
        "a held row",
        sum(bank.router)
            .thenReturn("")
            .onErrorResume(e -> Mono.just(String.valueOf(e.getMessage()))),
        told -> told.startsWith("shard_1: no snapshot within"));
  }

  /** A commit behind a first read that was given up ends the opening. */
  @Test
  void aCommitEndsAnOpeningThatNobodyWaitsFor() {
    Sinks.Empty<Void> over = Sinks.empty();
    Sinks.Empty<Void> locked = Sinks.empty();
    SpanningTransactions transactions = bank.transactions(Protocol.WHOLE);
    Mono<Void> holding =
        bank.router
            .inTransaction(
                transaction ->
                    transaction
                        .on(bank.shards.get(0).id())
                        .sql("SELECT id FROM shardflux_barrier WHERE id = 1 FOR UPDATE")
                        .map((row, metadata) -> 1)
                        .one()
                        .doOnSuccess(there -> locked.tryEmitEmpty())
                        .then(over.asMono()))
            .then()
            .cache();
    holding.subscribe();
    locked.asMono().block(BOUND);
    SpanningTransaction given =
        transactions.begin(
            PLAIN, Timeouts.defaults(), TransactionMode.ATOMIC, ReadConsistency.SNAPSHOT);
    StepVerifier.create(
            Bank.amount(given, 0, "")
                .timeout(Duration.ofMillis(200), Mono.empty())
                .then(given.commit()))
        .expectErrorMatches(
            error ->
                error instanceof R2dbcRollbackException
                    && String.valueOf(error.getMessage()).contains("given up before its views"))
        .verify(Duration.ofSeconds(5));
    over.tryEmitEmpty();
    holding.block(BOUND);
    lockedNowhere();
    StepVerifier.create(Bank.amount(given, 0, ""))
        .expectError(IllegalStateException.class)
        .verify(BOUND);
    assertThat(sum(transactions).block(BOUND)).isEqualTo(Bank.SUM);
  }

  /** Cancelled anywhere, they leave no row locked and no connection taken. */
  @Test
  void cancelledOnesLeaveNothing() {
    Flux.range(0, Integer.getInteger("transactions.cancels", 60))
        .flatMap(
            i ->
                sum(bank.router)
                    .onErrorComplete()
                    .takeUntilOther(Mono.delay(Duration.ofMillis(i * 3 % 90))),
            4)
        .blockLast(BOUND);
    lockedNowhere();
    assertThat(bank.sum()).isEqualTo(Bank.SUM);
  }

  private void lockedNowhere() {
    bank.router
        .onAll()
        .sql("UPDATE shardflux_barrier SET version = version")
        .onFailure(FailurePolicy.failFast())
        .rowsUpdated()
        .then()
        .block(Duration.ofSeconds(5));
  }

  @Test
  void writesAndOthersAreRefused() {
    List<Function<RouterTransaction, Mono<Long>>> others =
        List.of(
            transaction -> Bank.add(transaction, 0, 1),
            transaction -> Bank.amount(transaction, 0, " FOR UPDATE"),
            transaction -> Bank.amount(transaction, 0, " LOCK IN SHARE MODE"));
    for (Function<RouterTransaction, Mono<Long>> other : others) {
      StepVerifier.create(
              bank.router.inTransaction(other).contextWrite(ReadConsistency.SNAPSHOT.inContext()))
          .expectErrorMatches(
              error -> error instanceof R2dbcException said && said.getErrorCode() == 1792)
          .verify(BOUND);
    }
    StepVerifier.create(
            bank.router
                .inTransaction(
                    IsolationLevel.READ_COMMITTED, transaction -> Bank.amount(transaction, 0, ""))
                .contextWrite(ReadConsistency.SNAPSHOT.inContext()))
        .expectErrorMessage(
            "isolation level: READ COMMITTED, of a snapshot (expected: REPEATABLE READ, by which it"
                + " keeps its view, or none)")
        .verify(BOUND);
    StepVerifier.create(
            bank.router
                .onAll()
                .sql("SELECT amount FROM accounts")
                .map((row, metadata) -> 1)
                .rows()
                .contextWrite(ReadConsistency.SNAPSHOT.inContext()))
        .expectErrorMessage(
            "consistency: snapshot, of a read of each shard by itself (expected: reads inside"
                + " router.inTransaction, or by the driver)")
        .verify(BOUND);
    assertThat(bank.sum()).isEqualTo(Bank.SUM);
  }

  @Test
  void aShardWithoutTheTablesIsNamed() {
    bank.router
        .on(bank.shards.get(1).id())
        .sql("DROP TABLE shardflux_barrier")
        .rowsUpdated()
        .then()
        .block(BOUND);
    StepVerifier.create(sum(bank.router))
        .expectErrorMatches(
            error ->
                error instanceof IllegalStateException
                    && String.valueOf(error.getMessage())
                        .startsWith("shard_1: no tables of transactions"))
        .verify(BOUND);
    bank.router.operations().createTransactionTables().block(BOUND);
    lockedNowhere();
  }
}
