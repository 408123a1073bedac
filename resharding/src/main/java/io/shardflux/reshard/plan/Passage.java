package io.shardflux.reshard.plan;

import io.shardflux.reshard.plan.MovePlan.Kind;
import io.shardflux.router.HaltedStrategy;
import io.shardflux.router.Internal;
import io.shardflux.router.NamedKeysStrategy;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardingStrategy;
import io.shardflux.router.StrategyTree;
import io.shardflux.router.TableRule;
import io.shardflux.router.Topology;
import io.shardflux.router.TransitionStrategy;
import io.shardflux.router.TransitionStrategy.Step;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The topology before, during and after a job. Each change is published as one.
 *
 * @param strategy the name of the strategy whose keys move
 * @param tables the tables whose rows move
 * @param old where the keys were when it was planned
 * @param next the strategy that takes its place
 * @param rules the rules by which tables move that were pinned before
 * @param into the name of the strategy that these have afterwards
 */
@Internal
public record Passage(
    Kind kind,
    String strategy,
    List<String> tables,
    ShardingStrategy old,
    ShardingStrategy next,
    List<TableRule.Sharded> rules,
    String into) {

  public static Passage of(MovePlan.Part part) {
    return new Passage(
        part.kind(),
        part.strategy(),
        part.tables().stream().map(MovePlan.Table::name).toList(),
        part.old(),
        part.next(),
        part.rules(),
        part.into());
  }

  /** The difference of a topology from the one that was planned for; empty if there is none. */
  public Optional<String> unlike(Topology now) {
    return switch (kind) {
      case KEYS -> otherKeys(now);
      case COPY -> otherCopies(now);
      case SHARD, PINNED -> otherTables(now).or(() -> otherStrategies(now));
    };
  }

  private Optional<String> otherKeys(Topology now) {
    ShardingStrategy at = now.strategies().get(strategy);
    if (at == null || !alike(at, rest(old))) {
      return Optional.of("strategies." + strategy + ": " + at + " (expected: " + rest(old) + ")");
    }
    Set<String> there =
        Draft.rules(now, strategy).stream().map(TableRule::table).collect(Collectors.toSet());
    return there.equals(Set.copyOf(tables))
        ? Optional.empty()
        : Optional.of("tables of " + strategy + ": " + there + " (expected: " + tables + ")");
  }

  /** What stands in a topology before and after the move. */
  private static ShardingStrategy rest(ShardingStrategy end) {
    return end instanceof NamedKeysStrategy named ? named.others() : end;
  }

  /** The same, where the keys of the directory are found otherwise afterwards. */
  public Passage to(ShardingStrategy other) {
    return new Passage(kind, strategy, tables, old, other, rules, into);
  }

  /** Of directories it is only known where they are. */
  static boolean alike(ShardingStrategy one, ShardingStrategy other) {
    return tree(one).equals(tree(other));
  }

  private static Map<String, Object> tree(ShardingStrategy strategy) {
    return new StrategyTree(directory -> Map.of()).of(strategy);
  }

  private Optional<String> otherCopies(Topology now) {
    return tables.stream()
        .map(table -> now.tables().get(table))
        .filter(
            rule ->
                !(rule instanceof TableRule.Reference copies)
                    || !has(now, source(), copies)
                    || copies.isReadOn(target())
                    || !now.shards().contains(target()))
        .map(
            rule ->
                "tables: "
                    + rule
                    + " (expected: a reference table on "
                    + source()
                    + ", and not on "
                    + target()
                    + ")")
        .findFirst();
  }

  private static boolean has(Topology now, ShardId shard, TableRule.Reference copies) {
    return now.shards().contains(shard) && copies.isReadOn(shard);
  }

  /** A shard that has all tables which are copied, if possible the one that they come from. */
  public Optional<ShardId> holder(Topology now) {
    return Stream.concat(Stream.of(source()), now.shards().stream())
        .filter(shard -> !shard.equals(target()))
        .filter(shard -> copies(now).stream().allMatch(rule -> has(now, shard, rule)))
        .findFirst();
  }

  /** The same where tables are copied from another shard. */
  public Passage from(ShardId other) {
    return new Passage(kind, strategy, tables, ShardingStrategy.fixed(other), next, rules, into);
  }

  /** The one shard that tables come from. */
  public ShardId source() {
    return old.shards().iterator().next();
  }

  /** The one shard that tables go to. */
  public ShardId target() {
    return next.shards().iterator().next();
  }

  /** The rules of the tables that are copied. */
  public List<TableRule.Reference> copies(Topology now) {
    return tables.stream()
        .map(now::table)
        .filter(TableRule.Reference.class::isInstance)
        .map(TableRule.Reference.class::cast)
        .toList();
  }

  private Optional<String> otherTables(Topology now) {
    return rules.stream()
        .map(rule -> new TableRule.Pinned(rule.table(), source()))
        .filter(rule -> !rule.equals(now.table(rule.table())))
        .map(rule -> "tables: " + now.table(rule.table()) + " (expected: " + rule + ")")
        .findFirst();
  }

  private Optional<String> otherStrategies(Topology now) {
    if (now.strategies().containsKey(strategy)) {
      return Optional.of("strategies." + strategy + ": there (expected: none of that name)");
    }
    ShardingStrategy there = now.strategies().get(into);
    return into.equals(strategy) || (there != null && alike(there, next))
        ? Optional.empty()
        : Optional.of("strategies." + into + ": " + there + " (expected: " + next + ")");
  }

  /** Tells whether the job has begun, and is not over. */
  public boolean isUnderWay(Topology now) {
    return kind == Kind.COPY
        ? copies(now).stream().anyMatch(rule -> rule.joining().contains(target()))
        : isOnItsWay(now);
  }

  private boolean isOnItsWay(Topology now) {
    return now.strategies().get(strategy) instanceof TransitionStrategy;
  }

  /**
   * The topology in which the keys are on their way, or the copies are written.
   *
   * @throws IllegalStateException if it was planned for another topology
   */
  public Topology begun(Topology now) {
    unlike(now)
        .ifPresent(
            other -> {
              throw new IllegalStateException(
                  other + "; as the move was planned; cancel it, and plan it anew");
            });
    if (kind == Kind.COPY) {
      return now.withRules(copies(now).stream().map(rule -> rule.joiningOn(target())).toList());
    }
    List<TableRule.Sharded> moving = kind == Kind.KEYS ? Draft.rules(now, strategy) : rules;
    return now.with(strategy, way(kind, old, next, moving), rules);
  }

  public static TransitionStrategy way(
      Kind kind, ShardingStrategy old, ShardingStrategy next, List<TableRule.Sharded> rules) {
    if (old instanceof NamedKeysStrategy before && next instanceof NamedKeysStrategy after) {
      List<NamedKeysStrategy> both = DirectoryKeys.meanwhile(before, after);
      return TransitionStrategy.of(both.get(0), both.get(1), steps(old, next, rules));
    }
    TransitionStrategy way = TransitionStrategy.of(old, next, steps(old, next, rules));
    return kind == Kind.PINNED || kind == Kind.COPY ? way.ofWhole() : way;
  }

  /** A step for each pair of shards that keys of the tables may go between. */
  private static List<Step> steps(
      ShardingStrategy old, ShardingStrategy next, List<TableRule.Sharded> rules) {
    return TransitionStrategy.steps(
        old, next, rules.stream().allMatch(rule -> rule.key().size() == 1));
  }

  /** The topology in which all keys are where the next strategy has them. */
  public Topology finished(Topology now) {
    return switch (kind) {
      case KEYS -> now.withStrategy(strategy, rest(next));
      case SHARD ->
          into.equals(strategy)
              ? now.withStrategy(strategy, next)
              : now.with(strategy, null, sharded(now));
      case PINNED -> now.with(strategy, null, pinned(now, next));
      case COPY -> {
        checkCopied(now);
        yield now.withRules(copies(now).stream().map(rule -> rule.thereOn(target())).toList());
      }
    };
  }

  /** What is written elsewhere alone is noted nowhere. */
  private void checkCopied(Topology now) {
    for (TableRule.Reference rule : copies(now)) {
      if (!rule.joining().contains(target()) || !has(now, source(), rule)) {
        throw new IllegalStateException(
            "tables: "
                + rule
                + " (expected: a copy that joins on "
                + target()
                + ", and one on "
                + source()
                + " that it is made from; it is made anew)");
      }
    }
  }

  /** The topology in which all keys are where they were. */
  public Topology cancelled(Topology now, ShardingStrategy old) {
    if (kind == Kind.COPY) {
      return now.withRules(copies(now).stream().map(rule -> rule.absentOn(target())).toList());
    }
    return kind == Kind.KEYS
        // The directory is what it was when it was planned.
        ? now.withStrategy(strategy, old instanceof NamedKeysStrategy ? rest(this.old) : old)
        : now.with(strategy, null, pinned(now, old));
  }

  /** The topology in which each key stays where it is on the way. */
  public Topology stayed(Topology now, TransitionStrategy way) {
    if (way.steps().stream().noneMatch(step -> step.phase().there())) {
      return cancelled(now, way.old());
    }
    return way.placed() != null || way.steps().stream().allMatch(step -> step.phase().there())
        ? finished(now)
        : now.withStrategy(strategy, HaltedStrategy.of(way));
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
