package io.shardflux.spring;

import io.shardflux.cluster.ClusterRouter;
import io.shardflux.reshard.ShardMoves;
import io.shardflux.spring.lifecycle.RouterLifecycle;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBooleanProperty;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnSingleCandidate;
import org.springframework.context.annotation.Bean;
import reactor.core.publisher.Flux;

/**
 * Makes the {@link ShardMoves} of a {@link ClusterRouter} if {@code shardflux-resharding} is on the
 * class path, unless {@code shardflux.resharding.enabled} is {@code false}. The application then
 * also does the moves that others started.
 */
@AutoConfiguration(
    after = ShardfluxClusterAutoConfiguration.class,
    before = ShardfluxAutoConfiguration.class)
@ConditionalOnClass({ClusterRouter.class, ShardMoves.class})
public final class ShardfluxMovesAutoConfiguration {

  @Bean
  @ConditionalOnMissingBean
  @ConditionalOnSingleCandidate(ClusterRouter.class)
  @ConditionalOnBooleanProperty(name = "shardflux.resharding.enabled", matchIfMissing = true)
  ShardMoves shardMoves(ClusterRouter cluster, ObjectProvider<Foresight> statements) {
    return ShardMoves.of(
        cluster, then -> Flux.fromStream(statements::stream).concatMap(each -> each.apply(then)));
  }

  /** Closes the moves before the router that they are made by. */
  @Bean
  @ConditionalOnMissingBean
  @ConditionalOnSingleCandidate(ShardMoves.class)
  RouterLifecycle movesLifecycle(ClusterRouter cluster, ShardMoves moves) {
    return new RouterLifecycle(
        cluster.router(),
        Flux.defer(() -> Flux.concatDelayError(moves.close(), cluster.close())).then());
  }
}
