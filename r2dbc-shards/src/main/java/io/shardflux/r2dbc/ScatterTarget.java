package io.shardflux.r2dbc;

/**
 * Several shards: all, or those of a set of keys. Immutable and thread-safe. The shards are
 * determined anew with each subscription.
 */
public interface ScatterTarget {

  /**
   * {@return a statement for each of the shards}
   *
   * @param sql one statement; its markers are all {@code ?} or all {@code :name}. For a set of keys
   *     it has {@code IN (:keys)}, which becomes each shard's own keys, at most 1,000 a statement
   * @throws IllegalArgumentException if it is empty, above 1 MiB, or mixes both kinds of marker
   */
  ScatterSpec sql(String sql);
}
