package io.shardflux.reshard.progress;

import io.shardflux.reshard.progress.JobState.Phase;
import io.shardflux.reshard.progress.MoveProgress.Report;
import io.shardflux.reshard.progress.MoveProgress.Wait;
import io.shardflux.router.Internal;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/** The figures that the owner of a job gathers for its report, about each second. Thread-safe. */
@Internal
public final class Gathered {

  private static final long WINDOW = Duration.ofMinutes(1).toNanos();

  /** Below it a rate says little. */
  private static final long SHORTEST = Duration.ofSeconds(2).toNanos();

  private final Share share;
  private final LongSupplier clock;
  private final Deque<Sample> samples = new ArrayDeque<>();
  private long rows;
  private long rowsOfPhase;
  private int step = -1;
  private @Nullable Phase phase;

  private record Sample(long at, long rows, double done) {}

  /**
   * Has gathered nothing yet.
   *
   * @param clock nanoseconds since any moment, as {@link System#nanoTime()}
   */
  public Gathered(Share share, LongSupplier clock) {
    this.share = share;
    this.clock = clock;
  }

  /** Counts rows that were gone through in a phase of a step. */
  public synchronized void rows(JobState at, long more) {
    entered(at);
    rows += more;
    rowsOfPhase += more;
  }

  private void entered(JobState at) {
    if (at.step() != step || at.phase() != phase) {
      step = at.step();
      phase = at.phase();
      rowsOfPhase = 0;
    }
  }

  /** The report of this moment. */
  public synchronized Report report(
      JobState at,
      long changes,
      @Nullable String throttle,
      List<String> notKnown,
      @Nullable Wait waiting,
      @Nullable String fallsBehind) {
    entered(at);
    long now = clock.getAsLong();
    double done = share.done(at, rowsOfPhase);
    samples.addLast(new Sample(now, rows, done));
    while (now - samples.getFirst().at > WINDOW) {
      samples.removeFirst();
    }
    Sample first = samples.getFirst();
    long time = now - first.at;
    double seconds = time / 1e9;
    boolean rated = time >= SHORTEST;
    double perSecond = rated ? (done - first.done) / seconds : 0;
    return new Report(
        done,
        rated ? Math.round((rows - first.rows) / seconds) : 0,
        changes,
        perSecond > 0 ? Duration.ofSeconds(Math.round((1 - done) / perSecond)) : null,
        throttle,
        notKnown,
        waiting,
        fallsBehind);
  }
}
