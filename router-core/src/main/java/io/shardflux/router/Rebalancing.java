package io.shardflux.router;

import java.time.LocalDate;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.UnaryOperator;

/**
 * Gives strategies of the same kind that have some keys elsewhere, and as few of them as that kind
 * allows. What a kind can't say is refused by an {@link IllegalArgumentException} that names the
 * kinds that can.
 */
@Internal
public final class Rebalancing {

  /** Periods that take turns are repeated up to here, so that turns come out even. */
  private static final int MOST_TURNS = 240;

  private Rebalancing() {}

  /**
   * The strategy over these shards alone, each with as much as the others. Where it was even over
   * shards that all stay, keys move to the new ones alone. A modulo moves most keys.
   *
   * @param shards at least one, each once
   */
  public static ShardingStrategy spread(ShardingStrategy strategy, Collection<ShardId> shards) {
    List<ShardId> distinct = ShardingStrategy.distinct(shards);
    int weight =
        strategy instanceof ConsistentStrategy ring
            ? ring.weights().values().stream().mapToInt(Integer::intValue).max().orElse(1)
            : 1;
    Map<ShardId, Integer> even = new LinkedHashMap<>();
    distinct.forEach(shard -> even.put(shard, weight));
    return weighed(strategy, even);
  }

  /**
   * The strategy over these shards alone, each by its weight.
   *
   * @param weights each from 1
   */
  public static ShardingStrategy weighed(ShardingStrategy strategy, Map<ShardId, Integer> weights) {
    checkWeights(weights);
    if (strategy instanceof HashStrategy hash) {
      return hash.with(SlotTable.weighed(hash.slots(), weights));
    }
    if (strategy instanceof ConsistentStrategy) {
      return ShardingStrategy.consistent(weights);
    }
    if (strategy instanceof TenantStrategy tenants && tenants.pool() != null) {
      return tenants.withPool(spreadPool(tenants.pool(), weights));
    }
    boolean even = Set.copyOf(weights.values()).size() <= 1;
    if (strategy instanceof ModuloStrategy modulo && even) {
      return ShardingStrategy.modulo(ordered(modulo, weights.keySet()));
    }
    if (strategy instanceof TimeStrategy time && time.rotation().length > 0 && even) {
      return time.with(
          kept(time.listed(), weights.keySet()), turns(List.of(time.rotation()), weights.keySet()));
    }
    if (strategy instanceof FixedStrategy && weights.size() == 1) {
      return ShardingStrategy.fixed(weights.keySet().iterator().next());
    }
    throw refused(
        strategy,
        even
            ? "a hash, a modulo, a ring, periods in turns, or tenants that share one of these; or"
                + " change the strategy altogether"
            : "a hash or a ring for different weights, or tenants that share one of these; or"
                + " change the strategy altogether");
  }

  /** Spreads the pool of tenants where all weights are 1, and otherwise weighs it. */
  private static ShardingStrategy spreadPool(ShardingStrategy pool, Map<ShardId, Integer> weights) {
    return weights.values().stream().allMatch(weight -> weight == 1)
        ? spread(pool, weights.keySet())
        : weighed(pool, weights);
  }

  private static void checkWeights(Map<ShardId, Integer> weights) {
    if (weights.isEmpty() || weights.values().stream().anyMatch(weight -> weight < 1)) {
      throw new IllegalArgumentException(
          "weights: " + weights + " (expected: at least one shard, and each weight from 1)");
    }
  }

  /** The shards that stay in their order, and then the others. */
  private static List<ShardId> ordered(ShardingStrategy strategy, Set<ShardId> shards) {
    List<ShardId> ordered = new ArrayList<>(strategy.shards());
    ordered.retainAll(shards);
    shards.stream().filter(shard -> !ordered.contains(shard)).forEach(ordered::add);
    return ordered;
  }

