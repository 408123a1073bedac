package io.shardflux.r2dbc.atomic;

import io.shardflux.router.Internal;
import java.time.Duration;
import java.util.concurrent.atomic.LongAdder;

/** The numbers of transactions over shards, since the router was made. Thread-safe. */
@Internal
public final class TransactionCounts {

  private final LongAdder committed = new LongAdder();
  private final LongAdder rolledBack = new LongAdder();
  private final LongAdder inPart = new LongAdder();
  private final LongAdder recovered = new LongAdder();
  private volatile int inDoubt;
  private volatile Duration oldest = Duration.ZERO;

  void ended(TransactionOutcome outcome) {
    (outcome == TransactionOutcome.COMMITTED ? committed : rolledBack).increment();
  }

  void branchRecovered() {
    recovered.increment();
  }

  void inDoubt(int count, long oldestNanos) {
    inDoubt = count;
    oldest = Duration.ofNanos(oldestNanos);
  }

  void endedInPart() {
    inPart.increment();
  }

  /** Commits of several shards together. */
  public long committed() {
    return committed.sum();
  }

  /** Commits that failed, and left nothing. */
  public long rolledBack() {
    return rolledBack.sum();
  }

  /** Commits without a decision that not all shards are known to have. */
  public long inPart() {
    return inPart.sum();
  }

  /** Branches of other routers that this one brought to their end. */
  public long recovered() {
    return recovered.sum();
  }

  /** Transactions in doubt at the last look. */
  public int inDoubt() {
    return inDoubt;
  }

  /** The time for which the oldest of them was seen. */
  public Duration oldest() {
    return oldest;
  }
}
