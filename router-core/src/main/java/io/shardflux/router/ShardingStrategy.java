package io.shardflux.router;

import java.time.LocalDate;
import java.util.Collection;
import java.util.Collections;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import reactor.core.publisher.Mono;

/**
 * Gives each key its shard, by the same rule in Java and in SQL.
 *
 * <p>All strategies are immutable and thread-safe, and give the same answer on every JVM, for ever.
 * Only the directory looks keys up in a table. Where shards, slots or weights are given as a list,
 * their order is part of the rule; in a map or a collection it is not.
 */
public abstract class ShardingStrategy {

  private static final int DEFAULT_SLOTS = 1024;

  private final Set<ShardId> shards;

  ShardingStrategy(Collection<ShardId> shards) {
    checkShards(shards);
    this.shards = Collections.unmodifiableSet(new LinkedHashSet<>(shards));
  }

  /**
   * {@return a strategy by the CRC-32 of all key parts, over 1,024 slots; see {@link #hash(List,
   * int, HashFunction)}}
   *
   * @param shards the shards, in the order of their slots; each has a run of slots
   * @throws IllegalArgumentException if there is no shard, a shard is there twice, or there are
   *     more shards than slots
   */
  public static ShardingStrategy hash(List<ShardId> shards) {
    return hash(shards, DEFAULT_SLOTS, HashFunction.CRC32);
  }

  /**
   * {@return a strategy by the hash of all key parts} A key's slot is the hash modulo the slots,
   * and slot {@code i} lies on shard {@code i * shards / slots}, so that each shard has slots that
   * follow one another.
   *
   * @param shards the shards, in the order of their slots
   * @param slots from the number of shards to 65,536
   * @param function hashes a key's parts
   * @throws IllegalArgumentException if there is no shard, a shard is there twice, or the slots are
   *     out of bounds
   */
  public static ShardingStrategy hash(List<ShardId> shards, int slots, HashFunction function) {
    return HashStrategy.filled(function, shards, slots);
  }

  /**
   * {@return a strategy by the hash of all key parts, with the slots laid out by hand, so that
   * single slots can move to another shard} A key's slot is the hash modulo the slots.
   *
   * @param slots the shard of each slot, 1 to 65,536 of them; a shard may have many slots
   * @param function hashes a key's parts
   * @throws IllegalArgumentException if there are too few slots or too many
   */
  public static ShardingStrategy hashSlots(List<ShardId> slots, HashFunction function) {
    return HashStrategy.of(function, slots);
  }

  /**
   * {@return a strategy by the one integer key part modulo the number of shards} Negative keys
   * count on downwards, so that -1 lies on the last shard.
   *
   * @param shards the shards; the remainder {@code i} lies on the {@code i}-th, from 0
   * @throws IllegalArgumentException if there is no shard, or a shard is there twice
   */
  public static ShardingStrategy modulo(List<ShardId> shards) {
    return new ModuloStrategy(shards);
  }

  /**
   * {@return a strategy by the interval that the one key part lies in} Keys outside all intervals
   * are refused.
   *
   * @param owners the intervals, each with its shard, in any order; a shard may have many
   * @throws IllegalArgumentException if there is no interval, two overlap, there is a gap between
   *     two, or the bounds are of several types
   */
  public static ShardingStrategy range(Map<KeyRange, ShardId> owners) {
    return new RangeStrategy(owners);
  }

  /**
   * {@return a strategy by a ring of virtual nodes, with all shards of weight 1; see {@link
   * #consistent(Map)}}
   *
   * @param shards the shards, in any order
   * @throws IllegalArgumentException if there is no shard, a shard is there twice, or there are
   *     more than 10,000 shards
   */
  public static ShardingStrategy consistent(Collection<ShardId> shards) {
    Map<ShardId, Integer> weights = new LinkedHashMap<>();
    distinct(shards).forEach(shard -> weights.put(shard, 1));
    return consistent(weights);
  }

