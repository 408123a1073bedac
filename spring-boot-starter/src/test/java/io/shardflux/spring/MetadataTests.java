package io.shardflux.spring;

import static org.assertj.core.api.Assertions.assertThat;

import io.shardflux.r2dbc.ShardRouter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.assertj.core.api.Assertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.springframework.core.io.ClassPathResource;
import org.yaml.snakeyaml.Yaml;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The metadata that IDEs read, against the page that people read and against the router. */
class MetadataTests {

  private static final Path PAGE = Path.of("..", "src", "docs", "configuration.md");
  private static final Path REPLICAS = PAGE.resolveSibling("replicas.md");
  private static final String PREFIX = "shardflux.";
  private static final String STRATEGY = "strategies.*";

  /** Maps with names of the user's own as keys. */
  private static final Set<String> NAMED =
      Set.of(
          "shards",
          "tables",
          "strategies",
          "strategies.*.inside",
          "strategies.*.tenants",
          "strategies.*.regions",
          "control.credentials");

  /** Maps with values of the user's own as keys. */
  private static final Set<String> LEAVES =
      Set.of("tables.*.key", "strategies.*.weights", "strategies.*.listed");

  /** The keys below which a strategy is inside another. */
  private static final Set<String> INNER =
      Set.of(
          "strategies.*.groups",
          "strategies.*.inside.*",
          "strategies.*.tenants.*",
          "strategies.*.regions.*.strategy",
          "strategies.*.others",
          "strategies.*.assign-unknown");

  @Test
  void hasEveryKeyOfThePageAndNoOther() throws IOException {
    Set<String> documented = new TreeSet<>(defaults().keySet());
    Matcher examples =
        Pattern.compile("(?s)```yaml\n(.*?)```")
            .matcher(Files.readString(PAGE) + Files.readString(REPLICAS));
    while (examples.find()) {
      Map<?, ?> example = new Yaml().load(examples.group(1));
      collect("", example, documented);
    }
    assertThat(properties().keySet()).containsExactlyInAnyOrderElementsOf(documented);
  }

  @Test
  void hasTheDefaultsOfThePage() throws IOException {
    Map<String, JsonNode> properties = properties();
    defaults()
        .forEach(
            (name, value) ->
                assertThat(
                        Objects.requireNonNull(properties.get(name), name)
                            .path("defaultValue")
                            .asString(""))
                    .as(name)
                    .isEqualTo(value));
  }

  @Test
  void describesEveryKeyByATypeThatThereIs() throws IOException {
    properties()
        .forEach(
            (name, property) -> {
              assertThat(property.path("description").asString("")).as(name).endsWith(".");
              String type = property.path("type").asString("").replaceFirst("<.*", "");
              Assertions.assertThatNoException().as(name).isThrownBy(() -> Class.forName(type));
            });
  }

  @ParameterizedTest
  @CsvSource({
    "reads.preference, reads.preference,",
    "sql.allow-scatter, sql.allow-scatter,",
    "resharding.switch, resharding.switch,",
    "resharding.clean, resharding.clean,",
    "transactions.mode, transactions.mode,",
    "strategies.*.type, strategies.by_id.type,",
    "strategies.*.function, strategies.by_id.function, hash",
    "strategies.*.period, strategies.by_id.period, time",
    "strategies.*.key, strategies.by_id.key, range",
    "tables.*.key.values, tables.users.key.id,",
  })
  void hintsAtWhatTheRouterTakes(String hint, String path, String type) throws IOException {
    Map<String, Object> strategy = new LinkedHashMap<>(Map.of("shards", List.of("a")));
    if (type != null) {
      strategy.put("type", type);
    }
    Map<String, Object> table = new LinkedHashMap<>(Map.of("strategy", "by_id"));
    String key = path.substring(path.lastIndexOf('.') + 1);
    if (path.startsWith("tables")) {
      table.put("key", Map.of(key, "nope"));
    } else {
      strategy.remove("shards");
      strategy.put(key, "nope");
      if ("hash".equals(type)) {
        strategy.put("shards", List.of("a"));
      }
    }
    Map<String, Object> document =
        switch (path.substring(0, path.indexOf('.'))) {
          case "reads" -> Map.of("reads", Map.of(key, "nope"));
          case "resharding" -> Map.of("resharding", Map.of(key, "nope"));
          case "transactions" -> Map.of("transactions", Map.of(key, "nope"));
          case "sql" -> Map.of("sql", Map.of(key, "nope"));
          case "tables" -> Map.of("tables", Map.of("users", table));
          default -> Map.of("strategies", Map.of("by_id", strategy));
        };
    Assertions.assertThatIllegalArgumentException()
        .isThrownBy(() -> ShardRouter.builder(document))
        .withMessage(path + ": nope (expected: one of " + String.join(", ", hinted(hint)) + ")");
  }

