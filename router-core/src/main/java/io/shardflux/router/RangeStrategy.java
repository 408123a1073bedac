package io.shardflux.router;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Mono;

/** Half-open intervals, each on a shard, that leave no gap and don't overlap. */
final class RangeStrategy extends ShardingStrategy {

  /** The type of the keys; any, if the only range has no bound. */
  private final @Nullable KeyType type;

  private final KeyRange[] ranges;
  private final ShardId[] owners;

  RangeStrategy(Map<KeyRange, ShardId> owners) {
    super(owners.values());
    this.type = type(owners.keySet());
    List<KeyRange> sorted = new ArrayList<>(owners.keySet());
    sorted.sort((left, right) -> compareLowerBounds(left.from(), right.from()));
    for (int i = 1; i < sorted.size(); i++) {
      checkAdjacent(sorted.get(i - 1), sorted.get(i));
    }
    this.ranges = sorted.toArray(KeyRange[]::new);
    this.owners = sorted.stream().map(owners::get).toArray(ShardId[]::new);
  }

  /** The ranges in their order, each with its shard. */
  Map<KeyRange, ShardId> owners() {
    Map<KeyRange, ShardId> all = new LinkedHashMap<>();
    for (int i = 0; i < ranges.length; i++) {
      all.put(ranges[i], owners[i]);
    }
    return all;
  }

  private static @Nullable KeyType type(Set<KeyRange> ranges) {
    KeyType type = null;
    for (KeyRange range : ranges) {
      KeyType next = range.type();
      if (type != null && next != null && next != type) {
        throw new IllegalArgumentException(
            "ranges: " + ranges + " (expected: one type, not both " + type + " and " + next + ")");
      }
      type = type == null ? next : type;
    }
    return type;
  }

  private static int compareLowerBounds(@Nullable ShardKey left, @Nullable ShardKey right) {
    if (left == null || right == null) {
      return Boolean.compare(left != null, right != null);
    }
    return KeyOrder.compare(left, 0, right, 0);
  }

  private static void checkAdjacent(KeyRange lower, KeyRange upper) {
    ShardKey end = lower.to();
    ShardKey start = upper.from();
    int order = end == null || start == null ? 1 : KeyOrder.compare(end, 0, start, 0);
    if (order != 0) {
      throw new IllegalArgumentException(
          "ranges: "
              + lower
              + " and "
              + upper
              + (order > 0 ? " overlap" : " leave a gap")
              + " (expected: each to begin where the one before it ends)");
    }
  }

  @Override
  ShardId locate(ShardKey key, int from, int to) {
    checkOne(key, from, to);
    if (type != null) {
      checkType(key, from, type);
    }
    int index = lastFrom(key, from);
    if (index < 0 || !ranges[index].contains(key, from)) {
      throw unroutable(key, from, to, "in one of the ranges from " + first() + " to " + last());
    }
    return owners[index];
  }

  /** The last range that begins at or before a key, or -1. */
  private int lastFrom(ShardKey key, int index) {
    int low = 0;
    int high = ranges.length - 1;
    while (low <= high) {
      int middle = (low + high) >>> 1;
      ShardKey start = ranges[middle].from();
      if (start == null || KeyOrder.compare(start, 0, key, index) <= 0) {
        low = middle + 1;
      } else {
        high = middle - 1;
      }
    }
    return high;
  }

  private KeyRange first() {
    return ranges[0];
  }

  private KeyRange last() {
    return ranges[ranges.length - 1];
  }

  @Override
  public Set<ShardId> touching(KeyRange range) {
    Set<ShardId> touched = new LinkedHashSet<>();
    for (int i = 0; i < ranges.length; i++) {
      if (ranges[i].overlaps(range)) {
        touched.add(owners[i]);
      }
    }
    return Collections.unmodifiableSet(touched);
  }

  @Override
  Mono<String> predicate(ShardId shard, List<KeyColumn> columns) {
    KeyColumn column = type == null ? checkColumn(columns) : checkColumn(columns, type);
    return Mono.just(
        owned(shard).stream()
            .map(range -> condition(range, column))
            .collect(Collectors.joining(" OR ")));
  }

  @Override
  Map<String, Object> keys(StrategyTree nested) {
    Map<String, Object> keys = StrategyTree.type("range");
    // A range without bounds is for keys of any type, whichever is named.
    keys.put("key", StrategyTree.word(type == null ? KeyType.INTEGER : type));
    keys.put("ranges", described());
    return keys;
  }

  /** All ranges in their order, with neighbours on one shard made one. */
  private List<Map<String, Object>> described() {
    List<Map<String, Object>> described = new ArrayList<>();
    int start = 0;
    for (int i = 1; i <= ranges.length; i++) {
      if (i == ranges.length || !owners[i].equals(owners[start]) || isAll(start, i)) {
        described.add(described(start, i));
        start = i;
      }
    }
    return described;
  }

  /** Tells whether the first range ends where all together would have no bound, and so no type. */
  private boolean isAll(int start, int end) {
    return start == 0 && end == 1 && type != null && shards().size() == 1 && !isBounded();
  }

  private boolean isBounded() {
    return first().from() != null || last().to() != null;
  }

  private Map<String, Object> described(int start, int end) {
    Map<String, Object> range = new LinkedHashMap<>();
    putBound(range, "from", ranges[start].from());
    putBound(range, "to", ranges[end - 1].to());
    range.put("shard", owners[start].value());
    return range;
  }

  private static void putBound(Map<String, Object> range, String name, @Nullable ShardKey bound) {
    if (bound != null) {
      range.put(name, bound.type(0) == KeyType.BINARY ? bound.text(0) : bound.part(0).toString());
    }
  }

  /** The shard's ranges, with neighbours made one. */
  private List<KeyRange> owned(ShardId shard) {
    List<KeyRange> owned = new ArrayList<>();
    for (int i = 0; i < ranges.length; i++) {
      if (!owners[i].equals(shard)) {
        continue;
      }
      boolean continues = i > 0 && owners[i - 1].equals(shard);
      ShardKey from = continues ? owned.remove(owned.size() - 1).from() : ranges[i].from();
      owned.add(new KeyRange(from, ranges[i].to()));
    }
    return owned;
  }

  private static String condition(KeyRange range, KeyColumn column) {
    List<String> bounds = new ArrayList<>();
    if (range.from() != null) {
      bounds.add(KeySql.value(column) + " >= " + KeySql.literal(range.from(), 0));
    }
    if (range.to() != null) {
      bounds.add(KeySql.value(column) + " < " + KeySql.literal(range.to(), 0));
    }
    return bounds.isEmpty()
        ? KeySql.present(List.of(column))
        : "(" + String.join(" AND ", bounds) + ")";
  }

  @Override
  public String toString() {
    StringBuilder text = new StringBuilder("range{");
    for (int i = 0; i < ranges.length; i++) {
      text.append(i == 0 ? "" : ", ").append(ranges[i]).append(" -> ").append(owners[i]);
    }
    return text.append('}').toString();
  }
}
