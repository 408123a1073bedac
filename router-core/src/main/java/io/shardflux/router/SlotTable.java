package io.shardflux.router;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;

/**
 * Lays slots out anew, so that as few of them as possible get another owner. Slots that go from one
 * owner to another stay in their order, which keeps conditions of them short.
 */
final class SlotTable {

  private SlotTable() {}

  /** The slots, so many times as long, in which each number has the owner that it had. */
  static List<ShardId> repeated(List<ShardId> slots, int times) {
    List<ShardId> all = new ArrayList<>(slots.size() * times);
    for (int i = 0; i < times; i++) {
      all.addAll(slots);
    }
    return all;
  }

  /**
   * The slots by weight.
   *
   * @throws IllegalArgumentException if a shard would have none
   */
  static List<ShardId> weighed(List<ShardId> slots, Map<ShardId, Integer> weights) {
    Map<ShardId, Integer> quotas = quotas(slots, weights);
    quotas.forEach(
        (shard, quota) -> {
          if (quota == 0) {
            throw new IllegalArgumentException(
                "weights: "
                    + weights
                    + " (expected: at least one of the "
                    + slots.size()
                    + " slots for each shard)");
          }
        });
    return filled(slots, quotas);
  }

  /** The slots where those of one shard are its heirs', who get as even as that makes them. */
  static List<ShardId> without(List<ShardId> slots, ShardId gone, List<ShardId> heirs) {
    Map<ShardId, Integer> quotas = counts(slots);
    Integer left = quotas.remove(gone);
    heirs.forEach(heir -> quotas.putIfAbsent(heir, 0));
    PriorityQueue<ShardId> poorest =
        new PriorityQueue<>(Comparator.comparing(quotas::get).thenComparing(heirs::indexOf));
    poorest.addAll(heirs);
    for (int i = 0; left != null && i < left; i++) {
      ShardId heir = poorest.remove();
      quotas.merge(heir, 1, Integer::sum);
      poorest.add(heir);
    }
    return filled(slots, quotas);
  }

  private static Map<ShardId, Integer> counts(List<ShardId> slots) {
    Map<ShardId, Integer> counts = new LinkedHashMap<>();
    slots.forEach(owner -> counts.merge(owner, 1, Integer::sum));
    return counts;
  }

  /**
   * Each shard's part of the slots. What does not come out even goes to the largest remainders, and
   * of equal ones to those that have the most slots now.
   */
  private static Map<ShardId, Integer> quotas(List<ShardId> slots, Map<ShardId, Integer> weights) {
    long total = weights.values().stream().mapToLong(Integer::longValue).sum();
    Map<ShardId, Integer> now = counts(slots);
    Map<ShardId, Integer> quotas = new LinkedHashMap<>();
    Map<ShardId, Long> remainders = new LinkedHashMap<>();
    weights.forEach(
        (shard, weight) -> {
          long product = (long) slots.size() * weight;
          quotas.put(shard, (int) (product / total));
          remainders.put(shard, product % total);
        });
    int left = slots.size() - quotas.values().stream().mapToInt(Integer::intValue).sum();
    remainders.keySet().stream()
        .sorted(
            Comparator.<ShardId, Long>comparing(remainders::get)
                .thenComparing(shard -> now.getOrDefault(shard, 0))
                .reversed())
        .limit(left)
        .forEach(shard -> quotas.merge(shard, 1, Integer::sum));
    return quotas;
  }

  /** Takes the last slots of those that have too many, and gives them to those with too few. */
  private static List<ShardId> filled(List<ShardId> slots, Map<ShardId, Integer> quotas) {
    Map<ShardId, Integer> open = new LinkedHashMap<>(quotas);
    boolean[] kept = new boolean[slots.size()];
    for (int i = 0; i < kept.length; i++) {
      int quota = open.getOrDefault(slots.get(i), 0);
      kept[i] = quota > 0;
      if (kept[i]) {
        open.put(slots.get(i), quota - 1);
      }
    }
    ShardId[] filled = slots.toArray(ShardId[]::new);
    int slot = 0;
    for (Map.Entry<ShardId, Integer> entry : open.entrySet()) {
      for (int count = entry.getValue(); count > 0; slot++) {
        if (!kept[slot]) {
          filled[slot] = entry.getKey();
          count--;
        }
      }
    }
    return Arrays.asList(filled);
  }
}
