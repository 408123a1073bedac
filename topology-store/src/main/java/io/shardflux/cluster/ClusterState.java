package io.shardflux.cluster;

import java.util.List;
import java.util.UUID;

/**
 * A cluster, as its control server has it.
 *
 * @param id the cluster's id, which every database of a shard has too
 * @param epoch the epoch of the topology that was published last
 * @param routers the routers that are registered, by host
 * @param orders the operators' orders in force, by shard
 */
public record ClusterState(
    UUID id, long epoch, List<RouterState> routers, List<ShardOrder> orders) {

  /**
   * Copies the lists.
   *
   * @param id see {@link #id()}
   * @param epoch see {@link #epoch()}
   * @param routers see {@link #routers()}
   * @param orders see {@link #orders()}
   */
  public ClusterState {
    routers = List.copyOf(routers);
    orders = List.copyOf(orders);
  }
}