  private static List<String> hinted(String name) throws IOException {
    for (JsonNode hint : metadata().get("hints")) {
      if (hint.get("name").asString().equals(PREFIX + name)) {
        return hint.get("values")
            .valueStream()
            .map(value -> value.get("value").asString())
            .toList();
      }
    }
    throw new IllegalArgumentException(name);
  }

  private static Map<String, JsonNode> properties() throws IOException {
    Map<String, JsonNode> properties = new TreeMap<>();
    for (JsonNode property : metadata().get("properties")) {
      String name = property.get("name").asString();
      if (name.startsWith(PREFIX)) {
        assertThat(properties.put(name.substring(PREFIX.length()), property)).as(name).isNull();
      }
    }
    return properties;
  }

  /** The file that the build makes of the one in the sources. */
  private static JsonNode metadata() throws IOException {
    return new JsonMapper()
        .readTree(
            new ClassPathResource("META-INF/spring-configuration-metadata.json")
                .getContentAsByteArray());
  }

  /** The keys of the page's tables with their defaults, empty where there is none. */
  private static Map<String, String> defaults() throws IOException {
    Map<String, String> defaults = new TreeMap<>();
    List<String> prefixes = List.of();
    boolean keys = false;
    int column = -1;
    for (String line : Files.readAllLines(PAGE)) {
      if (line.startsWith("#")) {
        prefixes = prefixes(line);
      } else if (!line.startsWith("|")) {
        keys = false;
      } else if (line.startsWith("| key |")) {
        keys = true;
        column = cells(line).indexOf("default");
      } else if (keys && line.startsWith("| `")) {
        List<String> cells = cells(line);
        String key = cells.get(0).replace("`", "");
        for (String prefix : prefixes) {
          if (key.equals("replicas") && prefix.endsWith(".server.")) {
            continue;
          }
          // A shard's own keys have no default: the keys on top are theirs.
          boolean own = prefix.endsWith(".pool.");
          String value = own || column < 0 ? "" : literal(cells.get(column));
          defaults.put(prefix + key, value);
        }
      }
    }
    return defaults;
  }

  private static List<String> prefixes(String heading) {
    String name = heading.replaceAll("[# `]", "");
    if (heading.startsWith("### ")) {
      return List.of(STRATEGY + ".");
    }
    return switch (name) {
      case "shards" -> List.of("shards.*.", "ids.server.", STRATEGY + ".server.");
      case "pool" ->
          List.of("pool.", "shards.*.pool.", "ids.server.pool.", STRATEGY + ".server.pool.");
      case "tables" -> List.of("tables.*.");
      default -> List.of(name + ".");
    };
  }

  private static List<String> cells(String line) {
    return Arrays.stream(line.substring(1).split("\\|")).map(String::trim).toList();
  }

  private static String literal(String cell) {
    String first = cell.replace("`", "").replaceFirst(",.*", "");
    return first.matches(
            "[0-9]+(ms|s|m|h|d)?|crc32|shardflux_directory|shardflux_nodes|primary|remove|at-once"
                + "|single-writer|true|false")
        ? first
        : "";
  }

  private static void collect(String path, Object value, Set<String> keys) {
    if (LEAVES.contains(path)) {
      return;
    }
    if (value instanceof List<?> list) {
      list.stream()
          .filter(Map.class::isInstance)
          .forEach(item -> collect(path + "[*]", item, keys));
    } else if (value instanceof Map<?, ?> map) {
      String owner = INNER.contains(path) ? STRATEGY : path;
      map.forEach((key, inner) -> collectChild(owner, String.valueOf(key), inner, keys));
    }
  }

  private static void collectChild(String path, String key, Object value, Set<String> keys) {
    boolean named = NAMED.contains(path);
    String child = path.isEmpty() ? key : path + "." + (named ? "*" : key);
    if (!named) {
      keys.add(child);
    }
    collect(child, value, keys);
  }
}
