package io.shardflux.spring;

import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.r2dbc.ShardStatistics;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.actuate.endpoint.annotation.Endpoint;
import org.springframework.boot.actuate.endpoint.annotation.ReadOperation;
import org.springframework.boot.actuate.endpoint.annotation.Selector;
import reactor.core.publisher.Mono;

/** {@code /actuator/shards}: how the shards are doing. Asks no server. */
@Endpoint(id = "shards")
final class ShardsEndpoint {

  private final ShardRouter router;

  ShardsEndpoint(ShardRouter router) {
    this.router = router;
  }

  /** All shards by name. */
  record Shards(Map<String, Shard> shards) {

    static Shards of(List<ShardStatistics> statistics) {
      Map<String, Shard> shards = new LinkedHashMap<>();
      statistics.forEach(shard -> shards.put(shard.id().value(), Shard.of(shard)));
      return new Shards(shards);
    }
  }

  /** One shard's statistics. */
  record Shard(
      String host,
      int port,
      ShardStatistics.Status status,
      double load,
      @Nullable Long rowCount,
      ShardStatistics.Pool pool) {

    static Shard of(ShardStatistics shard) {
      return new Shard(
          shard.host(), shard.port(), shard.status(), shard.load(), shard.rowCount(), shard.pool());
    }
  }

  @ReadOperation
  Mono<Shards> shards() {
    return router.statistics().map(Shards::of);
  }

  /** Empty, which is a 404, if there is no such shard. */
  @ReadOperation
  Mono<Shard> shard(@Selector String shard) {
    return shards().flatMap(all -> Mono.justOrEmpty(all.shards().get(shard)));
  }
}
