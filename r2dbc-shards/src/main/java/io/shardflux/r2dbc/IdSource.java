package io.shardflux.r2dbc;

import java.time.Duration;

/**
 * What a document says of ids: where their nodes are leased, and how.
 *
 * @param server where the table of nodes is
 * @param table its name
 * @param lease for how long a node is leased
 * @param timeouts what statements are held to
 * @param createsTable whether the table is made where it is not there
 */
record IdSource(
    Shard server, String table, Duration lease, Timeouts timeouts, boolean createsTable) {

  static final String DEFAULT_TABLE = "shardflux_nodes";
  static final Duration DEFAULT_LEASE = Duration.ofSeconds(30);
  static final Duration SHORTEST_LEASE = Duration.ofSeconds(1);
  static final Duration LONGEST_LEASE = Duration.ofHours(1);
}
