package io.shardflux.r2dbc.shard;

import static org.assertj.core.api.Assertions.assertThat;

import io.shardflux.r2dbc.failure.ShardErrors;
import io.shardflux.r2dbc.failure.ShardTimeoutException;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.router.ShardId;
import java.time.Duration;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.reactivestreams.Publisher;
import reactor.core.Disposable;
import reactor.core.Disposables;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Sinks;
import reactor.core.scheduler.Scheduler;
import reactor.core.scheduler.Schedulers;
import reactor.test.StepVerifier;
import reactor.test.publisher.TestPublisher;
import reactor.test.scheduler.VirtualTimeScheduler;
import reactor.util.context.Context;

class TimedFluxTests {

  private static final Duration BOUND = Duration.ofSeconds(10);
  private static final ShardId SHARD = ShardId.of("s1");
  private static final Timeouts TIMEOUTS =
      new Timeouts(
          Duration.ofSeconds(1),
          Duration.ofSeconds(2),
          Duration.ofSeconds(4),
          Duration.ofSeconds(5));
  private static final String SQL = "SELECT :id";

  private final VirtualTimeScheduler time = VirtualTimeScheduler.create();
  private final Testimony witness = new Testimony();
  private final TestPublisher<Integer> source = TestPublisher.create();

  @AfterEach
  void disposeOfTime() {
    time.dispose();
  }

  @Test
  void noRowInTimeIsLateAndCancels() {
    StepVerifier.create(timed(source))
        .then(() -> time.advanceTimeBy(Duration.ofMillis(1_999)))
        .then(source::assertNotCancelled)
        .then(() -> time.advanceTimeBy(Duration.ofMillis(1)))
        .expectErrorSatisfies(late("s1: no row within 2000 ms"))
        .verify(BOUND);
    source.assertCancelled();
  }

  @Test
  void theEndNotInTimeIsLate() {
    StepVerifier.create(timed(source))
        .then(() -> source.next(1))
        .expectNext(1)
        .then(() -> time.advanceTimeBy(Duration.ofMillis(4_999)))
        .then(() -> source.next(2))
        .expectNext(2)
        .then(() -> time.advanceTimeBy(Duration.ofMillis(1)))
        .expectErrorSatisfies(late("s1: not at the end, after 2 rows, within 5000 ms"))
        .verify(BOUND);
    source.assertCancelled();
  }

  @Test
  void aSlowConsumerIsNotALateShard() {
    StepVerifier.create(timed(source), 1)
        .then(() -> source.next(1))
        .expectNext(1)
        .then(() -> time.advanceTimeBy(Duration.ofHours(1)))
        .thenRequest(1)
        .then(() -> time.advanceTimeBy(Duration.ofSeconds(4)))
        .then(() -> source.next(2))
        .expectNext(2)
        .then(() -> time.advanceTimeBy(Duration.ofHours(1)))
        .thenRequest(1)
        .then(() -> time.advanceTimeBy(Duration.ofSeconds(1)))
        .expectErrorSatisfies(late("after 2 rows, within 5000 ms"))
        .verify(BOUND);
  }

  @Test
  void noConnectionInTimeIsLate() {
    StepVerifier.create(connecting(connected -> source, TIMEOUTS, time))
        .then(() -> time.advanceTimeBy(Duration.ofMillis(999)))
        .then(source::assertNotCancelled)
        .then(() -> time.advanceTimeBy(Duration.ofMillis(1)))
        .expectErrorSatisfies(late("s1: no connection within 1000 ms"))
        .verify(BOUND);
    source.assertCancelled();
  }

  @Test
  void noConnectionUntilTheFirstRowIsDueSaysNothingAgainstTheServer() {
    StepVerifier.create(
            connecting(connected -> source, TIMEOUTS.withFirstRow(Duration.ofMillis(500)), time))
        .then(() -> time.advanceTimeBy(Duration.ofMillis(500)))
        .expectErrorSatisfies(
            error ->
                assertThat(error)
                    .hasMessageContaining("s1: no connection within 500 ms")
                    .matches(late -> !ShardErrors.outage(late)))
        .verify(BOUND);
    source.assertCancelled();
  }

