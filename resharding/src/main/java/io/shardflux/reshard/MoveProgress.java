package io.shardflux.reshard;

import org.jspecify.annotations.Nullable;

/**
 * How far a move is.
 *
 * @param job its number
 * @param wanted what the operator wants of it
 * @param owner the router that does it, or did it last; empty if none has begun
 * @param running whether that router's time is not over
 * @param step the position of the step that is under way, from 0
 * @param phase what is done in it, such as {@code COPY}
 * @param rowsCopied the rows that were copied until now
 * @param ended whether it is done, or was cancelled or given up
 * @param error what it met last, or null
 */
public record MoveProgress(
    long job,
    Wanted wanted,
    String owner,
    boolean running,
    int step,
    String phase,
    long rowsCopied,
    boolean ended,
    @Nullable String error) {

  /** What an operator can want of a move. */
  public enum Wanted {
    /** It goes on. */
    RUN,
    /** It stops at the next safe place, until it shall go on. Changes are noted meanwhile. */
    PAUSE,
    /** It is undone, as long as no key has moved. */
    CANCEL
  }
}
