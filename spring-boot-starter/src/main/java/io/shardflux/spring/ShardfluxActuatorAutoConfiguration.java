package io.shardflux.spring;

import io.shardflux.cluster.ClusterRouter;
import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.reshard.ShardMoves;
import io.shardflux.spring.actuate.ClusterEndpoint;
import io.shardflux.spring.actuate.MovesEndpoint;
import io.shardflux.spring.actuate.ShardfluxSecrets;
import io.shardflux.spring.actuate.ShardsEndpoint;
import io.shardflux.spring.actuate.ShardsHealthIndicator;
import io.shardflux.spring.actuate.StuckMove;
import io.shardflux.spring.actuate.TransactionsEndpoint;
import java.util.List;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.actuate.autoconfigure.endpoint.condition.ConditionalOnAvailableEndpoint;
import org.springframework.boot.actuate.endpoint.SanitizingFunction;
import org.springframework.boot.actuate.endpoint.annotation.Endpoint;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnSingleCandidate;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.boot.health.actuate.endpoint.StatusAggregator;
import org.springframework.boot.health.autoconfigure.actuate.endpoint.HealthEndpointAutoConfiguration;
import org.springframework.boot.health.autoconfigure.actuate.endpoint.HealthEndpointProperties;
import org.springframework.boot.health.autoconfigure.contributor.ConditionalOnEnabledHealthIndicator;
import org.springframework.boot.health.contributor.ReactiveHealthIndicator;
import org.springframework.boot.health.contributor.Status;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/**
 * Shows a {@link ShardRouter} in the actuator: health, and the endpoints {@code shards} and {@code
 * transactions}. The endpoints {@code cluster} and {@code moves} show what is there of a shared
 * topology.
 */
@AutoConfiguration(
    after = ShardfluxAutoConfiguration.class,
    before = HealthEndpointAutoConfiguration.class)
@ConditionalOnClass({
  Endpoint.class,
  ConditionalOnAvailableEndpoint.class,
  ReactiveHealthIndicator.class
})
public final class ShardfluxActuatorAutoConfiguration {

  @Bean
  SanitizingFunction shardfluxSecrets() {
    return new ShardfluxSecrets();
  }

  @Bean
  @ConditionalOnMissingBean
  @ConditionalOnAvailableEndpoint
  @ConditionalOnSingleCandidate(ShardRouter.class)
  ShardsEndpoint shardsEndpoint(ShardRouter router) {
    return new ShardsEndpoint(router);
  }

  @Bean
  @ConditionalOnMissingBean
  @ConditionalOnAvailableEndpoint
  @ConditionalOnSingleCandidate(ShardRouter.class)
  TransactionsEndpoint transactionsEndpoint(ShardRouter router) {
    return new TransactionsEndpoint(router);
  }

  @Configuration(proxyBeanMethods = false)
  @ConditionalOnClass(ClusterRouter.class)
  @ConditionalOnSingleCandidate(ClusterRouter.class)
  static final class OfCluster {

    @Bean
    @ConditionalOnMissingBean
    @ConditionalOnAvailableEndpoint
    ClusterEndpoint clusterEndpoint(ClusterRouter cluster) {
      return new ClusterEndpoint(cluster);
    }
  }

  @Configuration(proxyBeanMethods = false)
  @ConditionalOnClass(ShardMoves.class)
  @ConditionalOnSingleCandidate(ShardMoves.class)
  static final class OfMoves {

    @Bean
    @ConditionalOnMissingBean
    @ConditionalOnAvailableEndpoint
    MovesEndpoint movesEndpoint(ShardMoves moves) {
      return new MovesEndpoint(moves);
    }

    @Bean
    StuckMove stuckMove(ShardMoves moves) {
      return StuckMove.of(moves);
    }
  }

  @Configuration(proxyBeanMethods = false)
  @ConditionalOnEnabledHealthIndicator("shards")
  @ConditionalOnSingleCandidate(ShardRouter.class)
  @EnableConfigurationProperties(HealthEndpointProperties.class)
  static final class OfHealth {

    private static final List<String> ORDER =
        List.of(
            Status.DOWN.getCode(),
            Status.OUT_OF_SERVICE.getCode(),
            ShardsHealthIndicator.DEGRADED.getCode(),
            Status.UP.getCode(),
            Status.UNKNOWN.getCode());

    @Bean
    @ConditionalOnMissingBean(name = "shardsHealthIndicator")
    ShardsHealthIndicator shardsHealthIndicator(
        ShardRouter router, ObjectProvider<StuckMove> moves) {
      return new ShardsHealthIndicator(router, moves.getIfAvailable());
    }

    /** A status that is not in the order would be ignored, as if all were well. */
    @Bean
    @ConditionalOnMissingBean
    StatusAggregator statusAggregator(HealthEndpointProperties properties) {
      List<String> order = properties.getStatus().getOrder();
      return StatusAggregator.of(order.isEmpty() ? ORDER : order);
    }
  }
}
