package io.shardflux.r2dbc.settings;

import io.shardflux.router.Internal;
import reactor.core.publisher.Mono;

/**
 * What a router knows of the topology that it shares with others. Each shard's database names its
 * cluster and its shard in {@link #IDENTITY}, and each new connection reads them before it is used.
 * Thread-safe.
 */
@Internal
public interface SharedTopology {

  /** The table of a shard's database that has its identity. */
  String IDENTITY = "shardflux_identity";

  /** The id of the cluster, which the shards' databases must have. */
  String cluster();

  /**
   * Takes the epoch that a shard's database knows, and completes when a connection to it may be
   * used. Never errors.
   */
  Mono<Void> seen(long epoch);

  /** Tells whether the epoch was read from the control server within the lease. */
  boolean confirmed();

  /**
   * Tells whether a later epoch would be known by now: it was read within the lease, from the
   * control server or from the databases of the shards.
   */
  default boolean followed() {
    return confirmed();
  }

  /**
   * Reads the epoch from the control server, and not before the call. Completes when the topology
   * of that epoch is in force; errors if the control server does not answer in time.
   */
  Mono<Void> confirm();

  /**
   * Looks for a later topology until it is {@link #followed()}, at the control server or else in
   * the databases of the shards. Never errors; the caller bounds the time.
   */
  default Mono<Void> follow() {
    return confirm();
  }
}
