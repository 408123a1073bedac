package io.shardflux.r2dbc.config;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.shardflux.router.ShardingStrategy;
import io.shardflux.router.StrategyTree;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.yaml.snakeyaml.DumperOptions;
import org.yaml.snakeyaml.LoaderOptions;
import org.yaml.snakeyaml.Yaml;
import org.yaml.snakeyaml.constructor.SafeConstructor;
import org.yaml.snakeyaml.representer.Representer;
import org.yaml.snakeyaml.resolver.Resolver;

/** A strategy that stands by itself in a text. */
class StrategyTextTests {

  private static final Path PAGE = Path.of("..", "src", "docs", "configuration.md");

  /** The strategies of the page, but for one that names another. */
  static Stream<Arguments> strategiesOfThePage() throws IOException {
    Matcher examples =
        Pattern.compile("(?s)```yaml\n(strategies:.*?)```").matcher(Files.readString(PAGE));
    List<Arguments> strategies = new ArrayList<>();
    while (examples.find()) {
      Map<?, ?> example = texts().load(examples.group(1));
      requireNonNull((Map<?, ?>) example.get("strategies"))
          .forEach((name, strategy) -> strategies.add(Arguments.of(name, strategy)));
      strategies.removeIf(each -> String.valueOf(each.get()[1]).contains("=shared"));
    }
    assertThat(strategies).hasSizeGreaterThan(8);
    return strategies.stream();
  }

  /** Takes dates and numbers for texts, as the router does. */
  private static Yaml texts() {
    LoaderOptions limits = new LoaderOptions();
    DumperOptions dump = new DumperOptions();
    Resolver none =
        new Resolver() {
          @Override
          protected void addImplicitResolvers() {
            // Adds none.
          }
        };
    return new Yaml(new SafeConstructor(limits), new Representer(dump), dump, limits, none);
  }

  private static Map<String, Object> tree(ShardingStrategy strategy) {
    return new StrategyTree(directory -> Map.of()).of(strategy);
  }

  @ParameterizedTest
  @MethodSource("strategiesOfThePage")
  void readsAStrategyByItself(String name, Map<String, Object> strategy) {
    DumperOptions json = new DumperOptions();
    json.setDefaultFlowStyle(DumperOptions.FlowStyle.FLOW);
    json.setDefaultScalarStyle(DumperOptions.ScalarStyle.DOUBLE_QUOTED);
    for (String text : List.of(new Yaml().dump(strategy), new Yaml(json).dump(strategy))) {
      if ("directory".equals(strategy.get("type"))) {
        assertThatIllegalArgumentException()
            .isThrownBy(() -> RouterDocument.strategy(name, text))
            .withMessageStartingWith(
                "strategies." + name + ".type: directory (expected: any other");
      } else {
        assertThat(tree(RouterDocument.strategy(name, text)))
            .isEqualTo(
                tree(
                    requireNonNull(
                        RouterDocument.read(Map.of("strategies", Map.of(name, strategy)))
                            .strategies()
                            .get(name))));
      }
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          ''                                 | strategies.by_id.type: missing (expected: one of hash,
          hash                               | strategies.by_id: a single value (expected: a map)
          [a]                                | strategies.by_id: a list (expected: a map)
          {type: hsh}                        | strategies.by_id.type: hsh (expected: one of hash,
          {type: hash}                       | strategies.by_id.shards: missing (expected: a list of
          {type: hash, shards: [a, b c]}     | strategies.by_id.shards[1]: b c (expected: a shard's
          {type: hash, shard: a}             | strategies.by_id.shard: unknown (expected: one of type,
          {type: transition}                 | strategies.by_id.type: transition (expected: one of
          {type: composite, groups: by_id}   | strategies.by_id.groups: by_id (expected: a strategy
          {type: composite, groups: {type: directory, shards: [a]}} | strategies.by_id.groups.type: directory
          {type: hash                        | document, line 1, column
          {type: hash, type: hash}           | document, line 1, column
          """)
  void namesThePlaceOfWhatIsWrongInAStrategy(String yaml, String message) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> RouterDocument.strategy("by_id", yaml))
        .withMessageStartingWith(message);
  }
}
