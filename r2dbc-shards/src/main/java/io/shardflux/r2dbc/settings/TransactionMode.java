package io.shardflux.r2dbc.settings;

import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import reactor.util.context.Context;
import reactor.util.context.ContextView;

/** Says which shards one transaction may read and write. */
public enum TransactionMode {
  /** One shard alone, which the first statement picks. */
  SINGLE,
  /** Any shards are read. The first write picks the one shard that may be written; the default. */
  SINGLE_WRITER,
  /**
   * Any shards are read and written, and all that was written is committed or nothing is. It needs
   * the tables of {@code ShardOperations.createTransactionTables()} on each shard.
   */
  ATOMIC,
  /**
   * Any shards are read and written, and each commits by itself once all have answered. If a shard
   * is lost between two commits, the error says of each shard what became of its part.
   */
  BEST_EFFORT;

  /**
   * {@return this mode for the transactions that begin in a subscription, for {@code contextWrite}}
   * It takes precedence over the router's.
   */
  public Function<Context, Context> inContext() {
    return context -> context.put(TransactionMode.class, this);
  }

  /**
   * {@return the mode of a subscription's transactions, or null if the router's counts}
   *
   * @param context the subscription's context
   */
  public static @Nullable TransactionMode of(ContextView context) {
    return context.getOrDefault(TransactionMode.class, null);
  }
}
