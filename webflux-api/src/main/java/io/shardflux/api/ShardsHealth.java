package io.shardflux.api;

import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.r2dbc.ShardStatistics;
import io.shardflux.r2dbc.ShardStatistics.Status;
import java.util.List;
import org.springframework.boot.health.contributor.Health;
import org.springframework.boot.health.contributor.ReactiveHealthIndicator;
import org.springframework.stereotype.Component;
import reactor.core.publisher.Mono;

/**
 * Up while any shard is asked: whoever restarts an application that is not up would otherwise take
 * the shards that answer away too. The details tell each shard.
 */
@Component("shards")
final class ShardsHealth implements ReactiveHealthIndicator {

  private final ShardRouter router;

  ShardsHealth(ShardRouter router) {
    this.router = router;
  }

  @Override
  public Mono<Health> health() {
    return router.statistics().map(ShardsHealth::of);
  }

  private static Health of(List<ShardStatistics> shards) {
    boolean any = shards.stream().anyMatch(shard -> shard.status() == Status.ACTIVE);
    Health.Builder health = any ? Health.up() : Health.down();
    shards.forEach(shard -> health.withDetail(shard.id().value(), shard.status()));
    return health.build();
  }
}
