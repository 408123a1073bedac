package io.shardflux.spring;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.tuple;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.r2dbc.ids.ShardIds;
import io.shardflux.r2dbc.observe.ShardStatistics;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.router.ShardId;
import io.shardflux.spring.lifecycle.RouterLifecycle;
import io.shardflux.spring.property.InvalidSettingException;
import io.shardflux.spring.property.RouterProperties;
import java.lang.reflect.Proxy;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import org.springframework.boot.web.server.context.WebServerApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.annotation.Order;
import org.springframework.core.env.SystemEnvironmentPropertySource;
import reactor.test.StepVerifier;

class ShardfluxAutoConfigurationTests {

  private static final Duration BOUND = Duration.ofSeconds(30);

  /** Nobody listens on that port. */
  private static final String URL = "r2dbc:mysql://app@127.0.0.1:1/a";

  private final ApplicationContextRunner runner =
      new ApplicationContextRunner()
          .withConfiguration(AutoConfigurations.of(ShardfluxAutoConfiguration.class));

  private final ApplicationContextRunner named =
      runner.withPropertyValues("shardflux.shards.shard_0.url=" + URL);

  @Test
  void makesNothingWhereNoShardsAreNamed() {
    runner
        .withPropertyValues("shardflux.pool.max-size=7")
        .run(
            context -> {
              assertThat(context).hasNotFailed();
              assertThat(context).doesNotHaveBean(ShardRouter.class);
              assertThat(context).doesNotHaveBean(RouterLifecycle.class);
            });
  }

  @Test
  void makesTheRouterOfTheProperties() {
    named
        .withPropertyValues(
            "shardflux.shards.shard_1.url=" + URL + "1",
            "shardflux.shards.shard_1.pool.max-size=3",
            "shardflux.pool.max-size=7",
            "shardflux.strategies.by_id.type=hash",
            "shardflux.strategies.by_id.shards[0]=shard_0",
            "shardflux.strategies.by_id.shards[1]=shard_1",
            "shardflux.tables.users.strategy=by_id",
            "shardflux.tables.users.key.id=integer")
        .run(
            context -> {
              ShardRouter router = context.getBean(ShardRouter.class);
              assertThat(router.topology().tables()).containsOnlyKeys("users");
              assertThat(router.topology().strategies()).containsOnlyKeys("by_id");
              assertThat(statistics(router))
                  .extracting(shard -> shard.id().value(), shard -> shard.pool().maxSize())
                  .containsExactly(tuple("shard_0", 7), tuple("shard_1", 3));
            });
  }

  @Test
  void takesAMockInPlaceOfTheRouter() {
    // As Mockito's mocks do, it gives null for whatever it wasn't told.
    ShardRouter mock =
        (ShardRouter)
            Proxy.newProxyInstance(
                ShardRouter.class.getClassLoader(),
                new Class<?>[] {ShardRouter.class},
                (proxy, method, arguments) ->
                    method.getReturnType() == int.class ? System.identityHashCode(proxy) : null);
    named
        .withConfiguration(
            AutoConfigurations.of(
                ShardfluxR2dbcAutoConfiguration.class,
                ShardfluxActuatorAutoConfiguration.class,
                ShardfluxMicrometerAutoConfiguration.class))
        .withBean(SimpleMeterRegistry.class)
        .withBean(ShardRouter.class, () -> mock)
        .run(context -> assertThat(context).hasNotFailed());
  }

  @Test
  void startsWhereNoShardCanBeReached() {
    named.run(
        context -> {
          assertThat(context).hasNotFailed();
          // The warm-up has met the shard, so it is known to be down before any statement is.
          assertThat(statistics(context.getBean(ShardRouter.class)))
              .extracting(ShardStatistics::status)
              .containsExactly(ShardStatistics.Status.DOWN);
        });
  }

  @Test
  void takesAPasswordFromTheEnvironment() {
    runner
        .withPropertyValues("shardflux.shards.first.url=r2dbc:mysql://127.0.0.1:1/a")
        .withInitializer(
            context ->
                context
                    .getEnvironment()
                    .getPropertySources()
                    .addFirst(
                        new SystemEnvironmentPropertySource(
                            "test-systemEnvironment",
                            Map.of(
                                "SHARDFLUX_SHARDS_FIRST_PASSWORD", "word",
                                "SHARDFLUX_SHARDS_FIRST_USERNAME", "app"))))
        .run(
            context -> {
              assertThat(context).hasNotFailed();
              assertThat(new RouterProperties(context.getEnvironment()).document())
                  .containsEntry(
                      "shards",
                      Map.of(
                          "first",
                          Map.of(
                              "password", "word",
                              "username", "app",
                              "url", "r2dbc:mysql://127.0.0.1:1/a")));
            });
  }

  @Test
  void leavesTheServersOfTestsAlone() {
    named
        .withPropertyValues(
            "shardflux.servers=127.0.0.1:1",
            "shardflux.servers.data=/tmp",
            "shardflux.servers.user=a")
        .run(context -> assertThat(context).hasSingleBean(ShardRouter.class));
  }

  @Configuration(proxyBeanMethods = false)
  static class OwnRouter {

    @Bean
    ShardRouter own() {
      return ShardRouter.builder().shard(Shard.of("mine", URL)).build();
    }
  }