  /**
   * {@return a strategy by a ring of virtual nodes, over all key parts} Adding a shard moves keys
   * only to that shard; removing a shard moves only that shard's keys.
   *
   * <p>A shard has 100 nodes for each unit of weight; node {@code i} stands at the {@link
   * HashFunction#MD5} of the text {@code <shard>:<i>}. A key lies on the shard of the first node at
   * or after its own MD5, wrapping round. If two nodes are on one point, the one of the lower shard
   * name counts.
   *
   * @param weights the shards, each with a weight of at least 1, and at most 10,000 in total
   * @throws IllegalArgumentException if there is no shard or a weight is out of bounds
   */
  public static ShardingStrategy consistent(Map<ShardId, Integer> weights) {
    return new ConsistentStrategy(weights);
  }

  /**
   * {@return a strategy by two steps: the first key part picks a group, and the parts after it pick
   * a shard by the group's own strategy}
   *
   * @param groups gives the first part its group; its "shards" are the names of the groups
   * @param inside the strategy of each group, over the parts after the first; {@link #fixed} where
   *     there are none
   * @throws IllegalArgumentException if a group has no strategy inside, or there is one for an
   *     unknown group
   */
  public static ShardingStrategy composite(
      ShardingStrategy groups, Map<ShardId, ShardingStrategy> inside) {
    return new CompositeStrategy(groups, inside);
  }

  /**
   * {@return a strategy by the country in the first key part, a text} A country lies in a region;
   * other countries are refused.
   *
   * @param regions the region of each country, matched exactly, so {@code de} is not {@code DE}
   * @param inside the strategy of each region, over the parts after the first; {@link #fixed} where
   *     there are none
   * @throws IllegalArgumentException if there is no country, a region has no strategy inside, or
   *     there is one for an unknown region
   */
  public static ShardingStrategy geo(
      Map<String, ShardId> regions, Map<ShardId, ShardingStrategy> inside) {
    return new CompositeStrategy(new ListedStrategy(regions, null), inside);
  }

  /**
   * {@return a strategy by the country in the first key part, a text, with a region for all other
   * countries; see {@link #geo(Map, Map)}}
   *
   * @param regions the region of each listed country, matched exactly
   * @param others the region of the countries that are not listed
   * @param inside the strategy of each region, the one for other countries included, over the parts
   *     after the first
   */
  public static ShardingStrategy geo(
      Map<String, ShardId> regions, ShardId others, Map<ShardId, ShardingStrategy> inside) {
    return new CompositeStrategy(new ListedStrategy(regions, others), inside);
  }

  /**
   * {@return a strategy by the tenant in the first key part} Tenants that are not listed are
   * refused.
   *
   * @param tenants the strategy of each tenant, over the parts after the first; {@link #fixed} for
   *     a tenant that has one shard. A tenant is a key of one part, text or an integer
   * @throws IllegalArgumentException if there is no tenant, or not all are text or all integers
   */
  public static ShardingStrategy tenant(Map<ShardKey, ShardingStrategy> tenants) {
    return new TenantStrategy(tenants, null);
  }

  /**
   * {@return a strategy by the tenant in the first key part} Tenants that are not listed share a
   * pool.
   *
   * @param tenants the listed tenants, see {@link #tenant(Map)}
   * @param pool the strategy of the other tenants, over the tenant part only, so that all rows of a
   *     tenant lie together
   * @throws IllegalArgumentException if there is no tenant, or not all are text or all integers
   */
  public static ShardingStrategy tenant(
      Map<ShardKey, ShardingStrategy> tenants, ShardingStrategy pool) {
    return new TenantStrategy(tenants, pool);
  }

  /**
   * {@return a strategy by the period that the one date, date-time or instant (in UTC) lies in}
   * Periods that are not listed are refused.
   *
   * @param period the length of the periods
   * @param listed the first day of each period, with its shard; a shard may have many
   * @throws IllegalArgumentException if there is no period, or a day is not the first of one
   */
  public static ShardingStrategy time(TimePeriod period, Map<LocalDate, ShardId> listed) {
    return new TimeStrategy(period, listed, List.of());
  }