  @Test
  void aGapIsNoticedWithinAQuarterMore() {
    StepVerifier.create(timed(source, TIMEOUTS.withTotal(Duration.ofHours(1)), time))
        .then(() -> source.next(1))
        .then(() -> time.advanceTimeBy(Duration.ofMillis(3_900)))
        .then(() -> source.next(2))
        .then(() -> time.advanceTimeBy(Duration.ofMillis(3_999)))
        .then(source::assertNotCancelled)
        .then(() -> time.advanceTimeBy(Duration.ofMillis(1_001)))
        .expectNext(1, 2)
        .expectErrorSatisfies(late("s1: no further row, after 2 rows, within 4000 ms"))
        .verify(BOUND);
    source.assertCancelled();
  }

  @Test
  void rowsThatKeepComingHaveNoGap() {
    StepVerifier.create(timed(source, TIMEOUTS.withTotal(Duration.ofHours(1)), time))
        .then(
            () -> {
              for (int i = 0; i < 100; i++) {
                source.next(i);
                time.advanceTimeBy(Duration.ofMillis(3_900));
              }
            })
        .then(source::complete)
        .expectNextCount(100)
        .expectComplete()
        .verify(BOUND);
  }

  @Test
  void aSlowConsumerMakesNoGap() {
    StepVerifier.create(timed(source, TIMEOUTS, time), 1)
        .then(() -> source.next(1))
        .expectNext(1)
        .then(() -> time.advanceTimeBy(Duration.ofHours(1)))
        .thenRequest(1)
        .then(() -> time.advanceTimeBy(Duration.ofSeconds(2)))
        .then(() -> source.next(2))
        .expectNext(2)
        .thenCancel()
        .verify(BOUND);
    source.assertCancelled();
  }

  @Test
  void whatBecameOfItIsToldOnce() {
    StepVerifier.create(timed(source), 1)
        .then(() -> time.advanceTimeBy(Duration.ofMillis(300)))
        .then(() -> source.next(1))
        .expectNext(1)
        .then(() -> time.advanceTimeBy(Duration.ofSeconds(9)))
        .thenRequest(1)
        .then(() -> time.advanceTimeBy(Duration.ofMillis(200)))
        .thenCancel()
        .verify(BOUND);
    StepVerifier.create(timed(Flux.empty())).expectComplete().verify(BOUND);
    StepVerifier.create(timed(Flux.never()))
        .then(() -> time.advanceTimeBy(Duration.ofSeconds(2)))
        .expectError()
        .verify(BOUND);
    assertThat(witness.started).hasValue(3);
    assertThat(witness.ends)
        .containsExactly(
            "1 rows, first 300 ms, spent 500 ms, no error, cancelled",
            "0 rows, first 0 ms, spent 0 ms, no error",
            "0 rows, first 2000 ms, spent 2000 ms, ShardTimeoutException");
  }

  @Test
  void nothingRequestedIsNothingTimed() {
    StepVerifier.create(timed(source), 0)
        .expectSubscription()
        .then(() -> time.advanceTimeBy(Duration.ofHours(1)))
        .thenRequest(1)
        .then(() -> source.next(1).complete())
        .expectNext(1)
        .expectComplete()
        .verify(BOUND);
  }

  @Test
  void aStandingClockSetsNoAlarm() {
    StepVerifier.create(timed(source), 1)
        .then(() -> source.next(1))
        .expectNext(1)
        .then(() -> time.advanceTimeBy(Duration.ofSeconds(10)))
        .then(() -> assertThat(time.getScheduledTaskCount()).isEqualTo(1))
        .thenCancel()
        .verify(BOUND);
  }

  @Test
  void theEndStopsTheClock() {
    StepVerifier.create(timed(source))
        .then(() -> source.next(1).complete())
        .expectNext(1)
        .expectComplete()
        .verify(BOUND);
    time.advanceTimeBy(Duration.ofHours(1));
    source.assertNotCancelled();
  }

  @Test
  void anErrorPasses() {
    StepVerifier.create(timed(source))
        .then(() -> source.error(new IllegalStateException("boom")))
        .expectErrorMessage("boom")
        .verify(BOUND);
  }

  @Test
  void aCancelReachesTheSource() {
    StepVerifier.create(timed(source)).thenCancel().verify(BOUND);
    source.assertCancelled();
  }

  @Test
  void demandPassesAsItIs() {
    StepVerifier.create(timed(source), 3)
        .then(() -> source.assertMinRequested(3))
        .then(() -> source.assertMaxRequested(3))
        .thenCancel()
        .verify(BOUND);
  }

