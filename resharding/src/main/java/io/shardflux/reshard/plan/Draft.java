package io.shardflux.reshard.plan;

import io.shardflux.reshard.plan.DirectoryKeys.Moved;
import io.shardflux.reshard.plan.MovePlan.Kind;
import io.shardflux.router.Internal;
import io.shardflux.router.Rebalancing;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardingStrategy;
import io.shardflux.router.TableRule;
import io.shardflux.router.Topology;
import io.shardflux.router.TransitionStrategy;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * One strategy's part of what an intent means in a topology; each part is a job.
 *
 * @param kind what becomes of tables
 * @param strategy the name of the strategy whose keys move
 * @param old where they are now
 * @param next where they shall be
 * @param tables the names of the tables that move
 * @param rules the rules by which they move, where these are known without asking a server
 * @param into the name of the strategy that tables have afterwards
 */
@Internal
public record Draft(
    Kind kind,
    String strategy,
    ShardingStrategy old,
    ShardingStrategy next,
    List<String> tables,
    List<TableRule.Sharded> rules,
    String into) {

  /**
   * The parts of an intent, in the order in which they are done.
   *
   * @throws IllegalArgumentException if it means nothing in the topology
   */
  public static List<Draft> of(Intent intent, Topology now) {
    return of(intent, now, Map.of());
  }

  /**
   * The same.
   *
   * @param directories the keys that move of strategies that are directories, by their names
   */
  static List<Draft> of(Intent intent, Topology now, Map<String, Moved> directories) {
    List<Draft> parts = parts(intent, now, directories);
    boolean copies = parts.stream().allMatch(part -> part.kind() == Kind.COPY);
    List<Draft> all = new ArrayList<>(copies ? List.of() : copies(parts, now));
    all.addAll(parts);
    return all;
  }

  private static List<Draft> parts(Intent intent, Topology now, Map<String, Moved> directories) {
    if (intent instanceof Intent.MoveKeys move) {
      return List.of(named(now, move.strategy(), directories));
    }
    if (intent instanceof Intent.Change change) {
      return List.of(keys(now, change.strategy(), change.next()));
    }
    if (intent instanceof Intent.Spread spread) {
      if (directories.containsKey(spread.strategy())) {
        return List.of(named(now, spread.strategy(), directories));
      }
      return List.of(
          keys(
              now,
              spread.strategy(),
              Rebalancing.spread(resting(now, spread.strategy()), spread.shards())));
    }
    if (intent instanceof Intent.Reweight weigh) {
      return List.of(
          keys(
              now,
              weigh.strategy(),
              Rebalancing.weighed(resting(now, weigh.strategy()), weigh.weights())));
    }
    if (intent instanceof Intent.MoveSlots slots) {
      ShardingStrategy old = resting(now, slots.strategy());
      return List.of(
          keys(
              now,
              slots.strategy(),
              Rebalancing.withSlots(old, slots.first(), slots.last(), slots.to())));
    }
    if (intent instanceof Intent.MoveRange range) {
      ShardingStrategy old = resting(now, range.strategy());
      return List.of(
          keys(now, range.strategy(), Rebalancing.withRange(old, range.range(), range.to())));
    }
    if (intent instanceof Intent.Isolate isolate) {
      return List.of(isolated(now, isolate));
    }
    if (intent instanceof Intent.RemoveShard removal) {
      return removed(now, removal, directories);
    }
    if (intent instanceof Intent.MoveTables tables) {
      return List.of(pinned(now, tables.tables(), tables.to()));
    }
    if (intent instanceof Intent.ShardTables tables) {
      return List.of(sharded(now, tables));
    }
    if (intent instanceof Intent.CopyReference copies) {
      return List.of(copied(now, copies.tables(), copies.to()));
    }
    throw new IllegalArgumentException("intent: " + intent + " (expected: another one)");
  }

  /** The named keys of a directory. */
  private static Draft named(Topology now, String strategy, Map<String, Moved> directories) {
    Moved moved = directories.get(strategy);
    if (moved == null) {
      throw new IllegalArgumentException(
          "strategy: "
              + resting(now, strategy)
              + " (expected: a directory; of others move slots or ranges, or isolate a key)");
    }
    return keys(now, strategy, moved.old(), moved.next());
  }

  private static Draft keys(Topology now, String strategy, ShardingStrategy next) {
    ShardingStrategy old = resting(now, strategy);
    withoutDirectory(strategy, old);
    withoutDirectory(strategy, next);
    return keys(now, strategy, old, next);
  }

  private static Draft keys(
      Topology now, String strategy, ShardingStrategy old, ShardingStrategy next) {
    // Refuses shards that are not there.
    var unused = now.withStrategy(strategy, next);
    List<TableRule.Sharded> rules = rules(now, strategy);
    return new Draft(
        Kind.KEYS,
        strategy,
        old,
        next,
        rules.stream().map(TableRule.Sharded::table).toList(),
        rules,
        strategy);
  }

  /** A directory may give a new key its shard while rows move, which no trigger would know. */
  private static void withoutDirectory(String name, ShardingStrategy strategy) {
    if (!strategy.immediate()) {
      throw new IllegalArgumentException(
          "strategy: "
              + name
              + ", "
              + strategy
              + " (expected: none with a directory, which may give keys their shards meanwhile; of a"
              + " directory itself, spread its keys, move some by move-keys, or remove a shard)");
    }
  }

  /** A strategy that is not on its way. */
  private static ShardingStrategy resting(Topology now, String strategy) {
    ShardingStrategy old = now.strategies().get(strategy);
    if (old == null || old instanceof TransitionStrategy) {
      throw new IllegalArgumentException(
          "strategy: "
              + strategy
              + " (expected: one of "
              + now.strategies().keySet()
              + " that is not on its way)");
    }
    return old;
  }

  public static List<TableRule.Sharded> rules(Topology topology, String strategy) {
    return topology.tables().values().stream()
        .filter(TableRule.Sharded.class::isInstance)
        .map(TableRule.Sharded.class::cast)
        .filter(rule -> rule.strategy().equals(strategy))
        .toList();
  }

  private static Draft isolated(Topology now, Intent.Isolate isolate) {
    ShardingStrategy old = resting(now, isolate.strategy());
    int parts =
        rules(now, isolate.strategy()).stream().mapToInt(rule -> rule.key().size()).max().orElse(1);
    return keys(
        now, isolate.strategy(), Rebalancing.isolating(old, isolate.tenant(), parts, isolate.to()));
  }

  private static List<Draft> removed(
      Topology now, Intent.RemoveShard removal, Map<String, Moved> directories) {
    ShardId gone = removal.shard();
    if (!now.shards().contains(gone)) {
      throw new IllegalArgumentException(
          "shard: " + gone + " (expected: one of " + now.shards() + ")");
    }
    if (now.shards().size() == 1) {
      throw new IllegalArgumentException(
          "shard: " + gone + ", the only one (expected: another one, which gets its rows)");
    }
    List<Draft> parts = new ArrayList<>();
    now.strategies()
        .forEach(
            (name, strategy) -> {
              if (strategy.shards().contains(gone)) {
                parts.add(
                    directories.containsKey(name)
                        ? named(now, name, directories)
                        : keys(
                            now,
                            name,
                            Rebalancing.without(
                                resting(now, name), gone, heirs(now, removal, strategy.shards()))));
              }
            });
    List<String> pinned =
        now.tables().values().stream()
            .filter(rule -> rule instanceof TableRule.Pinned on && on.shard().equals(gone))
            .map(TableRule::table)
            .toList();
    if (!pinned.isEmpty()) {
      parts.add(pinned(now, pinned, heirs(now, removal, Set.of(gone)).get(0)));
    }
    return parts.isEmpty() ? List.of(lastCopies(now, removal)) : parts;
  }

  /** The copies that no other shard has, of a shard that has no other rows. */
  private static Draft lastCopies(Topology now, Intent.RemoveShard removal) {
    ShardId gone = removal.shard();
    List<String> tables =
        references(now)
            .filter(rule -> rule.isReadOn(gone))
            .filter(
                rule ->
                    now.shards().stream()
                        .noneMatch(other -> !other.equals(gone) && rule.isReadOn(other)))
            .map(TableRule::table)
            .toList();
    if (tables.isEmpty()) {
      throw new IllegalArgumentException(
          "shard: "
              + gone
              + ", without a strategy or a pinned table (expected: one that may have rows; this one"
              + " can be removed as it is)");
    }
    return copied(now, tables, heirs(now, removal, Set.of(gone)).get(0));
  }

  /** Pinned tables that go to another shard, by a strategy that they have meanwhile. */
  private static Draft pinned(Topology now, List<String> tables, ShardId to) {
    ShardId from = placeOf(now, tables);
    if (from.equals(to) || !now.shards().contains(to)) {
      throw new IllegalArgumentException(
          "shard: " + to + " (expected: one of " + now.shards() + ", and not " + from + ")");
    }
    String strategy = unused(now, "pinned_to_" + from);
    return new Draft(
        Kind.PINNED,
        strategy,
        ShardingStrategy.fixed(from),
        ShardingStrategy.fixed(to),
        tables,
        List.of(),
        strategy);
  }

  private static Draft sharded(Topology now, Intent.ShardTables wanted) {
    List<String> tables = wanted.tables().stream().map(TableRule.Sharded::table).toList();
    ShardId from = placeOf(now, tables);
    Set<String> names =
        wanted.tables().stream().map(TableRule.Sharded::strategy).collect(Collectors.toSet());
    if (names.size() != 1) {
      throw new IllegalArgumentException(
          "strategies: " + names + " (expected: one, as tables that move together have)");
    }
    String into = names.iterator().next();
    ShardingStrategy there = now.strategies().get(into);
    if (there != null && !Rebalancing.same(there, wanted.next())) {
      throw new IllegalArgumentException(
          "strategy: " + into + ", " + there + " (expected: one that is not there, or this one)");
    }
    withoutDirectory(into, wanted.next());
    String strategy = there == null ? into : unused(now, into + "_from_" + from);
    List<TableRule.Sharded> rules =
        wanted.tables().stream()
            .map(rule -> new TableRule.Sharded(rule.table(), rule.key(), strategy))
            .toList();
    // Refuses shards that are not there.
    var unused = now.with(strategy, wanted.next(), rules);
    return new Draft(
        Kind.SHARD, strategy, ShardingStrategy.fixed(from), wanted.next(), tables, rules, into);
  }

  /** The one shard that tables are pinned to. */
  private static ShardId placeOf(Topology now, List<String> tables) {
    Set<ShardId> places = new LinkedHashSet<>();
    for (String table : tables) {
      if (!(now.table(table) instanceof TableRule.Pinned pinned)) {
        throw new IllegalArgumentException("table: " + table + " (expected: one that is pinned)");
      }
      places.add(pinned.shard());
    }
    if (places.size() != 1) {
      throw new IllegalArgumentException(
          "tables: "
              + tables
              + ", pinned to "
              + places
              + " (expected: at least one table, and all pinned to one shard)");
    }
    return places.iterator().next();
  }

  /**
   * The parts that must come before: a copy of each reference table on each shard that gets keys.
   */
  private static List<Draft> copies(List<Draft> parts, Topology now) {
    Set<ShardId> targets = new LinkedHashSet<>();
    parts.forEach(part -> targets.addAll(part.next().shards()));
    List<Draft> copies = new ArrayList<>();
    // In the topology's order, as a strategy has its shards in any.
    for (ShardId target : now.shards()) {
      if (!targets.contains(target)) {
        continue;
      }
      List<TableRule.Reference> lacking =
          references(now).filter(rule -> !rule.isReadOn(target)).toList();
      bySource(now, lacking).values().forEach(tables -> copies.add(copied(now, tables, target)));
    }
    return copies;
  }

  /** The tables by the shard that they are copied from, which is one where it has all. */
  private static Map<ShardId, List<String>> bySource(
      Topology now, List<TableRule.Reference> rules) {
    Map<ShardId, List<String>> bySource = new LinkedHashMap<>();
    for (TableRule.Reference rule : rules) {
      ShardId source = having(now, rules).orElseGet(() -> sourceOf(now, List.of(rule)));
      bySource.computeIfAbsent(source, from -> new ArrayList<>()).add(rule.table());
    }
    return bySource;
  }

  private static Stream<TableRule.Reference> references(Topology now) {
    return now.tables().values().stream()
        .filter(TableRule.Reference.class::isInstance)
        .map(TableRule.Reference.class::cast);
  }

  /** Reference tables that get a copy on one more shard. */
  private static Draft copied(Topology now, List<String> tables, ShardId to) {
    List<TableRule.Reference> rules = new ArrayList<>();
    for (String table : tables) {
      if (!(now.table(table) instanceof TableRule.Reference rule)
          || !now.shards().contains(to)
          || rule.isReadOn(to)) {
        throw new IllegalArgumentException(
            "table: "
                + table
                + " on "
                + to
                + " (expected: a reference table, and a shard that has none of it)");
      }
      rules.add(rule);
    }
    ShardingStrategy place = ShardingStrategy.fixed(sourceOf(now, rules));
    String name = unused(now, "copy_to_" + to);
    return new Draft(
        Kind.COPY, name, place, ShardingStrategy.fixed(to), List.copyOf(tables), List.of(), name);
  }

  /** The first shard that has all of some tables. */
  private static ShardId sourceOf(Topology now, List<TableRule.Reference> rules) {
    return having(now, rules)
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    "tables: "
                        + rules.stream().map(TableRule::table).toList()
                        + " (expected: at least one table, and a shard that has all of them; copy"
                        + " them one by one)"));
  }

  private static Optional<ShardId> having(Topology now, List<TableRule.Reference> rules) {
    return now.shards().stream()
        .filter(shard -> rules.stream().allMatch(rule -> rule.isReadOn(shard)))
        .findFirst();
  }

  private static String unused(Topology now, String name) {
    String free = name;
    while (now.strategies().containsKey(free)) {
      free += "_";
    }
    return free;
  }

  static List<ShardId> heirs(Topology now, Intent.RemoveShard removal, Set<ShardId> shards) {
    if (!removal.heirs().isEmpty()) {
      return removal.heirs();
    }
    Set<ShardId> others = new LinkedHashSet<>(shards);
    others.remove(removal.shard());
    if (others.isEmpty()) {
      others.addAll(now.shards());
      others.remove(removal.shard());
    }
    return List.copyOf(others);
  }
}
