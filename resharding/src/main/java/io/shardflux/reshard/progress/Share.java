package io.shardflux.reshard.progress;

import io.shardflux.reshard.plan.MovePlan.Pair;
import io.shardflux.reshard.plan.MovePlan.Table;
import io.shardflux.router.Internal;
import java.util.List;

/**
 * The share of a move that is done: each step's rows are copied and compared, and later deleted at
 * the old place, and each of these takes about as long.
 */
@Internal
public final class Share {

  /** The cost of a step without any row. */
  private static final double STEP = 1_000;

  private final double[] before;
  private final double rowsGoneThrough;

  public Share(List<Table> tables, List<Pair> pairs) {
    double rows = tables.stream().mapToLong(Table::rowsAbout).sum();
    long sources = Math.max(1, pairs.stream().map(Pair::from).distinct().count());
    this.rowsGoneThrough = Math.max(1, rows / sources);
    this.before = new double[pairs.size() + 1];
    for (int i = 0; i < pairs.size(); i++) {
      before[i + 1] = before[i] + rowsGoneThrough + STEP;
    }
  }

  /**
   * The share that is done, from 0 to 1.
   *
   * @param rows the rows that were gone through in the phase
   */
  public double done(JobState at, long rows) {
    int last = before.length - 1;
    if (last == 0) {
      return 0;
    }
    int step = Math.min(at.step(), last);
    double ofStep = before[Math.min(step + 1, last)] - before[step];
    double part = ofStep * Math.min(1, rows / rowsGoneThrough);
    double copiedBefore = 2 * before[step];
    double done =
        switch (at.phase()) {
          case PREPARE -> copiedBefore;
          case COPY -> copiedBefore + part;
          case VERIFY -> copiedBefore + ofStep + part;
          case SWITCH -> copiedBefore + 2 * ofStep;
          case HOLD -> 2 * before[last];
          case CLEAN -> 2 * before[last] + before[step] + part;
          // All is work on the way back.
          case REVERSE -> 0;
          case UNDO, STAY -> 3 * (before[step] + part);
          case REVERSED, STAYED -> 3 * before[last];
        };
    return done / (3 * before[last]);
  }
}
