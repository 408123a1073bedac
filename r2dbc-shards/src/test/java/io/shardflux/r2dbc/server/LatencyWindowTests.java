package io.shardflux.r2dbc.server;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.LongRange;
import net.jqwik.api.constraints.NotEmpty;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;

class LatencyWindowTests {

  private static final Duration BOUND = Duration.ofSeconds(60);
  private static final long MILLI = Duration.ofMillis(1).toNanos();
  private static final long SECOND = Duration.ofSeconds(1).toNanos();

  /** About to overflow, as {@link System#nanoTime()} may be. */
  private final AtomicLong clock = new AtomicLong(Long.MAX_VALUE - 15 * SECOND);

  private final LatencyWindow window = new LatencyWindow(clock::get);

  @Test
  void isEmptyAtFirst() {
    assertThat(window.percentiles()).isEqualTo(new LatencyWindow.Percentiles(0, 0, 0, 0));
    assertThat(window.p95Nanos()).isEqualTo(-1);
  }

  @Property(tries = 300)
  void percentilesAreAsPreciseAsStated(
      @ForAll @NotEmpty @Size(max = 500) List<@LongRange(max = 3_600_000_000_000L) Long> times) {
    LatencyWindow any = new LatencyWindow(() -> 0);
    times.forEach(any::record);
    List<Long> sorted = times.stream().sorted().toList();

    LatencyWindow.Percentiles found = any.percentiles();

    assertThat(found.count()).isEqualTo(times.size());
    assertNear(found.p50Nanos(), exact(sorted, 50));
    assertNear(found.p95Nanos(), exact(sorted, 95));
    assertNear(found.p99Nanos(), exact(sorted, 99));
  }

  private static long exact(List<Long> sorted, int percent) {
    return sorted.get((sorted.size() * percent + 99) / 100 - 1);
  }

  private static void assertNear(long found, long exact) {
    assertThat(found).isBetween(exact, exact + Math.max(exact / 100, 511));
  }

  @Test
  void holdsTimesToItsRange() {
    window.record(Long.MIN_VALUE);
    assertThat(window.percentiles().p99Nanos()).isBetween(0L, 511L);
    window.record(Long.MAX_VALUE);
    assertThat(window.percentiles().count()).isEqualTo(2);
    assertNear(window.percentiles().p99Nanos(), LatencyWindow.MAX_NANOS);
  }

  @Test
  void forgetsAfterAMinuteAndNotBeforeFiftySeconds() {
    window.record(MILLI);
    pass(49);
    assertThat(window.percentiles().count()).isEqualTo(1);
    window.record(MILLI);
    assertThat(window.percentiles().count()).isEqualTo(2);
    pass(11);
    assertThat(window.percentiles().count()).isEqualTo(1);
    window.record(MILLI);
    pass(3_600);
    assertThat(window.percentiles().count()).isZero();
  }

  @Test
  void slidesOverASteadyStream() {
    for (int second = 0; second < 600; second++) {
      for (int i = 0; i < 10; i++) {
        window.record(second * MILLI);
      }
      if (second >= 60) {
        assertThat(window.percentiles().count()).isBetween(500L, 600L);
        assertThat(window.percentiles().p50Nanos() / MILLI).isBetween(second - 35L, second + 0L);
      }
      pass(1);
    }
  }

  @Test
  void knowsItsP95FromAHundredSamplesOn() {
    record(99, MILLI);
    assertThat(window.p95Nanos()).isEqualTo(-1);
    record(1, MILLI);
    pass(1);
    assertNear(window.p95Nanos(), MILLI);
    pass(61);
    assertThat(window.p95Nanos()).isEqualTo(-1);
  }

  @Test
  void reckonsItsP95OnceASecond() {
    record(100, MILLI);
    assertNear(window.p95Nanos(), MILLI);
    record(10_000, SECOND);
    assertNear(window.p95Nanos(), MILLI);
    pass(1);
    assertNear(window.p95Nanos(), SECOND);
  }

  @Test
  void losesNothingWhileSlicesTurn() {
    int writers = 8;
    long each = 100_000;
    // 40 s in all, so that everything is within the window at the end and slices turn on the way.
    long step = 40 * SECOND / (writers * each);

    Flux.range(0, writers)
        .flatMap(
            i ->
                Mono.fromRunnable(
                        () -> {
                          for (int n = 0; n < each; n++) {
                            clock.addAndGet(step);
                            window.record(MILLI);
                            if (n % 1_000 == 0) {
                              window.percentiles();
                            }
                          }
                        })
                    .subscribeOn(Schedulers.boundedElastic()),
            writers)
        .then()
        .block(BOUND);

    assertThat(window.percentiles().count()).isEqualTo(writers * each);
    assertNear(window.percentiles().p50Nanos(), MILLI);
  }

  private void record(int times, long nanos) {
    for (int i = 0; i < times; i++) {
      window.record(nanos);
    }
  }

  private void pass(long seconds) {
    clock.addAndGet(seconds * SECOND);
  }
}