  /** The listed periods, of which those on shards that go are shared by the others. */
  private static Map<LocalDate, ShardId> kept(Map<LocalDate, ShardId> listed, Set<ShardId> shards) {
    Map<LocalDate, ShardId> kept = new TreeMap<>(listed);
    List<ShardId> heirs = List.copyOf(shards);
    int next = 0;
    for (Map.Entry<LocalDate, ShardId> period : kept.entrySet()) {
      if (!shards.contains(period.getValue())) {
        period.setValue(heirs.get(next++ % heirs.size()));
      }
    }
    return kept;
  }

  private static List<ShardId> turns(List<ShardId> rotation, Set<ShardId> shards) {
    Map<ShardId, Integer> even = new LinkedHashMap<>();
    shards.forEach(shard -> even.put(shard, 1));
    return SlotTable.weighed(repeated(rotation, shards.size()), even);
  }

  /** The turns, so often that they can be shared by so many, or as often as they may be. */
  private static List<ShardId> repeated(List<ShardId> rotation, int shards) {
    int times = 1;
    while (rotation.size() * times % shards != 0 && rotation.size() * (times + 1) <= MOST_TURNS) {
      times++;
    }
    return SlotTable.repeated(rotation, times);
  }

  /**
   * The strategy in which no key lies on a shard, and only that shard's keys lie elsewhere. A
   * modulo moves most keys.
   *
   * @param heirs the shards that get its keys: all of them where its kind can spread keys,
   *     otherwise those with the least; at least one, and not the shard itself
   */
  public static ShardingStrategy without(
      ShardingStrategy strategy, ShardId gone, List<ShardId> heirs) {
    if (!strategy.shards().contains(gone)) {
      return strategy;
    }
    if (heirs.isEmpty() || heirs.contains(gone)) {
      throw new IllegalArgumentException(
          "heirs: " + heirs + " (expected: at least one shard, and not " + gone + ")");
    }
    UnaryOperator<ShardingStrategy> inside = nested -> without(nested, gone, heirs);
    if (strategy instanceof HashStrategy hash) {
      return hash.with(SlotTable.without(hash.slots(), gone, heirs));
    }
    if (strategy instanceof TenantStrategy tenants) {
      return tenants.each(inside);
    }
    if (strategy instanceof CompositeStrategy composite) {
      return composite.each(inside);
    }
    if (strategy instanceof RangeStrategy range) {
      return rangeWithout(range, gone, heirs);
    }
    if (strategy instanceof TimeStrategy time) {
      return timeWithout(time, gone, heirs);
    }
    if (strategy instanceof ConsistentStrategy ring) {
      return ringWithout(ring, gone, heirs);
    }
    if (strategy instanceof ModuloStrategy) {
      Set<ShardId> left = new LinkedHashSet<>(strategy.shards());
      left.remove(gone);
      return ShardingStrategy.modulo(left.isEmpty() ? heirs.subList(0, 1) : List.copyOf(left));
    }
    if (strategy instanceof FixedStrategy) {
      return ShardingStrategy.fixed(heirs.get(0));
    }
    throw refused(
        strategy, "any other kind; reassign the directory's keys, and take the shard out of it");
  }

  private static ShardingStrategy ringWithout(
      ConsistentStrategy ring, ShardId gone, List<ShardId> heirs) {
    Map<ShardId, Integer> left = new LinkedHashMap<>(ring.weights());
    left.remove(gone);
    if (left.isEmpty()) {
      heirs.forEach(heir -> left.put(heir, 1));
    }
    return ShardingStrategy.consistent(left);
  }

  private static ShardingStrategy rangeWithout(
      RangeStrategy range, ShardId gone, List<ShardId> heirs) {
    List<ShardId> owners = new ArrayList<>(range.owners().values());
    List<ShardId> others = SlotTable.without(owners, gone, heirs);
    Map<KeyRange, ShardId> next = new LinkedHashMap<>();
    int number = 0;
    for (KeyRange each : range.owners().keySet()) {
      next.put(each, others.get(number++));
    }
    return ShardingStrategy.range(next);
  }

