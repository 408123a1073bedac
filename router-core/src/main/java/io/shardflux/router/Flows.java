package io.shardflux.router;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The pairs of shards between which keys go where one strategy takes the place of another. Where
 * both are of one kind, a pair that no key can go between is left out.
 */
final class Flows {

  /** Slots that are compared one by one. */
  private static final int MOST_SLOTS = 1 << 20;

  private final Map<ShardId, Set<ShardId>> pairs = new LinkedHashMap<>();

  private Flows() {}

  /**
   * The pairs in the order of the old strategy's shards, and then of the new one's.
   *
   * @param onePart whether all keys have one part
   */
  static List<List<ShardId>> between(ShardingStrategy old, ShardingStrategy next, boolean onePart) {
    Flows flows = new Flows();
    flows.add(old, next, onePart);
    List<List<ShardId>> ordered = new ArrayList<>();
    for (ShardId from : old.shards()) {
      for (ShardId to : next.shards()) {
        if (!from.equals(to) && flows.pairs.getOrDefault(from, Set.of()).contains(to)) {
          ordered.add(List.of(from, to));
        }
      }
    }
    return ordered;
  }

  private void add(ShardId from, ShardId to) {
    pairs.computeIfAbsent(from, any -> new LinkedHashSet<>()).add(to);
  }

  private void add(ShardingStrategy old, ShardingStrategy next, boolean onePart) {
    if (old == next) {
      return;
    }
    if (old instanceof NamedKeysStrategy before && next instanceof NamedKeysStrategy after) {
      before.named().forEach((key, from) -> add(from, after.named().getOrDefault(key, from)));
    } else if (old instanceof TenantStrategy tenants && next instanceof TenantStrategy others) {
      addTenants(tenants.named(), tenants.pool(), others.named(), others.pool());
    } else if (onePart && next instanceof TenantStrategy others) {
      addTenants(Map.of(), old, others.named(), others.pool());
    } else if (onePart && old instanceof TenantStrategy tenants) {
      addTenants(tenants.named(), tenants.pool(), Map.of(), next);
    } else if (old instanceof HashStrategy hash
        && next instanceof HashStrategy other
        && hash.function() == other.function()) {
      addSlots(hash.slots(), other.slots());
    } else if (old instanceof ModuloStrategy modulo && next instanceof ModuloStrategy other) {
      addSlots(modulo.order(), other.order());
    } else if (old instanceof ConsistentStrategy ring && next instanceof ConsistentStrategy other) {
      ring.ring().compare(other.ring(), this::add);
    } else if (old instanceof RangeStrategy ranges && next instanceof RangeStrategy others) {
      addRanges(ranges.owners(), others.owners());
    } else if (old instanceof CompositeStrategy groups
        && next instanceof CompositeStrategy others
        && groups.sameGroups(others)) {
      groups.inside().forEach((group, own) -> add(own, others.inside(group), false));
    } else {
      addAll(old.shards(), next.shards());
    }
  }

  private void addAll(Set<ShardId> from, Set<ShardId> to) {
    from.forEach(source -> to.forEach(target -> add(source, target)));
  }

  private void addSlots(List<ShardId> slots, List<ShardId> others) {
    long all = (long) slots.size() / gcd(slots.size(), others.size()) * others.size();
    if (all > MOST_SLOTS) {
      addAll(Set.copyOf(slots), Set.copyOf(others));
      return;
    }
    for (int slot = 0; slot < all; slot++) {
      add(slots.get(slot % slots.size()), others.get(slot % others.size()));
    }
  }

  private static int gcd(int a, int b) {
    return b == 0 ? a : gcd(b, a % b);
  }

  private void addRanges(Map<KeyRange, ShardId> ranges, Map<KeyRange, ShardId> others) {
    ranges.forEach(
        (range, from) ->
            others.forEach(
                (other, to) -> {
                  KeyType type = range.type();
                  boolean comparable = type == null || other.type() == null || type == other.type();
                  if (comparable && range.overlaps(other)) {
                    add(from, to);
                  }
                }));
  }

  /** A tenant that only one of both names has its keys in the pool of the other. */
  private void addTenants(
      Map<Object, ShardingStrategy> named,
      @Nullable ShardingStrategy pool,
      Map<Object, ShardingStrategy> nextNamed,
      @Nullable ShardingStrategy nextPool) {
    Set<Object> tenants = new LinkedHashSet<>(named.keySet());
    tenants.addAll(nextNamed.keySet());
    for (Object tenant : tenants) {
      ShardingStrategy before = named.get(tenant);
      ShardingStrategy after = nextNamed.get(tenant);
      if (before != null && after != null) {
        add(before, after, false);
      } else {
        addAll(shards(before, pool, tenant), shards(after, nextPool, tenant));
      }
    }
    if (pool != null && nextPool != null) {
      add(pool, nextPool, true);
    }
  }

  private static Set<ShardId> shards(
      @Nullable ShardingStrategy own, @Nullable ShardingStrategy pool, Object tenant) {
    if (own != null) {
      return own.shards();
    }
    if (pool == null) {
      return Set.of();
    }
    try {
      return pool.immediate() ? Set.of(pool.locate(ShardKey.of(tenant))) : pool.shards();
    } catch (UnroutableKeyException outside) {
      return Set.of();
    }
  }
}
