package io.shardflux.r2dbc.ids;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.hypersistence.tsid.TSID;
import io.r2dbc.spi.R2dbcTransientResourceException;
import io.shardflux.r2dbc.failure.ShardUnavailableException;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.router.ShardId;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.test.StepVerifier;
import reactor.test.scheduler.VirtualTimeScheduler;

class ShardIdsTests {

  private static final Duration BOUND = Duration.ofSeconds(60);
  private static final Duration LEASE = Duration.ofSeconds(30);
  private static final Duration PATIENCE = Duration.ofSeconds(60);
  private static final Instant START = Instant.parse("2026-01-31T12:00:00Z");

  private final VirtualTimeScheduler time = VirtualTimeScheduler.getOrSet();
  private final Table table = new Table();
  private Duration clockError = Duration.ZERO;
  private final ShardIds ids =
      new ShardIds(
          table,
          ShardId.of("control"),
          LEASE,
          PATIENCE,
          false,
          () -> START.plusMillis(time.now(TimeUnit.MILLISECONDS)).plus(clockError),
          () -> time.now(TimeUnit.NANOSECONDS));

  @AfterEach
  void reset() {
    VirtualTimeScheduler.reset();
  }

  /** The table, in memory. */
  private static final class Table implements ShardIds.Nodes {

    final List<String> asked = new ArrayList<>();
    int free = 5;
    @Nullable String holder;
    @Nullable Throwable failure;
    Mono<Void> answer = Mono.empty();

    @Override
    public Mono<Void> create() {
      return Mono.empty();
    }

    @Override
    public Mono<Integer> take(String taker, long millis, long usedUntil) {
      return said("take " + at(millis) + " to " + at(usedUntil))
          .then(
              Mono.fromSupplier(
                  () -> {
                    holder = taker;
                    return free++;
                  }));
    }

    @Override
    public Mono<Boolean> renew(int node, String taker, long usedUntil) {
      return said("renew " + node + " to " + at(usedUntil))
          .then(Mono.fromSupplier(() -> taker.equals(holder)));
    }

    @Override
    public Mono<Void> giveBack(int node, String taker, long lastUsed) {
      return said("give back " + node + " at " + at(lastUsed));
    }

    @Override
    public Mono<Void> close() {
      return Mono.fromRunnable(() -> asked.add("close"));
    }

    private Mono<Void> said(String what) {
      return Mono.defer(
          () -> {
            asked.add(what);
            return failure == null ? answer : Mono.error(failure);
          });
    }

    private static long at(long millis) {
      return millis - START.toEpochMilli();
    }
  }

  private long next() {
    return ids.next().blockOptional(BOUND).orElseThrow();
  }

  private static int node(long id) {
    return (int) (id >>> 12) & 0x3ff;
  }

  private static long millis(long id) {
    return TSID.from(id).getUnixMilliseconds() - START.toEpochMilli();
  }

  private void expectRefusal(String message) {
    StepVerifier.create(ids.next())
        .expectErrorSatisfies(
            error -> assertThat(error).isInstanceOf(IdsRefusedException.class).hasMessage(message))
        .verify(BOUND);
  }

  @Test
  void nothingIsAskedForBeforeASubscription() {
    assertThat(ids.next()).isNotNull();
    assertThat(table.asked).isEmpty();
  }

  @Test
  void theFirstIdLeasesTheNodeAndOthersAskNothing() {
    long first = next();
    assertThat(node(first)).isEqualTo(5);
    assertThat(millis(first)).isZero();
    assertThat(next()).isEqualTo(first + 1);
    assertThat(table.asked).containsExactly("take 0 to 30000");
  }

  @Test
  void allWhoWaitShareOneLease() {
    table.answer = Mono.delay(Duration.ofSeconds(1)).then();
    StepVerifier.create(Flux.range(0, 1_000).flatMap(i -> ids.next(), 1_000).distinct().count())
        .expectSubscription()
        .then(() -> time.advanceTimeBy(Duration.ofSeconds(1)))
        .expectNext(1_000L)
        .expectComplete()
        .verify(BOUND);
    assertThat(table.asked).containsExactly("take 0 to 30000");
  }

  @Test
  void whoGivesUpWaitingEndsNoLeasing() {
    table.answer = Mono.delay(Duration.ofSeconds(1)).then();
    ids.next().subscribe().dispose();
    assertThat(table.asked).hasSize(1);
    time.advanceTimeBy(Duration.ofSeconds(1));
    assertThat(node(next())).isEqualTo(5);
    assertThat(table.asked).hasSize(1);
  }