  @Test
  void rowsRacingWithTheAlarmNeverOverlapTheError() {
    for (int i = 0; i < 300; i++) {
      Sinks.Many<Integer> rows = Sinks.many().unicast().onBackpressureBuffer();
      AtomicInteger inside = new AtomicInteger();
      Flux<Integer> raced =
          timed(rows.asFlux(), Timeouts.of(Duration.ofMillis(2)), Schedulers.parallel())
              .doOnEach(
                  signal -> {
                    assertThat(inside.incrementAndGet()).isEqualTo(1);
                    inside.decrementAndGet();
                  });
      Schedulers.boundedElastic()
          .schedule(
              () -> {
                while (rows.tryEmitNext(1) == Sinks.EmitResult.OK) {
                  Thread.onSpinWait();
                }
              });
      StepVerifier.create(raced)
          .thenConsumeWhile(row -> true)
          .expectError(ShardTimeoutException.class)
          .verify(BOUND);
    }
  }

  @Test
  void anAlarmThatMeetsARowIsAlwaysTold() throws Exception {
    RingByHand timer = new RingByHand();
    ExecutorService ringing = Executors.newSingleThreadExecutor();
    try {
      for (int i = 0; i < 100_000; i++) {
        AtomicBoolean told = new AtomicBoolean();
        TestPublisher<Integer> rows =
            TestPublisher.createNoncompliant(TestPublisher.Violation.CLEANUP_ON_TERMINATE);
        timer.nanos = 0;
        timed(rows, Timeouts.of(Duration.ofMillis(1)), timer)
            .subscribe(row -> {}, error -> told.set(true));
        timer.nanos = 2_000_000;
        int later = i % 60;
        CyclicBarrier start = new CyclicBarrier(2);
        Future<?> rung =
            ringing.submit(
                () -> {
                  start.await();
                  for (int spin = 0; spin < later; spin++) {
                    Thread.onSpinWait();
                  }
                  timer.alarm.run();
                  return 0;
                });
        start.await();
        rows.next(1);
        rung.get(10, TimeUnit.SECONDS);
        assertThat(told).isTrue();
      }
    } finally {
      ringing.shutdownNow();
    }
  }

  /** A clock that stands still, and whose alarm the test rings. */
  private static final class RingByHand implements Scheduler {

    private volatile long nanos;
    private volatile Runnable alarm = () -> {};

    @Override
    public long now(TimeUnit unit) {
      return nanos;
    }

    @Override
    public Disposable schedule(Runnable task, long delay, TimeUnit unit) {
      alarm = task;
      return Disposables.disposed();
    }

    @Override
    public Disposable schedule(Runnable task) {
      throw new UnsupportedOperationException();
    }

    @Override
    public Worker createWorker() {
      throw new UnsupportedOperationException();
    }
  }

  private TimedFlux<Integer> timed(Publisher<Integer> rows) {
    return timed(rows, TIMEOUTS, time);
  }

  private TimedFlux<Integer> timed(Publisher<Integer> rows, Timeouts timeouts, Scheduler timer) {
    return connecting(
        connected -> {
          connected.run();
          return rows;
        },
        timeouts,
        timer);
  }

  private TimedFlux<Integer> connecting(
      Function<Runnable, Publisher<Integer>> rows, Timeouts timeouts, Scheduler timer) {
    return new TimedFlux<>(rows, SHARD, SQL, timeouts, timer, witness);
  }

  /** Keeps what it is told. */
  private static final class Testimony implements TimedFlux.Witness {

    private final AtomicInteger started = new AtomicInteger();
    private final Queue<String> ends = new ConcurrentLinkedQueue<>();

    @Override
    public Context started(Context context) {
      started.incrementAndGet();
      return context;
    }

    @Override
    public void ended(
        long rows, long first, long spent, @Nullable Throwable error, boolean cancelled) {
      ends.add(
          "%d rows, first %d ms, spent %d ms, %s%s"
              .formatted(
                  rows,
                  TimeUnit.NANOSECONDS.toMillis(first),
                  TimeUnit.NANOSECONDS.toMillis(spent),
                  error == null ? "no error" : error.getClass().getSimpleName(),
                  cancelled ? ", cancelled" : ""));
    }
  }

  private static Consumer<Throwable> late(String message) {
    return error ->
        assertThat(error)
            .isInstanceOf(ShardTimeoutException.class)
            .hasMessageContaining(message)
            .hasMessageContaining("in: " + SQL);
  }
}
