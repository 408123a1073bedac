package io.shardflux.spring;

import io.shardflux.cluster.ClusterRouter;
import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.spring.property.RouterProperties;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnSingleCandidate;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Conditional;
import org.springframework.core.env.Environment;
import reactor.core.publisher.Mono;

/**
 * Makes a {@link ClusterRouter} of the properties {@code shardflux.*} if {@code shardflux.control}
 * is set, {@code shardflux-topology-store} is on the class path, and the application has no bean of
 * that type and no {@link ShardRouter}.
 *
 * <p>The router of a cluster, this one or the application's own, is the {@link ShardRouter} unless
 * the application has another one.
 */
@AutoConfiguration(before = ShardfluxAutoConfiguration.class)
@ConditionalOnClass(ClusterRouter.class)
public final class ShardfluxClusterAutoConfiguration {

  /** Above what the looks of a start may take, which have bounds of their own. */
  private static final Duration OPENING = Duration.ofMinutes(2);

  @Bean
  @ConditionalOnMissingBean({ClusterRouter.class, ShardRouter.class})
  @Conditional({
    ShardfluxAutoConfiguration.ShardsNamed.class,
    ShardfluxAutoConfiguration.ControlDescribed.class
  })
  ClusterRouter clusterRouter(
      Environment environment, ObjectProvider<ShardRouterCustomizer> customizers) {
    // They may need beans, which only this thread may make.
    List<ShardRouterCustomizer> all = customizers.orderedStream().toList();
    RouterProperties properties = new RouterProperties(environment);
    return properties.read(
        document -> {
          Mono<ClusterRouter> opening =
              ClusterRouter.open(
                  document,
                  builder -> {
                    all.forEach(customizer -> customizer.customize(builder));
                    return builder;
                  });
          return opened(opening, OPENING, properties);
        });
  }

  /** Waits for an opening, which is given up after a while. */
  static ClusterRouter opened(
      Mono<ClusterRouter> opening, Duration bound, RouterProperties properties) {
    CompletableFuture<ClusterRouter> opened = opening.toFuture();
    try {
      return opened.get(bound.toMillis(), TimeUnit.MILLISECONDS);
    } catch (ExecutionException e) {
      if (e.getCause() instanceof IllegalStateException refused) {
        throw properties.refused(String.valueOf(refused.getMessage()));
      }
      throw e.getCause() instanceof RuntimeException cause ? cause : new IllegalStateException(e);
    } catch (TimeoutException e) {
      throw new IllegalStateException(
          "control: no answer within "
              + bound.toSeconds()
              + " s (expected: a control server or a shard that answers)",
          e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("control: interrupted while the cluster was opened", e);
    } finally {
      if (!opened.isDone()) {
        opened.cancel(true);
      }
    }
  }

  /** Closed with its cluster. */
  @Bean(destroyMethod = "")
  @ConditionalOnMissingBean
  @ConditionalOnSingleCandidate(ClusterRouter.class)
  ShardRouter shardRouter(ClusterRouter cluster) {
    return cluster.router();
  }
}
