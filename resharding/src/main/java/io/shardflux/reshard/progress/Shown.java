package io.shardflux.reshard.progress;

import io.shardflux.cluster.Jobs.Job;
import io.shardflux.reshard.plan.MovePlan.Pair;
import io.shardflux.reshard.progress.MoveProgress.Report;
import io.shardflux.reshard.progress.MoveProgress.Wait;
import io.shardflux.reshard.progress.MoveProgress.Wanted;
import io.shardflux.router.Internal;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** Shows a job as it stands in the control tables. */
@Internal
public final class Shown {

  /** The beginning of the text by which a job says that it has cancelled itself. */
  public static final String GAVE_UP = "cancelled: ";

  /** The same of its way back. */
  public static final String GAVE_UP_RETURN = "the way back was given up: ";

  private Shown() {}

  public static MoveProgress of(Job job) {
    return of(job, Instant.now());
  }

  public static MoveProgress of(Job job, Instant now) {
    JobState state = JobState.parse(job.state());
    JobPlan plan = plan(job);
    List<Pair> pairs = plan == null ? List.of() : plan.pairs();
    Pair pair = state.step() < pairs.size() ? pairs.get(state.step()) : null;
    boolean running = job.owned() && !job.ended();
    Report told = ReportText.parse(job.report());
    return new MoveProgress(
        job.id(),
        plan == null ? "" : plan.strategy(),
        Wanted.valueOf(job.wanted().toUpperCase(Locale.ROOT)),
        job.owner(),
        running,
        state.step(),
        pairs.size(),
        pair == null ? "" : state.source().orElse(pair.from()).value(),
        pair == null ? "" : pair.to().value(),
        state.phase().name(),
        state.rows(),
        pairs.stream().mapToLong(Pair::rowsAbout).sum(),
        !job.ended()
            && (job.error() != null
                || told.fallsBehind() != null
                || overdue(told.waiting(), plan, now)),
        running ? told : Report.of(finished(job, state) ? 1 : told.done()),
        until(state),
        job.ended(),
        job.error() == null ? said(job, state) : job.error());
  }

  /** The text of a job that has something to say though it met no error. */
  private static @Nullable String said(Job job, JobState state) {
    boolean says =
        state.phase() == JobState.Phase.STAYED
            || state.refused().startsWith(GAVE_UP)
            || state.refused().startsWith(GAVE_UP_RETURN)
            || (!job.ended() && (job.wanted().equals("run") || job.wanted().equals("pause")));
    return says && !state.refused().isEmpty() ? state.refused() : null;
  }

  private static boolean finished(Job job, JobState state) {
    return job.ended() && job.error() == null && state.phase() == JobState.Phase.CLEAN;
  }

  private static @Nullable Instant until(JobState state) {
    return state.phase() == JobState.Phase.HOLD ? Instant.ofEpochMilli(state.until()) : null;
  }

  /** A plan of another version is told by whoever would do it. */
  public static @Nullable JobPlan plan(Job job) {
    try {
      return JobPlan.parse(job.plan());
    } catch (IllegalArgumentException e) {
      return null;
    }
  }

  private static boolean overdue(@Nullable Wait waiting, @Nullable JobPlan plan, Instant now) {
    return waiting != null
        && plan != null
        && Duration.between(waiting.since(), now).compareTo(plan.options().patience()) > 0;
  }
}
