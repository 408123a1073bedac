package io.shardflux.spring.actuate;

import io.shardflux.cluster.ClusterRouter;
import io.shardflux.cluster.ClusterState;
import io.shardflux.cluster.RouterState;
import io.shardflux.cluster.ShardOrder;
import io.shardflux.router.Internal;
import io.shardflux.router.ShardId;
import java.time.Instant;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.actuate.endpoint.InvalidEndpointRequestException;
import org.springframework.boot.actuate.endpoint.annotation.Endpoint;
import org.springframework.boot.actuate.endpoint.annotation.ReadOperation;
import org.springframework.boot.actuate.endpoint.annotation.WriteOperation;
import reactor.core.publisher.Mono;

/** The endpoint {@code /actuator/cluster}: who shares the topology. Asks the control server. */
@Endpoint(id = "cluster")
@Internal
public final class ClusterEndpoint {

  private final ClusterRouter cluster;

  public ClusterEndpoint(ClusterRouter cluster) {
    this.cluster = cluster;
  }

  /** The cluster as the control server has it; {@code inForce} is the epoch in force here. */
  record Cluster(
      UUID id,
      @Nullable String name,
      long epoch,
      long inForce,
      List<Router> routers,
      List<Order> orders) {

    static Cluster of(ClusterState state, long inForce) {
      return new Cluster(
          state.id(),
          state.name(),
          state.epoch(),
          inForce,
          state.routers().stream().map(Router::of).toList(),
          state.orders().stream().map(Order::of).toList());
    }
  }

  /** A router of the cluster. */
  record Router(
      UUID id,
      String host,
      String version,
      long epoch,
      Instant seenAt,
      Instant leaseUntil,
      boolean live) {

    static Router of(RouterState router) {
      return new Router(
          router.id(),
          router.host(),
          router.version(),
          router.epoch(),
          router.seenAt(),
          router.leaseUntil(),
          router.live());
    }
  }

  /** An operator's order for a shard. */
  record Order(String shard, ShardOrder.Kind kind, String madeBy, Instant madeAt, String why) {

    static Order of(ShardOrder order) {
      return new Order(
          order.shard().value(), order.kind(), order.madeBy(), order.madeAt(), order.why());
    }
  }

  @ReadOperation
  Mono<Cluster> cluster() {
    return cluster.state().map(state -> Cluster.of(state, cluster.router().topology().epoch()));
  }

  /** The topology that was published, by its epoch. */
  record Republished(long epoch) {}

  /** Publishes the newest topology over a control server that was restored from an older copy. */
  @WriteOperation
  Mono<Republished> republish(String republish, @Nullable List<String> givenUp) {
    Set<ShardId> lost = new LinkedHashSet<>();
    List<String> names = givenUp == null ? List.of() : givenUp;
    return Mono.fromRunnable(() -> names.forEach(name -> lost.add(ShardId.of(name))))
        .then(Mono.defer(() -> cluster.republish(republish, lost)))
        .map(Republished::new)
        .onErrorMap(
            error ->
                error instanceof IllegalStateException || error instanceof IllegalArgumentException,
            error -> {
              String reason = String.valueOf(error.getMessage());
              return new InvalidEndpointRequestException(reason, reason);
            });
  }
}
