package io.shardflux.r2dbc.atomic;

import static io.shardflux.r2dbc.atomic.Bank.BOUND;
import static org.assertj.core.api.Assertions.assertThat;

import io.r2dbc.spi.IsolationLevel;
import io.shardflux.r2dbc.Await;
import io.shardflux.r2dbc.Relay;
import io.shardflux.r2dbc.atomic.Protocol.Point;
import io.shardflux.r2dbc.failure.TransactionInDoubtException;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.r2dbc.settings.TransactionMode;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import reactor.core.Disposable;
import reactor.core.Disposables;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;
import reactor.test.StepVerifier;

/** A commit whose connections break between two of its steps, or under one. */
class CommitFailuresIntegrationTests {

  private static final IsolationLevel LEVEL = IsolationLevel.READ_COMMITTED;
  private static final Duration TIME = Duration.ofSeconds(2);
  private static final Duration SILENCE = Duration.ofMillis(500);

  /** How a connection breaks. */
  enum Way {
    /** What comes next fails at once, unsent. */
    RESET,
    /** The router is told that no answer will come. */
    HALF_CLOSE,
    /** What comes next is done, and its answer is lost. */
    ANSWER_LOST,
    /** What comes next is lost, and nobody is told. */
    SILENT
  }

  private final Bank bank = new Bank();
  private final List<Relay> relays = bank.shards.stream().map(Relay::to).toList();

  private final Disposable.Composite later = Disposables.composite();

  @AfterEach
  void close() {
    later.dispose();
    bank.close();
    relays.forEach(Relay::close);
  }

  static Stream<Arguments> breaks() {
    return Stream.of(Point.BEGUN, Point.PREPARED, Point.DECIDED)
        .flatMap(
            point ->
                Stream.of(Way.values())
                    .flatMap(way -> Stream.of(0, 1).map(shard -> Arguments.of(point, way, shard))));
  }

  @ParameterizedTest
  @MethodSource("breaks")
  void whatIsToldIsWhatIsStored(Point point, Way way, int shard) {
    SpanningTransactions transactions = relayed(at(point, broken(relays.get(shard), way)));
    Boolean told = transfer(transactions).block(BOUND);
    bank.recovered(bank.transactions(Protocol.WHOLE));
    assertThat(List.of(bank.amount(0), bank.amount(1)))
        .as("told " + told)
        .isEqualTo(Boolean.TRUE.equals(told) ? List.of(70L, 130L) : List.of(100L, 100L));
    if (point == Point.DECIDED) {
      assertThat(told).isTrue();
    }
    transactions.close();
  }

  /** The lead is asked for the outcome until it answers, here too late. */
  @Test
  void aLeadThatStaysSilentLeavesItInDoubtUntilItAnswers() {
    Relay lead = relays.get(0);
    SpanningTransactions transactions = relayed(at(Point.PREPARED, Mono.fromRunnable(lead::drop)));
    List<String> names = new ArrayList<>();
    StepVerifier.create(
            both(transactions)
                .doOnError(TransactionInDoubtException.class, e -> names.add(e.transaction())))
        .expectNext(1L)
        .expectErrorSatisfies(
            error ->
                assertThat(error)
                    .isInstanceOf(TransactionInDoubtException.class)
                    .hasMessageMatching(
                        "shard_0: no answer within 2000 ms, transaction sf1:\\S+ is in doubt"
                            + " \\(expected: .*"))
        .verify(BOUND);
    assertThat(
            Objects.requireNonNull(bank.router.operations().inDoubt().block(BOUND)).transactions())
        .singleElement()
        .satisfies(
            doubt -> {
              assertThat(doubt.transaction()).isEqualTo(names.get(0));
              assertThat(doubt.lead()).isEqualTo(bank.shard(0));
              assertThat(doubt.shards()).containsExactly(bank.shard(1));
            });
    bank.recovered(bank.transactions(Protocol.WHOLE));
    assertThat(bank.router.operations().outcome(names.get(0)).block(BOUND))
        .isEqualTo(TransactionOutcome.ROLLED_BACK);
    assertThat(List.of(bank.amount(0), bank.amount(1))).containsExactly(100L, 100L);
  }

  @Test
  void aCancelBeforeTheDecisionRollsBackAndOneBehindItDoesNot() {
    for (Point point : List.of(Point.PREPARED, Point.DECIDED)) {
      AtomicBoolean there = new AtomicBoolean();
      SpanningTransactions transactions =
          bank.transactions(
              at(
                  point,
                  Mono.<Void>fromRunnable(() -> there.set(true))
                      .then(Mono.delay(Duration.ofMillis(200)).then())));
      var running = transfer(transactions).subscribe();
      Await.until("at its point", Mono.fromSupplier(there::get), arrived -> arrived);
      running.dispose();
      Await.until(
          "its end",
          Mono.fromSupplier(
              () -> transactions.counts().committed() + transactions.counts().rolledBack()),
          ended -> ended > 0);
      Await.until(
          "no branch",
          Mono.fromCallable(bank::branches).subscribeOn(Schedulers.boundedElastic()),
          List::isEmpty);
      assertThat(transactions.counts().committed()).isEqualTo(point == Point.DECIDED ? 1 : 0);
      assertThat(bank.amount(1)).isEqualTo(point == Point.DECIDED ? 130 : 100);
    }
  }

