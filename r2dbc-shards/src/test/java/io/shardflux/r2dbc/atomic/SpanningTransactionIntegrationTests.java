package io.shardflux.r2dbc.atomic;

import static io.shardflux.r2dbc.atomic.Bank.BOUND;
import static org.assertj.core.api.Assertions.assertThat;

import io.r2dbc.spi.IsolationLevel;
import io.r2dbc.spi.R2dbcException;
import io.r2dbc.spi.R2dbcNonTransientResourceException;
import io.r2dbc.spi.R2dbcRollbackException;
import io.r2dbc.spi.R2dbcTimeoutException;
import io.shardflux.r2dbc.TestShards;
import io.shardflux.r2dbc.settings.TransactionMode;
import io.shardflux.router.ShardId;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.test.StepVerifier;

/** Every combination of shards that read, lock and write, in each mode. */
class SpanningTransactionIntegrationTests {

  private final Bank bank = new Bank();

  @AfterEach
  void close() {
    assertThat(bank.branches()).isEmpty();
    bank.close();
  }

  private Flux<Long> transfer(long from, long to, long amount) {
    return bank.router.inTransaction(
        transaction ->
            Bank.add(transaction, from, -amount).then(Bank.add(transaction, to, amount)));
  }

  @Test
  void writesOnTwoShardsAreCommittedTogether() {
    StepVerifier.create(transfer(0, 1, 30)).expectNext(1L).expectComplete().verify(BOUND);
    assertThat(List.of(bank.amount(0), bank.amount(1))).containsExactly(70L, 130L);
    assertThat(bank.decisions(1)).isOne();
  }

  @Test
  void writesOnThreeShardsAtOnceAreCommittedTogether() {
    StepVerifier.create(
            bank.router.inTransaction(
                transaction ->
                    Flux.merge(
                        Bank.add(transaction, 0, -20),
                        Bank.add(transaction, 1, 10),
                        Bank.add(transaction, 2, 10))))
        .expectNextCount(3)
        .expectComplete()
        .verify(BOUND);
    assertThat(List.of(bank.amount(0), bank.amount(1), bank.amount(2)))
        .containsExactly(80L, 110L, 110L);
  }

  @Test
  void anErrorOfTheWorkLeavesNothing() {
    StepVerifier.create(
            bank.router.inTransaction(
                transaction ->
                    Bank.add(transaction, 0, -20)
                        .then(Bank.add(transaction, 1, 20))
                        .then(Mono.error(new IllegalStateException("mine")))))
        .expectErrorMessage("mine")
        .verify(BOUND);
    assertThat(List.of(bank.amount(0), bank.amount(1))).containsExactly(100L, 100L);
    assertThat(bank.decisions(1)).isZero();
  }

  @Test
  void oneThatWroteAloneNeedsNoDecision() {
    StepVerifier.create(
            bank.router.inTransaction(
                transaction ->
                    Bank.amount(transaction, 0, "")
                        .then(Bank.amount(transaction, 2, " FOR UPDATE"))
                        .then(Bank.add(transaction, 1, 5))))
        .expectNext(1L)
        .expectComplete()
        .verify(BOUND);
    StepVerifier.create(
            bank.router.inTransaction(
                transaction ->
                    Bank.add(transaction, 0, 5).then(Bank.amount(transaction, 1, " FOR UPDATE"))))
        .expectNext(105L)
        .expectComplete()
        .verify(BOUND);
    assertThat(List.of(bank.amount(0), bank.amount(1))).containsExactly(105L, 105L);
    assertThat(bank.decisions(1)).isZero();
  }

  @Test
  void oneThatReadsFirstLeadsTheOthers() {
    StepVerifier.create(
            bank.router.inTransaction(
                transaction ->
                    Bank.amount(transaction, 0, "")
                        .then(Bank.add(transaction, 1, -5))
                        .then(Bank.add(transaction, 2, 5))))
        .expectNext(1L)
        .expectComplete()
        .verify(BOUND);
    assertThat(List.of(bank.amount(1), bank.amount(2))).containsExactly(95L, 105L);
    assertThat(decisions(bank.shard(0))).isOne();
  }

