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
import reactor.core.publisher.Mono;

/**
 * The rule that gives each key its shard, in Java and in SQL alike.
 *
 * <p>All strategies are immutable, thread-safe and give the same answer on every JVM, for ever; the
 * directory alone looks keys up in a table. The order in which shards, slots or weights are given
 * is part of the rule where a list is asked for, and is not where a map or a collection is.
 */
public abstract class ShardingStrategy {

  private static final int DEFAULT_SLOTS = 1024;

  private final Set<ShardId> shards;

  ShardingStrategy(Collection<ShardId> shards) {
    if (shards.isEmpty()) {
      throw new IllegalArgumentException("shards: none (expected: at least one)");
    }
    this.shards = Collections.unmodifiableSet(new LinkedHashSet<>(shards));
  }

  /**
   * By the CRC-32 of all key parts, over 1,024 slots; see {@link #hash(List, int, HashFunction)}.
   *
   * @throws IllegalArgumentException if there is no shard, or one is there twice, or more than the
   *     slots
   */
  public static ShardingStrategy hash(List<ShardId> shards) {
    return hash(shards, DEFAULT_SLOTS, HashFunction.CRC32);
  }

  /**
   * By the hash of all key parts: a key's slot is the hash modulo the slots, and slot {@code i}
   * lies on shard {@code i * shards / slots}, so that each shard has slots that follow one another.
   *
   * @param slots from the number of shards to 65,536
   * @throws IllegalArgumentException if there is no shard, one is there twice, or the slots are out
   *     of bounds
   */
  public static ShardingStrategy hash(List<ShardId> shards, int slots, HashFunction function) {
    return HashStrategy.filled(function, shards, slots);
  }

  /**
   * By the hash of all key parts, with the slots laid out by hand, so that single slots can move to
   * another shard: a key's slot is the hash modulo the slots.
   *
   * @param slots the shard of each slot, 1 to 65,536 of them; a shard may stand in many
   * @throws IllegalArgumentException if there are too few slots or too many
   */
  public static ShardingStrategy hashSlots(List<ShardId> slots, HashFunction function) {
    return HashStrategy.of(function, slots);
  }

  /**
   * By the one integer key part modulo the number of shards; negative keys count on downwards, so
   * that -1 lies on the last shard.
   *
   * @throws IllegalArgumentException if there is no shard, or one is there twice
   */
  public static ShardingStrategy modulo(List<ShardId> shards) {
    return new ModuloStrategy(shards);
  }

  /**
   * By the interval that the one key part lies in; keys outside all of them are refused.
   *
   * @param owners the intervals, each with its shard, in any order; a shard may have many
   * @throws IllegalArgumentException if there is no interval, two overlap, there is a gap between
   *     two, or the bounds are of several types
   */
  public static ShardingStrategy range(Map<KeyRange, ShardId> owners) {
    return new RangeStrategy(owners);
  }

  /**
   * By a ring of virtual nodes, with all shards of weight 1; see {@link #consistent(Map)}.
   *
   * @throws IllegalArgumentException if there is no shard, one is there twice, or they are more
   *     than 10,000
   */
  public static ShardingStrategy consistent(Collection<ShardId> shards) {
    Map<ShardId, Integer> weights = new LinkedHashMap<>();
    distinct(shards).forEach(shard -> weights.put(shard, 1));
    return consistent(weights);
  }

  /**
   * By a ring of virtual nodes, over all key parts: adding a shard moves keys to it alone, removing
   * one moves its keys alone.
   *
   * <p>A shard has 100 nodes for each unit of weight; node {@code i} stands at the {@link
   * HashFunction#MD5} of the text {@code <shard>:<i>}. A key lies on the shard of the first node at
   * or after its own MD5, wrapping round. Of two nodes on one point the one of the lower shard name
   * counts.
   *
   * @param weights the shards, each with a weight of at least 1, and at most 10,000 in total
   * @throws IllegalArgumentException if there is no shard or a weight is out of bounds
   */
  public static ShardingStrategy consistent(Map<ShardId, Integer> weights) {
    return new ConsistentStrategy(weights);
  }

  /**
   * By two steps: the first key part picks a group, the parts after it pick a shard by the group's
   * own strategy.
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
   * By the country in the first key part, text, which lies in a region; other countries are
   * refused.
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
   * By the country in the first key part, text, which lies in a region; see {@link #geo(Map, Map)}.
   *
   * @param others the region of the countries that are not listed
   */
  public static ShardingStrategy geo(
      Map<String, ShardId> regions, ShardId others, Map<ShardId, ShardingStrategy> inside) {
    return new CompositeStrategy(new ListedStrategy(regions, others), inside);
  }

