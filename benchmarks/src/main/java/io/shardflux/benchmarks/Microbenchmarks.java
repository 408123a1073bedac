package io.shardflux.benchmarks;

import java.util.Collection;
import java.util.List;
import java.util.Objects;
import org.openjdk.jmh.profile.GCProfiler;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;
import org.openjdk.jmh.runner.options.VerboseMode;

/** Runs JMH. */
final class Microbenchmarks {

  private static final String BYTES = "gc.alloc.rate.norm";

  private Microbenchmarks() {}

  /**
   * Runs those that a regular expression is found in.
   *
   * @param forks JVMs for each, one after the other; 0 is in this one
   * @param time of each iteration, of which there are rounds to warm up and as many that count
   */
  static List<Lookup> run(String which, int forks, int rounds, TimeValue time) {
    try {
      return measure(
          new OptionsBuilder()
              .include(which)
              .forks(forks)
              .warmupIterations(rounds)
              .warmupTime(time)
              .measurementIterations(rounds)
              .measurementTime(time)
              .addProfiler(GCProfiler.class)
              .verbosity(VerboseMode.SILENT)
              .shouldFailOnError(true)
              .build());
    } catch (RunnerException e) {
      throw new IllegalStateException("JMH: " + e.getMessage(), e);
    }
  }

  private static List<Lookup> measure(org.openjdk.jmh.runner.options.Options options)
      throws RunnerException {
    Collection<RunResult> results = new Runner(options).run();
    return results.stream().map(Microbenchmarks::lookup).toList();
  }

  private static Lookup lookup(RunResult run) {
    return new Lookup(
        run.getPrimaryResult().getLabel(),
        run.getPrimaryResult().getScore(),
        run.getPrimaryResult().getScoreError(),
        Objects.requireNonNull(run.getSecondaryResults().get(BYTES)).getScore());
  }
}
