package io.shardflux.spring.actuate;

import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.r2dbc.observe.ShardStatistics;
import io.shardflux.router.Internal;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.health.contributor.AbstractReactiveHealthIndicator;
import org.springframework.boot.health.contributor.Health;
import org.springframework.boot.health.contributor.Status;
import reactor.core.publisher.Mono;

/**
 * Up if all shards are well, degraded while only some are or a move is stuck, and down if no shard
 * answers. The details have each shard's status. Asks no shard.
 */
@Internal
public final class ShardsHealthIndicator extends AbstractReactiveHealthIndicator {

  /** Not down: a restart of an application that is down would take away the shards that answer. */
  public static final Status DEGRADED = new Status("DEGRADED");

  private static final String MOVE = "move";

  private final ShardRouter router;
  private final @Nullable StuckMove moves;

  /**
   * An indicator.
   *
   * @param moves null if the application does none
   */
  public ShardsHealthIndicator(ShardRouter router, @Nullable StuckMove moves) {
    super("the shards' health could not be told");
    this.router = router;
    this.moves = moves;
  }

  @Override
  protected Mono<Health> doHealthCheck(Health.Builder builder) {
    Mono<Health.Builder> shards = router.operations().statistics().map(all -> shards(all, builder));
    return shards.flatMap(this::move).map(Health.Builder::build);
  }

  /** A control server that is silent says nothing of the shards. */
  private Mono<Health.Builder> move(Health.Builder health) {
    if (moves == null) {
      return Mono.just(health);
    }
    return moves
        .look()
        .map(stuck -> stuck.map(move -> stuck(move, health)).orElse(health))
        .onErrorResume(error -> Mono.just(health.withDetail(MOVE, "not known")));
  }

  private static Health.Builder stuck(Object move, Health.Builder health) {
    boolean up = health.build().getStatus().equals(Status.UP);
    return (up ? health.status(DEGRADED) : health).withDetail(MOVE, move);
  }

  private static Health.Builder shards(List<ShardStatistics> shards, Health.Builder builder) {
    shards.forEach(shard -> builder.withDetail(shard.id().value(), shard.status()));
    return builder.status(status(shards));
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
