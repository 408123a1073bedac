package io.shardflux.router;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Mono;

/**
 * Listed texts, each in a group, and a group for the others, or none. It is only ever the groups of
 * a composite.
 */
final class ListedStrategy extends ShardingStrategy {

  private final Map<String, ShardId> groups;
  private final @Nullable ShardId others;

  ListedStrategy(Map<String, ShardId> groups, @Nullable ShardId others) {
    super(all(groups, others));
    this.groups = sorted(groups);
    this.others = others;
  }

  private static Set<ShardId> all(Map<String, ShardId> groups, @Nullable ShardId others) {
    Set<ShardId> all = new LinkedHashSet<>(groups.values());
    if (others != null) {
      all.add(others);
    }
    return all;
  }

  /** Tells whether another one picks the same group for each text. */
  boolean same(ListedStrategy other) {
    return groups.equals(other.groups) && Objects.equals(others, other.others);
  }

  @Override
  ShardId locate(ShardKey key, int from, int to) {
    checkOne(key, from, to);
    checkType(key, from, KeyType.TEXT);
    ShardId group = groups.get((String) key.part(from));
    if (group != null) {
      return group;
    }
    if (others != null) {
      return others;
    }
    throw unroutable(key, from, to, "one of " + groups.keySet());
  }

  @Override
  public Set<ShardId> touching(KeyRange range) {
    Set<ShardId> touched = new LinkedHashSet<>();
    groups.forEach(
        (text, group) -> {
          if (range.contains(ShardKey.of(text), 0)) {
            touched.add(group);
          }
        });
    if (others != null) {
      touched.add(others);
    }
    return Collections.unmodifiableSet(touched);
  }

  @Override
  Mono<String> predicate(ShardId group, List<KeyColumn> columns) {
    KeyColumn column = checkColumn(columns, KeyType.TEXT);
    if (!group.equals(others)) {
      return Mono.just(KeySql.in(column, texts(group, true)));
    }
    return Mono.just(
        KeySql.present(columns) + " AND NOT (" + KeySql.in(column, texts(group, false)) + ")");
  }

  /** The listed texts in a group, or those in any other. */
  private List<ShardKey> texts(ShardId group, boolean inside) {
    List<ShardKey> texts = new ArrayList<>();
    groups.forEach(
        (text, textGroup) -> {
          if (textGroup.equals(group) == inside) {
            texts.add(ShardKey.of(text));
          }
        });
    return texts;
  }

  @Override
  Map<String, Object> keys(StrategyTree nested) {
    throw new IllegalStateException("listed: by itself (expected: the groups of a composite)");
  }

  /** The keys of the composite whose groups these are. */
  Map<String, Object> keys(StrategyTree nested, Map<ShardId, ShardingStrategy> inside) {
    Map<String, Object> regions = new LinkedHashMap<>();
    inside.forEach(
        (group, strategy) -> {
          Map<String, Object> region = new LinkedHashMap<>();
          // What is listed among the others lies there in any case.
          if (!group.equals(others)) {
            region.put("countries", texts(group, true).stream().map(it -> it.part(0)).toList());
          }
          region.put("strategy", nested.of(strategy));
          regions.put(group.value(), region);
        });
    Map<String, Object> keys = StrategyTree.type("geo");
    keys.put("regions", regions);
    if (others != null) {
      keys.put("others", others.value());
    }
    return keys;
  }

  @Override
  public String toString() {
    return "listed" + groups + (others == null ? "" : ", others in " + others);
  }
}
