package io.shardflux.r2dbc.atomic;

import static io.shardflux.r2dbc.atomic.Bank.BOUND;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.r2dbc.spi.IsolationLevel;
import io.r2dbc.spi.R2dbcRollbackException;
import io.shardflux.r2dbc.Relay;
import io.shardflux.r2dbc.TestShards;
import io.shardflux.r2dbc.atomic.Protocol.Point;
import io.shardflux.r2dbc.settings.ReadConsistency;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.r2dbc.settings.TransactionMode;
import io.shardflux.servers.TestServers;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.test.StepVerifier;

/** Transactions whose router was lost, and routers that end them. */
class RecoveryIntegrationTests {

  private static final int RACES = Integer.getInteger("transactions.races", 6);

  private final Bank bank = new Bank();
  private final List<Relay> relays = bank.shards.stream().map(Relay::to).toList();

  private final List<Stopped> stopped = new ArrayList<>();

  @AfterEach
  void close() {
    stopped.forEach(each -> each.on.tryEmitEmpty());
    bank.close();
    relays.forEach(Relay::close);
  }

  /** The guards of the protocol; a run without one of them must fail the same check. */
  enum Guard {
    ALL,
    NO_DECISION,
    NO_INSERT,
    COMMITS_FIRST
  }

  /** A transfer whose router is lost between two steps, or loses its branch's connection there. */
  private final class Stopped extends Protocol {

    private final Guard missing;
    private final Point where;
    private final Sinks.Empty<Void> there = Sinks.empty();
    private final Sinks.Empty<Void> on = Sinks.empty();

    Stopped(Guard missing, Point where) {
      this.missing = missing;
      this.where = where;
      stopped.add(this);
    }

    @Override
    Mono<Void> past(Point point, String transaction) {
      if (point != where) {
        return Mono.empty();
      }
      there.tryEmitEmpty();
      return on.asMono();
    }

    @Override
    boolean writesDecision() {
      return missing != Guard.NO_DECISION;
    }

    @Override
    boolean recoversByDecision() {
      return missing != Guard.NO_INSERT;
    }

    @Override
    boolean decidesFirst() {
      return missing != Guard.COMMITS_FIRST;
    }
  }

  private Mono<Long> transfer(SpanningTransactions transactions) {
    return transactions
        .run(
            IsolationLevel.READ_COMMITTED,
            transaction -> Bank.add(transaction, 0, -30).then(Bank.add(transaction, 1, 30)))
        .single();
  }

  private SpanningTransactions relayed(Protocol protocol) {
    List<Shard> over = new ArrayList<>();
    for (int i = 0; i < relays.size(); i++) {
      over.add(relays.get(i).instead(bank.shards.get(i)));
    }
    return bank.transactions(protocol, Bank.builder(over, TransactionMode.ATOMIC));
  }

  /** Runs a transfer until it stands still, and cuts all its connections, or its branch's alone. */
  private void stop(Stopped protocol, boolean lead) {
    transfer(relayed(protocol)).subscribe(done -> {}, error -> {});
    protocol.there.asMono().block(BOUND);
    (lead ? relays : relays.subList(1, 2))
        .forEach(
            relay -> {
              relay.reset();
              relay.pass();
            });
  }

  @ParameterizedTest
  @EnumSource(Guard.class)
  void aLostRouterLeavesAllOrNothing(Guard missing) {
    Point where =
        switch (missing) {
          case ALL, NO_DECISION -> Point.DECIDED;
          case NO_INSERT, COMMITS_FIRST -> Point.PREPARED;
        };
    Stopped protocol = new Stopped(missing, where);
    stop(protocol, missing != Guard.NO_INSERT);
    if (missing == Guard.COMMITS_FIRST) {
      // Its branch is committed, and the lead that would decide so is gone.
      protocol.on.tryEmitError(new IllegalStateException("lost"));
    }
    bank.recovered(bank.transactions(protocol));
    protocol.on.tryEmitEmpty();
    assertThat(settled()).isEqualTo(missing == Guard.ALL);
  }

  /** A snapshot has all of what was decided, and nothing of what was not. */
  @ParameterizedTest
  @EnumSource(
      value = Point.class,
      names = {"PREPARED", "DECIDED"})
  void aSnapshotBehindALostRouterHasAllOrNothing(Point where) {
    stop(new Stopped(Guard.ALL, where), true);
    List<Long> amounts =
        bank.router
            .inTransaction(
                transaction ->
                    Bank.amount(transaction, 0, "").concatWith(Bank.amount(transaction, 1, "")))
            .contextWrite(ReadConsistency.SNAPSHOT.inContext())
            .collectList()
            .block(BOUND);
    assertThat(amounts)
        .isEqualTo(where == Point.DECIDED ? List.of(70L, 130L) : List.of(100L, 100L));
    bank.recovered(bank.transactions(Protocol.WHOLE));
  }

