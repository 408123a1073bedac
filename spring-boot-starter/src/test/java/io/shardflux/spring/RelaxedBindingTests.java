package io.shardflux.spring;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.spring.property.InvalidSettingException;
import io.shardflux.spring.property.RouterProperties;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Properties;
import java.util.TreeMap;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import org.springframework.core.env.ConfigurableEnvironment;
import org.springframework.core.env.MapPropertySource;
import org.springframework.core.env.PropertiesPropertySource;
import org.springframework.core.env.SimpleCommandLinePropertySource;
import org.springframework.core.env.StandardEnvironment;
import org.springframework.core.env.SystemEnvironmentPropertySource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Every key and name by environment variables, and in the other ways that Spring Boot takes. */
@ExtendWith(OutputCaptureExtension.class)
class RelaxedBindingTests {

  private static final Path METADATA =
      Path.of("src/main/resources/META-INF/additional-spring-configuration-metadata.json");

  private static final String URL = "r2dbc:mysql://app@127.0.0.1:1/a";

  private final ApplicationContextRunner runner =
      new ApplicationContextRunner()
          .withConfiguration(AutoConfigurations.of(ShardfluxAutoConfiguration.class));

  static List<String> keys() throws IOException {
    List<String> keys = new ArrayList<>();
    for (JsonNode property :
        new JsonMapper().readTree(Files.readAllBytes(METADATA)).get("properties")) {
      keys.add(property.get("name").asString());
    }
    assertThat(keys).hasSizeGreaterThan(90);
    return keys;
  }

  static List<String> plainKeys() throws IOException {
    List<String> all = keys();
    return all.stream()
        .filter(key -> !key.contains("*"))
        .filter(key -> all.stream().noneMatch(other -> other.startsWith(key + ".")))
        .filter(key -> !List.of("shards", "strategies", "tables").contains(key.substring(10)))
        .toList();
  }

  @ParameterizedTest
  @MethodSource("keys")
  void aVariableReachesEveryKeyBelowEveryName(String key) {
    for (String name : List.of("shard_0", "Shard-0", "eu.west.0", "SHARD0", "shard0")) {
      String property = key.replace(".*", "[" + name + "]").replace("[*]", "[0]");
      String variable = variable(key.replace(".*", "." + name.replaceAll("[^A-Za-z0-9]", "")));
      Map<String, Object> flat = new TreeMap<>();
      flatten("shardflux", document(Map.of(property, "low"), Map.of(variable, "high")), flat);
      assertThat(flat)
          .isEqualTo(Map.of(key.replace("*", name).replace("[" + name + "]", ".0"), "high"));
    }
  }

  private static String variable(String key) {
    return key.replace("[*]", "_0").replace("-", "").replace('.', '_').toUpperCase(Locale.ROOT);
  }

  private static void flatten(String path, Object value, Map<String, Object> flat) {
    if (value instanceof Map<?, ?> map) {
      map.forEach((key, below) -> flatten(path + "." + key, below, flat));
    } else {
      flat.put(path, value);
    }
  }

  @ParameterizedTest
  @MethodSource("plainKeys")
  void aVariableAloneIsReadByTheRouter(String key) {
    String variable = variable(key);
    Map<String, Object> shards = Map.of("shardflux.shards.a.url", URL);
    assertThatExceptionOfType(InvalidSettingException.class)
        .isThrownBy(() -> properties(shards, Map.of(variable, "://")).read(ShardRouter::builder))
        .satisfies(
            error -> {
              String path = key.substring("shardflux.".length());
              assertThat(error.getMessage())
                  .satisfiesAnyOf(
                      message -> assertThat(message).startsWith(path + ": "),
                      message -> assertThat(message).startsWith("ids: "),
                      message -> assertThat(message).startsWith("control: "),
                      message -> assertThat(message).startsWith("ids.server.url: missing"),
                      message -> assertThat(message).startsWith("ids.server.username: missing"));
              assertThat(String.valueOf(error.getOrigin())).contains(variable);
            });
  }

  @ParameterizedTest
  @ValueSource(strings = {"max-size", "maxSize", "max_size", "MAX_SIZE", "maxsize", "MaxSize"})
  void aKeyMayBeSpelledAsSpringBootAllows(String key) {
    runner
        .withPropertyValues("shardflux.shards.a.url=" + URL, "shardflux.pool." + key + "=abc")
        .run(
            context ->
                assertThat(context)
                    .getFailure()
                    .rootCause()
                    .hasMessage(
                        "pool.max-size: abc (expected: a whole number from 1 to 2147483647)"));
  }

  @Test
  void whatComesFirstCountsWhateverItsSpelling() {
    assertThat(
            document(Map.of("shardflux.pool.max-size", "1"), Map.of("SHARDFLUX_POOL_MAXSIZE", "2")))
        .isEqualTo(Map.of("pool", Map.of("max-size", "2")));
  }