  @Test
  void whatOnlyReadsTakesNoPart() {
    StepVerifier.create(
            bank.router.inTransaction(
                transaction ->
                    Flux.concat(
                        Bank.amount(transaction, 0, ""),
                        Bank.amount(transaction, 1, " FOR UPDATE"),
                        Bank.amount(transaction, 2, ""))))
        .expectNext(100L, 100L, 100L)
        .expectComplete()
        .verify(BOUND);
    assertThat(bank.decisions(1)).isZero();
  }

  /** A lock of a branch that only locked would be gone on MySQL once that is prepared. */
  @Test
  void whatOnlyLockedIsLockedUntilTheDecision() {
    Mono<Boolean> another =
        Bank.run(
                bank.shards.get(2),
                "SET innodb_lock_wait_timeout = 1;UPDATE accounts SET amount = 0 WHERE id = 2")
            .thenReturn(true)
            .onErrorReturn(R2dbcTimeoutException.class, false);
    List<Boolean> written = new CopyOnWriteArrayList<>();
    SpanningTransactions transactions =
        bank.transactions(
            new Protocol() {
              @Override
              Mono<Void> past(Point point, String transaction) {
                return point == Point.PREPARED
                    ? another.doOnNext(written::add).then()
                    : Mono.empty();
              }
            });
    StepVerifier.create(
            transactions.run(
                IsolationLevel.READ_COMMITTED,
                transaction ->
                    Bank.add(transaction, 0, 1)
                        .then(Bank.add(transaction, 1, 1))
                        .then(Bank.amount(transaction, 2, " FOR UPDATE"))))
        .expectNext(100L)
        .expectComplete()
        .verify(BOUND);
    assertThat(written).containsExactly(false);
    StepVerifier.create(another).expectNext(true).expectComplete().verify(BOUND);
  }

  /** Its parts are stored all or none, and not at one instant. */
  @Test
  void anotherReaderMaySeeOnePartBeforeTheOther() {
    List<Long> seen = new CopyOnWriteArrayList<>();
    Flux<Long> amounts =
        Flux.just(0L, 1L)
            .concatMap(
                id ->
                    bank.router
                        .on(bank.shard(id))
                        .sql("SELECT amount FROM accounts WHERE id = " + id)
                        .map((row, metadata) -> Objects.requireNonNull(row.get(0, Long.class)))
                        .one());
    SpanningTransactions transactions =
        bank.transactions(
            new Protocol() {
              @Override
              Mono<Void> past(Point point, String transaction) {
                return point == Point.DECIDED ? amounts.doOnNext(seen::add).then() : Mono.empty();
              }
            });
    StepVerifier.create(
            transactions.run(
                IsolationLevel.REPEATABLE_READ,
                transaction -> Bank.add(transaction, 0, -30).then(Bank.add(transaction, 1, 30))))
        .expectNext(1L)
        .expectComplete()
        .verify(BOUND);
    assertThat(seen).containsExactly(70L, 100L);
    StepVerifier.create(amounts).expectNext(70L, 130L).expectComplete().verify(BOUND);
  }

  @Test
  void savepointsHoldOnAllShards() {
    StepVerifier.create(
            bank.router.inTransaction(
                transaction ->
                    Bank.add(transaction, 0, 1)
                        .then(transaction.createSavepoint("here"))
                        .then(Bank.add(transaction, 0, 10))
                        .then(Bank.add(transaction, 1, 10))
                        .then(transaction.rollbackToSavepoint("here"))
                        .then(Bank.add(transaction, 2, 1))
                        .then(transaction.releaseSavepoint("here"))))
        .expectComplete()
        .verify(BOUND);
    assertThat(List.of(bank.amount(0), bank.amount(1), bank.amount(2)))
        .containsExactly(101L, 100L, 101L);
  }