  @Test
  void theLeaseIsRenewedAThirdOfItsTimeOnWithoutAnyIds() {
    next();
    time.advanceTimeBy(Duration.ofSeconds(30));
    assertThat(table.asked)
        .containsExactly(
            "take 0 to 30000", "renew 5 to 40000", "renew 5 to 50000", "renew 5 to 60000");
    assertThat(millis(next())).isEqualTo(30_000);
  }

  @Test
  void whereTheLeaseCantBeRenewedIdsAreRefusedFromItsEndOn() {
    next();
    table.failure = new R2dbcTransientResourceException("down");
    time.advanceTimeBy(LEASE.minusMillis(1));
    long last = next();
    assertThat(millis(last)).isEqualTo(29_999);

    time.advanceTimeBy(Duration.ofMillis(1));
    StepVerifier.create(ids.next()).expectErrorMessage("down").verify(BOUND);
    int asked = table.asked.size();
    time.advanceTimeBy(Duration.ofMinutes(5));
    assertThat(table.asked).as("tries after its end").hasSize(asked);
    StepVerifier.create(ids.next()).expectErrorMessage("down").verify(BOUND);

    table.failure = null;
    long again = next();
    assertThat(node(again)).isEqualTo(5);
    assertThat(again).isGreaterThan(last);
    time.advanceTimeBy(Duration.ofSeconds(10));
    assertThat(table.asked).last().isEqualTo("renew 5 to 370000");
  }

  @Test
  void aClockThatIsBehindForAMomentEndsNoRenewals() {
    next();
    time.advanceTimeBy(Duration.ofMillis(9_950));
    next();
    clockError = Duration.ofMillis(-100);
    time.advanceTimeBy(Duration.ofMillis(50));
    clockError = Duration.ZERO;
    time.advanceTimeBy(Duration.ofSeconds(10));
    assertThat(table.asked).containsExactly("take 0 to 30000", "renew 5 to 41000");
  }

  @Test
  void aRenewalThatFailedIsTriedAgainSoon() {
    next();
    table.failure = new R2dbcTransientResourceException("down");
    time.advanceTimeBy(Duration.ofSeconds(12));
    table.failure = null;
    time.advanceTimeBy(Duration.ofSeconds(8));
    assertThat(table.asked)
        .containsExactly(
            "take 0 to 30000",
            "renew 5 to 40000",
            "renew 5 to 41000",
            "renew 5 to 42000",
            "renew 5 to 43000");
  }

  @Test
  void aNodeLostToAnotherIsGivenUpForAnother() {
    next();
    table.holder = "another";
    time.advanceTimeBy(Duration.ofMillis(9_999));
    // Also where it was ahead of the clock.
    long before = Objects.requireNonNull(ids.next(5 * 4_096).blockLast(BOUND));
    time.advanceTimeBy(Duration.ofMillis(1));
    long after = next();
    assertThat(millis(before)).isEqualTo(10_003);
    assertThat(node(after)).isEqualTo(6);
    assertThat(millis(after)).isEqualTo(10_004);
    assertThat(table.asked)
        .containsExactly("take 0 to 30000", "renew 5 to 40000", "take 10000 to 40000");
  }

  @Test
  void aNodeLostGivesNoIdsWhileNoOtherIsHad() {
    next();
    table.holder = "another";
    AtomicReference<Duration> pause = new AtomicReference<>(Duration.ZERO);
    table.answer = Mono.defer(() -> Mono.delay(pause.getAndSet(Duration.ofHours(1)))).then();
    time.advanceTimeBy(Duration.ofSeconds(10));
    StepVerifier.create(ids.next())
        .expectSubscription()
        .then(() -> time.advanceTimeBy(PATIENCE))
        .expectErrorMessage("ids: none within PT1M (expected: fewer callers at a time)")
        .verify(BOUND);
  }

  @Test
  void aClockSetBackIsRefusedUntilItIsWhereItWas() {
    time.advanceTimeBy(Duration.ofSeconds(5));
    long last = next();
    clockError = Duration.ofSeconds(-2);
    expectRefusal(
        "clock: 2026-01-31T12:00:03Z (expected: at least 2026-01-31T12:00:05Z, which it was before;"
            + " it was set back by 2000 ms)");
    time.advanceTimeBy(Duration.ofSeconds(2));
    assertThat(next()).isEqualTo(last + 1);
  }

  @Test
  void aSmallStepBackIsGoneOver() {
    long last = next();
    clockError = Duration.ofMillis(-10);
    assertThat(next()).isEqualTo(last + 1);
  }

  @Test
  void aClockThatIsSetForwardHasTheLeaseRenewed() {
    next();
    clockError = Duration.ofHours(1);
    assertThat(millis(next())).isEqualTo(3_600_000);
    assertThat(table.asked).containsExactly("take 0 to 30000", "renew 5 to 3630000");
  }

