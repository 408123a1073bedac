package io.shardflux.r2dbc.settings;

/**
 * Which of a shard's servers a read goes to. Writes, transactions and lent connections always go to
 * the primary.
 */
public enum ReadPreference {
  /** The primary alone; the default. */
  PRIMARY,
  /** A replica that is up and within its bound on lag, else the primary. */
  REPLICA_PREFERRED,
  /**
   * Any server, the primary too, whose round trip is at most 5 ms above the shortest; replicas as
   * with {@link #REPLICA_PREFERRED}.
   */
  NEAREST
}
