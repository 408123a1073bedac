package io.shardflux.spring;

import static org.assertj.core.api.Assertions.assertThat;

import io.r2dbc.spi.ConnectionFactories;
import io.r2dbc.spi.ConnectionFactory;
import io.r2dbc.spi.ConnectionFactoryOptions;
import io.shardflux.driver.ShardfluxConnectionFactory;
import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.r2dbc.settings.ScatterReads;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.r2dbc.spi.ShardAccess;
import io.shardflux.spring.property.InvalidSettingException;
import org.junit.jupiter.api.Test;
import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.r2dbc.autoconfigure.R2dbcAutoConfiguration;
import org.springframework.boot.r2dbc.autoconfigure.R2dbcConnectionDetails;
import org.springframework.boot.r2dbc.autoconfigure.R2dbcInitializationAutoConfiguration;
import org.springframework.boot.r2dbc.autoconfigure.R2dbcTransactionManagerAutoConfiguration;
import org.springframework.boot.test.context.FilteredClassLoader;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.r2dbc.connection.R2dbcTransactionManager;
import org.springframework.r2dbc.core.DatabaseClient;

class ShardfluxR2dbcAutoConfigurationTests {

  /** Nobody listens on that port. */
  private static final String URL = "r2dbc:mysql://app@127.0.0.1:1/a";

  private final ApplicationContextRunner alone =
      new ApplicationContextRunner()
          .withConfiguration(
              AutoConfigurations.of(
                  ShardfluxAutoConfiguration.class, ShardfluxR2dbcAutoConfiguration.class));

  private final ApplicationContextRunner named =
      alone
          .withConfiguration(
              AutoConfigurations.of(
                  R2dbcAutoConfiguration.class, R2dbcTransactionManagerAutoConfiguration.class))
          .withPropertyValues("shardflux.shards.shard_0.url=" + URL);

  @Test
  void makesTheFactoryThatSpringBootBuildsOn() {
    named.run(
        context -> {
          assertThat(context).hasNotFailed();
          assertThat(context.getBean(ConnectionFactory.class))
              .isInstanceOf(ShardfluxConnectionFactory.class);
          assertThat(context.getBean(ShardfluxConnectionFactory.class).router())
              .isSameAs(context.getBean(ShardRouter.class));
          assertThat(context.getBean(DatabaseClient.class).getConnectionFactory())
              .isSameAs(context.getBean(ConnectionFactory.class));
          assertThat(context.getBean(R2dbcTransactionManager.class).getConnectionFactory())
              .isSameAs(context.getBean(ConnectionFactory.class));
        });
  }

  @Test
  void readsWhetherReadsMayScatter() {
    named
        .withPropertyValues("shardflux.sql.allow-scatter=false")
        .run(
            context ->
                assertThat(ShardAccess.of(context.getBean(ShardRouter.class)).scatterReads())
                    .isEqualTo(ScatterReads.REFUSED));
    named
        .withPropertyValues("shardflux.sql.allow-scatter=maybe")
        .run(
            context ->
                assertThat(context)
                    .getFailure()
                    .rootCause()
                    .isInstanceOf(InvalidSettingException.class)
                    .hasMessage("sql.allow-scatter: maybe (expected: one of true, log, false)"));
  }

  @Test
  void backsOffForAUrl() {
    named
        .withPropertyValues("spring.r2dbc.url=" + URL)
        .run(
            context -> {
              assertThat(context).hasSingleBean(ConnectionFactory.class);
              assertThat(context).doesNotHaveBean(ShardfluxConnectionFactory.class);
            });
  }

  @Configuration(proxyBeanMethods = false)
  static class OwnFactory {

    @Bean
    ConnectionFactory own() {
      return ConnectionFactories.get(URL);
    }
  }

  @Test
  void backsOffForAFactoryOfTheApplicationsOwn() {
    named
        .withUserConfiguration(OwnFactory.class)
        .run(
            context -> {
              assertThat(context).getBeanNames(ConnectionFactory.class).containsExactly("own");
              assertThat(context).hasSingleBean(ShardRouter.class);
            });
  }

  @Configuration(proxyBeanMethods = false)
  static class Details {

    @Bean
    R2dbcConnectionDetails details() {
      return () -> ConnectionFactoryOptions.parse(URL);
    }
  }

  @Test
  void backsOffForConnectionDetailsAsContainersGive() {
    named
        .withUserConfiguration(Details.class)
        .run(
            context -> {
              assertThat(context).hasSingleBean(ConnectionFactory.class);
              assertThat(context).doesNotHaveBean(ShardfluxConnectionFactory.class);
            });
  }

  @Configuration(proxyBeanMethods = false)
  static class TwoRouters {

    @Bean
    ShardRouter first() {
      return ShardRouter.builder().shard(Shard.of("first", URL)).build();
    }

    @Bean
    ShardRouter second() {
      return ShardRouter.builder().shard(Shard.of("second", URL)).build();
    }
  }

  @Test
  void makesNothingWithoutTheOneRouter() {
    alone.run(context -> assertThat(context).doesNotHaveBean(ConnectionFactory.class));
    alone
        .withUserConfiguration(TwoRouters.class)
        .run(
            context -> {
              assertThat(context).hasNotFailed();
              assertThat(context).doesNotHaveBean(ConnectionFactory.class);
            });
  }

  @Test
  void startsBesideScriptsThatAreTurnedOff() {
    ApplicationContextRunner scripted =
        named
            .withConfiguration(AutoConfigurations.of(R2dbcInitializationAutoConfiguration.class))
            .withPropertyValues("spring.sql.init.schema-locations=classpath:logback-test.xml");
    scripted.run(context -> assertThat(context).hasFailed());
    scripted
        .withPropertyValues("spring.sql.init.mode=never")
        .run(context -> assertThat(context).hasNotFailed());
  }

  @Test
  void needsNoDriver() {
    alone
        .withPropertyValues("shardflux.shards.shard_0.url=" + URL)
        .withClassLoader(new FilteredClassLoader(ShardfluxConnectionFactory.class))
        .run(
            context -> {
              assertThat(context).hasSingleBean(ShardRouter.class);
              assertThat(context).doesNotHaveBean(ConnectionFactory.class);
            });
  }
}
