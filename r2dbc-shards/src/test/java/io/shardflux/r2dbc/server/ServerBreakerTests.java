package io.shardflux.r2dbc.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.shardflux.r2dbc.settings.BreakerOptions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import reactor.core.publisher.Mono;
import reactor.test.scheduler.VirtualTimeScheduler;

class ServerBreakerTests {

  private static final BreakerOptions BOUNDS =
      new BreakerOptions(10, 4, 50, Duration.ofMillis(100));
  private final Exception late = new IllegalStateException("late");

  private final VirtualTimeScheduler time = VirtualTimeScheduler.getOrSet();
  private final AtomicInteger probes = new AtomicInteger();
  private final List<String> changes = new ArrayList<>();
  private Supplier<Mono<Boolean>> server = () -> Mono.error(late);
  private final ServerBreaker breaker =
      new ServerBreaker(
          "s1",
          BOUNDS,
          Mono.defer(
              () -> {
                probes.incrementAndGet();
                return server.get();
              }),
          Mono.never(),
          changes::add);

  @AfterEach
  void reset() {
    breaker.dispose();
    VirtualTimeScheduler.reset();
  }

  @Test
  void opensAtItsShareOfFailures() {
    succeed(2);
    fail(1);
    assertThat(breaker.closed()).isTrue();
    assertThat(breaker.failing()).isFalse();
    fail(1);
    assertThat(breaker.closed()).isFalse();
    assertThat(breaker.state()).isEqualTo("OPEN");
    assertThat(breaker.cause()).isSameAs(late);
    assertThat(changes).containsExactly("down: " + late);
  }

  @Test
  void isFailingAtHalfOfThat() {
    succeed(6);
    fail(2);
    assertThat(breaker.closed()).isTrue();
    assertThat(breaker.failing()).isTrue();
  }

  @Test
  void tooFewFailuresOpenNothing() {
    fail(3);
    assertThat(breaker.closed()).isTrue();
    assertThat(breaker.failureRate()).isEqualTo(-1);
  }

  @Test
  void closesWithTheFirstProbeThatGetsThroughAndForgets() {
    breaker.trip(late);
    time.advanceTimeBy(Duration.ofMillis(350));
    assertThat(probes).hasValue(3);
    assertThat(breaker.closed()).isFalse();
    server = () -> Mono.just(true);
    time.advanceTimeBy(Duration.ofMillis(100));
    assertThat(breaker.closed()).isTrue();
    assertThat(changes).containsExactly("down: " + late, "up again");
    fail(3);
    assertThat(breaker.closed()).isTrue();
    int made = probes.get();
    time.advanceTimeBy(Duration.ofMinutes(1));
    assertThat(probes).hasValue(made);
  }

  @Test
  void aProbeThatIsStuckHoldsUpNoOther() {
    server = Mono::never;
    breaker.trip(late);
    time.advanceTimeBy(Duration.ofMillis(900));
    assertThat(probes).hasValue(1);
    server = () -> Mono.just(true);
    time.advanceTimeBy(Duration.ofMillis(300));
    assertThat(breaker.closed()).isTrue();
  }

  @Test
  void aRelapseIsWaitedForLongerEachTimeUpToABound() {
    server = () -> Mono.just(true);
    List<Long> waits = new ArrayList<>();
    for (int i = 0; i < 7; i++) {
      breaker.trip(late);
      long millis = 0;
      while (!breaker.closed()) {
        time.advanceTimeBy(Duration.ofMillis(100));
        millis += 100;
      }
      waits.add(millis);
    }
    assertThat(waits).containsExactly(100L, 200L, 400L, 800L, 1_600L, 2_000L, 2_000L);
  }

  @Test
  void oneThatIsForcedOpenStaysSo() {
    server = () -> Mono.just(true);
    breaker.force();
    time.advanceTimeBy(Duration.ofMinutes(1));
    assertThat(breaker.state()).isEqualTo("FORCED_OPEN");
    assertThat(probes).hasValue(0);
    assertThat(breaker.cause()).isNull();
    breaker.close();
    assertThat(breaker.closed()).isTrue();
    assertThat(changes).containsExactly("opened by hand", "up again");
  }

  @Test
  void forcingEndsTheProbing() {
    breaker.trip(late);
    breaker.force();
    time.advanceTimeBy(Duration.ofMinutes(1));
    assertThat(probes).hasValue(0);
  }

  @Test
  void probesNoMoreOnceDisposedOf() {
    breaker.trip(late);
    breaker.dispose();
    time.advanceTimeBy(Duration.ofMinutes(1));
    assertThat(probes).hasValue(0);
  }

  private void succeed(int times) {
    for (int i = 0; i < times; i++) {
      breaker.succeeded();
    }
  }

  private void fail(int times) {
    for (int i = 0; i < times; i++) {
      breaker.failed(late);
    }
  }
}
