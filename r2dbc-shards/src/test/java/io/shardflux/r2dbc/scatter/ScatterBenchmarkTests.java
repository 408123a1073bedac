package io.shardflux.r2dbc.scatter;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Collection;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.openjdk.jmh.profile.GCProfiler;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;
import org.openjdk.jmh.runner.options.VerboseMode;

/** Runs the benchmark, for a moment each; {@code -Dscatter.millis=2000} measures. */
class ScatterBenchmarkTests {

  private static final long MILLIS = Long.getLong("scatter.millis", 20);

  @Test
  void eachWayIsMeasuredForEachNumberOfShards() throws RunnerException {
    Collection<RunResult> results =
        new Runner(
                new OptionsBuilder()
                    .include(ScatterBenchmark.class.getName())
                    .forks(0)
                    .warmupIterations(1)
                    .warmupTime(TimeValue.milliseconds(MILLIS))
                    .measurementIterations(1)
                    .measurementTime(TimeValue.milliseconds(MILLIS))
                    .addProfiler(GCProfiler.class)
                    .verbosity(VerboseMode.SILENT)
                    .shouldFailOnError(true)
                    .build())
            .run();
    assertThat(results).hasSize(6).allMatch(run -> run.getPrimaryResult().getScore() > 0);
    results.forEach(run -> System.out.println(line(run)));
  }

  private static String line(RunResult run) {
    return "%s, %s shards: %.1f ns, %.1f bytes a row"
        .formatted(
            run.getPrimaryResult().getLabel(),
            run.getParams().getParam("shards"),
            run.getPrimaryResult().getScore(),
            Objects.requireNonNull(run.getSecondaryResults().get("gc.alloc.rate.norm")).getScore());
  }
}
