package io.shardflux.spring;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.shardflux.cluster.ClusterRouter;
import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.r2dbc.config.ControlOptions;
import io.shardflux.r2dbc.config.RouterDocument;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.reshard.ShardMoves;
import io.shardflux.router.ShardId;
import io.shardflux.spring.lifecycle.RouterLifecycle;
import io.shardflux.spring.property.InvalidSettingException;
import io.shardflux.spring.property.RouterProperties;
import java.lang.reflect.Proxy;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.test.context.FilteredClassLoader;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import org.springframework.core.env.MapPropertySource;
import org.springframework.core.env.StandardEnvironment;
import org.springframework.core.env.SystemEnvironmentPropertySource;
import reactor.core.publisher.Mono;
import reactor.test.StepVerifier;

/** A shared topology, as far as it needs no server. */
class ShardfluxClusterAutoConfigurationTests {

  /** Nobody listens on that port. */
  private static final String URL = "r2dbc:mysql://app@127.0.0.1:1/a";

  private final ApplicationContextRunner runner =
      new ApplicationContextRunner()
          .withConfiguration(
              AutoConfigurations.of(
                  ShardfluxClusterAutoConfiguration.class,
                  ShardfluxMovesAutoConfiguration.class,
                  ShardfluxAutoConfiguration.class,
                  ShardfluxActuatorAutoConfiguration.class))
          .withPropertyValues(
              "shardflux.shards.shard_0.url=" + URL,
              "shardflux.timeouts.total=1s",
              "management.endpoints.web.exposure.include=*");

  @Test
  void sharesNothingWithoutControl() {
    runner
        .withPropertyValues("shardflux.resharding.enabled=true")
        .run(
            context -> {
              assertThat(context).hasSingleBean(ShardRouter.class);
              assertThat(context).doesNotHaveBean(ClusterRouter.class);
              assertThat(context).doesNotHaveBean(ShardMoves.class);
            });
  }

