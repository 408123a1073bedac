package io.shardflux.reshard.job;

import io.shardflux.reshard.progress.JobState;
import io.shardflux.reshard.progress.JobState.Phase;
import io.shardflux.reshard.progress.MoveProgress;
import io.shardflux.reshard.progress.MoveProgress.Wanted;
import io.shardflux.reshard.progress.ReportText;
import io.shardflux.reshard.progress.Shown;
import io.shardflux.router.Internal;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Mono;

/** The work of a job's owner. */
@Internal
public sealed interface MoveWork permits MoveJob, CopyJob {

  /** The move as its owner has it. */
  OwnedMove move();

  /**
   * Does all that is left.
   *
   * @param wanted what is wanted of it, and is no way back
   */
  Mono<Void> run(Wanted wanted);

  /**
   * Takes all back, from wherever it is.
   *
   * @param moved whether keys may have moved
   * @return why nothing is taken back; empty if all is
   */
  Mono<String> undone(boolean moved);

  /**
   * Ends it where it is: each key stays where it lies.
   *
   * @return why that is refused; empty if it ended
   */
  Mono<String> stayed();

  /**
   * Keeps the job from going on, unless writers wait for the end of a switch at this moment.
   *
   * @return whether it may be given up now
   */
  boolean stopped();

  /** Leaves nothing in the way of writers, before nobody does the job for a while. */
  Mono<Void> rested();

  /**
   * What is wanted of a job that can't keep up, in place of what was.
   *
   * @param text what the job says of it from then on
   */
  record GivenUp(Wanted wanted, String text) {}

  /**
   * What becomes of it where changes come faster than they are applied; null if they do not.
   *
   * @param back whether it goes back
   */
  default @Nullable GivenUp givenUp(Wanted wanted, boolean back) {
    if (!move().onItsWay()) {
      return null;
    }
    String why = back ? null : move().watch().gaveUp();
    if (why != null) {
      return new GivenUp(Wanted.CANCEL, Shown.GAVE_UP + why);
    }
    Wanted end = back ? Wanted.STAY : Wanted.COMPLETE;
    String late = wanted == end || (back && !move().isAt(Phase.REVERSE)) ? null : returnGivenUp();
    return late == null ? null : new GivenUp(end, Shown.GAVE_UP_RETURN + late);
  }

  private @Nullable String returnGivenUp() {
    return move().watch().gaveUpReturn();
  }

  /** Has its report be taken whenever it gets on. */
  default void noted(Consumer<String> told) {
    move().noted(() -> told.accept(ReportText.of(report())));
  }

  /** The state of the job. */
  default JobState state() {
    return move().state();
  }

  /** The owner's view of the job at this moment. */
  default MoveProgress.Report report() {
    return move().watch().report();
  }
}
