package io.shardflux.r2dbc.ids;

import io.shardflux.r2dbc.config.IdSource;
import io.shardflux.router.Internal;
import java.util.concurrent.atomic.AtomicLong;

/**
 * A node that is leased for a time, and the ids that were given for it. As in a TSID, an id is the
 * milliseconds since {@link #EPOCH}, 10 bits of the node, and a number from 0 that rises within a
 * millisecond.
 *
 * <p>Thread-safe and lock-free: an id is one compare-and-set. Reads no clock.
 */
@Internal
public final class NodeLease {

  static final int NODE_BITS = 10;
  static final int COUNTER_BITS = IdSource.BITS - NODE_BITS;

  /** The epoch of TSIDs. */
  static final long EPOCH = IdSource.EPOCH;

  /** The last millisecond whose ids are positive, in the year 2089. */
  static final long END = EPOCH + (1L << 41) - 1;

  /**
   * The bound on how far ids may be ahead of the clock, by their number or after a small step of
   * the clock.
   */
  public static final long MAX_AHEAD_MILLIS = 10;

  /** Given in place of an id: the lease is over, was given back, or does not reach that far. */
  static final long OVER = -1;

  /** Given in place of an id: the ids of the clock's next milliseconds are used already. */
  static final long AHEAD = -2;

  private static final long SEALED = Long.MAX_VALUE;

  private final int node;
  private final String holder;
  // The last id's millisecond and number.
  private final AtomicLong last;
  private volatile Term term;

  /**
   * The reach of a lease.
   *
   * @param usedUntil the last millisecond that ids may have: that of the table, or less
   * @param endNanos the lease's end, of {@link System#nanoTime}
   */
  record Term(long usedUntil, long endNanos) {}

  /**
   * A lease of a node for which no process has given an id from that millisecond on.
   *
   * @param holder tells this lease from all others
   */
  NodeLease(int node, String holder, long fromMillis, Term term) {
    this.node = node;
    this.holder = holder;
    this.last = new AtomicLong((fromMillis << COUNTER_BITS) - 1);
    this.term = term;
  }

  int node() {
    return node;
  }

  String holder() {
    return holder;
  }

  /** An id above all ids given before, or {@link #OVER} or {@link #AHEAD}. */
  long draw(long millis, long nanos) {
    if (over(nanos)) {
      return OVER;
    }
    while (true) {
      long before = last.get();
      if (before == SEALED) {
        return OVER;
      }
      long next = Math.max(before + 1, millis << COUNTER_BITS);
      long time = next >>> COUNTER_BITS;
      if (time > term.usedUntil()) {
        return OVER;
      }
      if (time > millis + MAX_AHEAD_MILLIS) {
        return AHEAD;
      }
      if (last.compareAndSet(before, next)) {
        return id(time, next);
      }
    }
  }

  boolean over(long nanos) {
    return nanos - term.endNanos() >= 0;
  }

  /**
   * Takes a longer term. Its milliseconds never become fewer, because the table never goes back
   * either.
   */
  void extend(Term longer) {
    term = new Term(Math.max(term.usedUntil(), longer.usedUntil()), longer.endNanos());
  }

  /** Gives no more ids, and returns the last millisecond for which it may have given one. */
  long seal() {
    long sealed = last.getAndSet(SEALED);
    return sealed >>> COUNTER_BITS;
  }

  private long id(long time, long next) {
    long counter = next & ((1 << COUNTER_BITS) - 1);
    return (time - EPOCH) << (NODE_BITS + COUNTER_BITS) | (long) node << COUNTER_BITS | counter;
  }
}
