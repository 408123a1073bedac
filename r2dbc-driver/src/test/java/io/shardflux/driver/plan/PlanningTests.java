package io.shardflux.driver.plan;

import static io.shardflux.driver.DriverShards.BOUND;
import static org.assertj.core.api.Assertions.assertThat;

import io.r2dbc.spi.R2dbcTimeoutException;
import io.r2dbc.spi.R2dbcTransientResourceException;
import java.time.Duration;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import reactor.core.Disposable;
import reactor.core.Disposables;
import reactor.core.publisher.Mono;
import reactor.test.StepVerifier;

/** The threads that analyse texts. */
class PlanningTests {

  private final CountDownLatch begun = new CountDownLatch(1);
  private final CountDownLatch never = new CountDownLatch(1);
  private final CountDownLatch interrupted = new CountDownLatch(1);

  private String endless() {
    begun.countDown();
    try {
      return "over: " + never.await(BOUND.toSeconds(), TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      interrupted.countDown();
      throw new CancellationException("given up");
    }
  }

  @Test
  void workThatIsLateIsInterruptedAndTold() throws InterruptedException {
    StepVerifier.create(Planning.run(this::endless, Duration.ofMillis(200), "SELECT 1"))
        .expectErrorSatisfies(
            error ->
                assertThat(error)
                    .isInstanceOf(R2dbcTimeoutException.class)
                    .hasMessageStartingWith("planning: not done within 200 ms (expected: "))
        .verify(BOUND);
    assertThat(begun.getCount() == 1 || interrupted.await(BOUND.toSeconds(), TimeUnit.SECONDS))
        .as("never begun, or interrupted")
        .isTrue();
  }

  @Test
  void workThatNobodyWaitsForIsInterrupted() throws InterruptedException {
    Disposable work = Planning.run(this::endless, BOUND, "SELECT 1").subscribe();
    assertThat(begun.await(BOUND.toSeconds(), TimeUnit.SECONDS)).isTrue();
    work.dispose();
    assertThat(interrupted.await(BOUND.toSeconds(), TimeUnit.SECONDS)).isTrue();
    assertThat(Planning.run(() -> "free", BOUND, "SELECT 1").block(BOUND)).isEqualTo("free");
  }

  @Test
  void tooManyThatWaitAreRefusedAndTheOthersAnswered() {
    int most = Planning.THREADS * Planning.MOST_WAITING;
    AtomicInteger done = new AtomicInteger();
    Disposable.Composite waiting = Disposables.composite();
    try (BusyPlanning busy = new BusyPlanning()) {
      Mono<Integer> counted = Planning.run(done::incrementAndGet, BOUND, "SELECT 1");
      for (int i = 0; i < most; i++) {
        waiting.add(counted.subscribe());
      }
      StepVerifier.create(counted)
          .expectErrorSatisfies(
              error ->
                  assertThat(error)
                      .isInstanceOf(R2dbcTransientResourceException.class)
                      .hasMessageStartingWith("planning: more than " + most + " statements"))
          .verify(BOUND);
      assertThat(busy.over()).isFalse();
    }
    assertThat(
            Mono.fromSupplier(done::get)
                .filter(all -> all == most)
                .repeatWhenEmpty(tries -> tries.delayElements(Duration.ofMillis(20)))
                .block(BOUND))
        .isEqualTo(most);
    waiting.dispose();
  }
}
