package io.shardflux.spring;

import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.observation.ObservationRegistry;
import io.shardflux.r2dbc.ShardMeters;
import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.reshard.ShardMoves;
import io.shardflux.spring.actuate.MoveMeters;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnSingleCandidate;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.Ordered;
import org.springframework.core.annotation.Order;

/**
 * Gives Micrometer what a {@link ShardRouter} has: observations of its statements where there is an
 * {@link ObservationRegistry}, and {@link ShardMeters} where there is a {@link MeterRegistry}. The
 * newest of {@link ShardMoves} has meters too.
 */
@AutoConfiguration(
    after = ShardfluxAutoConfiguration.class,
    afterName = {
      "org.springframework.boot.micrometer.observation.autoconfigure.ObservationAutoConfiguration",
      "org.springframework.boot.micrometer.metrics.autoconfigure"
          + ".CompositeMeterRegistryAutoConfiguration"
    })
public final class ShardfluxMicrometerAutoConfiguration {

  /** First, so that a customizer of the application's own takes precedence. */
  @Bean
  @Order(Ordered.HIGHEST_PRECEDENCE)
  @ConditionalOnSingleCandidate(ObservationRegistry.class)
  ShardRouterCustomizer shardRouterObservations(ObservationRegistry registry) {
    return builder -> builder.observations(registry);
  }

  @Bean
  @ConditionalOnMissingBean
  @ConditionalOnBean(MeterRegistry.class)
  @ConditionalOnSingleCandidate(ShardRouter.class)
  ShardMeters shardMeters(ShardRouter router) {
    return new ShardMeters(router);
  }

  @Configuration(proxyBeanMethods = false)
  @ConditionalOnClass(ShardMoves.class)
  static final class OfMoves {

    @Bean
    @ConditionalOnMissingBean
    @ConditionalOnBean(MeterRegistry.class)
    @ConditionalOnSingleCandidate(ShardMoves.class)
    MoveMeters moveMeters(ShardMoves moves) {
      return new MoveMeters(moves);
    }
  }
}
