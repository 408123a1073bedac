package io.shardflux.router;

import java.util.List;
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
        LongStream.range(0, slots)
            .mapToObj(slot -> distinct.get((int) (slot * distinct.size() / slots)))
            .toList());
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
  public String toString() {
    return "hash(" + function + ", " + slots.length + " slots over " + shards() + ")";
  }
}
