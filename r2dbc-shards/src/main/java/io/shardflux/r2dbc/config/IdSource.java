package io.shardflux.r2dbc.config;

import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.router.Internal;
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
@Internal
public record IdSource(
    Shard server, String table, Duration lease, Timeouts timeouts, boolean createsTable) {

  public static final String DEFAULT_TABLE = "shardflux_nodes";
  public static final Duration DEFAULT_LEASE = Duration.ofSeconds(30);
  public static final Duration SHORTEST_LEASE = Duration.ofSeconds(1);
  public static final Duration LONGEST_LEASE = Duration.ofHours(1);
}
