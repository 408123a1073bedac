package io.shardflux.reshard.progress;

import static org.assertj.core.api.Assertions.assertThat;

import io.shardflux.reshard.plan.MovePlan.Pair;
import io.shardflux.reshard.plan.MovePlan.Table;
import io.shardflux.reshard.progress.JobState.Phase;
import io.shardflux.reshard.progress.MoveProgress.Report;
import io.shardflux.router.ShardId;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class GatheredTests {

  private final AtomicLong clock = new AtomicLong();

  private static Share share(int steps, long rows) {
    List<Pair> pairs =
        IntStream.range(0, steps)
            .mapToObj(i -> new Pair(ShardId.of("a"), ShardId.of("b" + i), rows / steps, 0))
            .toList();
    return new Share(List.of(new Table("t", rows, 0)), pairs);
  }

  private static JobState at(int step, Phase phase) {
    JobState state = JobState.FIRST;
    for (int i = 0; i < step; i++) {
      state = state.nextStep();
    }
    return state.at(phase);
  }

  private Report report(Gathered gathered, JobState state) {
    return gathered.report(state, 0, null, List.of(), null, null);
  }

  /** Whatever is estimated, and however many rows there turn out to be. */
  @ParameterizedTest
  @CsvSource({"1, 0", "1, 100000", "3, 0", "3, 100000", "9, 500"})
  void theShareGrowsWithEachPieceUpToTheEnd(int steps, long rows) {
    Share share = share(steps, rows);
    List<Double> shares = new ArrayList<>();
    for (List<Phase> phases :
        List.of(
            List.of(Phase.PREPARE, Phase.COPY, Phase.VERIFY, Phase.SWITCH),
            List.of(Phase.HOLD),
            List.of(Phase.CLEAN))) {
      for (int step = 0; step < steps; step++) {
        for (Phase phase : phases) {
          for (long gone : new long[] {0, 1_000, 100_000, 1_000_000}) {
            shares.add(share.done(at(step, phase), gone));
          }
        }
      }
    }
    shares.add(share.done(at(steps, Phase.CLEAN), 0));

    assertThat(shares).isSorted().startsWith(0.0).endsWith(1.0);
    assertThat(shares.get(shares.size() - 2)).isGreaterThan(0.9);
  }

  @Test
  void theShareOfNoStepIsKnownToo() {
    assertThat(new Share(List.of(), List.of()).done(JobState.FIRST, 5)).isZero();
  }

  @Test
  void aRateAndTheTimeLeftAreThoseOfTheLastMinute() {
    Gathered gathered = new Gathered(share(1, 99_000), clock::get);
    JobState copying = at(0, Phase.COPY);
    assertThat(report(gathered, copying).left()).isNull();
    // Slow, for two minutes.
    for (int i = 0; i < 120; i++) {
      clock.addAndGet(Duration.ofSeconds(1).toNanos());
      gathered.rows(copying, 10);
      report(gathered, copying);
    }
    assertThat(report(gathered, copying).rowsPerSecond()).isEqualTo(10);
    for (int i = 0; i < 60; i++) {
      clock.addAndGet(Duration.ofSeconds(1).toNanos());
      gathered.rows(copying, 100);
      report(gathered, copying);
    }

    Report report = report(gathered, copying);
    assertThat(report.rowsPerSecond()).isEqualTo(100);
    // 7,200 rows of 300,000 are done, as copying, comparing and deleting count alike.
    assertThat(report.done()).isBetween(0.02, 0.03);
    assertThat(report.left()).isBetween(Duration.ofSeconds(2_700), Duration.ofSeconds(3_100));
  }

  @Test
  void nothingIsLeftToTellWhereNothingMoves() {
    Gathered gathered = new Gathered(share(1, 99_000), clock::get);
    JobState copying = at(0, Phase.COPY);
    gathered.rows(copying, 5_000);
    report(gathered, copying);
    for (int i = 0; i < 61; i++) {
      clock.addAndGet(Duration.ofSeconds(1).toNanos());
      report(gathered, copying);
    }

    assertThat(report(gathered, copying).rowsPerSecond()).isZero();
    assertThat(report(gathered, copying).left()).isNull();
  }

  @Test
  void rowsCountForTheirPhaseAlone() {
    Gathered gathered = new Gathered(share(1, 99_000), clock::get);
    gathered.rows(at(0, Phase.COPY), 1_000_000);
    double copied = report(gathered, at(0, Phase.COPY)).done();

    assertThat(report(gathered, at(0, Phase.VERIFY)).done()).isEqualTo(copied);
  }
}
