package io.shardflux.reshard;

import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Mono;

/** The work of a job's owner. */
sealed interface MoveWork permits MoveJob, CopyJob {

  /** The move as its owner has it. */
  OwnedMove move();

  /**
   * Does all that is left.
   *
   * @param complete whether the old place is not kept any longer
   */
  Mono<Void> run(boolean complete);

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

  /** Has the shards know that it ends. */
  default Mono<Void> ended() {
    return move().ended();
  }

  /** Why it must be given up; null if it need not. */
  default @Nullable String gaveUp() {
    return move().onItsWay() ? move().watch().gaveUp() : null;
  }

  /** The state of the job, as one that has cancelled itself. */
  default String gaveUp(String why) {
    return move().numbered(move().state().refused(Shown.GAVE_UP + why)).text();
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
