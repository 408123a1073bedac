package io.shardflux.benchmarks;

import java.util.Collection;
import java.util.function.ToDoubleFunction;

/** A figure of several rounds. */
record Spread(double median, double min, double max) {

  static Spread of(Collection<Figures> rounds, ToDoubleFunction<Figures> figure) {
    double[] sorted = rounds.stream().mapToDouble(figure).sorted().toArray();
    int middle = sorted.length / 2;
    double median =
        sorted.length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    return new Spread(median, sorted[0], sorted[sorted.length - 1]);
  }
}
