package io.shardflux.router;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import reactor.core.publisher.Mono;

/**
 * A ring of virtual nodes, after Karger et al., "Consistent Hashing and Random Trees" (STOC 1997):
 * a key belongs to the first node at or after it.
 */
final class ConsistentStrategy extends ShardingStrategy {

  private static final int NODES_PER_WEIGHT = 100;
  private static final int MAX_TOTAL_WEIGHT = 10_000;

  private final Map<ShardId, Integer> weights;
  private final Segments ring;

  ConsistentStrategy(Map<ShardId, Integer> weights) {
    super(weights.keySet());
    checkWeights(weights);
    this.weights = sorted(weights);
    this.ring = ring(weights);
  }

  private static void checkWeights(Map<ShardId, Integer> weights) {
    long total = 0;
    for (Map.Entry<ShardId, Integer> entry : weights.entrySet()) {
      total += entry.getValue();
      if (entry.getValue() < 1 || total > MAX_TOTAL_WEIGHT) {
        throw new IllegalArgumentException(
            "weight of shard "
                + entry.getKey()
                + ": "
                + entry.getValue()
                + " (expected: at least 1, and at most "
                + MAX_TOTAL_WEIGHT
                + " of all shards together)");
      }
    }
  }

  private static Segments ring(Map<ShardId, Integer> weights) {
    TreeMap<Long, ShardId> nodes = new TreeMap<>();
    weights.forEach(
        (shard, weight) -> {
          for (int i = 0; i < NODES_PER_WEIGHT * weight; i++) {
            nodes.merge(HashFunction.md5(shard + ":" + i), shard, ConsistentStrategy::lower);
          }
        });
    // The ring wraps round: what lies after the last node belongs to the first.
    nodes.putIfAbsent(HashFunction.SIZE - 1, nodes.firstEntry().getValue());
    return new Segments(
        nodes.keySet().stream().mapToLong(Long::longValue).toArray(),
        nodes.values().toArray(ShardId[]::new));
  }

  /** Where two nodes fall on one point, the lower shard has it, whatever the order of adding. */
  private static ShardId lower(ShardId one, ShardId other) {
    return one.compareTo(other) <= 0 ? one : other;
  }

  Map<ShardId, Integer> weights() {
    return weights;
  }

  Segments ring() {
    return ring;
  }

  @Override
  ShardId locate(ShardKey key, int from, int to) {
    checkSome(key, from, to);
    return ring.at(HashFunction.MD5.hash(key, from, to));
  }

  @Override
  Mono<String> predicate(ShardId shard, List<KeyColumn> columns) {
    checkSome(columns);
    return Mono.just(ring.owns(HashFunction.MD5.sql(KeySql.text(columns)), shard));
  }

  @Override
  Map<String, Object> keys(StrategyTree nested) {
    Map<String, Object> weighed = new LinkedHashMap<>();
    weights.forEach((shard, weight) -> weighed.put(shard.value(), weight));
    Map<String, Object> keys = StrategyTree.type("consistent");
    keys.put("weights", weighed);
    return keys;
  }

  @Override
  public String toString() {
    return "consistent" + weights;
  }
}
