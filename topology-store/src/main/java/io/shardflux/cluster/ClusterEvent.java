package io.shardflux.cluster;

import java.time.Instant;

/** Something that a router of a cluster met. What changes the topology itself is no such event. */
public sealed interface ClusterEvent {

  /** {@return when it was met, by this machine's clock} */
  Instant at();

  /**
   * The control server was not read for a whole lease. Statements go on by the topology in force.
   *
   * @param at see {@link ClusterEvent#at()}
   * @param reason the last error
   */
  record ControlLost(Instant at, String reason) implements ClusterEvent {}

  /**
   * The control server was read again.
   *
   * @param at see {@link ClusterEvent#at()}
   */
  record ControlBack(Instant at) implements ClusterEvent {}

  /**
   * The control server has an epoch below the one in force for a whole lease, as after a restore of
   * an old copy. The router keeps its own topology, and routes no table whose keys move, until an
   * operator {@linkplain ClusterRouter#republish republishes}; {@link ControlBack} says so.
   *
   * @param at see {@link ClusterEvent#at()}
   * @param published the epoch that was read
   * @param inForce the epoch by which the router goes on
   */
  record ControlBehind(Instant at, long published, long inForce) implements ClusterEvent {}

  /**
   * A published topology could not be put in force. The router goes on by its own.
   *
   * @param at see {@link ClusterEvent#at()}
   * @param published the epoch that was read
   * @param reason why, such as credentials that this router does not have
   */
  record TopologyRefused(Instant at, long published, String reason) implements ClusterEvent {}
}
