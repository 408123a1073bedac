package io.shardflux.reshard.progress;

import io.shardflux.cluster.Jobs.Job;
import io.shardflux.router.Internal;
import java.time.Duration;

/**
 * The last failure of a job here, which keeps it from being tried again at once. The pause doubles
 * while the job fails by the same message, and ends where something else is wanted of the job.
 *
 * @param times how often the job failed so, one after the other
 * @param until the end of the pause, of {@link System#nanoTime}
 */
@Internal
public record Failure(long job, String wanted, String message, int times, long until) {

  private static final Duration FIRST = Duration.ofSeconds(1);
  private static final int DOUBLINGS = 6;

  public static final Failure NONE = new Failure(-1, "", "", 0, 0);

  public Failure with(Job failed, String why) {
    boolean same = failed.id() == job && failed.wanted().equals(wanted) && why.equals(message);
    int again = same ? times + 1 : 1;
    Duration pause = FIRST.multipliedBy(1L << Math.min(again - 1, DOUBLINGS));
    return new Failure(
        failed.id(), failed.wanted(), why, again, System.nanoTime() + pause.toNanos());
  }

  public boolean keepsFrom(Job other) {
    return other.id() == job && other.wanted().equals(wanted) && System.nanoTime() - until < 0;
  }
}
