package io.shardflux.reshard.watch;

import static org.assertj.core.api.Assertions.assertThat;

import io.shardflux.r2dbc.observe.ShardStatistics.Latency;
import io.shardflux.reshard.watch.Latencies.Verdict;
import io.shardflux.reshard.watch.ReplicaLags.Lag;
import io.shardflux.router.ShardId;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ThrottleTests {

  private static final Duration MAX_LAG = Duration.ofSeconds(5);
  private static final SourceLoad CALM = new SourceLoad(0, 0);
  private static final Verdict WELL = new Verdict(true, null);

  private static Throttle of(SourceLoad seen, Verdict latency, Lag... lags) {
    return Throttle.of(ShardId.of("s"), seen, List.of(lags), latency, MAX_LAG, LoadLimits.DEFAULTS);
  }

  private static Lag lag(@Nullable Integer seconds) {
    return seconds == null
        ? new Lag("h:1", null, "it does not answer")
        : new Lag("h:1", Duration.ofSeconds(seconds), "");
  }

  @Test
  void nothingHoldsUpWhereAllIsWell() {
    Throttle throttle = of(CALM, WELL, lag(5));

    assertThat(throttle.waits(true)).isFalse();
    assertThat(throttle.reason()).isNull();
    assertThat(throttle.notKnown()).isEmpty();
  }

  @ParameterizedTest
  @CsvSource({
    "0, 0, 6, lag: h:1 is 6 s behind",
    "0, 1000001, 0, history: 1000001 old versions on s are not purged",
    "50001, 0, 0, changes: 50001 on s are not applied",
    "50001, 0, 6, lag: h:1 is 6 s behind; changes: 50001 on s are not applied",
  })
  void eachMeasureHoldsUpAboveItsLimit(long changes, long history, int lag, String reason) {
    Throttle throttle = of(new SourceLoad(changes, history), WELL, lag(lag));

    assertThat(throttle.waits(false)).isTrue();
    assertThat(throttle.reason()).isEqualTo(reason);
  }

  @Test
  void whatCouldNotBeLookedAtHoldsNothingUpAndIsTold() {
    Throttle throttle = Throttle.unknown(ShardId.of("s"), new IllegalStateException("late"));

    assertThat(throttle.waits(true)).isFalse();
    assertThat(throttle.notKnown()).containsExactly("all of s: late");
  }

  @Test
  void aLatencySlowsDownAndHoldsNothingUp() {
    Throttle throttle = of(CALM, new Verdict(true, "latency: slow"));

    assertThat(throttle.waits(true)).isTrue();
    assertThat(throttle.waits(false)).isFalse();
    assertThat(throttle.reason()).isEqualTo("latency: slow");
  }

  @Test
  void whatIsNotKnownIsToldAndHoldsNothingUp() {
    Throttle throttle = of(SourceLoad.UNKNOWN, new Verdict(false, null), lag(null));

    assertThat(throttle.waits(true)).isFalse();
    assertThat(throttle.notKnown())
        .satisfiesExactly(
            lag -> assertThat(lag).isEqualTo("lag of h:1: it does not answer"),
            history -> assertThat(history).startsWith("history of s: "),
            changes -> assertThat(changes).startsWith("changes on s: "),
            latency -> assertThat(latency).startsWith("latency of s: fewer than 1000 "));
    assertThat(throttle.changes()).isZero();
  }

  /** Times in ms. */
  @ParameterizedTest
  @CsvSource({
    "1000, 100, 1000, 150, true, false",
    "1000, 100, 1000, 151, true, true",
    "1000, 2, 1000, 22, true, false",
    "1000, 2, 1000, 23, true, true",
    "999, 100, 1000, 900, false, false",
    "1000, 100, 999, 900, false, false",
  })
  void aLatencyIsComparedWithTheMinuteBefore(
      long before, int p99Before, long now, int p99, boolean known, boolean tooHigh) {
    Verdict verdict = Latencies.verdict(latency(before, p99Before), latency(now, p99));

    assertThat(verdict.known()).isEqualTo(known);
    assertThat(verdict.tooHigh())
        .isEqualTo(
            tooHigh ? "latency: p99 " + p99 + " ms, " + p99Before + " ms before the move" : null);
  }

  @Test
  void noLatencyIsKnownOfAShardThatWasNotThere() {
    assertThat(Latencies.verdict(null, latency(5_000, 1)).known()).isFalse();
  }

  private static Latency latency(long count, int p99) {
    return new Latency(count, Duration.ZERO, Duration.ZERO, Duration.ofMillis(p99));
  }
}
