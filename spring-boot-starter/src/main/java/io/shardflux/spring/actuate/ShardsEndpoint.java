package io.shardflux.spring.actuate;

import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.r2dbc.observe.ShardStatistics;
import io.shardflux.router.Internal;
import io.shardflux.router.ShardId;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.springframework.boot.actuate.endpoint.InvalidEndpointRequestException;
import org.springframework.boot.actuate.endpoint.annotation.Endpoint;
import org.springframework.boot.actuate.endpoint.annotation.ReadOperation;
import org.springframework.boot.actuate.endpoint.annotation.Selector;
import org.springframework.boot.actuate.endpoint.annotation.WriteOperation;
import reactor.core.publisher.Mono;

/**
 * The endpoint {@code /actuator/shards}: the state of the shards, and actions on one. Asks no
 * server.
 */
@Endpoint(id = "shards")
@Internal
public final class ShardsEndpoint {

  private final ShardRouter router;

  public ShardsEndpoint(ShardRouter router) {
    this.router = router;
  }

  /** An action on a shard. */
  enum Action {
    /** New statements for the shard are refused; those under way end. */
    DRAIN,
    /** The shard takes new statements again, after it was drained. */
    RESUME,
    /** The shard is not asked, whatever its servers say. */
    OPEN,
    /** The shard is asked again, after it was opened or found down. */
    CLOSE
  }

  /** All shards by name. */
  record Shards(Map<String, ShardView> shards) {

    static Shards of(List<ShardStatistics> statistics) {
      Map<String, ShardView> shards = new LinkedHashMap<>();
      statistics.forEach(shard -> shards.put(shard.id().value(), ShardView.of(shard)));
      return new Shards(shards);
    }
  }

  /** One shard's statistics. */
  record ShardView(
      String host,
      int port,
      ShardStatistics.Status status,
      double load,
      ShardStatistics.Pool pool,
      int inFlight,
      ShardStatistics.Latency latency,
      Map<String, Long> errors,
      long kills,
      ShardStatistics.Breaker breaker,
      List<ShardStatistics.Replica> replicas) {

    static ShardView of(ShardStatistics shard) {
      return new ShardView(
          shard.host(),
          shard.port(),
          shard.status(),
          shard.load(),
          shard.pool(),
          shard.inFlight(),
          shard.latency(),
          shard.errors(),
          shard.kills(),
          shard.breaker(),
          shard.replicas());
    }
  }

  @ReadOperation
  Mono<Shards> shards() {
    return router.operations().statistics().map(Shards::of);
  }

  /** Empty, which is a 404, if there is no such shard. */
  @ReadOperation
  Mono<ShardView> shard(@Selector String shard) {
    return shards().flatMap(all -> Mono.justOrEmpty(all.shards().get(shard)));
  }

  /**
   * Begins the action and answers with the shard's state after that. A draining shard goes on until
   * nothing is in flight. An unknown shard is a 400.
   */
  @WriteOperation
  Mono<ShardView> change(@Selector String shard, Action action) {
    return shard(shard)
        .switchIfEmpty(Mono.error(() -> unknown(shard)))
        .then(Mono.defer(() -> begin(action, ShardId.of(shard))))
        .then(shard(shard));
  }

  private Mono<Void> begin(Action action, ShardId shard) {
    return switch (action) {
      case DRAIN -> Mono.fromRunnable(() -> router.operations().drain(shard).subscribe());
      case RESUME -> router.operations().resume(shard);
      case OPEN -> router.operations().openBreaker(shard);
      case CLOSE -> router.operations().closeBreaker(shard);
    };
  }

  private InvalidEndpointRequestException unknown(String shard) {
    String reason = "shard: " + shard + " (expected: one of " + router.topology().shards() + ")";
    return new InvalidEndpointRequestException(reason, reason);
  }
}