  @Test
  void aRollbackToASavepointThatOneShardHasNotLeavesNothing() {
    StepVerifier.create(
            bank.router.inTransaction(
                transaction ->
                    transaction
                        .createSavepoint("here")
                        .then(Bank.add(transaction, 0, -30))
                        .then(Bank.add(transaction, 1, 30))
                        .then(
                            transaction
                                .on(bank.shard(1))
                                .sql("RELEASE SAVEPOINT here")
                                .rowsUpdated())
                        .then(transaction.rollbackToSavepoint("here").onErrorComplete())))
        .expectErrorSatisfies(
            error ->
                assertThat(error)
                    .isInstanceOf(R2dbcRollbackException.class)
                    .hasMessageContaining("rolled back, as shard_1: "))
        .verify(BOUND);
    assertThat(List.of(bank.amount(0), bank.amount(1))).containsExactly(100L, 100L);
  }

  @Test
  void eachShardHasTheIsolationLevelThatIsAskedFor() {
    StepVerifier.create(seen(IsolationLevel.READ_COMMITTED))
        .expectNext(101L, 101L, 101L)
        .expectComplete()
        .verify(BOUND);
    StepVerifier.create(seen(IsolationLevel.REPEATABLE_READ))
        .expectNext(101L, 101L, 101L)
        .expectComplete()
        .verify(BOUND);
    assertThat(bank.sum()).isEqualTo(Bank.SUM + 6);
  }

  /** The amounts as a transaction sees them behind another's change. */
  private Flux<Long> seen(IsolationLevel level) {
    return bank.router.inTransaction(
        level,
        transaction ->
            Flux.range(0, 3)
                .concatMap(
                    account ->
                        Bank.amount(transaction, account, "")
                            .flatMap(amount -> later(account, amount + 1))
                            .then(Bank.amount(transaction, account, ""))));
  }

  private Mono<Long> later(long account, long amount) {
    return bank.router
        .on(bank.shard(account))
        .sql("UPDATE accounts SET amount = ? WHERE id = ?")
        .bind(0, amount)
        .bind(1, account)
        .rowsUpdated();
  }

  @Test
  void aDeadlocksVictimLeavesNothingOnAnyShard() {
    SpanningTransaction one = begin();
    SpanningTransaction other = begin();
    // The server takes the one that has changed less for its victim.
    StepVerifier.create(
            Bank.add(one, 1, 1)
                .then(Bank.add(one, 0, 1))
                .then(Bank.add(other, 3, 1))
                .then(Bank.add(other, 6, 1))
                .then(Bank.add(other, 9, 1)))
        .expectNext(1L)
        .expectComplete()
        .verify(BOUND);
    StepVerifier.create(Flux.mergeDelayError(2, Bank.add(one, 3, 1), Bank.add(other, 0, 1)))
        .expectNext(1L)
        .expectErrorMatches(error -> error instanceof R2dbcException e && e.getErrorCode() == 1213)
        .verify(BOUND);
    StepVerifier.create(one.commit())
        .expectErrorSatisfies(
            error ->
                assertThat(error)
                    .isInstanceOf(R2dbcRollbackException.class)
                    .hasMessageContaining("rolled back, as"))
        .verify(BOUND);
    StepVerifier.create(other.commit()).expectComplete().verify(BOUND);
    assertThat(bank.sum()).isEqualTo(Bank.SUM + 4);
    assertThat(bank.amount(1)).isEqualTo(100);
  }

  private SpanningTransaction begin() {
    return TestShards.transactions(bank.router)
        .begin(IsolationLevel.REPEATABLE_READ, bank.router.timeouts());
  }

