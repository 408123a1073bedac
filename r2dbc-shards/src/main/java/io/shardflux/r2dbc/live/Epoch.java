package io.shardflux.r2dbc.live;

import io.shardflux.r2dbc.failure.PoolClosingException;
import io.shardflux.r2dbc.failure.ShardUnavailableException;
import io.shardflux.r2dbc.shard.ShardServers;
import io.shardflux.r2dbc.statement.Work;
import io.shardflux.router.Internal;
import io.shardflux.router.KeyColumn;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardKey;
import io.shardflux.router.TableRule;
import io.shardflux.router.Topology;
import io.shardflux.router.TransitionStrategy;
import io.shardflux.router.TransitionStrategy.KeyPlace;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * One topology with the pools of its shards. Immutable: a caller that holds it goes on seeing it
 * whole.
 *
 * @param moving the strategies of the tables whose keys are on their way to other shards; none at
 *     rest
 * @param history when keys came to shards or left them, as far as this router has seen it
 */
@Internal
public record Epoch(
    Topology topology,
    Map<ShardId, ShardServers> servers,
    Map<String, TransitionStrategy> moving,
    KeyHistory history) {

  private static final int LOOKUPS_AT_ONCE = 64;

  /** Stands for a key column until it is qualified. */
  private static final String OWNED = "shardflux_owned_";

  /** Copies the maps, keeping their order. */
  public Epoch {
    servers = Collections.unmodifiableMap(new LinkedHashMap<>(servers));
    moving = Map.copyOf(moving);
  }

  /** The first topology. */
  Epoch(Topology topology, Map<ShardId, ShardServers> servers) {
    this(topology, servers, movingIn(topology), KeyHistory.NONE);
  }

  /** The topology that comes into force behind this one. */
  Epoch then(Topology next, Map<ShardId, ShardServers> servers) {
    return new Epoch(next, servers, movingIn(next), history.then(topology, next));
  }

  private static Map<String, TransitionStrategy> movingIn(Topology topology) {
    Map<String, TransitionStrategy> moving = new HashMap<>();
    for (TableRule rule : topology.tables().values()) {
      if (rule instanceof TableRule.Sharded sharded
          && topology.strategies().get(sharded.strategy()) instanceof TransitionStrategy way) {
        moving.put(rule.table(), way);
      }
    }
    return moving;
  }

  /** The way of a table's keys to other shards, or null if they stay. */
  public @Nullable TransitionStrategy moving(String table) {
    return moving.get(table);
  }

  /** Those of some tables whose keys are on their way; none at rest. */
  public Set<String> movingOf(Collection<String> tables) {
    if (moving.isEmpty()) {
      return Set.of();
    }
    Set<String> some = new TreeSet<>(String.CASE_INSENSITIVE_ORDER);
    some.addAll(tables);
    return moving.keySet().stream().filter(some::contains).collect(Collectors.toSet());
  }

  /** Tells whether it is the same topology. */
  public boolean isSame(Epoch other) {
    return topology.epoch() == other.topology.epoch();
  }

  /** Tells whether keys of some tables have changed their shard since, and maybe changed back. */
  public boolean movedSince(Epoch before, Collection<String> tables) {
    return !isSame(before)
        && tables.stream().anyMatch(table -> history.movedSince(before.topology.epoch(), table));
  }

  /** Tells whether keys of some tables have come to a shard or left it since. */
  public boolean movedSince(Epoch before, Collection<String> tables, ShardId shard) {
    return !isSame(before)
        && tables.stream()
            .anyMatch(table -> history.movedSince(before.topology.epoch(), table, shard));
  }

  /** Tells whether writes of some reference tables go to other shards than they did then. */
  public boolean copiesChangedSince(Epoch before, Collection<String> tables) {
    return !isSame(before)
        && tables.stream().anyMatch(table -> !copies(table).equals(before.copies(table)));
  }

  /** Tells whether a shard has got its copy of some reference table since. */
  public boolean copiesCameSince(Epoch before, Collection<String> tables, ShardId shard) {
    return !isSame(before)
        && tables.stream()
            .anyMatch(
                table ->
                    topology.tables().get(table) instanceof TableRule.Reference rule
                        && rule.isReadOn(shard)
                        && before.topology.tables().get(table) instanceof TableRule.Reference was
                        && !was.isReadOn(shard));
  }

  /** The shards that writes of a reference table go to; none for another table. */
  private Set<ShardId> copies(String table) {
    return topology.tables().get(table) instanceof TableRule.Reference rule
        ? topology.shards().stream().filter(rule::isWrittenOn).collect(Collectors.toSet())
        : Set.of();
  }

  /** Tells whether a shard has a table: all have those that are of no shards of their own. */
  public boolean has(String table, ShardId shard) {
    TableRule rule = topology.tables().get(table);
    if (rule instanceof TableRule.Reference reference) {
      return reference.isReadOn(shard);
    }
    boolean own = rule instanceof TableRule.Sharded || rule instanceof TableRule.Pinned;
    return !own || ownsSome(List.of(table), shard);
  }

  /** Tells whether a shard may own rows of some tables. */
  public boolean ownsSome(Collection<String> tables, ShardId shard) {
    return tables.stream()
        .anyMatch(
            table -> {
              TransitionStrategy way = moving(table);
              TableRule rule = topology.tables().get(table);
              return way != null
                  ? way.owners().contains(shard)
                  : rule instanceof TableRule.Sharded
                      ? topology.strategy(table).shards().contains(shard)
                      : rule instanceof TableRule.Pinned pinned && pinned.shard().equals(shard);
            });
  }

  /** Tells whether a shard may have rows of a table that count elsewhere. */
  public boolean holdsOthers(String table, ShardId shard) {
    TransitionStrategy way = moving(table);
    return way != null
        && (!way.shards().contains(shard)
            || way.steps().stream()
                .anyMatch(step -> shard.equals(step.phase().there() ? step.from() : step.to())));
  }

  /**
   * The condition of the rows that a shard owns of a table whose keys are on their way, by what its
   * columns are qualified by, such as {@code `u`.}, or by nothing. Errors as {@link
   * TransitionStrategy#owns}.
   */
  public Mono<UnaryOperator<String>> owned(String table, ShardId shard) {
    TransitionStrategy way = moving(table);
    if (way == null || !(topology.table(table) instanceof TableRule.Sharded rule)) {
      return Mono.just(qualifier -> "(TRUE)");
    }
    return way.shards().contains(shard)
        ? owned(way, shard, rule.key())
        : Mono.just(qualifier -> "(FALSE)");
  }

  private static Mono<UnaryOperator<String>> owned(
      TransitionStrategy way, ShardId shard, List<KeyColumn> key) {
    List<KeyColumn> columns = new ArrayList<>();
    Map<String, String> names = new LinkedHashMap<>();
    for (KeyColumn column : key) {
      String name = OWNED + columns.size() + "_";
      columns.add(new KeyColumn(name, column.type()));
      names.put("`" + name + "`", "`" + column.name().replace("`", "``") + "`");
    }
    return way.owns(shard, columns)
        .map(
            condition ->
                qualifier -> {
                  String sql = condition;
                  for (Map.Entry<String, String> name : names.entrySet()) {
                    sql = sql.replace(name.getKey(), qualifier + name.getValue());
                  }
                  return sql;
                });
  }

  /** The place of a key. Errors as {@link Topology#locate}. */
  public Mono<KeyPlace> place(String table, ShardKey key) {
    TransitionStrategy way = moving(table);
    if (way == null) {
      return topology.locate(table, key).map(shard -> new KeyPlace(shard, null));
    }
    if (way.isWhole()) {
      return Mono.just(way.placeOfAll());
    }
    return Mono.defer(
        () -> {
          return topology.table(table) instanceof TableRule.Sharded rule
              ? way.place(rule.stored(key))
              : way.place(key);
        });
  }

  /** The places of some keys, in their order. Errors as {@link #place}. */
  public Mono<List<KeyPlace>> places(String table, Collection<ShardKey> keys) {
    return Flux.fromIterable(keys)
        .flatMapSequential(key -> place(table, key), LOOKUPS_AT_ONCE)
        .collectList();
  }

  /**
   * The servers of a shard.
   *
   * @throws IllegalArgumentException if there is no such shard
   */
  public ShardServers of(ShardId shard) {
    ShardServers found = servers.get(shard);
    if (found == null) {
      throw new IllegalArgumentException(
          "shard: " + shard + " (expected: one of " + topology.shards() + ")");
    }
    return found;
  }

  /**
   * The servers of a shard, which can't be closed until they are {@linkplain ShardServers#leave
   * left}.
   *
   * @throws PoolClosingException if the shard is being let go
   * @throws ShardUnavailableException if it is being drained
   */
  public ShardServers enter(ShardId shard) {
    ShardServers servers = of(shard);
    servers.enter();
    return servers;
  }

  /**
   * Enters several shards at once, or none of them. The statements for a shard that is being
   * drained tell so.
   *
   * @throws PoolClosingException if one of them is being let go
   */
  public Entered enterAll(Collection<ShardId> shards) {
    Map<ShardId, Entry> entries = new LinkedHashMap<>();
    try {
      shards.forEach(shard -> entries.computeIfAbsent(shard, this::entry));
      return new Entered(entries);
    } catch (RuntimeException e) {
      entries.values().forEach(Entry::leave);
      throw e;
    }
  }

  private Entry entry(ShardId shard) {
    try {
      return new Entry(enter(shard), null);
    } catch (ShardUnavailableException drained) {
      return new Entry(of(shard), drained);
    }
  }

  /** Shards that can't be closed until they are left. */
  public static final class Entered {

    private final Map<ShardId, Entry> entries;

    private Entered(Map<ShardId, Entry> entries) {
      this.entries = entries;
    }

    public Collection<Entry> entries() {
      return entries.values();
    }

    /**
     * One of the shards.
     *
     * @throws IllegalArgumentException if it was not entered
     */
    public Entry on(ShardId shard) {
      Entry entry = entries.get(shard);
      if (entry == null) {
        throw new IllegalArgumentException(
            "shard: " + shard + " (expected: one of " + entries.keySet() + ", which are entered)");
      }
      return entry;
    }

    public void leave() {
      entries.values().forEach(Entry::leave);
    }
  }

  /**
   * A shard that was entered.
   *
   * @param refusal the error of all statements if it takes none, or null
   */
  public record Entry(ShardServers servers, @Nullable ShardUnavailableException refusal) {

    /** Does the work, which must end before the shard is left. */
    public <T> Flux<T> rows(Work<T> work) {
      return refusal == null ? servers.run(work) : Flux.error(refusal);
    }

    /** The same for work that begins before the shard is left and may go on behind that. */
    public <T> Flux<T> inside(Function<ShardServers, Flux<T>> use) {
      return refusal == null ? servers.inside(use.apply(servers)) : Flux.error(refusal);
    }

    void leave() {
      if (refusal == null) {
        servers.leave();
      }
    }
  }
}