  @Test
  void whatIsNotDecidedIsRolledBack() {
    Stopped protocol = new Stopped(Guard.ALL, Point.PREPARED);
    stop(protocol, true);
    assertThat(bank.branches()).isNotEmpty();
    bank.recovered(bank.transactions(Protocol.WHOLE));
    assertThat(List.of(bank.amount(0), bank.amount(1))).containsExactly(100L, 100L);
    assertThat(bank.decisions(0)).isOne();
  }

  /** Tells whether the sum becomes what it was, and stays so. */
  private boolean settled() {
    for (int i = 0; i < 5; i++) {
      if (bank.sum() != Bank.SUM) {
        return false;
      }
      Mono.delay(Duration.ofMillis(100)).block(BOUND);
    }
    return true;
  }

  @Test
  void aRouterThatStoodStillIsRefusedOnceOthersHaveRolledBack() {
    Stopped protocol = new Stopped(Guard.ALL, Point.PREPARED);
    SpanningTransactions stopped = bank.transactions(protocol);
    Mono<Long> transfer = transfer(stopped).cache();
    transfer.subscribe(done -> {}, error -> {});
    protocol.there.asMono().block(BOUND);
    SpanningTransactions one = bank.transactions(Protocol.WHOLE);
    SpanningTransactions other = bank.transactions(Protocol.WHOLE);
    Mono.when(one.recovery().look(), other.recovery().look()).block(BOUND);
    assertThat(bank.decisions(0)).isZero();
    Mono.when(one.recovery().look(), other.recovery().look()).block(BOUND);
    assertThat(bank.decisions(0)).isOne();
    protocol.on.tryEmitEmpty();
    StepVerifier.create(transfer)
        .expectErrorSatisfies(
            error ->
                assertThat(error)
                    .isInstanceOf(R2dbcRollbackException.class)
                    .hasMessageContaining("rolled back by a router that took it for abandoned"))
        .verify(BOUND);
    assertThat(List.of(bank.amount(0), bank.amount(1))).containsExactly(100L, 100L);
    assertThat(bank.branches()).isEmpty();
  }

  /** Two that recover at once, while the transaction's own router decides. */
  @Test
  void allComeToOneOutcome() {
    SpanningTransactions one = bank.transactions(Protocol.WHOLE);
    SpanningTransactions other = bank.transactions(Protocol.WHOLE);
    long committed = 0;
    for (int i = 0; i < RACES; i++) {
      Stopped protocol = new Stopped(Guard.ALL, Point.PREPARED);
      Mono<Boolean> told =
          transfer(bank.transactions(protocol)).thenReturn(true).onErrorReturn(false).cache();
      told.subscribe();
      protocol.there.asMono().block(BOUND);
      Mono.when(one.recovery().look(), other.recovery().look()).block(BOUND);
      Mono.when(
              one.recovery().look(),
              other.recovery().look(),
              Mono.fromRunnable(protocol.on::tryEmitEmpty))
          .block(BOUND);
      committed += Boolean.TRUE.equals(told.block(BOUND)) ? 1 : 0;
      bank.recovered(one);
      assertThat(List.of(bank.amount(0), bank.amount(1)))
          .containsExactly(100 - 30 * committed, 100 + 30 * committed);
    }
    assertThat(bank.decisions(0) + bank.decisions(1)).isEqualTo(RACES);
  }

  @Test
  void branchesOfOthersAreLeftAlone() {
    Shard shard = bank.shards.get(0);
    Bank others = new Bank(TestShards.fresh(TestServers.shared()), TransactionMode.ATOMIC);
    Bank.run(
            shard,
            "XA START 'mine','branch',7;UPDATE accounts SET amount = amount WHERE id = 3;XA END"
                + " 'mine','branch',7;XA PREPARE 'mine','branch',7")
        .block(BOUND);
    try {
      Stopped protocol = new Stopped(Guard.ALL, Point.PREPARED);
      stop(protocol, true);
      SpanningTransactions foreign = others.transactions(Protocol.WHOLE);
      foreign.recovery().look().block(BOUND);
      foreign.recovery().look().block(BOUND);
      assertThat(foreign.recovery().inDoubt().block(BOUND))
          .isEqualTo(new TransactionsInDoubt(List.of(), Map.of()));
      assertThat(bank.branches()).hasSize(1);
      bank.recovered(bank.transactions(Protocol.WHOLE));
      Bank.run(shard, "XA ROLLBACK 'mine','branch',7").block(BOUND);
    } finally {
      others.close();
    }
  }

