package io.shardflux.r2dbc;

import static org.assertj.core.api.Assertions.assertThat;

import io.shardflux.router.ShardId;
import java.time.Duration;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
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

class TimedFluxTests {

  private static final Duration BOUND = Duration.ofSeconds(10);
  private static final ShardId SHARD = ShardId.of("s1");
  private static final Timeouts TIMEOUTS =
      new Timeouts(Duration.ofSeconds(2), Duration.ofSeconds(5));

  private final VirtualTimeScheduler time = VirtualTimeScheduler.create();
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
          new TimedFlux<>(
                  rows.asFlux(), SHARD, Timeouts.of(Duration.ofMillis(2)), Schedulers.parallel())
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
        new TimedFlux<>(rows, SHARD, Timeouts.of(Duration.ofNanos(1)), timer)
            .subscribe(row -> {}, error -> told.set(true));
        timer.nanos = 2;
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
    return new TimedFlux<>(rows, SHARD, TIMEOUTS, time);
  }

  private static Consumer<Throwable> late(String message) {
    return error ->
        assertThat(error).isInstanceOf(ShardTimeoutException.class).hasMessageContaining(message);
  }
}