  @Test
  void takesVariablesOfAServiceOfThatNameForNoControl() {
    runner
        .withInitializer(
            context ->
                context
                    .getEnvironment()
                    .getPropertySources()
                    .addFirst(
                        new SystemEnvironmentPropertySource(
                            "test-systemEnvironment",
                            Map.of(
                                "SHARDFLUX_CONTROL_PORT", "tcp://10.0.0.1:80",
                                "SHARDFLUX_CONTROL_SERVICE_HOST", "10.0.0.1",
                                "SHARDFLUX_RESHARDING_PORT", "tcp://10.0.0.2:80"))))
        .run(
            context -> {
              assertThat(context).hasSingleBean(ShardRouter.class);
              assertThat(context).doesNotHaveBean(ClusterRouter.class);
            });
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"create-tables=true", "url=" + URL, "poll=2s", "credentials.a.username=b"})
  void namesTheDependencyThatControlNeeds(String setting) {
    runner
        .withPropertyValues("shardflux.control." + setting)
        .withClassLoader(new FilteredClassLoader("io.shardflux.cluster", "io.shardflux.reshard"))
        .run(
            context ->
                assertThat(context)
                    .getFailure()
                    .rootCause()
                    .isInstanceOf(InvalidSettingException.class)
                    .hasMessageContaining("io.shardflux:shardflux-topology-store among the"));
  }

  @Test
  void needsNeitherModuleWithoutControl() {
    runner
        .withClassLoader(new FilteredClassLoader("io.shardflux.cluster", "io.shardflux.reshard"))
        .run(context -> assertThat(context).hasSingleBean(ShardRouter.class));
  }

  @Test
  void leavesARouterOfTheApplicationsOwnAlone() {
    runner
        .withPropertyValues("shardflux.control.create-tables=true")
        .withBean(
            ShardRouter.class, () -> ShardRouter.builder().shard(Shard.of("mine", URL)).build())
        .run(
            context -> {
              assertThat(context.getBean(ShardRouter.class).topology().shards())
                  .containsExactly(ShardId.of("mine"));
              assertThat(context).doesNotHaveBean(ClusterRouter.class);
            });
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "control.poll=often         | control.poll: often (expected: a time",
        "control.lease=1ms          | control.lease: 1ms (expected: a time from 1s",
        "control.tables=true        | control.tables: unknown (expected: one of url",
        "control=true               | control: a single value (expected: a map)",
        "resharding.enabled=maybe   | resharding.enabled: maybe (expected: true or false)",
        "resharding.enbled=true     | resharding.enbled: unknown (expected: one of enabled, max-",
        "resharding.max-connections=3 | resharding.max-connections: 3 (expected: a whole number",
        "resharding.close-bound=2s   | resharding.close-bound: 2s (expected: a time from 10ms to"
            + " 1s)",
      })
  void refusesAWrongSetting(String setting, String message) {
    runner
        .withPropertyValues("shardflux." + setting)
        .run(
            context ->
                assertThat(context)
                    .getFailure()
                    .rootCause()
                    .isInstanceOf(InvalidSettingException.class)
                    .hasMessageStartingWith(message));
  }

  @Test
  void failsWhereNeitherControlNorAShardAnswers() {
    runner
        .withPropertyValues("shardflux.control.lease=1s")
        .run(context -> assertThat(context).hasFailed());
  }

  @Test
  void anOpeningThatTakesTooLongIsGivenUp() {
    AtomicBoolean given = new AtomicBoolean();
    Mono<ClusterRouter> opening = Mono.<ClusterRouter>never().doOnCancel(() -> given.set(true));
    RouterProperties properties = new RouterProperties(new StandardEnvironment());
    assertThatIllegalStateException()
        .isThrownBy(
            () ->
                ShardfluxClusterAutoConfiguration.opened(
                    opening, Duration.ofSeconds(1), properties))
        .withMessageStartingWith("control: no answer within 1 s (expected: ");
    assertThat(given).isTrue();
  }

  @ParameterizedTest
  @ValueSource(strings = {"as written", "camel", "capitals", "variables"})
  void bindsEachKeyOfControlInEachSpelling(String spelling) {
    Map<String, Object> settings = new LinkedHashMap<>();
    settings.put("url", "r2dbc:mysql://127.0.0.1:2/control");
    settings.put("username", "keeper");
    settings.put("password", "0123");
    settings.put("cluster", "shop");
    settings.put("poll", "300ms");
    settings.put("lease", "3s");
    settings.put("publish", "true");
    settings.put("create-tables", "true");
    settings.put("credentials.eu.username", "app_eu");
    settings.put("credentials.eu.password", "4567");
    Map<String, Object> file = new LinkedHashMap<>(Map.of("shardflux.shards.shard_0.url", URL));
    Map<String, Object> variables = new LinkedHashMap<>();
    settings.forEach(
        (key, value) -> {
          String name = "shardflux.control." + key;
          switch (spelling) {
            case "camel" -> file.put(name.replace("create-tables", "createTables"), value);
            case "capitals" -> file.put(name.replace("create-tables", "CREATE_TABLES"), value);
            case "variables" ->
                variables.put(
                    name.toUpperCase(Locale.ROOT).replace("-", "").replace('.', '_'), value);
            default -> file.put(name, value);
          }
        });
    StandardEnvironment environment = new StandardEnvironment();
    environment.getPropertySources().addFirst(new MapPropertySource("file", file));
    environment
        .getPropertySources()
        .addFirst(new SystemEnvironmentPropertySource("test-systemEnvironment", variables));
    RouterProperties properties = new RouterProperties(environment);
    assertThat(properties.have("control")).isTrue();
    ControlOptions control =
        Objects.requireNonNull(properties.read(RouterDocument::read).control());
    assertThat(control.server().options().toString()).contains("control").contains("keeper");
    assertThat(control.cluster()).isEqualTo("shop");
    assertThat(control.poll()).isEqualTo(Duration.ofMillis(300));
    assertThat(control.lease()).isEqualTo(Duration.ofSeconds(3));
    assertThat(control.publish()).isTrue();
    assertThat(control.createsTables()).isTrue();
    assertThat(control.accounts()).hasToString("accounts[eu, default]");
  }

  @Test
  void closesTheMovesFirstAndTheRouterOnlyWithItsCluster() {
    List<String> closed = new CopyOnWriteArrayList<>();
    ShardRouter router = ShardRouter.builder().shard(Shard.of("mine", URL)).build();
    ShardRouter shown = noting(ShardRouter.class, router, closed);
    ClusterRouter cluster = noting(ClusterRouter.class, shown, closed);
    runner
        .withBean(ClusterRouter.class, () -> cluster)
        .withBean(ShardMoves.class, () -> noting(ShardMoves.class, shown, closed))
        .run(
            context -> {
              assertThat(context.getBean(ShardRouter.class)).isSameAs(shown);
              assertThat(context).hasSingleBean(RouterLifecycle.class);
            });
    assertThat(closed).containsExactly("ShardMoves", "ClusterRouter");
    StepVerifier.create(router.close()).expectComplete().verify(Duration.ofSeconds(30));
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void makesNoMovesWhereTheyAreTurnedOff(boolean byVariable) {
    ShardRouter router = ShardRouter.builder().shard(Shard.of("mine", URL)).build();
    runner
        .withBean(ClusterRouter.class, () -> noting(ClusterRouter.class, router, new ArrayList<>()))
        .withInitializer(
            context ->
                context
                    .getEnvironment()
                    .getPropertySources()
                    .addFirst(
                        byVariable
                            ? new SystemEnvironmentPropertySource(
                                "test-systemEnvironment",
                                Map.of("SHARDFLUX_RESHARDING_ENABLED", "false"))
                            : new MapPropertySource(
                                "file", Map.of("shardflux.resharding.enabled", "false"))))
        .run(
            context -> {
              assertThat(context).hasSingleBean(ClusterRouter.class);
              assertThat(context).doesNotHaveBean(ShardMoves.class);
            });
    StepVerifier.create(router.close()).expectComplete().verify(Duration.ofSeconds(30));
  }

  /** Notes each close, and has a router that answers for it otherwise. */
  private static <T> T noting(Class<T> type, ShardRouter router, List<String> closed) {
    return type.cast(
        Proxy.newProxyInstance(
            type.getClassLoader(),
            new Class<?>[] {type},
            (proxy, method, arguments) ->
                switch (method.getName()) {
                  case "close" -> Mono.fromRunnable(() -> closed.add(type.getSimpleName()));
                  case "router" -> router;
                  case "hashCode" -> System.identityHashCode(proxy);
                  case "equals" -> Objects.requireNonNull(arguments)[0] == proxy;
                  case "toString" -> type.getSimpleName();
                  default -> method.invoke(router, arguments);
                }));
  }
}
