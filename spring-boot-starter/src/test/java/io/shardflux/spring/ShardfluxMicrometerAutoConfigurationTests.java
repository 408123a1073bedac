package io.shardflux.spring;

import static org.assertj.core.api.Assertions.assertThat;

import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.micrometer.observation.ObservationRegistry;
import io.shardflux.r2dbc.ShardMeters;
import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.router.ShardId;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.micrometer.metrics.autoconfigure.CompositeMeterRegistryAutoConfiguration;
import org.springframework.boot.micrometer.metrics.autoconfigure.MetricsAutoConfiguration;
import org.springframework.boot.micrometer.metrics.autoconfigure.export.simple.SimpleMetricsExportAutoConfiguration;
import org.springframework.boot.micrometer.observation.autoconfigure.ObservationAutoConfiguration;
import org.springframework.boot.test.context.FilteredClassLoader;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

class ShardfluxMicrometerAutoConfigurationTests {

  private static final Duration BOUND = Duration.ofSeconds(30);

  private final ApplicationContextRunner bare =
      new ApplicationContextRunner()
          .withConfiguration(
              AutoConfigurations.of(
                  ShardfluxAutoConfiguration.class, ShardfluxMicrometerAutoConfiguration.class))
          // Nobody listens on that port.
          .withPropertyValues("shardflux.shards.shard_0.url=r2dbc:mysql://app@127.0.0.1:1/a");

  private final ApplicationContextRunner measured =
      bare.withConfiguration(
          AutoConfigurations.of(
              MetricsAutoConfiguration.class,
              SimpleMetricsExportAutoConfiguration.class,
              CompositeMeterRegistryAutoConfiguration.class,
              ObservationAutoConfiguration.class));

  @Test
  void makesNothingWithoutRegistries() {
    bare.run(
        context -> {
          assertThat(context).hasNotFailed().hasSingleBean(ShardRouter.class);
          assertThat(context)
              .doesNotHaveBean(ShardMeters.class)
              .doesNotHaveBean(ShardRouterCustomizer.class);
        });
  }

  @Test
  void goesWithoutSpringBootsModules() {
    bare.withClassLoader(new FilteredClassLoader("org.springframework.boot.micrometer"))
        .run(context -> assertThat(context).hasNotFailed().hasSingleBean(ShardRouter.class));
  }

  @Test
  void bindsMetersAndObservesStatements() {
    measured.run(
        context -> {
          assertThat(context).hasSingleBean(ShardMeters.class);
          MeterRegistry registry = context.getBean(MeterRegistry.class);
          assertThat(registry.get("shardflux.connections").tag("state", "max").gauge().value())
              .isEqualTo(10);
          ask(context.getBean(ShardRouter.class));
          assertThat(
                  registry
                      .get("shardflux.statement")
                      .tags("shard", "shard_0", "operation", "read", "outcome", "unavailable")
                      .timer()
                      .count())
              .isPositive();
        });
  }

  @Configuration(proxyBeanMethods = false)
  static class OwnMeters {

    @Bean
    ShardMeters mine(ShardRouter router) {
      return new ShardMeters(router);
    }
  }

  @Test
  void backsOffForMetersOfTheApplicationsOwn() {
    measured
        .withUserConfiguration(OwnMeters.class)
        .run(context -> assertThat(context).hasSingleBean(ShardMeters.class).hasBean("mine"));
  }

  @Configuration(proxyBeanMethods = false)
  static class NotObserved {

    @Bean
    ShardRouterCustomizer none() {
      return builder -> builder.observations(ObservationRegistry.NOOP);
    }
  }

  @Test
  void leavesTheLastWordToTheApplication() {
    measured
        .withUserConfiguration(NotObserved.class)
        .run(
            context -> {
              ask(context.getBean(ShardRouter.class));
              assertThat(context.getBean(MeterRegistry.class).find("shardflux.statement").timer())
                  .isNull();
            });
  }

  @Configuration(proxyBeanMethods = false)
  static class TwoRegistries {

    @Bean
    SimpleMeterRegistry first() {
      return new SimpleMeterRegistry();
    }

    @Bean
    SimpleMeterRegistry second() {
      return new SimpleMeterRegistry();
    }
  }

  @Test
  void bindsMetersAlsoToSeveralRegistries() {
    measured
        .withUserConfiguration(TwoRegistries.class)
        .run(
            context -> {
              for (String name : new String[] {"first", "second"}) {
                assertThat(
                        context
                            .getBean(name, MeterRegistry.class)
                            .find("shardflux.status")
                            .gauges())
                    .hasSize(4);
              }
            });
  }

  private static void ask(ShardRouter router) {
    router
        .on(ShardId.of("shard_0"))
        .sql("SELECT 1")
        .map((row, metadata) -> 1)
        .one()
        .onErrorComplete()
        .block(BOUND);
  }
}