  @Test
  void aBranchWhoseLeadIsGoneIsEndedByHand() {
    SpanningTransactions recoverer = bank.transactions(Protocol.WHOLE);
    recoverer.recovery().look().block(BOUND);
    stop(new Stopped(Guard.ALL, Point.DECIDED), true);
    // The lead's tables are made anew, as another database would have them.
    Bank.run(bank.shards.get(0), "UPDATE shardflux_barrier SET place = UUID()").block(BOUND);
    recoverer.recovery().look().block(BOUND);
    recoverer.recovery().look().block(BOUND);
    List<InDoubt> doubts =
        Objects.requireNonNull(recoverer.recovery().inDoubt().block(BOUND)).transactions();
    assertThat(doubts)
        .singleElement()
        .satisfies(
            doubt -> {
              assertThat(doubt.lead()).isNull();
              assertThat(doubt.state()).isEqualTo(InDoubt.State.LEAD_UNKNOWN);
              assertThat(doubt.shards()).containsExactly(bank.shard(1));
            });
    String name = doubts.get(0).transaction();
    assertThat(catchThrowable(() -> recoverer.recovery().outcome(name).block(BOUND)))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("its lead is none of the shards that answer");
    assertThat(recoverer.recovery().resolve(name, TransactionOutcome.COMMITTED).block(BOUND))
        .isEqualTo(TransactionOutcome.COMMITTED);
    assertThat(List.of(bank.amount(0), bank.amount(1))).containsExactly(70L, 130L);
    assertThat(bank.branches()).isEmpty();
  }

  @Test
  void oldDecisionsAreDeletedOnceNobodyNeedsThem() {
    SpanningTransactions transactions = bank.transactions(Protocol.WHOLE);
    Flux.range(0, 3).concatMap(i -> transfer(transactions)).blockLast(BOUND);
    stop(new Stopped(Guard.ALL, Point.DECIDED), true);
    assertThat(bank.decisions(1)).isEqualTo(4);
    SpanningTransactions recoverer = bank.transactions(Protocol.WHOLE);
    recoverer.recovery().look().block(BOUND);
    assertThat(bank.decisions(1)).isEqualTo(4);
    Bank.run(
            bank.shards.get(0),
            "UPDATE shardflux_decision SET decided_at = UTC_TIMESTAMP(6) - INTERVAL 61 MINUTE")
        .block(BOUND);
    // One is needed still at this look.
    Recovery another = bank.transactions(Protocol.WHOLE).recovery();
    another.look().block(BOUND);
    assertThat(bank.decisions(1)).isEqualTo(1);
    bank.recovered(recoverer);
    another.look().block(BOUND);
    assertThat(bank.decisions(1)).isZero();
    assertThat(List.of(bank.amount(0), bank.amount(1))).containsExactly(-20L, 220L);
  }

  /** Those that name a shard which is gone stand before the others. */
  @Test
  void decisionsThatMustStayDoNotKeepThoseBehindThem() {
    int staying = Decisions.BATCH + 200;
    int going = 2 * Decisions.BATCH;
    Shard lead = bank.shards.get(0);
    Bank.run(
            lead,
            IntStream.range(0, staying + going)
                .mapToObj(
                    i ->
                        "('sf1:%016d:%06d', 1, 1, '%s', '2001-01-01 00:00:00.000001')"
                            .formatted(0, i, i < staying ? "gone" : bank.shard(1)))
                .collect(Collectors.joining(",", "INSERT INTO shardflux_decision VALUES ", "")))
        .block(BOUND);
    Bank.run(lead, "UPDATE shardflux_decision SET decided_at = UTC_TIMESTAMP(6) - INTERVAL 2 HOUR")
        .block(BOUND);
    Recovery recovery = bank.transactions(Protocol.WHOLE).recovery();
    recovery.look().block(BOUND);
    assertThat(bank.decisions(1)).isEqualTo(staying);
    Bank.run(lead, "UPDATE shardflux_decision SET decided_at = UTC_TIMESTAMP(6) - INTERVAL 8 DAY")
        .block(BOUND);
    recovery.look().block(BOUND);
    assertThat(bank.decisions(1)).isZero();
  }

  @Test
  void aShardWhoseDecisionsAreNeededIsNotRemoved() {
    SpanningTransactions transactions = TestShards.transactions(bank.router);
    transfer(transactions).block(BOUND);
    assertThat(
            catchThrowable(() -> bank.router.operations().removeShard(bank.shard(0)).block(BOUND)))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageStartingWith(
            "shard_0: has 1 decisions of transactions over shards and 0 prepared parts of such"
                + " (expected: none; drain the shard,");
  }
}
