package io.shardflux.router;

import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Mono;

/**
 * One snapshot of the shards, the strategies and the table rules. Immutable: a change gives a new
 * topology with the next epoch, and a holder of the old one goes on seeing it whole.
 */
public final class Topology {

  private final long epoch;
  private final Set<ShardId> shards;
  private final Map<String, ShardingStrategy> strategies;
  private final Map<String, TableRule> tables;

  private Topology(
      long epoch,
      Set<ShardId> shards,
      Map<String, ShardingStrategy> strategies,
      Map<String, TableRule> tables) {
    this.epoch = epoch;
    this.shards = Collections.unmodifiableSet(new LinkedHashSet<>(shards));
    this.strategies = Collections.unmodifiableMap(new LinkedHashMap<>(strategies));
    this.tables = Collections.unmodifiableMap(new LinkedHashMap<>(tables));
    check();
  }

  /** {@return a builder of epoch 1} */
  public static Builder builder() {
    return new Builder();
  }

  /** {@return the number of this snapshot: 1 at first, one more with each change} */
  public long epoch() {
    return epoch;
  }

  /** {@return the shards, in the order they were added} */
  public Set<ShardId> shards() {
    return shards;
  }

  /** {@return the strategies by name} */
  public Map<String, ShardingStrategy> strategies() {
    return strategies;
  }

  /** {@return the rules by table} */
  public Map<String, TableRule> tables() {
    return tables;
  }

  /**
   * {@return the rule of a table}
   *
   * @param table the table's name, as its rule has it
   * @throws IllegalArgumentException if there is none
   */
  public TableRule table(String table) {
    TableRule rule = tables.get(table);
    if (rule == null) {
      throw new IllegalArgumentException(
          "table: " + table + " (expected: one of " + tables.keySet() + ")");
    }
    return rule;
  }

  /**
   * {@return the strategy of a sharded table}
   *
   * @param table the name of a sharded table, as its rule has it
   * @throws IllegalArgumentException if the table is unknown or not sharded
   */
  public ShardingStrategy strategy(String table) {
    return strategyOf(sharded(table));
  }

  /**
   * {@return the shard of a key of a table; a pinned table has one shard for all keys} Errors with
   * {@link UnroutableKeyException} if no shard holds such a key, and with {@link
   * IllegalArgumentException} if the table is unknown or a reference table.
   *
   * @param table the name of a sharded or pinned table, as its rule has it
   * @param key the key to locate, with a part for each key column
   */
  public Mono<ShardId> locate(String table, ShardKey key) {
    return Mono.defer(
        () -> {
          if (table(table) instanceof TableRule.Pinned pinned) {
            return Mono.just(pinned.shard());
          }
          TableRule.Sharded rule = sharded(table);
          ShardingStrategy strategy = strategyOf(rule);
          if (strategy instanceof TransitionStrategy way && way.isWhole()) {
            return Mono.just(way.placeOfAll().shard());
          }
          ShardKey stored = rule.stored(key);
          return strategy.immediate()
              ? Mono.just(strategy.locate(stored))
              : strategy.resolve(stored);
        });
  }

  /**
   * {@return a rule as it is for statements: a pinned table that moves to another shard stays
   * pinned to the one where all its rows are at this moment} Other rules are given back as they
   * are.
   *
   * @param rule one of {@link #tables()}
   */
  public TableRule pinnedWhile(TableRule rule) {
    return rule instanceof TableRule.Sharded sharded
            && strategies.get(sharded.strategy()) instanceof TransitionStrategy way
            && way.isWhole()
        ? new TableRule.Pinned(rule.table(), way.placeOfAll().shard())
        : rule;
  }

  /**
   * {@return this topology and one shard more} The new shard holds no key until a strategy names
   * it. The epoch is the next.
   *
   * @param shard the shard to add
   * @throws IllegalArgumentException if there is such a shard already
   */
  public Topology withShard(ShardId shard) {
    Set<ShardId> more = new LinkedHashSet<>(shards);
    if (!more.add(shard)) {
      throw new IllegalArgumentException(
          "shard: " + shard + " (expected: one that is not yet there)");
    }
    return new Topology(epoch + 1, more, strategies, tables);
  }