  private static ShardingStrategy timeWithout(
      TimeStrategy time, ShardId gone, List<ShardId> heirs) {
    Map<LocalDate, ShardId> listed = new TreeMap<>(time.listed());
    List<LocalDate> days = List.copyOf(listed.keySet());
    if (!days.isEmpty()) {
      List<ShardId> others = SlotTable.without(List.copyOf(listed.values()), gone, heirs);
      for (int i = 0; i < days.size(); i++) {
        listed.put(days.get(i), others.get(i));
      }
    }
    List<ShardId> rotation = List.of(time.rotation());
    return rotation.contains(gone)
        ? time.with(listed, SlotTable.without(repeated(rotation, heirs.size()), gone, heirs))
        : time.with(listed, rotation);
  }

  /**
   * The hash in which some slots lie on a shard; of tenants, those of their shared hash.
   *
   * @param first the first slot, from 0
   * @param last the last slot
   */
  public static ShardingStrategy withSlots(
      ShardingStrategy strategy, int first, int last, ShardId to) {
    if (strategy instanceof TenantStrategy tenants && tenants.pool() != null) {
      return tenants.withPool(withSlots(tenants.pool(), first, last, to));
    }
    if (!(strategy instanceof HashStrategy hash)) {
      throw refused(strategy, "a hash, or tenants that share one");
    }
    List<ShardId> slots = new ArrayList<>(hash.slots());
    if (first < 0 || last < first || last >= slots.size()) {
      throw new IllegalArgumentException(
          "slots: "
              + first
              + " to "
              + last
              + " (expected: from 0 to "
              + (slots.size() - 1)
              + ", the first not above the last)");
    }
    Collections.fill(slots.subList(first, last + 1), to);
    return hash.with(slots);
  }

  /**
   * The ranges in which the keys of a range lie on a shard. Ranges that it cuts are split there.
   *
   * @param range inside the strategy's ranges
   */
  public static ShardingStrategy withRange(ShardingStrategy strategy, KeyRange range, ShardId to) {
    if (strategy instanceof TenantStrategy tenants && tenants.pool() != null) {
      return tenants.withPool(withRange(tenants.pool(), range, to));
    }
    if (!(strategy instanceof RangeStrategy ranges)) {
      throw refused(strategy, "ranges, or tenants that share some");
    }
    return RangeSplit.with(ranges.owners(), range, to);
  }

  /**
   * The strategy in which a key lies on a shard of its own: a tenant by the first part of keys, or
   * the whole key where keys have one part.
   *
   * @param key of one part, a text or an integer
   * @param parts the number of parts that the keys of tables have
   */
  public static ShardingStrategy isolating(
      ShardingStrategy strategy, ShardKey key, int parts, ShardId to) {
    if (strategy instanceof TenantStrategy tenants) {
      return tenants.with(key, ShardingStrategy.fixed(to));
    }
    if (parts != 1) {
      throw refused(
          strategy,
          "tenants, where keys have "
              + parts
              + " parts; a strategy of any kind where they have one");
    }
    return ShardingStrategy.tenant(Map.of(key, ShardingStrategy.fixed(to)), strategy);
  }

  /** Tells whether both give each key the same shard by the same rule, without a directory. */
  public static boolean same(ShardingStrategy one, ShardingStrategy other) {
    return one == other
        || (one.immediate()
            && other.immediate()
            && StrategyTree.plain(one).equals(StrategyTree.plain(other)));
  }

  private static IllegalArgumentException refused(ShardingStrategy strategy, String expected) {
    return new IllegalArgumentException(
        "strategy: " + kind(strategy) + " (expected: " + expected + ")");
  }

  private static String kind(ShardingStrategy strategy) {
    Map<Class<?>, String> kinds =
        Map.of(
            DirectoryStrategy.class, "a directory",
            RangeStrategy.class, "ranges",
            CompositeStrategy.class, "groups",
            TenantStrategy.class, "tenants that share nothing",
            TimeStrategy.class, "listed periods",
            FixedStrategy.class, "one fixed shard",
            HashStrategy.class, "a hash",
            ModuloStrategy.class, "a modulo",
            ConsistentStrategy.class, "a ring");
    return kinds.getOrDefault(strategy.getClass(), "another kind");
  }
}