  /**
   * {@return a strategy by the period that the one date, date-time or instant (in UTC) lies in}
   * Periods that are not listed take turns on the shards of a rotation, by the period's number
   * modulo their count.
   *
   * <p>A day's number is the days since 1970-01-01. A week's number is the weeks since the week
   * that holds 1970-01-01. A month's number is year * 12 + month - 1. A year's number is the year.
   *
   * @param period the length of the periods
   * @param listed the first day of each listed period, with its shard; may be empty
   * @param rotation at least one shard; a shard may be there several times
   * @throws IllegalArgumentException if the rotation is empty, or a listed day is not the first of
   *     a period
   */
  public static ShardingStrategy time(
      TimePeriod period, Map<LocalDate, ShardId> listed, List<ShardId> rotation) {
    if (rotation.isEmpty()) {
      throw new IllegalArgumentException("rotation: no shards (expected: at least one)");
    }
    return new TimeStrategy(period, listed, rotation);
  }

  /**
   * A strategy by an assignment of each key, of any number of parts, that is looked up.
   *
   * @param directory keeps the assignments
   * @param shards every shard that the directory may name
   * @return a builder of the strategy, with its cache and its bounds at their defaults
   */
  public static DirectoryStrategy.Builder directory(
      ShardDirectory directory, Collection<ShardId> shards) {
    return new DirectoryStrategy.Builder(directory, shards);
  }

  /**
   * {@return a strategy that puts every key on one shard: for a group, region or tenant that is not
   * spread further}
   *
   * @param shard the shard of every key
   */
  public static ShardingStrategy fixed(ShardId shard) {
    return new FixedStrategy(shard);
  }

  /** {@return every shard that a key may lie on} */
  public final Set<ShardId> shards() {
    return shards;
  }

  /**
   * {@return whether {@link #locate} answers from memory} True for all strategies except those that
   * hold a directory.
   */
  public boolean immediate() {
    return true;
  }

  /**
   * {@return the shard of a key, without allocating and without I/O, in a time that is constant or
   * grows with the logarithm of the number of shards, ranges or periods}
   *
   * @param key a key of as many parts, and of such types, as the strategy expects
   * @throws UnroutableKeyException if no shard holds such a key
   * @throws IllegalStateException unless {@link #immediate()}
   */
  public final ShardId locate(ShardKey key) {
    return locate(key, 0, key.size());
  }

  /**
   * {@return the shard of a key, looked up in a directory if there is one} Errors with {@link
   * UnroutableKeyException} if no shard holds such a key, and with the error of the directory's
   * store if that fails.
   *
   * @param key a key of as many parts, and of such types, as the strategy expects
   */
  public final Mono<ShardId> resolve(ShardKey key) {
    return Mono.defer(() -> resolve(key, 0, key.size()));
  }

  /**
   * {@return the shards on which keys of a range can lie, perhaps none} A strategy without an order
   * gives all shards. The range is of the first key part.
   *
   * @param range the range of the first key part; see {@link KeyRange#all()} for no bound
   * @throws UnroutableKeyException if the strategy has an order and the range is of another type
   */
  public Set<ShardId> touching(KeyRange range) {
    return shards;
  }

  /**
   * {@return a SQL condition over the key columns, in parentheses, that is true for exactly the
   * rows whose keys {@link #resolve} to the shard} The condition has no bind markers, and works in
   * MySQL and MariaDB whatever the connection's character set. It expects the session's time zone
   * to be UTC where a part is an instant. Where the strategy hashes by MD5, MySQL since 9.6 needs a
   * component, see {@link HashFunction#MD5}. A directory's condition lists the keys as they are
   * assigned at that time.
   *
   * <p>Errors with {@link IllegalArgumentException} if the shard is not one of {@link #shards()},
   * or the columns don't fit the strategy; with {@link IllegalStateException} if the directory has
   * more than 100,000 keys on the shard; and with the error of the directory's store if that fails.
   *
   * @param shard one of {@link #shards()}
   * @param columns the key columns, in the order of the key's parts
   */
  public final Mono<String> owns(ShardId shard, List<KeyColumn> columns) {
    return Mono.defer(
        () -> {
          checkOwn(shard);
          return predicate(shard, columns).map(sql -> "(" + sql + ")");
        });
  }

