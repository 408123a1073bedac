package io.shardflux.r2dbc.settings;

/** Says which shards one transaction may read and write. */
public enum TransactionMode {
  /** One shard alone, which is named when the transaction begins; the default. */
  SINGLE,
  /** Any shards are read. The first write picks the one shard that may be written. */
  SINGLE_WRITER,
  /**
   * Any shards are read and written, and all that was written is committed or nothing is. It needs
   * the tables of {@code ShardOperations.createTransactionTables()} on each shard.
   */
  ATOMIC
}
