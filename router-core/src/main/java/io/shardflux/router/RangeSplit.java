package io.shardflux.router;

import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Gives a range of keys another owner, and splits the ranges that it cuts. */
final class RangeSplit {

  private final Map<KeyRange, ShardId> parts = new LinkedHashMap<>();

  private RangeSplit() {}

  static ShardingStrategy with(Map<KeyRange, ShardId> owners, KeyRange range, ShardId to) {
    RangeSplit split = new RangeSplit();
    boolean inside = false;
    for (Map.Entry<KeyRange, ShardId> each : owners.entrySet()) {
      KeyRange own = each.getKey();
      checkType(own, range);
      if (!own.overlaps(range)) {
        split.add(own.from(), own.to(), each.getValue());
        continue;
      }
      inside = true;
      boolean begins = startsBefore(own, range);
      boolean ends = endsBehind(own, range);
      if (begins) {
        split.add(own.from(), range.from(), each.getValue());
      }
      split.add(begins ? range.from() : own.from(), ends ? range.to() : own.to(), to);
      if (ends) {
        split.add(range.to(), own.to(), each.getValue());
      }
    }
    if (!inside || !covered(owners, range)) {
      throw new IllegalArgumentException(
          "range: " + range + " (expected: one inside " + owners.keySet() + ")");
    }
    return ShardingStrategy.range(split.parts);
  }

  private static void checkType(KeyRange own, KeyRange range) {
    KeyType type = own.type();
    KeyType other = range.type();
    if (type != null && other != null && type != other) {
      throw new IllegalArgumentException(
          "range: " + range + ", of the type " + other + " (expected: " + type + ")");
    }
  }

  private void add(@Nullable ShardKey from, @Nullable ShardKey to, ShardId owner) {
    parts.put(new KeyRange(from, to), owner);
  }

  private static boolean startsBefore(KeyRange own, KeyRange range) {
    ShardKey from = range.from();
    ShardKey ownFrom = own.from();
    return from != null && (ownFrom == null || KeyOrder.compare(ownFrom, 0, from, 0) < 0);
  }

  private static boolean endsBehind(KeyRange own, KeyRange range) {
    ShardKey to = range.to();
    ShardKey ownTo = own.to();
    return to != null && (ownTo == null || KeyOrder.compare(to, 0, ownTo, 0) < 0);
  }

  /** Tells whether no key of the range lies outside all ranges, which leave no gap. */
  private static boolean covered(Map<KeyRange, ShardId> owners, KeyRange range) {
    KeyRange first = owners.keySet().iterator().next();
    KeyRange last = first;
    for (KeyRange each : owners.keySet()) {
      last = each;
    }
    return !startsBefore(range, first) && !endsBehind(range, last);
  }
}
