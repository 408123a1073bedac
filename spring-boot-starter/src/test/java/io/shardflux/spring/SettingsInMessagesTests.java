package io.shardflux.spring;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** A message that tells its reader to set something names a setting that there is. */
class SettingsInMessagesTests {

  private static final Path KEYS =
      Path.of("src/main/resources/META-INF/additional-spring-configuration-metadata.json");
  private static final String PREFIX = "shardflux.";

  private static final Pattern LITERAL =
      Pattern.compile("\"([^\"\\\\\n]*+(?:\\\\.[^\"\\\\\n]*+)*+)\"");

  /**
   * Lower case with dots; a hyphen, or a map of the document before the dot, makes it a setting.
   */
  private static final Pattern NAME =
      Pattern.compile("(?<![\\w./:-])([a-z]+(?:-[a-z]+)*)\\.([a-z]+(?:-[a-z]+)*)(?![\\w.(/-])");

  @Test
  void namesOfSettingsAreKeysOfTheDocument() throws IOException {
    Set<String> keys = keys();
    TreeMap<String, Set<String>> unknown = new TreeMap<>();
    int found = 0;
    try (Stream<Path> sources = Files.walk(Path.of(".."))) {
      for (Path source : sources.filter(SettingsInMessagesTests::isMain).toList()) {
        Set<String> named = settings(Files.readString(source), keys);
        found += named.size();
        named.removeAll(keys);
        if (!named.isEmpty()) {
          unknown.put(source.toString(), named);
        }
      }
    }
    assertThat(unknown).isEmpty();
    assertThat(found).isGreaterThan(10);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "raise pool.max-connections or ask less",
        "raise coalescing.batches,",
        "raise shardflux.pool.max-sizes)",
        "below batching.max-keys",
      })
  void aNameThatIsNoSettingIsFound(String message) throws IOException {
    Set<String> keys = keys();
    assertThat(settings("throw \"" + message + "\"", keys))
        .hasSize(1)
        .doesNotContainAnyElementsOf(keys);
  }

  private static boolean isMain(Path path) {
    String text = path.toString().replace('\\', '/');
    return text.contains("/src/main/java/")
        && text.endsWith(".java")
        && !text.contains("/benchmarks/");
  }

  private static Set<String> settings(String source, Set<String> keys) {
    Set<String> maps = new LinkedHashSet<>();
    keys.stream()
        .filter(key -> key.indexOf('.') > 0)
        .forEach(key -> maps.add(key.replaceFirst("\\..*", "")));
    Set<String> named = new TreeSet<>();
    Matcher literals = LITERAL.matcher(source);
    while (literals.find()) {
      Matcher names = NAME.matcher(literals.group(1).replace(PREFIX, ""));
      while (names.find()) {
        if (maps.contains(names.group(1)) || names.group(2).indexOf('-') > 0) {
          named.add(names.group());
        }
      }
    }
    return named;
  }

  /** The keys that IDEs are told of, which are those of the document, and the application's. */
  private static Set<String> keys() throws IOException {
    Set<String> keys = new TreeSet<>();
    for (Path file : List.of(KEYS, Path.of("../webflux-api").resolve(KEYS))) {
      JsonNode metadata = new JsonMapper().readTree(Files.readString(file));
      for (JsonNode property : metadata.get("properties")) {
        keys.add(property.get("name").asString().replaceFirst("^shardflux\\.", ""));
      }
    }
    return keys;
  }
}