  /**
   * By the tenant in the first key part, all of them listed; others are refused.
   *
   * @param tenants the strategy of each tenant, over the parts after the first; {@link #fixed} for
   *     a tenant that has one shard. A tenant is a key of one part, text or an integer
   * @throws IllegalArgumentException if there is no tenant, or not all are text or all integers
   */
  public static ShardingStrategy tenant(Map<ShardKey, ShardingStrategy> tenants) {
    return new TenantStrategy(tenants, null);
  }

  /**
   * By the tenant in the first key part; those that are not listed share a pool.
   *
   * @param tenants the listed tenants, see {@link #tenant(Map)}
   * @param pool the strategy of the others, over the tenant part alone, so that all rows of a
   *     tenant lie together
   * @throws IllegalArgumentException if there is no tenant, or not all are text or all integers
   */
  public static ShardingStrategy tenant(
      Map<ShardKey, ShardingStrategy> tenants, ShardingStrategy pool) {
    return new TenantStrategy(tenants, pool);
  }

  /**
   * By the period that the one date, date-time or instant (in UTC) lies in; periods that are not
   * listed are refused.
   *
   * @param listed the first day of each period, with its shard; a shard may have many
   * @throws IllegalArgumentException if there is no period, or a day is not the first of one
   */
  public static ShardingStrategy time(TimePeriod period, Map<LocalDate, ShardId> listed) {
    return new TimeStrategy(period, listed, List.of());
  }

  /**
   * By the period that the one date, date-time or instant (in UTC) lies in; periods that are not
   * listed take turns on the shards of a rotation, by the period's number modulo their count.
   *
   * <p>The numbers are: of a day, the days since 1970-01-01; of a week, the weeks since the one
   * that holds 1970-01-01; of a month, year * 12 + month - 1; of a year, the year.
   *
   * @param listed the first day of each listed period, with its shard; may be empty
   * @param rotation at least one shard; one may be there several times
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
   * By a looked-up assignment of each key, of any number of parts.
   *
   * @param directory where the assignments are
   * @param shards every shard that the directory may name
   */
  public static DirectoryStrategy.Builder directory(
      ShardDirectory directory, Collection<ShardId> shards) {
    return new DirectoryStrategy.Builder(directory, shards);
  }

  /** Every key on one shard: what a group, region or tenant has that is not spread further. */
  public static ShardingStrategy fixed(ShardId shard) {
    return new FixedStrategy(shard);
  }

  /** Every shard that a key may lie on. */
  public final Set<ShardId> shards() {
    return shards;
  }

  /**
   * Whether {@link #locate} answers from memory: true for all strategies but those that hold a
   * directory.
   */
  public boolean immediate() {
    return true;
  }

  /**
   * The shard of a key, without allocating and without I/O, in a time that is constant or grows
   * with the logarithm of the number of shards, ranges or periods.
   *
   * @throws UnroutableKeyException if no shard holds such a key
   * @throws IllegalStateException unless {@link #immediate()}
   */
  public final ShardId locate(ShardKey key) {
    return locate(key, 0, key.size());
  }

  /**
   * The shard of a key, looked up where it has to be. Errors with {@link UnroutableKeyException} if
   * no shard holds such a key, and with what the directory's store says if that fails.
   */
  public final Mono<ShardId> resolve(ShardKey key) {
    return Mono.defer(() -> resolve(key, 0, key.size()));
  }

  /**
   * The shards on which keys of a range can lie, perhaps none; where the strategy has no order,
   * all. The range is of the first key part.
   *
   * @throws UnroutableKeyException if the strategy has an order and the range is of another type
   */
  public Set<ShardId> touching(KeyRange range) {
    return shards;
  }

  /**
   * A SQL condition over the key columns, in parentheses, that is true for exactly the rows whose
   * keys {@link #resolve} to the shard. It has no bind markers, works in MySQL and MariaDB whatever
   * the connection's character set, and expects the session's time zone to be UTC where a part is
   * an instant. Where MD5 is hashed by, MySQL since 9.6 needs a component, see {@link
   * HashFunction#MD5}. A directory's condition lists the keys as they are assigned at that time.
   *
   * <p>Errors with {@link IllegalArgumentException} if the shard is not one of {@link #shards()},
   * or the columns don't fit the strategy; with {@link IllegalStateException} if the directory has
   * more than 100,000 keys on the shard; and with what the directory's store says if that fails.
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

  /** The shards in their order, each of them once. */
  static List<ShardId> distinct(Collection<ShardId> shards) {
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

  /** An immutable copy that keeps the order. */
  static <K, V> Map<K, V> ordered(Map<K, V> map) {
    return Collections.unmodifiableMap(new LinkedHashMap<>(map));
  }
}