  @Test
  void aClockOfAnotherCenturyIsRefused() {
    clockError = Duration.ofDays(-36_500);
    expectRefusal("clock: 1926-02-25T12:00:00Z (expected: from 2020 to 2089)");
    clockError = Duration.ofDays(36_500);
    expectRefusal("clock: 2126-01-07T12:00:00Z (expected: from 2020 to 2089)");
    assertThat(table.asked).isEmpty();
  }

  @Test
  void moreThanTheClockHasRoomForWaits() {
    List<Long> given = new ArrayList<>();
    ids.next(100_000).subscribe(given::add);
    assertThat(given).hasSize(11 * 4_096);
    time.advanceTimeBy(Duration.ofMillis(5));
    assertThat(given).hasSize(16 * 4_096);
    time.advanceTimeBy(Duration.ofMillis(20));
    assertThat(given).hasSize(100_000).doesNotHaveDuplicates().isSorted();
  }

  @Test
  void oneIdAtMostIsMadeBeforeItIsAskedFor() {
    StepVerifier.create(ids.next(3), 1)
        .expectNextMatches(id -> millis(id) == 0)
        .then(() -> time.advanceTimeBy(Duration.ofMillis(7)))
        .thenRequest(2)
        .expectNextMatches(id -> millis(id) == 0)
        .expectNextMatches(id -> millis(id) == 7)
        .expectComplete()
        .verify(BOUND);
  }

  @Test
  void aClockALittleBehindTheNodesIsWaitedFor() {
    table.failure = IdsRefusedException.clockBehind("behind", 1_000);
    StepVerifier.create(ids.next())
        .expectSubscription()
        .then(() -> time.advanceTimeBy(Duration.ofMillis(999)))
        .then(() -> assertThat(table.asked).hasSize(1))
        .then(() -> table.failure = null)
        .then(() -> time.advanceTimeBy(Duration.ofMillis(1)))
        .expectNextMatches(id -> millis(id) == 1_000)
        .expectComplete()
        .verify(BOUND);
    assertThat(table.asked).containsExactly("take 0 to 30000", "take 1000 to 31000");
  }

  @Test
  void aClockFarBehindTheNodesIsRefused() {
    table.failure = IdsRefusedException.clockBehind("behind", 1_001);
    expectRefusal("behind");
    assertThat(table.asked).hasSize(1);
  }

  @Test
  void closingGivesTheNodeBackAndNoMoreIds() {
    next();
    time.advanceTimeBy(Duration.ofSeconds(4));
    next();
    StepVerifier.create(ids.close()).expectComplete().verify(BOUND);
    StepVerifier.create(ids.close()).expectComplete().verify(BOUND);
    assertThat(table.asked).containsExactly("take 0 to 30000", "give back 5 at 4000", "close");
    time.advanceTimeBy(Duration.ofMinutes(5));
    StepVerifier.create(ids.next())
        .expectErrorSatisfies(
            error ->
                assertThat(error)
                    .isInstanceOf(ShardUnavailableException.class)
                    .hasMessage("control: closing (expected: a router and a shard in use)"))
        .verify(BOUND);
    assertThat(table.asked).hasSize(3);
  }

  @Test
  void whatIsBeingLeasedWhileItClosesIsGivenBack() {
    table.answer = Mono.delay(Duration.ofSeconds(1)).then();
    StepVerifier.create(ids.next())
        .expectSubscription()
        .then(() -> ids.close().subscribe())
        .then(() -> time.advanceTimeBy(Duration.ofSeconds(2)))
        .expectError(ShardUnavailableException.class)
        .verify(BOUND);
    assertThat(table.asked).containsExactly("take 0 to 30000", "give back 5 at -1", "close");
  }

  @Test
  void aServerThatFailsDoesNotStopTheClosing() {
    next();
    table.failure = new R2dbcTransientResourceException("down");
    StepVerifier.create(ids.close()).expectComplete().verify(BOUND);
    assertThat(table.asked).containsExactly("take 0 to 30000", "give back 5 at 0", "close");
  }

  @Test
  void boundsAreChecked() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> ids.next(0))
        .withMessage("count: 0 (expected: at least 1)");
    Shard server = Shard.of("control", "r2dbc:mysql://root@127.0.0.1:1/x");
    Timeouts timeouts = Timeouts.defaults();
    for (Duration lease : List.of(Duration.ofMillis(999), Duration.ofHours(1).plusMillis(1))) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> ShardIds.of(server, "nodes", lease, timeouts))
          .withMessage("lease: " + lease + " (expected: from 1 s to 1 h)");
    }
    assertThatIllegalArgumentException()
        .isThrownBy(() -> ShardIds.of(server, "a`b", LEASE, timeouts))
        .withMessage("nodes table: a`b (expected: 1 to 64 letters, digits or '_')");
  }
}
