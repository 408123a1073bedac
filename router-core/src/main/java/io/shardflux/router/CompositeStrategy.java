package io.shardflux.router;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** The first part picks a group, and the group's own strategy goes by the parts after it. */
final class CompositeStrategy extends ShardingStrategy {

  private final ShardingStrategy groups;
  private final Map<ShardId, ShardingStrategy> inside;

  CompositeStrategy(ShardingStrategy groups, Map<ShardId, ShardingStrategy> inside) {
    super(shardsOf(inside.values()));
    if (!groups.shards().equals(inside.keySet())) {
      throw new IllegalArgumentException(
          "groups with a strategy inside: "
              + inside.keySet()
              + " (expected: exactly "
              + groups.shards()
              + ", the groups that the first key part can pick)");
    }
    this.groups = groups;
    this.inside = sorted(inside);
  }

  /** Tells whether another one picks the same group for each key; false if that is not known. */
  boolean sameGroups(CompositeStrategy other) {
    if (groups instanceof ListedStrategy listed) {
      return other.groups instanceof ListedStrategy others && listed.same(others);
    }
    return groups == other.groups
        || (groups.immediate()
            && other.groups.immediate()
            && !(other.groups instanceof ListedStrategy)
            && StrategyTree.plain(groups).equals(StrategyTree.plain(other.groups)));
  }

  /** The strategies of the groups. */
  Map<ShardId, ShardingStrategy> inside() {
    return inside;
  }

  /** The same groups, each with another strategy inside. */
  ShardingStrategy each(UnaryOperator<ShardingStrategy> change) {
    Map<ShardId, ShardingStrategy> others = new LinkedHashMap<>();
    inside.forEach((group, strategy) -> others.put(group, change.apply(strategy)));
    return new CompositeStrategy(groups, others);
  }

  @Override
  public boolean immediate() {
    return groups.immediate() && inside.values().stream().allMatch(ShardingStrategy::immediate);
  }

  @Override
  ShardId locate(ShardKey key, int from, int to) {
    checkSome(key, from, to);
    return inside(groups.locate(key, from, from + 1)).locate(key, from + 1, to);
  }

  @Override
  Mono<ShardId> resolve(ShardKey key, int from, int to) {
    checkSome(key, from, to);
    return groups
        .resolve(key, from, from + 1)
        .flatMap(group -> inside(group).resolve(key, from + 1, to));
  }

  ShardingStrategy inside(ShardId group) {
    ShardingStrategy strategy = inside.get(group);
    if (strategy == null) {
      throw new IllegalStateException(
          "group: " + group + " (expected: one of " + inside.keySet() + ")");
    }
    return strategy;
  }

  @Override
  public Set<ShardId> touching(KeyRange range) {
    return Collections.unmodifiableSet(
        shardsOf(groups.touching(range).stream().map(this::inside).toList()));
  }

  @Override
  Mono<String> predicate(ShardId shard, List<KeyColumn> columns) {
    checkSome(columns);
    List<KeyColumn> first = columns.subList(0, 1);
    List<KeyColumn> rest = columns.subList(1, columns.size());
    return Flux.fromIterable(inside.keySet())
        .filter(group -> inside(group).shards().contains(shard))
        .concatMap(
            group ->
                Mono.zip(
                    groups.owns(group, first),
                    inside(group).owns(shard, rest),
                    (ofGroup, ofShard) -> "(" + ofGroup + " AND " + ofShard + ")"))
        .collect(Collectors.joining(" OR "));
  }

  @Override
  Map<String, Object> keys(StrategyTree nested) {
    if (groups instanceof ListedStrategy countries) {
      return countries.keys(nested, inside);
    }
    Map<String, Object> keys = StrategyTree.type("composite");
    keys.put("groups", nested.of(groups));
    keys.put("inside", nested.of(inside));
    return keys;
  }

  @Override
  public String toString() {
    return "composite(" + groups + ", " + inside + ")";
  }
}
