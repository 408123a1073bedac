package io.shardflux.benchmarks;

import io.shardflux.benchmarks.Report.Ratio;
import java.util.List;

/** The figures of a scenario that runs in this process, and the ratios of one run. */
record Measured(List<OneFigure> figures, List<Ratio> ratios) {

  static final Measured NOTHING = new Measured(List.of(), List.of());

  /**
   * A figure.
   *
   * @param what of what it is a figure
   * @param unit of the value
   */
  record OneFigure(String what, double value, String unit) {}

  Measured {
    figures = List.copyOf(figures);
    ratios = List.copyOf(ratios);
  }
}
