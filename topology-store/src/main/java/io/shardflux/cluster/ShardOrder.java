package io.shardflux.cluster;

import io.shardflux.router.ShardId;
import java.time.Instant;

/**
 * An operator's order for a shard, which every router of the cluster obeys until it is taken back.
 *
 * @param shard the shard
 * @param kind what is ordered
 * @param madeBy the router by which it was given, as host and id
 * @param madeAt the time of that, by the control server's clock
 * @param why the reason, in the operator's words; at most 255 characters
 */
public record ShardOrder(ShardId shard, Kind kind, String madeBy, Instant madeAt, String why) {

  /** The kind of an order. */
  public enum Kind {
    /** The shard takes no new statements; see {@code ShardOperations.drain}. */
    DRAIN,
    /** The shard is taken out; see {@code ShardOperations.openBreaker}. */
    OPEN
  }
}
