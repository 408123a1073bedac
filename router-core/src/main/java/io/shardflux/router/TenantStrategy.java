package io.shardflux.router;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** Named tenants have strategies of their own; the others share a pool. */
final class TenantStrategy extends ShardingStrategy {

  private final KeyType type;
  private final Map<Object, ShardingStrategy> named;
  private final @Nullable ShardingStrategy pool;

  TenantStrategy(Map<ShardKey, ShardingStrategy> named, @Nullable ShardingStrategy pool) {
    super(
        shardsOf(
            pool == null
                ? named.values()
                : Stream.concat(named.values().stream(), Stream.of(pool)).toList()));
    this.type = type(named.keySet());
    TreeMap<ShardKey, ShardingStrategy> sorted =
        new TreeMap<>((left, right) -> KeyOrder.compare(left, 0, right, 0));
    sorted.putAll(named);
    Map<Object, ShardingStrategy> byPart = new LinkedHashMap<>();
    sorted.forEach((tenant, strategy) -> byPart.put(tenant.part(0), strategy));
    this.named = Collections.unmodifiableMap(byPart);
    this.pool = pool;
  }

  private static KeyType type(Set<ShardKey> tenants) {
    if (tenants.isEmpty()) {
      throw new IllegalArgumentException("tenants: none (expected: at least one)");
    }
    KeyType type = tenants.iterator().next().type(0);
    for (ShardKey tenant : tenants) {
      if (tenant.size() != 1
          || tenant.type(0) != type
          || (type != KeyType.TEXT && type != KeyType.INTEGER)) {
        throw new IllegalArgumentException(
            "tenant: "
                + tenant
                + " (expected: a key of one part, and all tenants TEXT or all INTEGER)");
      }
    }
    return type;
  }

  @Nullable ShardingStrategy pool() {
    return pool;
  }

  /** The strategies of the named tenants, by the tenant's part of a key. */
  Map<Object, ShardingStrategy> named() {
    return named;
  }

  KeyType type() {
    return type;
  }

  ShardingStrategy withPool(ShardingStrategy other) {
    return new TenantStrategy(keys(), other);
  }

  /** The same with one tenant more, or that tenant elsewhere. */
  ShardingStrategy with(ShardKey tenant, ShardingStrategy strategy) {
    Map<ShardKey, ShardingStrategy> others = keys();
    others.put(tenant, strategy);
    return new TenantStrategy(others, pool);
  }

  /** The same tenants, each and their pool with another strategy. */
  ShardingStrategy each(UnaryOperator<ShardingStrategy> change) {
    Map<ShardKey, ShardingStrategy> others = keys();
    others.entrySet().forEach(tenant -> tenant.setValue(change.apply(tenant.getValue())));
    return new TenantStrategy(others, pool == null ? null : change.apply(pool));
  }

  private Map<ShardKey, ShardingStrategy> keys() {
    Map<ShardKey, ShardingStrategy> keys = new LinkedHashMap<>();
    named.forEach((tenant, strategy) -> keys.put(ShardKey.of(tenant), strategy));
    return keys;
  }

  @Override
  public boolean immediate() {
    return (pool == null || pool.immediate())
        && named.values().stream().allMatch(ShardingStrategy::immediate);
  }

  @Override
  ShardId locate(ShardKey key, int from, int to) {
    ShardingStrategy own = own(key, from, to);
    return own != null
        ? own.locate(key, from + 1, to)
        : pool(key, from).locate(key, from, from + 1);
  }

  @Override
  Mono<ShardId> resolve(ShardKey key, int from, int to) {
    return Mono.defer(
        () -> {
          ShardingStrategy own = own(key, from, to);
          return own != null
              ? own.resolve(key, from + 1, to)
              : pool(key, from).resolve(key, from, from + 1);
        });
  }

  private @Nullable ShardingStrategy own(ShardKey key, int from, int to) {
    checkSome(key, from, to);
    checkType(key, from, type);
    return named.get(key.part(from));
  }

  private ShardingStrategy pool(ShardKey key, int from) {
    if (pool == null) {
      throw unroutable(key, from, from + 1, "one of the tenants " + named.keySet());
    }
    return pool;
  }

  @Override
  public Set<ShardId> touching(KeyRange range) {
    Set<ShardId> touched = new LinkedHashSet<>();
    named.forEach(
        (tenant, own) -> {
          if (range.contains(ShardKey.of(tenant), 0)) {
            touched.addAll(own.shards());
          }
        });
    if (pool != null) {
      touched.addAll(pool.touching(range));
    }
    return Collections.unmodifiableSet(touched);
  }

  @Override
  Mono<String> predicate(ShardId shard, List<KeyColumn> columns) {
    KeyColumn tenant = checkFirstColumn(columns, type);
    List<KeyColumn> rest = columns.subList(1, columns.size());
    return Flux.concat(ownPredicates(shard, tenant, rest), poolPredicate(shard, tenant, rest))
        .collect(Collectors.joining(" OR "));
  }

  /** One condition for all tenants whose strategies say the same. */
  private Flux<String> ownPredicates(ShardId shard, KeyColumn tenant, List<KeyColumn> rest) {
    return Flux.fromIterable(named.entrySet())
        .filter(entry -> entry.getValue().shards().contains(shard))
        .concatMap(
            entry ->
                entry
                    .getValue()
                    .owns(shard, rest)
                    .map(owned -> Map.entry(owned, ShardKey.of(entry.getKey()))))
        .collect(
            Collectors.groupingBy(
                Map.Entry::getKey,
                LinkedHashMap::new,
                Collectors.mapping(Map.Entry::getValue, Collectors.toList())))
        .flatMapIterable(Map::entrySet)
        .map(entry -> "(" + KeySql.in(tenant, entry.getValue()) + " AND " + entry.getKey() + ")");
  }

  private Flux<String> poolPredicate(ShardId shard, KeyColumn tenant, List<KeyColumn> rest) {
    if (pool == null || !pool.shards().contains(shard)) {
      return Flux.empty();
    }
    List<ShardKey> all = named.keySet().stream().map(ShardKey::of).toList();
    String unnamed = "NOT (" + KeySql.in(tenant, all) + ") AND " + KeySql.present(rest);
    return pool.owns(shard, List.of(tenant))
        .map(owned -> "(" + unnamed + " AND " + owned + ")")
        .flux();
  }

  @Override
  Map<String, Object> keys(StrategyTree nested) {
    Map<String, Object> keys = StrategyTree.type("tenant");
    keys.put("key", StrategyTree.word(type));
    keys.put("tenants", nested.of(named));
    if (pool != null) {
      keys.put("others", nested.of(pool));
    }
    return keys;
  }

  @Override
  public String toString() {
    return "tenant(" + named + (pool == null ? "" : ", others by " + pool) + ")";
  }
}
