package io.shardflux.spring;

import static org.assertj.core.api.Assertions.assertThat;

import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.spring.actuate.ShardfluxSecrets;
import io.shardflux.spring.actuate.ShardsEndpoint;
import io.shardflux.spring.actuate.ShardsHealthIndicator;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.springframework.boot.actuate.endpoint.SanitizableData;
import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.health.actuate.endpoint.HttpCodeStatusMapper;
import org.springframework.boot.health.actuate.endpoint.StatusAggregator;
import org.springframework.boot.health.autoconfigure.actuate.endpoint.HealthEndpointAutoConfiguration;
import org.springframework.boot.health.autoconfigure.contributor.HealthContributorAutoConfiguration;
import org.springframework.boot.health.autoconfigure.registry.HealthContributorRegistryAutoConfiguration;
import org.springframework.boot.health.contributor.Health;
import org.springframework.boot.health.contributor.Status;
import org.springframework.boot.test.context.FilteredClassLoader;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.env.MapPropertySource;

class ShardfluxActuatorAutoConfigurationTests {

  private static final Duration BOUND = Duration.ofSeconds(30);

  private final ApplicationContextRunner runner =
      new ApplicationContextRunner()
          .withConfiguration(
              AutoConfigurations.of(
                  ShardfluxAutoConfiguration.class,
                  ShardfluxActuatorAutoConfiguration.class,
                  HealthContributorAutoConfiguration.class,
                  HealthContributorRegistryAutoConfiguration.class,
                  HealthEndpointAutoConfiguration.class));

  private final ApplicationContextRunner named =
      runner.withPropertyValues(
          "shardflux.shards.shard_0.url=r2dbc:mysql://app@127.0.0.1:1/a",
          "management.endpoints.web.exposure.include=health");

  @Test
  void isDownWhereNoShardAnswers() {
    named.run(
        context -> {
          Health health =
              context
                  .getBean(ShardsHealthIndicator.class)
                  .health()
                  .blockOptional(BOUND)
                  .orElseThrow();
          assertThat(health.getStatus()).isEqualTo(Status.DOWN);
          assertThat(health.getDetails()).hasToString("{shard_0=DOWN}");
        });
  }

  @Test
  void ordersDegradedBetweenDownAndUpAndAnswersItWith200() {
    named.run(
        context -> {
          StatusAggregator order = context.getBean(StatusAggregator.class);
          Status degraded = ShardsHealthIndicator.DEGRADED;
          assertThat(order.getAggregateStatus(Status.UP, degraded)).isEqualTo(degraded);
          assertThat(order.getAggregateStatus(Status.DOWN, degraded)).isEqualTo(Status.DOWN);
          assertThat(order.getAggregateStatus(Status.UNKNOWN, degraded)).isEqualTo(degraded);
          HttpCodeStatusMapper codes = context.getBean(HttpCodeStatusMapper.class);
          assertThat(codes.getStatusCode(degraded)).isEqualTo(200);
        });
  }

  @Test
  void leavesTheOrderToTheUser() {
    named
        .withPropertyValues(
            "management.endpoint.health.status.order=up,degraded",
            "management.endpoint.health.status.http-mapping.degraded=503")
        .run(
            context -> {
              StatusAggregator order = context.getBean(StatusAggregator.class);
              Status degraded = ShardsHealthIndicator.DEGRADED;
              assertThat(order.getAggregateStatus(Status.UP, degraded)).isEqualTo(Status.UP);
              HttpCodeStatusMapper codes = context.getBean(HttpCodeStatusMapper.class);
              assertThat(codes.getStatusCode(degraded)).isEqualTo(503);
            });
  }

  @Configuration(proxyBeanMethods = false)
  static class OwnOrder {

    @Bean
    StatusAggregator own() {
      return StatusAggregator.getDefault();
    }
  }

  @Test
  void backsOffForAnOrderOfTheApplicationsOwn() {
    named
        .withUserConfiguration(OwnOrder.class)
        .run(
            context ->
                assertThat(context.getBean(StatusAggregator.class))
                    .isSameAs(StatusAggregator.getDefault()));
  }

  @Test
  void leavesHealthOutWhereItIsTurnedOff() {
    named
        .withPropertyValues("management.health.shards.enabled=false")
        .run(context -> assertThat(context).doesNotHaveBean(ShardsHealthIndicator.class));
  }

  @Test
  void exposesTheEndpointWhereItIsAskedFor() {
    named.run(context -> assertThat(context).doesNotHaveBean(ShardsEndpoint.class));
    named
        .withPropertyValues("management.endpoints.web.exposure.include=shards")
        .run(context -> assertThat(context).hasSingleBean(ShardsEndpoint.class));
    named
        .withPropertyValues(
            "management.endpoints.web.exposure.include=shards",
            "management.endpoint.shards.access=NONE")
        .run(context -> assertThat(context).doesNotHaveBean(ShardsEndpoint.class));
  }

  @Test
  void makesNothingWithoutARouter() {
    runner
        .withPropertyValues("management.endpoints.web.exposure.include=*")
        .run(
            context -> {
              assertThat(context).hasNotFailed();
              assertThat(context).doesNotHaveBean(ShardsHealthIndicator.class);
              assertThat(context).doesNotHaveBean(ShardsEndpoint.class);
              assertThat(context.getBean(StatusAggregator.class))
                  .isNotNull()
                  .extracting(order -> order.getAggregateStatus(Status.UP))
                  .isEqualTo(Status.UP);
            });
  }

  @Test
  void needsNoActuator() {
    new ApplicationContextRunner()
        .withConfiguration(
            AutoConfigurations.of(
                ShardfluxAutoConfiguration.class, ShardfluxActuatorAutoConfiguration.class))
        .withPropertyValues("shardflux.shards.shard_0.url=r2dbc:mysql://app@127.0.0.1:1/a")
        .withClassLoader(
            new FilteredClassLoader(
                "org.springframework.boot.actuate", "org.springframework.boot.health"))
        .run(
            context -> {
              assertThat(context).hasNotFailed();
              assertThat(context).hasSingleBean(ShardRouter.class);
              assertThat(context).doesNotHaveBean(ShardfluxActuatorAutoConfiguration.class);
            });
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "shardflux.shards.a.password              | x | true",
        "shardflux.shards.a.url                   | x | true",
        "shardflux.shards[a].replicas[0].password | x | true",
        "shardflux.strategies.by.server.url       | x | true",
        "SHARDFLUX_SHARDS_A_PASSWORD              | x | true",
        "shardflux.control.password               | x | true",
        "shardflux.control.credentials.a.password | x | true",
        "SHARDFLUX_CONTROL_CREDENTIALS_A_PASSWORD | x | true",
        "shardflux.api.operator-token             | x | true",
        "SHARDFLUX_API_OPERATORTOKEN              | x | true",
        "shardflux.control.cluster                | x | false",
        "sun.java.command                         | a.jar --shardflux.shards.a.url=x | true",
        "spring.application.json                  | {\"shardflux\":{\"shards\":{\"a\":{\"password\":\"x\"}}}} | true",
        "shardflux.shards.a.username              | x | false",
        "shardflux.pool.max-size                  | 7 | false",
        "java.class.path                          | shardflux-spring-boot-starter.jar | false",
        "server.url                               | x | false",
      })
  void masksWhatMayHoldAPassword(String key, String value, boolean masked) {
    SanitizableData data =
        new SanitizableData(new MapPropertySource("any", Map.of(key, value)), key, value);
    assertThat(new ShardfluxSecrets().apply(data).getValue())
        .isEqualTo(masked ? SanitizableData.SANITIZED_VALUE : value);
  }
}
