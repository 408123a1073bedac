package io.shardflux.spring;

import io.r2dbc.spi.ConnectionFactory;
import io.shardflux.driver.ShardfluxConnectionFactory;
import io.shardflux.r2dbc.ShardRouter;
import org.springframework.beans.factory.config.ConfigurableListableBeanFactory;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnProperty;
import org.springframework.boot.autoconfigure.condition.ConditionalOnSingleCandidate;
import org.springframework.boot.autoconfigure.condition.NoneNestedConditions;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Conditional;
import org.springframework.core.env.Environment;

/**
 * Makes SQL over the shards of a {@link ShardRouter} the application's {@link ConnectionFactory}.
 * It does so if {@code shardflux-r2dbc-driver} is on the class path and the application names no
 * other database: no bean of that type or of its connection details, no {@code spring.r2dbc.url}.
 * Where there is a router and SQL goes elsewhere, a warning says so.
 */
@AutoConfiguration(
    after = ShardfluxAutoConfiguration.class,
    beforeName = "org.springframework.boot.r2dbc.autoconfigure.R2dbcAutoConfiguration")
@ConditionalOnClass(ShardfluxConnectionFactory.class)
public final class ShardfluxR2dbcAutoConfiguration {

  /** Matches if {@code spring.r2dbc.url} names no other database. */
  static final class NoUrl extends NoneNestedConditions {

    NoUrl() {
      super(ConfigurationPhase.REGISTER_BEAN);
    }

    @ConditionalOnProperty("spring.r2dbc.url")
    static final class Url {}
  }

  /** The router is closed as its own bean. */
  @Bean(destroyMethod = "")
  @Conditional(NoUrl.class)
  @ConditionalOnSingleCandidate(ShardRouter.class)
  @ConditionalOnMissingBean(
      value = ConnectionFactory.class,
      type = "org.springframework.boot.r2dbc.autoconfigure.R2dbcConnectionDetails")
  ShardfluxConnectionFactory shardfluxConnectionFactory(ShardRouter router) {
    return ShardfluxConnectionFactory.of(router);
  }

  @Bean
  @ConditionalOnBean(ShardfluxConnectionFactory.class)
  Foresight shardfluxForesight(ShardfluxConnectionFactory factory) {
    return factory::foresee;
  }

  @Bean
  @ConditionalOnBean(ShardfluxConnectionFactory.class)
  KeyCheck shardfluxKeyCheck(ShardfluxConnectionFactory factory) {
    return new KeyCheck(factory);
  }

  @Bean
  @ConditionalOnBean(ShardRouter.class)
  SqlElsewhere shardfluxSqlElsewhere(
      ConfigurableListableBeanFactory beans, Environment environment) {
    return new SqlElsewhere(beans, environment);
  }
}
