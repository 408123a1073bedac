package io.shardflux.spring;

import io.shardflux.cluster.ClusterRouter;
import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.r2dbc.ShardRouterBuilder;
import io.shardflux.r2dbc.ids.ShardIds;
import io.shardflux.spring.lifecycle.IdsLifecycle;
import io.shardflux.spring.lifecycle.RouterLifecycle;
import io.shardflux.spring.property.RouterProperties;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionMessage;
import org.springframework.boot.autoconfigure.condition.ConditionOutcome;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnSingleCandidate;
import org.springframework.boot.autoconfigure.condition.SpringBootCondition;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.ConditionContext;
import org.springframework.context.annotation.Conditional;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.env.Environment;
import org.springframework.core.io.ResourceLoader;
import org.springframework.core.type.AnnotatedTypeMetadata;
import reactor.core.publisher.Mono;

/**
 * Makes a {@link ShardRouter} of the properties {@code shardflux.*}, whose keys are those of {@link
 * ShardRouter#fromYaml}. It does so if {@code shardflux.shards} names any shard and the application
 * has no bean of that type. With {@code shardflux.control} the router is that of a cluster, which
 * {@link ShardfluxClusterAutoConfiguration} makes.
 *
 * <p>A router, this one or the application's own, is warmed up before the web server starts and
 * closed after it has stopped.
 *
 * <p>Likewise it makes a {@link ShardIds} if {@code shardflux.ids} is set, as {@link
 * ShardIds#fromYaml} reads it. That is closed after the web server has stopped.
 */
@AutoConfiguration
public final class ShardfluxAutoConfiguration {

  /** Matches if a key of the document is set. */
  abstract static class KeySet extends SpringBootCondition {

    private final String key;

    KeySet(String key) {
      this.key = key;
    }

    @Override
    public ConditionOutcome getMatchOutcome(
        ConditionContext context, AnnotatedTypeMetadata metadata) {
      ConditionMessage.Builder message = ConditionMessage.forCondition("Shardflux");
      String property = RouterProperties.PREFIX + "." + key;
      return new RouterProperties(context.getEnvironment()).have(key)
          ? ConditionOutcome.match(message.foundExactly(property))
          : ConditionOutcome.noMatch(message.because(property + " is not set"));
    }
  }

  /** Matches if {@code shardflux.shards} names any shard. */
  static final class ShardsNamed extends KeySet {

    ShardsNamed() {
      super("shards");
    }
  }

  /** Matches if {@code shardflux.control} says that the topology is shared. */
  static final class ControlDescribed extends KeySet {

    ControlDescribed() {
      super("control");
    }
  }

  /** Matches if {@code shardflux.ids} says where ids have their nodes. */
  static final class IdsDescribed extends KeySet {

    IdsDescribed() {
      super("ids");
    }
  }

  @Bean
  @ConditionalOnMissingBean
  @Conditional(ShardsNamed.class)
  ShardRouter shardRouter(
      Environment environment,
      ResourceLoader classes,
      ObjectProvider<ShardRouterCustomizer> customizers) {
    RouterProperties properties = new RouterProperties(environment);
    properties.checkCluster(classes.getClassLoader());
    ShardRouterBuilder builder = properties.read(ShardRouter::builder);
    customizers.orderedStream().forEach(customizer -> customizer.customize(builder));
    return properties.checked(builder::build);
  }

  /** Comes first, as a cluster's router must not be closed by itself. */
  @Configuration(proxyBeanMethods = false)
  @ConditionalOnClass(ClusterRouter.class)
  static final class OfCluster {

    @Bean
    @ConditionalOnMissingBean
    @ConditionalOnSingleCandidate(ClusterRouter.class)
    RouterLifecycle clusterRouterLifecycle(ClusterRouter cluster) {
      return new RouterLifecycle(cluster.router(), Mono.defer(cluster::close));
    }
  }

  @Bean
  @ConditionalOnMissingBean
  @ConditionalOnSingleCandidate(ShardRouter.class)
  RouterLifecycle shardRouterLifecycle(ShardRouter router) {
    return new RouterLifecycle(router, Mono.defer(router::close));
  }

  /** Closed by its lifecycle, which waits for the end of the close. */
  @Bean(destroyMethod = "")
  @ConditionalOnMissingBean
  @Conditional(IdsDescribed.class)
  ShardIds shardIds(Environment environment) {
    RouterProperties properties = new RouterProperties(environment);
    return properties.read(ShardIds::of);
  }

  @Bean
  @ConditionalOnMissingBean
  @ConditionalOnSingleCandidate(ShardIds.class)
  IdsLifecycle shardIdsLifecycle(ShardIds ids) {
    return new IdsLifecycle(ids);
  }
}
