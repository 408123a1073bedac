package io.shardflux.r2dbc.atomic;

import io.shardflux.router.Internal;
import java.util.concurrent.atomic.LongAdder;

/** The numbers of transactions over shards, since the router was made. Thread-safe. */
@Internal
public final class TransactionCounts {

  private final LongAdder committed = new LongAdder();
  private final LongAdder rolledBack = new LongAdder();
  private final LongAdder recovered = new LongAdder();
  private volatile int inDoubt;

  void ended(TransactionOutcome outcome) {
    (outcome == TransactionOutcome.COMMITTED ? committed : rolledBack).increment();
  }

  void branchRecovered() {
    recovered.increment();
  }

  void inDoubt(int count) {
    inDoubt = count;
  }

  /** Commits of several shards together. */
  public long committed() {
    return committed.sum();
  }

  /** Commits that failed, and left nothing. */
  public long rolledBack() {
    return rolledBack.sum();
  }

  /** Branches of other routers that this one brought to their end. */
  public long recovered() {
    return recovered.sum();
  }

  /** Transactions in doubt at the last look. */
  public int inDoubt() {
    return inDoubt;
  }
}