  /**
   * {@return this topology and one shard more, which has no copy of a reference table yet} The
   * epoch is the next.
   *
   * @param shard the shard to add
   * @throws IllegalArgumentException if there is such a shard already
   */
  @Internal
  public Topology withEmptyShard(ShardId shard) {
    Topology more = withShard(shard);
    return new Topology(more.epoch, more.shards, strategies, copies(rule -> rule.absentOn(shard)));
  }

  /**
   * {@return this topology without a shard} The epoch is the next.
   *
   * @param shard the shard to take away
   * @throws IllegalArgumentException if there is no such shard, a strategy or a pinned table still
   *     names it, or it alone has a copy of a reference table
   */
  public Topology withoutShard(ShardId shard) {
    Set<ShardId> fewer = new LinkedHashSet<>(shards);
    if (!fewer.remove(shard)) {
      throw unknownShard("shard", shard);
    }
    return new Topology(epoch + 1, fewer, strategies, copies(rule -> gone(rule, shard, fewer)));
  }

  /**
   * {@return this topology with other rules of tables} The epoch is the next.
   *
   * @param rules take the place of those of their tables
   * @throws IllegalArgumentException if a rule names what is not there
   */
  @Internal
  public Topology withRules(Collection<? extends TableRule> rules) {
    return new Topology(epoch + 1, shards, strategies, ruled(rules));
  }

  /**
   * {@return this topology with another strategy under a name} The epoch is the next.
   *
   * @param name the name of one of {@link #strategies()}
   * @param strategy takes its place
   * @throws IllegalArgumentException if there is none of that name, or the new one names a shard
   *     that is not there
   */
  @Internal
  public Topology withStrategy(String name, ShardingStrategy strategy) {
    Map<String, ShardingStrategy> others = new LinkedHashMap<>(strategies);
    if (others.put(name, strategy) == null) {
      throw new IllegalArgumentException(
          "strategy: " + name + " (expected: one of " + strategies.keySet() + ")");
    }
    return new Topology(epoch + 1, shards, others, tables);
  }

  /**
   * {@return this topology with a strategy and other rules of tables} The epoch is the next.
   *
   * @param name the strategy's name, which may be a new one
   * @param strategy takes the place of the one of that name; null if it goes
   * @param rules take the place of those of their tables
   * @throws IllegalArgumentException if a strategy or rule names what is not there
   */
  @Internal
  public Topology with(
      String name, @Nullable ShardingStrategy strategy, Collection<? extends TableRule> rules) {
    Map<String, ShardingStrategy> others = new LinkedHashMap<>(strategies);
    if (strategy == null) {
      others.remove(name);
    } else {
      others.put(name, strategy);
    }
    return new Topology(epoch + 1, shards, others, ruled(rules));
  }

  private Map<String, TableRule> ruled(Collection<? extends TableRule> rules) {
    Map<String, TableRule> ruled = new LinkedHashMap<>(tables);
    rules.forEach(rule -> ruled.put(rule.table(), rule));
    return ruled;
  }

  private static TableRule.Reference gone(
      TableRule.Reference rule, ShardId shard, Set<ShardId> others) {
    if (rule.joining().contains(shard)) {
      throw new IllegalArgumentException(
          "tables."
              + rule.table()
              + ".joining: "
              + shard
              + " (expected: none; cancel the move that copies it there, or wait for its end)");
    }
    if (rule.isReadOn(shard) && others.stream().noneMatch(rule::isReadOn)) {
      throw new IllegalArgumentException(
          "tables."
              + rule.table()
              + ": "
              + shard
              + " alone has its rows (expected: a whole copy on another shard, too; have a move"
              + " copy it to one of "
              + others
              + " first, as by copy-reference)");
    }
    return rule.thereOn(shard);
  }

  /** The rules, with others of reference tables. */
  private Map<String, TableRule> copies(UnaryOperator<TableRule.Reference> change) {
    return ruled(
        tables.values().stream()
            .filter(TableRule.Reference.class::isInstance)
            .map(TableRule.Reference.class::cast)
            .map(change)
            .toList());
  }

  private void check() {
    if (shards.isEmpty()) {
      throw new IllegalArgumentException("shards: none (expected: at least one)");
    }
    strategies.forEach(
        (name, strategy) ->
            strategy.shards().forEach(shard -> checkShard("strategies." + name, shard)));
    tables.values().forEach(this::checkTable);
  }

