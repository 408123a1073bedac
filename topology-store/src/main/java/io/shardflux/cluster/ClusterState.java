package io.shardflux.cluster;

import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * A cluster, as its control server has it.
 *
 * @param id the cluster's id, which every database of a shard has too
 * @param name the cluster's name for people, as this router's document has it; null if it has none
 * @param epoch the epoch of the topology that was published last
 * @param routers the routers that are registered, by host
 * @param orders the operators' orders in force, by shard
 */
public record ClusterState(
    UUID id,
    @Nullable String name,
    long epoch,
    List<RouterState> routers,
    List<ShardOrder> orders) {

  /**
   * Copies the lists.
   *
   * @param id see {@link #id()}
   * @param name see {@link #name()}
   * @param epoch see {@link #epoch()}
   * @param routers see {@link #routers()}
   * @param orders see {@link #orders()}
   */
  public ClusterState {
    routers = List.copyOf(routers);
    orders = List.copyOf(orders);
  }
}
