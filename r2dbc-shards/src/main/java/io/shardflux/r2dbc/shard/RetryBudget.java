package io.shardflux.r2dbc.shard;

import java.util.concurrent.atomic.AtomicLong;

/**
 * The number of second attempts that a shard's reads may make: one for every ten first attempts, so
 * that a shard in trouble gets at most 10 % more than it is asked for. The budget starts empty and
 * holds at most {@link #CAPACITY} attempts, so that a quiet hour does not pay for a storm.
 *
 * <p>A token bucket filled by the requests themselves, after Finagle's {@code RetryBudget}. Counts
 * in tenths, so nothing is lost to rounding. Lock-free; allocates nothing.
 */
final class RetryBudget {

  /** Second attempts it holds at most. */
  static final int CAPACITY = 100;

  private static final int ATTEMPT = 10;
  private static final int FULL = CAPACITY * ATTEMPT;

  private final AtomicLong tenths = new AtomicLong();

  /** Called for each first attempt. */
  void deposit() {
    long held = tenths.get();
    while (held < FULL && !tenths.compareAndSet(held, held + 1)) {
      held = tenths.get();
    }
  }

  /** Tells whether a second attempt may be made; if so, it is taken off. */
  boolean withdraw() {
    long held = tenths.get();
    while (held >= ATTEMPT && !tenths.compareAndSet(held, held - ATTEMPT)) {
      held = tenths.get();
    }
    return held >= ATTEMPT;
  }
}
