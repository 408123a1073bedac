package io.shardflux.router;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import reactor.core.publisher.Mono;

/**
 * A directory some of whose keys are named here, so that their shards are known without it and are
 * the same for all routers, whatever is written into it. A move of keys of a directory has one
 * before and one afterwards, of the same keys; all other keys stay where the directory has them.
 */
@Internal
public final class NamedKeysStrategy extends ShardingStrategy {

  private final Map<ShardKey, ShardId> named;
  private final DirectoryStrategy others;

  private NamedKeysStrategy(Map<ShardKey, ShardId> named, DirectoryStrategy others) {
    super(all(named, others));
    this.named = Collections.unmodifiableMap(new LinkedHashMap<>(named));
    this.others = others;
  }

  /** Names the shards of some keys, perhaps of none; all are of the same types. */
  public static NamedKeysStrategy of(Map<ShardKey, ShardId> named, DirectoryStrategy others) {
    return new NamedKeysStrategy(named, others);
  }

  private static Set<ShardId> all(Map<ShardKey, ShardId> named, DirectoryStrategy others) {
    Set<ShardId> all = new LinkedHashSet<>(others.shards());
    all.addAll(named.values());
    return all;
  }

  /** The keys that are named, with their shards. */
  public Map<ShardKey, ShardId> named() {
    return named;
  }

  /** The directory that has all other keys. */
  public DirectoryStrategy others() {
    return others;
  }

  /** The same names over another directory. */
  public NamedKeysStrategy over(DirectoryStrategy other) {
    return new NamedKeysStrategy(named, other);
  }

  @Override
  public boolean immediate() {
    return false;
  }

  @Override
  ShardId locate(ShardKey key, int from, int to) {
    return others.locate(key, from, to);
  }

  @Override
  Mono<ShardId> resolve(ShardKey key, int from, int to) {
    ShardId shard = named.get(key.slice(from, to));
    return shard == null ? others.resolve(key, from, to) : Mono.just(shard);
  }

  /**
   * All rows of a shard but those of keys that are named elsewhere: other keys have no rows but
   * those on their own shard. So it does not ask the directory.
   */
  @Override
  Mono<String> predicate(ShardId shard, List<KeyColumn> columns) {
    return Mono.fromSupplier(
        () ->
            others.shards().contains(shard)
                ? "NOT (" + in(columns, other -> !other.equals(shard)) + ")"
                : in(columns, shard::equals));
  }

  private String in(List<KeyColumn> columns, Predicate<ShardId> places) {
    return in(
        columns,
        named.entrySet().stream()
            .filter(key -> places.test(key.getValue()))
            .map(Map.Entry::getKey)
            .toList());
  }

  /** The condition that a row's key is one of those. */
  static String in(List<KeyColumn> columns, List<ShardKey> keys) {
    checkSome(columns);
    keys.forEach(key -> checkFits(key, columns));
    return keys.isEmpty()
        ? "FALSE"
        : keys.stream()
            .map(KeySql::tuple)
            .collect(Collectors.joining(", ", KeySql.tuple(columns) + " IN (", ")"));
  }

  static void checkFits(ShardKey key, List<KeyColumn> columns) {
    boolean fits =
        key.size() == columns.size()
            && IntStream.range(0, key.size()).allMatch(i -> key.type(i) == columns.get(i).type());
    if (!fits) {
      throw new IllegalStateException(
          "key in the directory: " + key + " (expected: one that fits " + columns + ")");
    }
  }

  @Override
  Map<String, Object> keys(StrategyTree nested) {
    Map<String, List<Object>> byShard = new TreeMap<>();
    named.forEach(
        (key, shard) ->
            byShard.computeIfAbsent(shard.value(), name -> new ArrayList<>()).add(texts(key)));
    Map<String, Object> keys = StrategyTree.type("named-keys");
    keys.put("key", named.isEmpty() ? List.of() : types(named.keySet().iterator().next()));
    keys.put("named", byShard);
    keys.put("others", nested.of(others));
    return keys;
  }

  private static List<String> types(ShardKey key) {
    return IntStream.range(0, key.size()).mapToObj(i -> StrategyTree.word(key.type(i))).toList();
  }

  /** The text of a key of one part, and otherwise a list. */
  private static Object texts(ShardKey key) {
    List<String> texts = IntStream.range(0, key.size()).mapToObj(i -> text(key, i)).toList();
    return texts.size() == 1 ? texts.get(0) : texts;
  }

  /** As a document has it. */
  private static String text(ShardKey key, int index) {
    return key.type(index) == KeyType.BINARY ? key.text(index) : key.part(index).toString();
  }

  @Override
  public String toString() {
    return others + " with " + named.size() + " keys named";
  }
}