  @Test
  void startsBesideAServiceOfKubernetesThatHasTheName(CapturedOutput output) {
    Map<String, Object> variables = new LinkedHashMap<>();
    for (String service :
        List.of("", "_SHARDS", "_TABLES", "_POOL", "_IDS", "_CONTROL", "_STRATEGIES")) {
      String name = "SHARDFLUX" + service;
      variables.put(name + "_PORT", "tcp://10.0.0.1:8080");
      variables.put(name + "_SERVICE_HOST", "10.0.0.1");
      variables.put(name + "_SERVICE_PORT", "8080");
      variables.put(name + "_SERVICE_PORT_HTTP", "8080");
      variables.put(name + "_PORT_8080_TCP", "tcp://10.0.0.1:8080");
      variables.put(name + "_PORT_8080_TCP_PROTO", "tcp");
      variables.put(name + "_PORT_8080_TCP_PORT", "8080");
      variables.put(name + "_PORT_8080_TCP_ADDR", "10.0.0.1");
    }
    runner
        .withInitializer(context -> add(context.getEnvironment(), variables))
        .run(context -> assertThat(context).doesNotHaveBean(ShardRouter.class));
    runner
        .withPropertyValues("shardflux.shards.a.url=" + URL)
        .withInitializer(context -> add(context.getEnvironment(), variables))
        .run(context -> assertThat(context).hasSingleBean(ShardRouter.class));
    assertThat(output)
        .contains("Passed over, as there is no such setting: ")
        .contains("SHARDFLUX_PORT")
        .doesNotContain("10.0.0.1");
  }

  @Test
  void aVariableWithABadValueEndsTheStart() {
    runner
        .withPropertyValues("shardflux.shards.a.url=" + URL)
        .withInitializer(
            context -> add(context.getEnvironment(), Map.of("SHARDFLUX_POOL_MAXSIZE", "many")))
        .run(
            context ->
                assertThat(context)
                    .getFailure()
                    .rootCause()
                    .hasMessageStartingWith("pool.max-size: many"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"shards", "tables", "strategies", "control.credentials"})
  void namesThatNoVariableTellsApartAreRefused(String section) {
    Map<String, Object> both = new LinkedHashMap<>();
    both.put("shardflux." + section + ".a_1.x", "1");
    both.put("shardflux." + section + ".A-1.x", "1");
    assertThatExceptionOfType(InvalidSettingException.class)
        .isThrownBy(() -> properties(both, Map.of()).read(document -> document))
        .withMessageContaining(": the same as ")
        .satisfies(error -> assertThat(error.getOrigin()).isNotNull());
  }

  @Test
  void aListIsThatOfOneSource() {
    Map<String, Object> file = new LinkedHashMap<>();
    for (int i = 0; i < 3; i++) {
      file.put("shardflux.strategies.by_id.shards[" + i + "]", "s" + i);
    }
    assertThat(document(file, Map.of("SHARDFLUX_STRATEGIES_BYID_SHARDS_0", "t")))
        .isEqualTo(Map.of("strategies", Map.of("by_id", Map.of("shards", Map.of("0", "t")))));
  }

  @Test
  void aVariableSaysMoreOfAnElementThatAFileHas() {
    assertThat(
            document(
                Map.of("shardflux.shards.a_b.replicas[0].url", URL),
                Map.of("SHARDFLUX_SHARDS_AB_REPLICAS_0_PASSWORD", "word")))
        .isEqualTo(
            Map.of(
                "shards",
                Map.of(
                    "a_b",
                    Map.of("replicas", Map.of("0", Map.of("url", URL, "password", "word"))))));
  }

  /** The first shard has a meaning of its own, also where a source has no order. */
  @ParameterizedTest
  @ValueSource(strings = {"command line", "system properties", "variables"})
  void shardsOfASourceWithoutOrderComeByTheirNames(String kind) {
    List<String> names = IntStream.range(0, 10).mapToObj(i -> "shard" + i).toList();
    StandardEnvironment environment = new StandardEnvironment();
    Map<String, Object> values = new HashMap<>();
    names.forEach(name -> values.put("shardflux.shards." + name + ".url", URL));
    switch (kind) {
      case "command line" ->
          environment
              .getPropertySources()
              .addFirst(
                  new SimpleCommandLinePropertySource(
                      values.keySet().stream()
                          .map(key -> "--" + key + "=" + URL)
                          .toArray(String[]::new)));
      case "system properties" -> {
        Properties properties = new Properties();
        properties.putAll(values);
        environment.getPropertySources().addFirst(new PropertiesPropertySource("test", properties));
      }
      default -> {
        Map<String, Object> variables = new HashMap<>();
        values.forEach((key, value) -> variables.put(variable(key), value));
        add(environment, variables);
      }
    }
    Map<String, Object> document = new RouterProperties(environment).read(read -> read);
    assertThat((Map<?, ?>) document.get("shards"))
        .extracting(shards -> List.copyOf(shards.keySet()))
        .isEqualTo(names);
  }

  private static Map<String, Object> document(
      Map<String, Object> file, Map<String, Object> variables) {
    return Objects.requireNonNull(properties(file, variables).read(document -> document));
  }

  private static RouterProperties properties(
      Map<String, Object> file, Map<String, Object> variables) {
    StandardEnvironment environment = new StandardEnvironment();
    environment
        .getPropertySources()
        .forEach(source -> environment.getPropertySources().remove(source.getName()));
    environment.getPropertySources().addLast(new MapPropertySource("file", file));
    add(environment, variables);
    return new RouterProperties(environment);
  }

  private static void add(ConfigurableEnvironment environment, Map<String, Object> variables) {
    environment
        .getPropertySources()
        .addFirst(new SystemEnvironmentPropertySource("test-systemEnvironment", variables));
  }
}