  @Test
  void aCommitRollsBackWhileAStatementIsUnderWay() {
    SpanningTransaction transaction = begin();
    StepVerifier.create(Bank.add(transaction, 0, 1).then(Bank.add(transaction, 1, 1)))
        .expectNext(1L)
        .expectComplete()
        .verify(BOUND);
    Mono<Long> forgotten =
        transaction
            .on(bank.shard(2))
            .sql("UPDATE accounts SET amount = amount + SLEEP(0.01) + 1")
            .rowsUpdated()
            .cache();
    forgotten.onErrorComplete().subscribe();
    StepVerifier.create(transaction.commit())
        .expectErrorSatisfies(
            error ->
                assertThat(error)
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageStartingWith(
                        "commit: 1 statements under way (expected: none, so wait for the end of"
                            + " each); rolled back on ["))
        .verify(BOUND);
    StepVerifier.create(forgotten.onErrorComplete().then()).expectComplete().verify(BOUND);
    assertThat(bank.sum()).isEqualTo(Bank.SUM);
    assertThat(bank.router.operations().statistics().block(BOUND))
        .allMatch(shard -> shard.pool().acquired() == 0);
  }

  @Test
  void aStatementThatCommitsByItselfIsTold() {
    StepVerifier.create(
            bank.router.inTransaction(
                transaction ->
                    transaction.on(bank.shard(0)).sql("CREATE TABLE x (id INT)").rowsUpdated()))
        .expectErrorSatisfies(
            error ->
                assertThat(error)
                    .isInstanceOf(R2dbcRollbackException.class)
                    .hasMessageContaining("none that commits"))
        .verify(BOUND);
  }

  @Test
  void aReadOnlyTransactionReadsAllShardsAndWritesNone() {
    StepVerifier.create(
            bank.router.inTransaction(
                new ReadOnly(),
                transaction ->
                    Flux.concat(
                        Bank.amount(transaction, 0, ""),
                        Bank.amount(transaction, 1, ""),
                        Bank.add(transaction, 2, 1))))
        .expectNext(100L, 100L)
        .expectErrorMatches(error -> error instanceof R2dbcException e && e.getErrorCode() == 1792)
        .verify(BOUND);
  }

  @Test
  void aSingleWriterReadsAnywhereAndWritesOneShard() {
    try (Bank single = new Bank(TransactionMode.SINGLE_WRITER)) {
      StepVerifier.create(
              single.router.inTransaction(
                  transaction ->
                      Bank.amount(transaction, 0, "")
                          .then(Bank.add(transaction, 1, 1))
                          .then(Bank.amount(transaction, 2, ""))
                          .then(Bank.add(transaction, 2, 1))))
          .expectErrorSatisfies(
              error ->
                  assertThat(error)
                      .isInstanceOf(R2dbcNonTransientResourceException.class)
                      .hasMessage(
                          "shard_2: a write in a transaction that has written shard_1 (expected:"
                              + " writes of one shard; set transactions.mode: atomic to write"
                              + " several)"))
          .verify(BOUND);
      assertThat(single.sum()).isEqualTo(Bank.SUM);
    }
  }

  @Test
  void aSingleOneHasOneShard() {
    try (Bank single = new Bank(TransactionMode.SINGLE)) {
      StepVerifier.create(
              single.router.inTransaction(
                  transaction -> Bank.add(transaction, 0, 1).then(Bank.add(transaction, 3, 1))))
          .expectNext(1L)
          .expectComplete()
          .verify(BOUND);
      StepVerifier.create(
              single.router.inTransaction(
                  transaction -> Bank.add(transaction, 0, 1).then(Bank.amount(transaction, 1, ""))))
          .expectErrorSatisfies(
              error ->
                  assertThat(error)
                      .hasMessageStartingWith("shard_1: in a transaction on [shard_0] (expected:"))
          .verify(BOUND);
      assertThat(single.amount(0)).isEqualTo(101);
    }
  }

  private long decisions(ShardId shard) {
    return Objects.requireNonNull(
        bank.router
            .on(shard)
            .sql("SELECT COUNT(*) FROM shardflux_decision")
            .map((row, metadata) -> Objects.requireNonNull(row.get(0, Long.class)))
            .one()
            .block(BOUND));
  }
}
