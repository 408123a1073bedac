package io.shardflux.reshard.progress;

import io.shardflux.cluster.Jobs.Job;
import io.shardflux.reshard.progress.JobState.Phase;
import io.shardflux.reshard.progress.MoveProgress.Wanted;
import io.shardflux.router.Internal;
import java.util.Locale;

/** Decides where a job goes, by what is wanted of it and how far it is. */
@Internal
public final class Course {

  private Course() {}

  public static Wanted wanted(Job job) {
    return Wanted.valueOf(job.wanted().toUpperCase(Locale.ROOT));
  }

  public static String text(Wanted wanted) {
    return wanted.name().toLowerCase(Locale.ROOT);
  }

  /** Once a job goes back it goes all the way. */
  public static boolean goesBack(Job job) {
    Wanted wanted = wanted(job);
    return wanted == Wanted.REVERSE
        || wanted == Wanted.CANCEL
        || wanted == Wanted.STAY
        || phase(job).compareTo(Phase.REVERSE) >= 0;
  }

  /** Once keys stay for good they do, and those that are all back have nothing else to do. */
  public static boolean stays(Job job) {
    Phase phase = phase(job);
    return phase.compareTo(Phase.STAY) >= 0
        || (wanted(job) == Wanted.STAY && phase.compareTo(Phase.UNDO) < 0);
  }

  private static Phase phase(Job job) {
    return JobState.parse(job.state()).phase();
  }

  /** The job as far as its owner knows that it is. */
  public static Job at(Job job, JobState state, String report) {
    return new Job(
        job.id(),
        job.kind(),
        job.wanted(),
        job.plan(),
        state.text(),
        job.owner(),
        job.owned(),
        job.ended(),
        job.error(),
        report);
  }
}
