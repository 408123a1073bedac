package io.shardflux.reshard.progress;

import io.shardflux.reshard.progress.MoveProgress.Wait;
import io.shardflux.router.ShardId;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * Something that became of a move, as a router of its cluster saw it: at once where it does the
 * move, and otherwise about a second later. A phase that is over before that is not told there.
 */
public sealed interface MoveEvent {

  /** {@return when it was seen, by this machine's clock} */
  Instant at();

  /** {@return the number of the move's job} */
  long job();

  /**
   * A move is under way that this router had not seen before.
   *
   * @param at see {@link MoveEvent#at()}
   * @param job see {@link MoveEvent#job()}
   * @param strategy the name of the strategy whose keys move
   * @param steps how many steps there are
   */
  record Started(Instant at, long job, String strategy, int steps) implements MoveEvent {}

  /**
   * A phase begins.
   *
   * @param at see {@link MoveEvent#at()}
   * @param job see {@link MoveEvent#job()}
   * @param step the position of the step that is under way, from 0
   * @param phase what is done in it, such as {@code COPY}
   */
  record PhaseBegan(Instant at, long job, int step, String phase) implements MoveEvent {}

  /**
   * A phase is over; the next one begins, or the move ends.
   *
   * @param at see {@link MoveEvent#at()}
   * @param job see {@link MoveEvent#job()}
   * @param step the position of the step that was under way, from 0
   * @param phase what was done in it
   */
  record PhaseEnded(Instant at, long job, int step, String phase) implements MoveEvent {}

  /**
   * The keys of a step have another place.
   *
   * @param at see {@link MoveEvent#at()}
   * @param job see {@link MoveEvent#job()}
   * @param from the shard that they left
   * @param to the shard that has them now
   * @param back whether they went back
   */
  record Switched(Instant at, long job, ShardId from, ShardId to, boolean back)
      implements MoveEvent {}

  /**
   * Open transactions hold a switch up. It is told once for each switch.
   *
   * @param at see {@link MoveEvent#at()}
   * @param job see {@link MoveEvent#job()}
   * @param waiting on what it waits, and for whom
   */
  record HeldUp(Instant at, long job, Wait waiting) implements MoveEvent {}

  /**
   * The move can't go on, as {@link MoveProgress#stuck()} says. It is told once for each error,
   * until the move gets on.
   *
   * @param at see {@link MoveEvent#at()}
   * @param job see {@link MoveEvent#job()}
   * @param reason why
   */
  record Stuck(Instant at, long job, String reason) implements MoveEvent {}

  /**
   * The move is over.
   *
   * @param at see {@link MoveEvent#at()}
   * @param job see {@link MoveEvent#job()}
   * @param phase {@code CLEAN} if all keys have moved, {@code REVERSED} if all are where they were,
   *     {@code STAYED} if each stays where it was
   * @param error what it says at its end, as {@link MoveProgress#error()}
   */
  record Ended(Instant at, long job, String phase, @Nullable String error) implements MoveEvent {}
}
