package io.shardflux.router;

import java.util.Collection;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Function;

/**
 * Describes strategies as trees of maps and lists, with the keys and values that a document has for
 * them. Strategies that give every key the same shard by the same rule have equal trees: what has
 * no order in the rule is sorted. A strategy inside another is a tree inside its tree, and one
 * object wherever that strategy is. Not thread-safe.
 */
@Internal
public final class StrategyTree {

  private static final int MAX_NESTING = 32;

  private final Function<ShardDirectory, Map<String, Object>> directories;
  private final IdentityHashMap<ShardingStrategy, Map<String, Object>> known =
      new IdentityHashMap<>();
  private int nesting;

  /**
   * Describes directories by a function.
   *
   * @param directories gives the keys that say where a directory is
   */
  public StrategyTree(Function<ShardDirectory, Map<String, Object>> directories) {
    this.directories = directories;
  }

  /**
   * The tree of a strategy: texts, integers, lists, and maps that begin with {@code type}.
   *
   * @throws IllegalArgumentException if more than 32 strategies are inside each other, or a
   *     directory is refused
   */
  public Map<String, Object> of(ShardingStrategy strategy) {
    Map<String, Object> tree = known.get(strategy);
    if (tree == null) {
      if (nesting == MAX_NESTING) {
        throw new IllegalArgumentException(
            "nested too deeply (expected: at most " + MAX_NESTING + " strategies in each other)");
      }
      nesting++;
      try {
        tree = Collections.unmodifiableMap(strategy.keys(this));
      } finally {
        nesting--;
      }
      known.put(strategy, tree);
    }
    return tree;
  }

  /** The tree of a strategy that has no directory in it. */
  static Map<String, Object> plain(ShardingStrategy strategy) {
    return new StrategyTree(
            directory -> {
              throw new IllegalArgumentException("directory (expected: none)");
            })
        .of(strategy);
  }

  /** The trees of strategies, under the texts of what they are for. */
  <K> Map<String, Object> of(Map<K, ShardingStrategy> strategies) {
    Map<String, Object> trees = new LinkedHashMap<>();
    strategies.forEach((name, strategy) -> trees.put(name.toString(), of(strategy)));
    return trees;
  }

  Map<String, Object> of(ShardDirectory directory) {
    return directories.apply(directory);
  }

  /** The beginning of a strategy's keys. */
  static Map<String, Object> type(String type) {
    Map<String, Object> keys = new LinkedHashMap<>();
    keys.put("type", type);
    return keys;
  }

  static List<String> names(Collection<ShardId> shards) {
    return shards.stream().map(ShardId::value).toList();
  }

  static String word(Enum<?> constant) {
    return constant.name().toLowerCase(Locale.ROOT);
  }
}
