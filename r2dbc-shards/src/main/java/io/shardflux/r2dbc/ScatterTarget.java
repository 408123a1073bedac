package io.shardflux.r2dbc;

/**
 * Several shards: all, or those of a set of keys. Immutable and thread-safe; which they are is
 * asked anew with each subscription.
 */
public interface ScatterTarget {

  /**
   * A statement for each of the shards.
   *
   * @param sql one statement, its markers all {@code ?} or all {@code :name}; for a set of keys it
   *     has {@code IN (:keys)}, which becomes each shard's own keys, at most 1,000 a statement
   * @throws IllegalArgumentException if it is empty, above 1 MiB, or mixes both kinds of marker
   */
  ScatterSpec sql(String sql);
}
