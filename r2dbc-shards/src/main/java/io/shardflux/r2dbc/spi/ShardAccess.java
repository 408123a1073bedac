package io.shardflux.r2dbc.spi;

import io.shardflux.r2dbc.atomic.SpanningTransactions;
import io.shardflux.r2dbc.settings.GatherOptions;
import io.shardflux.r2dbc.settings.ScatterReads;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.router.Internal;

/**
 * A router's shards, for the SQL driver, which plans statements for them by itself. Thread-safe.
 */
@Internal
public interface ShardAccess {

  /**
   * The access to a router's shards.
   *
   * @throws IllegalArgumentException if the router was not made by a builder
   */
  static ShardAccess of(Object router) {
    if (router instanceof ShardAccess own) {
      return own;
    }
    throw new IllegalArgumentException(
        "router: of " + router.getClass() + " (expected: one that ShardRouter.builder() made)");
  }

  /** The topology in force, for one statement from its planning to its last row. */
  Snapshot snapshot();

  /** The times of a statement that has none of its own. */
  Timeouts timeouts();

  /** Tells whether reads that name no key may go to several shards. */
  ScatterReads scatterReads();

  /** The transactions over shards. */
  SpanningTransactions transactions();

  /** Tells how reads are gathered; its concurrency is the number that holds. */
  GatherOptions gathers();

  /** The connections that streams leave to others, of the server that has the fewest. */
  int smallestRest();
}
