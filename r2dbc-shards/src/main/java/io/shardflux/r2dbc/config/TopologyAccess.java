package io.shardflux.r2dbc.config;

import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.router.Internal;
import io.shardflux.router.ShardId;
import io.shardflux.router.Topology;
import java.util.List;
import reactor.core.publisher.Mono;

/** A router's topology, for whoever shares one between routers. Thread-safe. */
@Internal
public interface TopologyAccess {

  /**
   * The access to a router's topology.
   *
   * @throws IllegalArgumentException if the router was not made by a builder
   */
  static TopologyAccess of(Object router) {
    if (router instanceof TopologyAccess own) {
      return own;
    }
    throw new IllegalArgumentException(
        "router: of " + router.getClass() + " (expected: one that ShardRouter.builder() made)");
  }

  /**
   * Puts a topology in force that was made elsewhere, if its epoch is a later one. Shards that stay
   * as they are keep their connections; the others' are closed once their statements have ended.
   *
   * @param shards the servers of the topology's shards
   * @return whether it was put in force
   */
  Mono<Boolean> swap(Topology topology, List<Shard> shards);

  /**
   * Completes if transactions over shards need nothing of a shard; errors with {@link
   * IllegalStateException} while they may.
   */
  Mono<Void> needless(ShardId shard);
}
