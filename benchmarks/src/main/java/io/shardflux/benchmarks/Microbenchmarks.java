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
   * Runs the benchmarks in whose names a regular expression is found.
   *
   * @param forks the JVMs for each benchmark, one after the other; 0 runs it in this JVM
   * @param time the length of an iteration; as many iterations warm up as count
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
