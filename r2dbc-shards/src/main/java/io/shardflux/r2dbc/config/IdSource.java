package io.shardflux.r2dbc.config;

import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.router.Internal;
import java.time.Duration;
import java.time.Instant;

/**
 * A document's description of ids: the place and the times of their nodes.
 *
 * @param server the server of the table of nodes
 * @param table its name
 * @param lease the time for which a node is leased
 * @param timeouts the times that statements are held to
 * @param createsTable whether a table that is not there is made
 */
@Internal
public record IdSource(
    Shard server, String table, Duration lease, Timeouts timeouts, boolean createsTable) {

  public static final String DEFAULT_TABLE = "shardflux_nodes";
  public static final Duration DEFAULT_LEASE = Duration.ofSeconds(30);
  public static final Duration SHORTEST_LEASE = Duration.ofSeconds(1);
  public static final Duration LONGEST_LEASE = Duration.ofHours(1);

  /** The millisecond that ids count from. */
  public static final long EPOCH = Instant.parse("2020-01-01T00:00:00Z").toEpochMilli();

  /** The bits of an id behind its milliseconds. */
  public static final int BITS = 22;

  /** A number below each id that any process gives from a time on. */
  public static long below(Instant time) {
    return (time.toEpochMilli() - EPOCH) << BITS;
  }
}