  /** The answer that tells of it comes when the driver's view of the session was looked at. */
  @ParameterizedTest
  @ValueSource(ints = {0, 1})
  void aLeadWhosePartIsGoneUnseenCommitsNothing(int other) {
    Relay lead = relays.get(0);
    SpanningTransaction transaction = relayed(Protocol.WHOLE).begin(LEVEL, Timeouts.of(BOUND));
    StepVerifier.create(
            Bank.add(transaction, 0, -30)
                .then(other == 0 ? Mono.just(0L) : Bank.add(transaction, other, 30))
                .then(Mono.fromRunnable(() -> lead.delay(SILENCE.dividedBy(2))))
                .then(
                    transaction
                        .on(bank.shard(0))
                        .sql("ROLLBACK")
                        .rowsUpdated()
                        .timeout(SILENCE.multipliedBy(2).dividedBy(3), Mono.empty()))
                .then(transaction.commit()))
        .expectError()
        .verify(BOUND);
    lead.pass();
    bank.recovered(bank.transactions(Protocol.WHOLE));
    assertThat(List.of(bank.amount(0), bank.amount(1))).containsExactly(100L, 100L);
  }

  /** As by a topology that is taken over meanwhile. */
  @Test
  void aLeadThatIsForgottenUnderTheCommitDecidesAllTheSame() {
    AtomicReference<SpanningTransactions> own = new AtomicReference<>();
    SpanningTransactions transactions =
        bank.transactions(
            at(
                Point.PREPARED,
                Mono.fromRunnable(
                    () -> Objects.requireNonNull(own.get()).tables().keep(List.of()))));
    own.set(transactions);
    StepVerifier.create(both(transactions)).expectNext(1L).expectComplete().verify(BOUND);
    assertThat(List.of(bank.amount(0), bank.amount(1))).containsExactly(70L, 130L);
  }

  /** No connection of it is left, by which MariaDB would keep the part from recovery. */
  @Test
  void anErrorThatNobodyForesawLeavesThePartsToRecovery() {
    SpanningTransactions transactions =
        bank.transactions(at(Point.DECIDED, Mono.error(new IllegalStateException("unforeseen"))));
    StepVerifier.create(both(transactions))
        .expectNext(1L)
        .expectErrorMessage("unforeseen")
        .verify(BOUND);
    bank.recovered(bank.transactions(Protocol.WHOLE));
    assertThat(List.of(bank.amount(0), bank.amount(1))).containsExactly(70L, 130L);
  }

  @Test
  void aCancelBeforeTheOnlyWriterCommitsRollsBack() {
    SpanningTransactions transactions = relayed(Protocol.WHOLE);
    SpanningTransaction transaction = transactions.begin(LEVEL, Timeouts.of(BOUND));
    StepVerifier.create(
            Bank.add(transaction, 0, -30)
                .then(Bank.amount(transaction, 1, " FOR UPDATE"))
                .then(Mono.fromRunnable(() -> relays.get(1).delay(SILENCE.dividedBy(2))))
                .then(transaction.commit().timeout(SILENCE.dividedBy(5), Mono.empty())))
        .expectComplete()
        .verify(BOUND);
    Await.until(
        "rolled back",
        Mono.fromSupplier(() -> transactions.counts().rolledBack()),
        count -> count == 1);
    assertThat(bank.amount(0)).isEqualTo(100);
  }

  private static Protocol at(Point wanted, Mono<Void> doing) {
    return new Protocol() {
      @Override
      Mono<Void> past(Point point, String transaction) {
        return point == wanted ? doing : Mono.empty();
      }
    };
  }

  private Mono<Void> broken(Relay relay, Way way) {
    return switch (way) {
      case RESET ->
          Mono.fromRunnable(
              () -> {
                relay.reset();
                relay.pass();
              });
      case HALF_CLOSE ->
          Mono.fromRunnable(
              () -> {
                relay.halfClose();
                after(relay);
              });
      case ANSWER_LOST ->
          Mono.fromRunnable(
              () -> {
                relay.delay(SILENCE.multipliedBy(2).dividedBy(3));
                after(relay);
              });
      case SILENT ->
          Mono.fromRunnable(
              () -> {
                relay.drop();
                after(relay);
              });
    };
  }

  private void after(Relay relay) {
    later.add(
        Mono.delay(SILENCE, Schedulers.boundedElastic())
            .subscribe(
                tick -> {
                  relay.reset();
                  relay.pass();
                }));
  }

  private SpanningTransactions relayed(Protocol protocol) {
    List<Shard> over = new ArrayList<>();
    for (int i = 0; i < relays.size(); i++) {
      over.add(relays.get(i).instead(bank.shards.get(i)));
    }
    return bank.transactions(
        protocol, Bank.builder(over, TransactionMode.ATOMIC).timeouts(Timeouts.of(TIME)));
  }

  private static Flux<Long> both(SpanningTransactions transactions) {
    return transactions.run(
        LEVEL, transaction -> Bank.add(transaction, 0, -30).then(Bank.add(transaction, 1, 30)));
  }

  /** A transfer of 30; whether it was told to be committed. */
  private static Mono<Boolean> transfer(SpanningTransactions transactions) {
    return both(transactions).then(Mono.just(true)).onErrorReturn(false);
  }
}
