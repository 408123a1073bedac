package io.shardflux.spring;

import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.r2dbc.observe.ShardStatistics;
import java.util.List;
import org.springframework.boot.health.contributor.AbstractReactiveHealthIndicator;
import org.springframework.boot.health.contributor.Health;
import org.springframework.boot.health.contributor.Status;
import reactor.core.publisher.Mono;

/**
 * Up if all shards are well, degraded while only some are, and down if no shard answers. The
 * details have each shard's status. Asks no server.
 */
final class ShardsHealthIndicator extends AbstractReactiveHealthIndicator {

  /** Not down: a restart of an application that is down would take away the shards that answer. */
  static final Status DEGRADED = new Status("DEGRADED");

  private final ShardRouter router;

  ShardsHealthIndicator(ShardRouter router) {
    super("the shards' health could not be told");
    this.router = router;
  }

  @Override
  protected Mono<Health> doHealthCheck(Health.Builder builder) {
    return router.operations().statistics().map(shards -> health(shards, builder));
  }

  private static Health health(List<ShardStatistics> shards, Health.Builder builder) {
    shards.forEach(shard -> builder.withDetail(shard.id().value(), shard.status()));
    return builder.status(status(shards)).build();
  }

  private static Status status(List<ShardStatistics> shards) {
    if (shards.stream().allMatch(shard -> shard.status() == ShardStatistics.Status.ACTIVE)) {
      return Status.UP;
    }
    return shards.stream().anyMatch(shard -> answers(shard.status())) ? DEGRADED : Status.DOWN;
  }

  private static boolean answers(ShardStatistics.Status status) {
    return switch (status) {
      case ACTIVE, DEGRADED -> true;
      case DRAINING, DOWN -> false;
    };
  }
}