  private void checkTable(TableRule rule) {
    if (rule instanceof TableRule.Pinned pinned) {
      checkShard("tables." + pinned.table() + ".pinned", pinned.shard());
    }
    if (rule instanceof TableRule.Sharded sharded) {
      strategyOf(sharded);
    }
    if (rule instanceof TableRule.Reference reference) {
      checkCopies(reference);
    }
  }

  private void checkCopies(TableRule.Reference rule) {
    String name = "tables." + rule.table();
    rule.absent().forEach(shard -> checkShard(name + ".absent", shard));
    rule.joining().forEach(shard -> checkShard(name + ".joining", shard));
    if (shards.stream().noneMatch(rule::isReadOn)) {
      throw new IllegalArgumentException(
          name
              + ": absent from "
              + shards
              + " (expected: a whole copy on one shard at least; copy it to another one first)");
    }
  }

  private void checkShard(String user, ShardId shard) {
    if (!shards.contains(shard)) {
      throw unknownShard(user, shard);
    }
  }

  private IllegalArgumentException unknownShard(String user, ShardId shard) {
    return new IllegalArgumentException(user + ": " + shard + " (expected: one of " + shards + ")");
  }

  private TableRule.Sharded sharded(String table) {
    TableRule rule = table(table);
    if (rule instanceof TableRule.Sharded sharded) {
      return sharded;
    }
    throw new IllegalArgumentException(
        "table: "
            + table
            + ", a "
            + rule.getClass().getSimpleName()
            + " table (expected: a sharded one)");
  }

  private ShardingStrategy strategyOf(TableRule.Sharded rule) {
    ShardingStrategy strategy = strategies.get(rule.strategy());
    if (strategy == null) {
      throw new IllegalArgumentException(
          "tables."
              + rule.table()
              + ".strategy: "
              + rule.strategy()
              + " (expected: one of "
              + strategies.keySet()
              + ")");
    }
    return strategy;
  }

  /** Collects the parts of a {@link Topology}. Not thread-safe. */
  public static final class Builder {

    private long epoch = 1;
    private final List<ShardId> shards = new ArrayList<>();
    private final Map<String, ShardingStrategy> strategies = new LinkedHashMap<>();
    private final Map<String, TableRule> tables = new LinkedHashMap<>();

    private Builder() {}

    /**
     * Sets the number of the snapshot, which several routers share.
     *
     * @param number from 1
     * @return this builder
     * @throws IllegalArgumentException if the number is below 1
     */
    @Internal
    public Builder epoch(long number) {
      if (number < 1) {
        throw new IllegalArgumentException("epoch: " + number + " (expected: from 1)");
      }
      epoch = number;
      return this;
    }

    /**
     * Adds a shard. A second one of that name is refused by an {@link IllegalArgumentException}.
     *
     * @param shard the shard to add; must not be there yet
     * @return this builder
     */
    public Builder shard(ShardId shard) {
      if (shards.contains(shard)) {
        throw twice("shard", shard);
      }
      shards.add(shard);
      return this;
    }

    /**
     * Adds a strategy under a name. A second one of that name is refused by an {@link
     * IllegalArgumentException}.
     *
     * @param name the name by which errors and settings speak of the strategy
     * @param strategy the strategy of one table or of many
     * @return this builder
     */
    public Builder strategy(String name, ShardingStrategy strategy) {
      if (strategies.putIfAbsent(name, strategy) != null) {
        throw twice("strategy", name);
      }
      return this;
    }

    /**
     * Adds a table's rule. A second one for that table is refused by an {@link
     * IllegalArgumentException}.
     *
     * @param rule the rule of a table that has none yet
     * @return this builder
     */
    public Builder table(TableRule rule) {
      if (tables.putIfAbsent(rule.table(), rule) != null) {
        throw twice("table", rule.table());
      }
      return this;
    }

    /**
     * {@return the topology, of epoch 1}
     *
     * @throws IllegalArgumentException if there is no shard, or a rule names an unknown shard or
     *     strategy
     */
    public Topology build() {
      return new Topology(epoch, new LinkedHashSet<>(shards), strategies, tables);
    }

    private static IllegalArgumentException twice(String what, Object name) {
      return new IllegalArgumentException(what + ": " + name + ", twice (expected: once)");
    }
  }
}