  /** {@link #locate(ShardKey)} by the parts from {@code from} up to, not including, {@code to}. */
  abstract ShardId locate(ShardKey key, int from, int to);

  /** {@link #resolve(ShardKey)} by the parts from {@code from} up to, not including, {@code to}. */
  Mono<ShardId> resolve(ShardKey key, int from, int to) {
    return Mono.fromSupplier(() -> locate(key, from, to));
  }

  /** {@link #owns} for a shard that is one of this strategy's. */
  abstract Mono<String> predicate(ShardId shard, List<KeyColumn> columns);

  /** The keys that a document has for this strategy; see {@link StrategyTree}. */
  abstract Map<String, Object> keys(StrategyTree nested);

  final void checkOwn(ShardId shard) {
    if (!shards.contains(shard)) {
      throw new IllegalArgumentException("shard: " + shard + " (expected: one of " + shards + ")");
    }
  }

  static void checkSome(ShardKey key, int from, int to) {
    if (from == to) {
      throw unroutable(key, from, to, "at least one part more, after the first " + from);
    }
  }

  static void checkOne(ShardKey key, int from, int to) {
    if (to - from != 1) {
      throw unroutable(key, from, to, "one part" + (from == 0 ? "" : ", after the first " + from));
    }
  }

  static void checkType(ShardKey key, int index, KeyType type) {
    if (key.type(index) != type) {
      throw new UnroutableKeyException(
          "key part "
              + index
              + ": "
              + key.text(index)
              + ", "
              + key.type(index)
              + " (expected: "
              + type
              + ")");
    }
  }

  static UnroutableKeyException unroutable(ShardKey key, int from, int to, String expected) {
    return new UnroutableKeyException(
        "key: " + key.slice(from, to) + " (expected: " + expected + ")");
  }

  static void checkSome(List<KeyColumn> columns) {
    if (columns.isEmpty()) {
      throw new IllegalArgumentException("key columns: none (expected: at least one)");
    }
  }

  static KeyColumn checkColumn(List<KeyColumn> columns) {
    if (columns.size() != 1) {
      throw new IllegalArgumentException("key columns: " + columns + " (expected: one)");
    }
    return columns.get(0);
  }

  static KeyColumn checkColumn(List<KeyColumn> columns, KeyType type) {
    checkColumn(columns);
    return checkFirstColumn(columns, type);
  }

  static KeyColumn checkFirstColumn(List<KeyColumn> columns, KeyType type) {
    checkSome(columns);
    KeyColumn column = columns.get(0);
    if (column.type() != type) {
      throw new IllegalArgumentException(
          "key column " + column.name() + ": " + column.type() + " (expected: " + type + ")");
    }
    return column;
  }

  private static void checkShards(Collection<ShardId> shards) {
    if (shards.isEmpty()) {
      throw new IllegalArgumentException("shards: none (expected: at least one)");
    }
  }

  /** The shards in their order, at least one, and each of them once. */
  static List<ShardId> distinct(Collection<ShardId> shards) {
    checkShards(shards);
    Set<ShardId> seen = new HashSet<>();
    for (ShardId shard : shards) {
      if (!seen.add(shard)) {
        throw new IllegalArgumentException("shard: " + shard + ", twice (expected: once)");
      }
    }
    return List.copyOf(shards);
  }

  static Set<ShardId> shardsOf(Collection<ShardingStrategy> strategies) {
    Set<ShardId> all = new LinkedHashSet<>();
    strategies.forEach(strategy -> all.addAll(strategy.shards()));
    return all;
  }

  /** An immutable copy in the order of the keys, which is the same wherever the map was made. */
  static <K extends Comparable<K>, V> Map<K, V> sorted(Map<K, V> map) {
    return Collections.unmodifiableMap(new TreeMap<>(map));
  }
}
