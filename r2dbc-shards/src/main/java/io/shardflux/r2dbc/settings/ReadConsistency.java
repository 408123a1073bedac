package io.shardflux.r2dbc.settings;

import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import reactor.util.context.Context;
import reactor.util.context.ContextView;

/** Says how the rows of several shards belong together that are read at once. */
public enum ReadConsistency {
  /** Each shard's rows are of an instant of their own; the default. */
  EACH_SHARD,
  /**
   * All shards' rows are as of one instant: of each transaction of mode {@link
   * TransactionMode#ATOMIC} over several shards all is seen, or nothing. It needs the tables of
   * {@code ShardOperations.createTransactionTables()} on each shard, and an answer of all shards.
   */
  SNAPSHOT;

  /**
   * {@return this consistency for the transactions that begin in a subscription, and for the
   * driver's statements outside of transactions, for {@code contextWrite}} A transaction of {@link
   * #SNAPSHOT} only reads. Its shards' views are opened with its first statement, at REPEATABLE
   * READ, over a connection of each shard. Another read of several shards, as by {@code onAll()},
   * is refused with {@link IllegalStateException} under {@link #SNAPSHOT}.
   */
  public Function<Context, Context> inContext() {
    return context -> context.put(ReadConsistency.class, this);
  }

  /**
   * {@return the consistency that a subscription asks for, or null if it asks for none}
   *
   * @param context the subscription's context
   */
  public static @Nullable ReadConsistency of(ContextView context) {
    return context.getOrDefault(ReadConsistency.class, null);
  }
}
