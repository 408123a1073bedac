package io.shardflux.spring.failure;

import io.shardflux.r2dbc.ShardRouter;
import org.jspecify.annotations.Nullable;
import org.springframework.beans.factory.NoSuchBeanDefinitionException;
import org.springframework.beans.factory.NoUniqueBeanDefinitionException;
import org.springframework.boot.diagnostics.FailureAnalysis;
import org.springframework.boot.diagnostics.analyzer.AbstractInjectionFailureAnalyzer;
import org.springframework.core.Ordered;
import org.springframework.core.annotation.Order;

/** Says how to get a router where a bean needs one and there is none. */
@Order(Ordered.HIGHEST_PRECEDENCE)
final class NoRouterFailureAnalyzer
    extends AbstractInjectionFailureAnalyzer<NoSuchBeanDefinitionException> {

  @Override
  protected @Nullable FailureAnalysis analyze(
      Throwable rootFailure, NoSuchBeanDefinitionException cause, @Nullable String description) {
    if (cause instanceof NoUniqueBeanDefinitionException
        || cause.getBeanType() != ShardRouter.class) {
      return null;
    }
    return new FailureAnalysis(
        (description == null ? "A bean" : description)
            + " required a ShardRouter, and there is none, as 'shardflux.shards' is not set.",
        "Set 'shardflux.shards.<name>.url' for each shard, or define a bean of the type "
            + ShardRouter.class.getName()
            + ".",
        cause);
  }
}
