package io.shardflux.reshard.progress;

import io.shardflux.reshard.plan.MoveOptions;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The state of a move: where it is, what was last told of it, and whether it has ended.
 *
 * @param job its number
 * @param strategy the name of the strategy whose keys move; empty if this router can't read the
 *     plan
 * @param wanted what the operator wants of it
 * @param owner the router that does it, or did it last; empty if none has begun
 * @param running whether that router's time is not over
 * @param step the position of the step that is under way, from 0
 * @param steps how many steps there are
 * @param from the shard that keys leave in the step; empty behind the last one
 * @param to the shard that they go to; empty behind the last one
 * @param phase what is done in it, such as {@code COPY}
 * @param rowsCopied the rows that were copied until now
 * @param rowsAbout about how many rows will be copied in all, as the plan estimated
 * @param stuck whether it can't go on: it has met an error, it falls behind the changes, or open
 *     transactions have held up a switch for longer than {@link MoveOptions#patience()}
 * @param report what its owner told of it last, each second; with nothing in it but {@link
 *     Report#done()} while nobody does it
 * @param reversibleUntil when the old place begins to be deleted, while the move holds; otherwise
 *     null
 * @param ended whether it is done, or was cancelled, reversed or given up
 * @param error what it met last, or why what was wanted last was refused; where keys are, if it was
 *     ended by {@link Wanted#STAY}; why it has cancelled itself; otherwise null
 */
public record MoveProgress(
    long job,
    String strategy,
    Wanted wanted,
    String owner,
    boolean running,
    int step,
    int steps,
    String from,
    String to,
    String phase,
    long rowsCopied,
    long rowsAbout,
    boolean stuck,
    Report report,
    @Nullable Instant reversibleUntil,
    boolean ended,
    @Nullable String error) {

  /**
   * The view that the owner of a move has of it.
   *
   * @param done the share of all work that is done, from 0 to 1, about
   * @param rowsPerSecond the rows that were copied, compared or deleted in a second, over the last
   *     minute
   * @param changesWaiting about how many changes of moving rows wait to be applied
   * @param left about how long it still takes at the pace of the last minute, or null if that is
   *     not known
   * @param throttledBy why the copying is held up or slowed down, or null
   * @param notKnown what would hold the copying up and could not be looked at, each with the reason
   * @param waiting what a switch waits for, or null
   * @param fallsBehind since when changes of moving rows come faster than they are applied, and how
   *     many wait, or null
   */
  public record Report(
      double done,
      long rowsPerSecond,
      long changesWaiting,
      @Nullable Duration left,
      @Nullable String throttledBy,
      List<String> notKnown,
      @Nullable Wait waiting,
      @Nullable String fallsBehind) {

    /** Nothing else is known. */
    static Report of(double done) {
      return new Report(done, 0, 0, null, null, List.of(), null, null);
    }

    /**
     * Copies the list.
     *
     * @param done see {@link #done()}
     * @param rowsPerSecond see {@link #rowsPerSecond()}
     * @param changesWaiting see {@link #changesWaiting()}
     * @param left see {@link #left()}
     * @param throttledBy see {@link #throttledBy()}
     * @param notKnown see {@link #notKnown()}
     * @param waiting see {@link #waiting()}
     * @param fallsBehind see {@link #fallsBehind()}
     */
    public Report {
      notKnown = List.copyOf(notKnown);
    }
  }

  /**
   * A wait of a switch for open transactions.
   *
   * @param since when it was tried first
   * @param on what it waits for
   * @param holders the oldest of the transactions that may be in its way, at most 5; empty if the
   *     account may not see them
   */
  public record Wait(Instant since, String on, List<Holder> holders) {

    /**
     * Copies the list.
     *
     * @param since see {@link #since()}
     * @param on see {@link #on()}
     * @param holders see {@link #holders()}
     */
    public Wait {
      holders = List.copyOf(holders);
    }
  }

  /**
   * A client that has a transaction open.
   *
   * @param connection the connection's id on the source's server; 0 for a prepared XA transaction
   * @param user its account's user
   * @param host the client's host and port
   * @param age since when the transaction is open
   */
  public record Holder(long connection, String user, String host, Duration age) {

    @Override
    public String toString() {
      return "connection "
          + connection
          + " of "
          + user
          + " at "
          + host
          + ", open for "
          + age.toSeconds()
          + " s";
    }
  }

  /** A wish that an operator can have of a move. */
  public enum Wanted {
    /** It goes on. */
    RUN,
    /**
     * It goes on, and keys move as soon as they can, in this step and in those behind it; see
     * {@link io.shardflux.reshard.plan.MoveOptions#switchesWhenTold()}.
     */
    SWITCH,
    /** It stops at the next safe place, until it shall go on. Changes are noted meanwhile. */
    PAUSE,
    /** It is undone, as long as no key has moved. */
    CANCEL,
    /** It is undone, and keys that have moved go back, until the old place is cleaned. */
    REVERSE,
    /** It goes on, and keeps the old place no longer than it takes. */
    COMPLETE,
    /**
     * It ends where it is, until the old place is cleaned: each key stays where it lies at this
     * moment, and what stands of it elsewhere is deleted.
     */
    STAY
  }
}
