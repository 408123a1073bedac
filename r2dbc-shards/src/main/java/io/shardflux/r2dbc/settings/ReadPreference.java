package io.shardflux.r2dbc.settings;

/**
 * The server of a shard that a read goes to. Writes, transactions and lent connections always go to
 * the primary.
 */
public enum ReadPreference {
  /** Only the primary; the default. */
  PRIMARY,
  /** A replica that is up and within its bound on lag, otherwise the primary. */
  REPLICA_PREFERRED,
  /**
   * Any server, the primary too, whose round trip is at most 5 ms above the shortest; replicas as
   * with {@link #REPLICA_PREFERRED}.
   */
  NEAREST
}
