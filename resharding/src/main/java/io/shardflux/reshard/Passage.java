package io.shardflux.reshard;

import io.shardflux.reshard.MovePlan.Kind;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardingStrategy;
import io.shardflux.router.TableRule;
import io.shardflux.router.Topology;
import io.shardflux.router.TransitionStrategy;
import io.shardflux.router.TransitionStrategy.Step;
import java.util.List;
import java.util.Objects;

/**
 * What the topology is before, during and after a job. Each change is published as one.
 *
 * @param strategy the name of the strategy whose keys move
 * @param next the strategy that takes its place
 * @param rules the rules by which tables move that were pinned before
 * @param into the name of the strategy that these have afterwards
 */
record Passage(
    Kind kind, String strategy, ShardingStrategy next, List<TableRule.Sharded> rules, String into) {

  /** Tells whether it has begun, and is not over. */
  boolean isUnderWay(Topology now) {
    return now.strategies().get(strategy) instanceof TransitionStrategy;
  }

  /** The topology in which the keys are on their way. */
  Topology begun(Topology now) {
    ShardingStrategy old = old(now);
    List<TableRule.Sharded> moving = kind == Kind.KEYS ? Draft.rules(now, strategy) : rules;
    return now.with(strategy, way(kind, old, next, moving), rules);
  }

  static TransitionStrategy way(
      Kind kind, ShardingStrategy old, ShardingStrategy next, List<TableRule.Sharded> rules) {
    TransitionStrategy way = TransitionStrategy.of(old, next, steps(old, next, rules));
    return kind == Kind.PINNED ? way.ofWhole() : way;
  }

  private ShardingStrategy old(Topology now) {
    if (kind == Kind.KEYS) {
      return Objects.requireNonNull(now.strategies().get(strategy));
    }
    if (now.table(rules.get(0).table()) instanceof TableRule.Pinned pinned) {
      return ShardingStrategy.fixed(pinned.shard());
    }
    throw new IllegalStateException(
        "table: " + rules.get(0).table() + ", not pinned any more (expected: pinned)");
  }

  /** A step for each pair of shards that keys of the tables may go between. */
  private static List<Step> steps(
      ShardingStrategy old, ShardingStrategy next, List<TableRule.Sharded> rules) {
    return TransitionStrategy.steps(
        old, next, rules.stream().allMatch(rule -> rule.key().size() == 1));
  }

  /** The topology in which all keys are where the next strategy has them. */
  Topology finished(Topology now) {
    return switch (kind) {
      case KEYS -> now.withStrategy(strategy, next);
      case SHARD ->
          into.equals(strategy)
              ? now.withStrategy(strategy, next)
              : now.with(strategy, null, sharded(now));
      case PINNED -> now.with(strategy, null, pinned(now, next));
    };
  }

  /** The topology in which all keys are where they were. */
  Topology cancelled(Topology now, ShardingStrategy old) {
    return kind == Kind.KEYS
        ? now.withStrategy(strategy, old)
        : now.with(strategy, null, pinned(now, old));
  }

  private List<TableRule> sharded(Topology now) {
    return Draft.rules(now, strategy).stream()
        .<TableRule>map(rule -> new TableRule.Sharded(rule.table(), rule.key(), into))
        .toList();
  }

  private List<TableRule> pinned(Topology now, ShardingStrategy on) {
    ShardId shard = on.shards().iterator().next();
    return Draft.rules(now, strategy).stream()
        .<TableRule>map(rule -> new TableRule.Pinned(rule.table(), shard))
        .toList();
  }
}