  @Test
  void backsOffForARouterOfTheApplicationsOwnAndClosesIt() {
    ShardRouter[] own = new ShardRouter[1];
    named
        .withUserConfiguration(OwnRouter.class)
        .run(
            context -> {
              own[0] = context.getBean(ShardRouter.class);
              assertThat(own[0].topology().shards()).containsExactly(ShardId.of("mine"));
              assertThat(context.getBean(RouterLifecycle.class).isRunning()).isTrue();
            });
    assertClosed(own[0]);
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
  void leavesTwoRoutersToTheApplication() {
    named
        .withUserConfiguration(TwoRouters.class)
        .run(
            context -> {
              assertThat(context).hasNotFailed();
              assertThat(context).doesNotHaveBean(RouterLifecycle.class);
            });
  }

  @Configuration(proxyBeanMethods = false)
  static class Customizers {

    @Bean
    @Order(2)
    ShardRouterCustomizer later() {
      return builder -> builder.shard(Shard.of("later", URL + "1"));
    }

    @Bean
    @Order(1)
    ShardRouterCustomizer sooner() {
      return builder -> builder.shard(Shard.of("sooner", URL + "2"));
    }
  }

  @Test
  void appliesCustomizersInOrder() {
    named
        .withUserConfiguration(Customizers.class)
        .run(
            context ->
                assertThat(context.getBean(ShardRouter.class).topology().shards())
                    .extracting(ShardId::value)
                    .containsExactly("shard_0", "sooner", "later"));
  }

  @Test
  void closesTheRouterWithTheContext() {
    ShardRouter[] router = new ShardRouter[1];
    named.run(context -> router[0] = context.getBean(ShardRouter.class));
    assertClosed(router[0]);
  }

  @Test
  void stopsBehindTheWebServer() {
    assertThat(RouterLifecycle.PHASE)
        .isLessThan(WebServerApplicationContext.START_STOP_LIFECYCLE_PHASE)
        .isLessThan(WebServerApplicationContext.GRACEFUL_SHUTDOWN_PHASE);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          shardflux.pool.max-size=abc                | pool.max-size: abc (expected: a whole number
          shardflux.pool.size=7                      | pool.size: unknown (expected: one of max-size,
          shardflux.timeouts.total=5                 | timeouts.total: 5 (expected: a time with its unit
          shardflux.strategies.by_id.type=hush       | strategies.by_id.type: hush (expected: one of
          shardflux.shards.shard_0.url=r2dbc:h2:mem  | shards.shard_0.url: not shown (expected: a URL
          shardflux.poool.max-size=7                 | poool: unknown (expected: one of shards, pool,
          """)
  void refusesABadSetting(String property, String message) {
    named
        .withPropertyValues(property)
        .run(
            context ->
                assertThat(context)
                    .getFailure()
                    .rootCause()
                    .isInstanceOf(InvalidSettingException.class)
                    .hasNoCause()
                    .hasMessageStartingWith(message));
  }

  private static List<ShardStatistics> statistics(ShardRouter router) {
    return router.operations().statistics().blockOptional(BOUND).orElseThrow();
  }

  private static void assertClosed(ShardRouter router) {
    StepVerifier.create(router.operations().addShard(Shard.of("one_more", URL)))
        .expectErrorMessage("router: closed (expected: one in use)")
        .verify(BOUND);
  }

  @Test
  void makesIdsWhereTheyAreDescribed() {
    named.run(context -> assertThat(context).doesNotHaveBean(ShardIds.class));
    ShardIds[] made = new ShardIds[1];
    named
        .withPropertyValues("shardflux.ids.shard=shard_0", "shardflux.ids.table=nodes")
        .run(
            context -> {
              made[0] = context.getBean(ShardIds.class);
              assertThat(made[0]).hasToString("ids by nodes on shard_0@127.0.0.1:1");
            });
    assertClosed(made[0]);
  }

  @Test
  void makesIdsWithoutARouter() {
    runner
        .withPropertyValues("shardflux.ids.server.url=" + URL)
        .run(
            context -> {
              assertThat(context).hasSingleBean(ShardIds.class);
              assertThat(context).doesNotHaveBean(ShardRouter.class);
            });
  }

  @Test
  void refusesIdsThatCanNotBe() {
    named
        .withPropertyValues("shardflux.ids.shard=shard_0", "shardflux.ids.lease=2h")
        .run(
            context ->
                assertThat(context)
                    .getFailure()
                    .rootCause()
                    .isInstanceOf(InvalidSettingException.class)
                    .hasMessage("ids.lease: 2h (expected: a time from 1s to 1h)"));
  }

  @Configuration(proxyBeanMethods = false)
  static class OwnIds {

    @Bean
    ShardIds own() {
      return ShardIds.of(Shard.of("mine", URL));
    }
  }

  @Test
  void backsOffForIdsOfTheApplicationsOwnAndClosesThem() {
    ShardIds[] own = new ShardIds[1];
    named
        .withUserConfiguration(OwnIds.class)
        .withPropertyValues("shardflux.ids.shard=shard_0")
        .run(
            context -> {
              own[0] = context.getBean(ShardIds.class);
              assertThat(own[0]).hasToString("ids by shardflux_nodes on mine@127.0.0.1:1");
            });
    assertClosed(own[0]);
  }

  private static void assertClosed(ShardIds ids) {
    StepVerifier.create(ids.next())
        .expectErrorMatches(error -> String.valueOf(error.getMessage()).contains(": closing "))
        .verify(BOUND);
  }
}
