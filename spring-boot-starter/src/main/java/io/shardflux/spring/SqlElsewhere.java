package io.shardflux.spring;

import io.r2dbc.spi.ConnectionFactory;
import io.r2dbc.spi.Wrapped;
import io.shardflux.driver.ShardfluxConnectionFactory;
import java.util.List;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.beans.factory.SmartInitializingSingleton;
import org.springframework.beans.factory.config.BeanDefinition;
import org.springframework.beans.factory.config.ConfigurableListableBeanFactory;
import org.springframework.beans.factory.support.AbstractBeanDefinition;
import org.springframework.core.env.Environment;

/**
 * Logs once that all SQL goes to another database where there is a router and a driver for SQL over
 * its shards. If the application has made a factory over the shards itself, it knows of both, and
 * nothing is logged.
 */
final class SqlElsewhere implements SmartInitializingSingleton {

  private static final Logger log = LoggerFactory.getLogger(SqlElsewhere.class);
  private static final String URL = "spring.r2dbc.url";
  private static final String OF_BOOT = "org.springframework.boot.r2dbc.";

  private final ConfigurableListableBeanFactory beans;
  private final Environment environment;

  SqlElsewhere(ConfigurableListableBeanFactory beans, Environment environment) {
    this.beans = beans;
    this.environment = environment;
  }

  @Override
  public void afterSingletonsInstantiated() {
    List<String> all = List.of(beans.getBeanNamesForType(ConnectionFactory.class, true, false));
    List<String> candidates = all.stream().filter(this::isCandidate).toList();
    if (candidates.isEmpty() || all.stream().anyMatch(this::isOverShards)) {
      return;
    }
    log.warn(
        "SQL goes past the shards, to {} (expected: @Bean(defaultCandidate = false) on each database"
            + " beside the shards; if SQL is for another one, a bean"
            + " ShardfluxConnectionFactory.of(router) with defaultCandidate = false, or no"
            + " io.shardflux:shardflux-r2dbc-driver on the class path)",
        candidates.stream().map(this::origin).collect(Collectors.joining(", ")));
  }

  /** Other beans are used only where they are named. */
  private boolean isCandidate(String bean) {
    return !(definition(bean) instanceof AbstractBeanDefinition definition)
        || (definition.isAutowireCandidate() && definition.isDefaultCandidate());
  }

  private @Nullable BeanDefinition definition(String bean) {
    return beans.containsBeanDefinition(bean) ? beans.getBeanDefinition(bean) : null;
  }

  /** A bean that is made later is not made for this check. */
  private boolean isOverShards(String bean) {
    return beans.isTypeMatch(bean, ShardfluxConnectionFactory.class)
        || (isOfBoot(bean) && environment.getProperty(URL, "").contains(":shardflux:"))
        || (beans.containsSingleton(bean) && reachesShards(beans.getBean(bean)));
  }

  private static boolean reachesShards(@Nullable Object factory) {
    return factory instanceof ShardfluxConnectionFactory
        || (factory instanceof Wrapped<?> wrapped && reachesShards(wrapped.unwrap()));
  }

  private String origin(String bean) {
    if (!isOfBoot(bean)) {
      return "the bean '" + bean + "'";
    }
    return environment.containsProperty(URL) ? "'" + URL + "'" : "the R2dbcConnectionDetails";
  }

  private boolean isOfBoot(String bean) {
    BeanDefinition definition = definition(bean);
    String maker = definition == null ? null : definition.getFactoryBeanName();
    return maker != null && maker.startsWith(OF_BOOT);
  }
}
