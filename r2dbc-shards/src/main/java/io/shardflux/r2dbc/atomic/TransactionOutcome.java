package io.shardflux.r2dbc.atomic;

/** The outcome of a transaction over shards. */
public enum TransactionOutcome {
  /** All that it wrote is committed, or will be on each shard that answers again. */
  COMMITTED,
  /** Nothing of it is stored. */
  ROLLED_BACK
}
