package io.shardflux.r2dbc.live;

import io.shardflux.router.HaltedStrategy;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardingStrategy;
import io.shardflux.router.StrategyTree;
import io.shardflux.router.TableRule;
import io.shardflux.router.Topology;
import io.shardflux.router.TransitionStrategy;
import io.shardflux.router.TransitionStrategy.Phase;
import io.shardflux.router.TransitionStrategy.Step;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;

/**
 * The topologies in which keys of tables last came to shards or left them, as one router has seen
 * it. Two topologies alone don't tell that: keys may have left and come back between them.
 *
 * @param moved the epochs, by table and shard
 */
record KeyHistory(Map<String, Map<ShardId, Long>> moved) {

  static final KeyHistory NONE = new KeyHistory(Map.of());

  /** Stands for all shards, each of which has all rows, or none. */
  private static final Object COPIES = "copies";

  /** Tells whether keys of a table came to a shard or left it behind that epoch. */
  boolean movedSince(long epoch, String table, ShardId shard) {
    return moved.getOrDefault(table, Map.of()).getOrDefault(shard, 0L) > epoch;
  }

  /** The same of any shard. */
  boolean movedSince(long epoch, String table) {
    return moved.getOrDefault(table, Map.of()).values().stream().anyMatch(at -> at > epoch);
  }

  /** The history with one more topology. */
  KeyHistory then(Topology before, Topology now) {
    Set<String> tables = new LinkedHashSet<>(before.tables().keySet());
    tables.addAll(now.tables().keySet());
    Map<List<Object>, Set<ShardId>> known = new HashMap<>();
    Map<String, Map<ShardId, Long>> more = new HashMap<>(moved);
    for (String table : tables) {
      Object old = placing(before, table);
      Object next = placing(now, table);
      boolean skipped = now.epoch() - before.epoch() > 1;
      if (old == next && !(skipped && old instanceof TransitionStrategy)) {
        continue;
      }
      Set<ShardId> shards =
          old == COPIES || next == COPIES
              ? Set.copyOf(now.shards())
              : known.computeIfAbsent(List.of(old, next), both -> between(old, next, skipped));
      if (!shards.isEmpty()) {
        Map<ShardId, Long> ofTable = new HashMap<>(more.getOrDefault(table, Map.of()));
        shards.forEach(shard -> ofTable.put(shard, now.epoch()));
        more.put(table, Map.copyOf(ofTable));
      }
    }
    return new KeyHistory(Map.copyOf(more));
  }

  /** What says where a table's rows are. */
  private static Object placing(Topology topology, String table) {
    TableRule rule = topology.tables().get(table);
    if (rule instanceof TableRule.Sharded sharded) {
      return Objects.requireNonNull(topology.strategies().get(sharded.strategy()));
    }
    return rule instanceof TableRule.Pinned pinned
        ? ShardingStrategy.fixed(pinned.shard())
        : COPIES;
  }

  /** The shards that keys came to or left. */
  private static Set<ShardId> between(Object old, Object next, boolean skipped) {
    ShardingStrategy before = (ShardingStrategy) old;
    ShardingStrategy now = (ShardingStrategy) next;
    if (skipped && (before instanceof TransitionStrategy || now instanceof TransitionStrategy)) {
      // What was not seen may have switched any step, and back.
      return all(before, now);
    }
    Trees trees = new Trees();
    if (before instanceof TransitionStrategy was) {
      return now instanceof TransitionStrategy is
          ? trees.same(was.old(), is.old()) && trees.same(was.next(), is.next())
              ? turned(was.steps(), is.steps())
              : all(before, now)
          : ended(was, now, trees);
    }
    return now instanceof TransitionStrategy is
        ? ended(is, before, trees)
        : trees.same(before, now) ? Set.of() : all(before, now);
  }

  /** The shards of the keys that lie otherwise on the way than they do at rest. */
  private static Set<ShardId> ended(TransitionStrategy way, ShardingStrategy rest, Trees trees) {
    if (rest instanceof HaltedStrategy halted
        && trees.same(way.old(), halted.way().old())
        && trees.same(way.next(), halted.way().next())) {
      return turned(way.steps(), halted.way().steps());
    }
    if (way.isOf(rest)) {
      // At rest none of its keys has moved yet, or all have.
      return way.steps().stream().map(step -> step.phase().there()).distinct().count() <= 1
          ? Set.of()
          : all(way, rest);
    }
    if (trees.same(way.old(), rest)) {
      return turned(way.steps(), List.of());
    }
    return trees.same(way.next(), rest)
        ? turned(way.steps(), way.steps().stream().map(step -> step.in(Phase.SWITCHED)).toList())
        : all(way, rest);
  }

  /** The shards of the steps that are switched in one of both and not in the other. */
  private static Set<ShardId> turned(List<Step> some, List<Step> others) {
    Set<List<ShardId>> turned = switched(some);
    for (List<ShardId> pair : switched(others)) {
      if (!turned.remove(pair)) {
        turned.add(pair);
      }
    }
    Set<ShardId> shards = new HashSet<>();
    turned.forEach(shards::addAll);
    return shards;
  }

  private static Set<List<ShardId>> switched(List<Step> steps) {
    Set<List<ShardId>> pairs = new HashSet<>();
    for (Step step : steps) {
      if (step.phase().there()) {
        pairs.add(List.of(step.from(), step.to()));
      }
    }
    return pairs;
  }

  private static Set<ShardId> all(ShardingStrategy one, ShardingStrategy other) {
    Set<ShardId> shards = new HashSet<>(one.shards());
    shards.addAll(other.shards());
    return shards;
  }

  /** Tells strategies that were made from one document twice from different ones. */
  private static final class Trees {

    private final StrategyTree trees =
        new StrategyTree(directory -> Map.of("directory", directory));

    boolean same(ShardingStrategy one, ShardingStrategy other) {
      return one == other || trees.of(one).equals(trees.of(other));
    }
  }
}
