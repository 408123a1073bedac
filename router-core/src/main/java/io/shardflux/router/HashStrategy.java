package io.shardflux.router;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import reactor.core.publisher.Mono;

/** The slot is the hash modulo the slots; a table maps slots to shards. */
final class HashStrategy extends ShardingStrategy {

  private static final int MAX_SLOTS = 65_536;

  private final HashFunction function;
  private final ShardId[] slots;

  private HashStrategy(HashFunction function, List<ShardId> slots) {
    super(slots);
    this.function = function;
    this.slots = slots.toArray(ShardId[]::new);
  }

  static HashStrategy of(HashFunction function, List<ShardId> slots) {
    checkSlots(slots.size(), 1);
    return new HashStrategy(function, slots);
  }

  static HashStrategy filled(HashFunction function, List<ShardId> shards, int slots) {
    List<ShardId> distinct = distinct(shards);
    checkSlots(slots, distinct.size());
    return new HashStrategy(
        function,
        LongStream.range(0, slots).mapToObj(slot -> even(distinct, slot, slots)).toList());
  }

  private static ShardId even(List<ShardId> shards, long slot, int slots) {
    return shards.get((int) (slot * shards.size() / slots));
  }

  private static void checkSlots(int slots, int min) {
    if (slots < min || slots > MAX_SLOTS) {
      throw new IllegalArgumentException(
          "slots: "
              + slots
              + " (expected: "
              + min
              + " to "
              + MAX_SLOTS
              + ", at least one for each shard)");
    }
  }

  List<ShardId> slots() {
    return List.of(slots);
  }

  HashFunction function() {
    return function;
  }

  /** The same hash with its slots laid out otherwise. */
  ShardingStrategy with(List<ShardId> others) {
    return of(function, others);
  }

  @Override
  ShardId locate(ShardKey key, int from, int to) {
    checkSome(key, from, to);
    return slots[(int) (function.hash(key, from, to) % slots.length)];
  }

  @Override
  Mono<String> predicate(ShardId shard, List<KeyColumn> columns) {
    checkSome(columns);
    String slot = function.sql(KeySql.text(columns)) + " % " + slots.length;
    Segments segments = new Segments(LongStream.range(0, slots.length).toArray(), slots);
    return Mono.just(segments.owns(slot, shard));
  }

  @Override
  Map<String, Object> keys(StrategyTree nested) {
    Map<String, Object> keys = StrategyTree.type("hash");
    keys.put("function", StrategyTree.word(function));
    if (isEven()) {
      keys.put("shards", StrategyTree.names(shards()));
      keys.put("slots", slots.length);
    } else {
      keys.put("slot-table", runs());
    }
    return keys;
  }

  private boolean isEven() {
    // In the order of their first slots, which is that of the list for an even table.
    List<ShardId> order = List.copyOf(shards());
    return IntStream.range(0, slots.length)
        .allMatch(slot -> slots[slot].equals(even(order, slot, slots.length)));
  }

  private List<Map<String, Object>> runs() {
    List<Map<String, Object>> runs = new ArrayList<>();
    int start = 0;
    for (int slot = 1; slot <= slots.length; slot++) {
      if (slot == slots.length || !slots[slot].equals(slots[start])) {
        Map<String, Object> run = new LinkedHashMap<>();
        run.put("shard", slots[start].value());
        run.put("slots", slot - start);
        runs.add(run);
        start = slot;
      }
    }
    return runs;
  }

  @Override
  public String toString() {
    return "hash(" + function + ", " + slots.length + " slots over " + shards() + ")";
  }
}
