package io.shardflux.reshard.plan;

import io.shardflux.cluster.Jobs.Owned;
import io.shardflux.r2dbc.directory.TableDirectory;
import io.shardflux.r2dbc.directory.TableDirectory.Writer;
import io.shardflux.router.DirectoryStrategy;
import io.shardflux.router.Internal;
import io.shardflux.router.NamedKeysStrategy;
import io.shardflux.router.Rebalancing;
import io.shardflux.router.ShardDirectory;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardKey;
import io.shardflux.router.ShardingStrategy;
import io.shardflux.router.StrategyTree;
import io.shardflux.router.Topology;
import io.shardflux.router.TransitionStrategy;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * Moves of keys of a directory.
 *
 * <p>A plan reads the keys that move from the directory and names them, each with the shard that it
 * leaves and the one that it goes to. The published topology has these names while the keys move:
 * triggers, copies and routers go by them alone, so that the moving set is fixed. Keys that the
 * directory is given meanwhile are not among them. They stay where they are assigned, which may be
 * the shard that shall be emptied: until all routers have the topology, and where keys go to a
 * shard that is new to the directory, to the end. That shard stays in the directory then. The
 * directory's own rows are changed at the end, before the topology has it again without names, and
 * then all routers ask it anew. New shards are published before a rule that gives them keys, and
 * that before shards go.
 */
@Internal
public final class DirectoryKeys {

  /**
   * Each trigger has all of them, and a server goes through them at each write: that takes a tenth
   * of a millisecond of its CPU for each thousand. MariaDB makes a join of a list of 1,000 values,
   * which the parts of a key are, each.
   */
  private static final int MOST_KEYS = 999;

  private static final int MOST_CHARACTERS = 100_000;

  private static final int AT_ONCE = 8;

  private final DirectoryStrategy directory;

  private DirectoryKeys(DirectoryStrategy directory) {
    this.directory = directory;
  }

  /**
   * The keys that a part moves.
   *
   * @param old where they are; over the directory as it is
   * @param next where they shall be; over the directory as it is afterwards
   */
  record Moved(NamedKeysStrategy old, NamedKeysStrategy next) {}

  /** The keys that an intent moves, by the names of the strategies that are directories. */
  static Mono<Map<String, Moved>> of(Intent intent, Topology now) {
    if (intent instanceof Intent.MoveKeys keys) {
      return of(now, keys.strategy(), directory -> directory.moved(keys));
    }
    if (intent instanceof Intent.Spread spread) {
      return of(now, spread.strategy(), directory -> directory.spread(spread.shards()));
    }
    if (intent instanceof Intent.RemoveShard removal) {
      return Flux.fromIterable(now.strategies().keySet())
          .concatMap(
              name ->
                  of(
                      now,
                      name,
                      directory ->
                          directory.directory.shards().contains(removal.shard())
                              ? directory.without(
                                  removal.shard(),
                                  Draft.heirs(now, removal, directory.directory.shards()))
                              : Mono.empty()))
          .collect(LinkedHashMap::new, Map::putAll);
    }
    return Mono.just(Map.of());
  }

  private interface Reading {

    Mono<Moved> of(DirectoryKeys directory);
  }

  private static Mono<Map<String, Moved>> of(Topology now, String name, Reading reading) {
    return now.strategies().get(name) instanceof DirectoryStrategy directory
        ? reading
            .of(new DirectoryKeys(directory))
            .map(moved -> Map.of(name, moved))
            .doOnNext(moved -> alone(now, name, directory))
            .defaultIfEmpty(Map.of())
        : Mono.just(Map.of());
  }

  /** Another strategy that has the same keys would not know where they are on their way. */
  private static void alone(Topology now, String name, DirectoryStrategy directory) {
    List<ShardDirectory> asked = new ArrayList<>();
    StrategyTree trees =
        new StrategyTree(
            found -> {
              asked.add(found);
              return Map.of();
            });
    now.strategies()
        .forEach(
            (other, strategy) -> {
              if (!other.equals(name)) {
                trees.of(strategy);
              }
            });
    ShardingStrategy rule = directory.unknown();
    if (rule != null) {
      trees.of(rule);
    }
    if (asked.stream().anyMatch(directory.directory()::hasRowsOf)) {
      throw new IllegalArgumentException(
          "strategy: "
              + name
              + ", whose directory another strategy asks, too (expected: a directory of its own;"
              + " give the tables of both one strategy)");
    }
  }

  private Mono<Moved> moved(Intent.MoveKeys wanted) {
    return Flux.fromIterable(wanted.keys())
        .flatMapSequential(
            key ->
                directory
                    .directory()
                    .find(key)
                    .switchIfEmpty(Mono.error(() -> unknown(key)))
                    .map(shard -> Map.entry(key, shard)),
            AT_ONCE)
        .filter(key -> !key.getValue().equals(wanted.to()))
        .collect(
            LinkedHashMap<ShardKey, ShardId>::new,
            (map, key) -> map.put(key.getKey(), key.getValue()))
        .map(
            from -> {
              Map<ShardKey, ShardId> to = new LinkedHashMap<>();
              from.keySet().forEach(key -> to.put(key, wanted.to()));
              return moved(from, to, with(Set.of(wanted.to()), directory.unknown()));
            });
  }

  private static IllegalArgumentException unknown(ShardKey key) {
    return new IllegalArgumentException("key: " + key + " (expected: one that the directory has)");
  }

  private DirectoryStrategy with(Set<ShardId> more, @Nullable ShardingStrategy rule) {
    Set<ShardId> shards = new LinkedHashSet<>(directory.shards());
    shards.addAll(more);
    return directory.with(shards, rule);
  }

  private Moved moved(
      Map<ShardKey, ShardId> from, Map<ShardKey, ShardId> to, DirectoryStrategy after) {
    int characters = from.keySet().stream().mapToInt(key -> key.toString().length()).sum();
    int parts = from.keySet().stream().mapToInt(ShardKey::size).max().orElse(1);
    if (from.size() > MOST_KEYS / parts || characters > MOST_CHARACTERS) {
      throw tooMany(from.size() + " of the directory, of " + characters + " characters");
    }
    return new Moved(NamedKeysStrategy.of(from, directory), NamedKeysStrategy.of(to, after));
  }

  private static IllegalArgumentException tooMany(String keys) {
    return new IllegalArgumentException(
        "keys: "
            + keys
            + " (expected: at most "
            + MOST_KEYS
            + " by the number of a key's parts, and "
            + MOST_CHARACTERS
            + " characters, in one move; move some of them before, by move-keys)");
  }

  /** All keys of a shard go to its heirs, in turns. */
  private Mono<Moved> without(ShardId gone, List<ShardId> heirs) {
    ShardingStrategy rule = directory.unknown();
    Set<ShardId> shards = new LinkedHashSet<>(directory.shards());
    shards.remove(gone);
    shards.addAll(heirs);
    DirectoryStrategy after =
        directory.with(shards, rule == null ? null : Rebalancing.without(rule, gone, heirs));
    return keys(gone, MOST_KEYS + 1L)
        .collectList()
        .map(
            keys -> {
              Map<ShardKey, ShardId> from = new LinkedHashMap<>();
              Map<ShardKey, ShardId> to = new LinkedHashMap<>();
              keys.forEach(
                  key -> {
                    to.put(key, heirs.get(to.size() % heirs.size()));
                    from.put(key, gone);
                  });
              return moved(from, to, after);
            });
  }

  /** Keys of shards that have too many, or go, go to those that have too few. */
  private Mono<Moved> spread(List<ShardId> wanted) {
    return Flux.fromIterable(directory.shards())
        .concatMap(
            shard -> directory.directory().assigned(shard).count().map(n -> Map.entry(shard, n)))
        .collectMap(Map.Entry::getKey, Map.Entry::getValue, LinkedHashMap::new)
        .flatMap(counts -> spread(counts, List.copyOf(new LinkedHashSet<>(wanted))));
  }

  private Mono<Moved> spread(Map<ShardId, Long> counts, List<ShardId> wanted) {
    long all = counts.values().stream().mapToLong(Long::longValue).sum();
    long larger = all % wanted.size();
    // Those that have most keep one more, where it does not come out even.
    List<ShardId> ordered = new ArrayList<>(wanted);
    ordered.sort(Comparator.comparing(shard -> -counts.getOrDefault(shard, 0L)));
    Map<ShardId, Long> surplus = new LinkedHashMap<>(counts);
    List<ShardId> places = new ArrayList<>();
    for (int i = 0; i < ordered.size(); i++) {
      ShardId shard = ordered.get(i);
      long share = all / wanted.size() + (i < larger ? 1 : 0);
      long own = counts.getOrDefault(shard, 0L);
      surplus.put(shard, Math.max(0, own - share));
      for (long room = share - own; room > 0 && places.size() <= MOST_KEYS; room--) {
        places.add(shard);
      }
    }
    long moving = surplus.values().stream().mapToLong(Long::longValue).sum();
    if (moving > MOST_KEYS) {
      return Mono.error(tooMany(moving + " of the directory"));
    }
    return Flux.fromIterable(surplus.entrySet())
        .filter(shard -> shard.getValue() > 0)
        .concatMap(
            shard ->
                keys(shard.getKey(), shard.getValue()).map(key -> Map.entry(key, shard.getKey())))
        .collectList()
        .map(
            keys -> {
              Map<ShardKey, ShardId> from = new LinkedHashMap<>();
              Map<ShardKey, ShardId> to = new LinkedHashMap<>();
              // It may have been given keys meanwhile, and these stay.
              for (int i = 0; i < Math.min(keys.size(), places.size()); i++) {
                from.put(keys.get(i).getKey(), keys.get(i).getValue());
                to.put(keys.get(i).getKey(), places.get(i));
              }
              return moved(from, to, directory.with(wanted, spreadRule(wanted)));
            });
  }

  /** So many keys of a shard, or as many as may move. */
  private Flux<ShardKey> keys(ShardId shard, long most) {
    AtomicInteger characters = new AtomicInteger();
    return directory
        .directory()
        .assigned(shard)
        .take(most)
        .takeUntil(key -> characters.addAndGet(key.toString().length()) > MOST_CHARACTERS);
  }

  private @Nullable ShardingStrategy spreadRule(List<ShardId> wanted) {
    ShardingStrategy rule = directory.unknown();
    return rule == null ? null : Rebalancing.spread(rule, wanted);
  }

  /**
   * The way of the keys that are named, over the directory as it is meanwhile. It gives no key to a
   * shard that may lack the tables still.
   */
  static List<NamedKeysStrategy> meanwhile(NamedKeysStrategy old, NamedKeysStrategy next) {
    DirectoryStrategy now = old.others();
    ShardingStrategy rule = next.others().unknown();
    DirectoryStrategy others =
        rule != null && now.shards().containsAll(rule.shards())
            ? now.with(now.shards(), rule)
            : now;
    return List.of(old.over(others), next.over(others));
  }

  /** The first key that the directory has elsewhere than it was planned for; empty if none. */
  public static Mono<String> unlike(ShardingStrategy old) {
    return old instanceof NamedKeysStrategy named
        ? Flux.fromIterable(named.named().entrySet())
            .flatMap(
                key ->
                    named
                        .others()
                        .directory()
                        .find(key.getKey())
                        .map(String::valueOf)
                        .defaultIfEmpty("no shard")
                        .filter(shard -> !shard.equals(key.getValue().value()))
                        .map(
                            shard ->
                                "key: "
                                    + key.getKey()
                                    + ", on "
                                    + shard
                                    + " by the directory (expected: on "
                                    + key.getValue()
                                    + ")"),
                AT_ONCE)
            .next()
        : Mono.empty();
  }

  /**
   * Writes into the directory where the named keys are. Of an owner that stood still meanwhile
   * nothing comes there later.
   *
   * @param check errors if the job has another owner by now
   */
  public static Mono<Void> written(TransitionStrategy way, Owned owned, Mono<Void> check) {
    NamedKeysStrategy placed = placed(way);
    TableDirectory table = table(placed.others());
    Writer writer = new Writer(owned.job(), owned.token());
    return table
        .take(writer)
        // It may itself be a former owner, that raised what the next one had ended.
        .then(check)
        .thenMany(Flux.fromIterable(placed.named().entrySet()))
        .flatMap(key -> written(table, writer, key, check), AT_ONCE)
        .then(Mono.defer(() -> table.leave(writer)));
  }

  private static NamedKeysStrategy placed(TransitionStrategy way) {
    return Objects.requireNonNull(way.placed(), "keys of a directory");
  }

  /** The only kind that a shared topology has. */
  private static TableDirectory table(DirectoryStrategy directory) {
    if (directory.directory() instanceof TableDirectory table) {
      return table;
    }
    throw new IllegalStateException(
        "directory: " + directory.directory() + " (expected: a TableDirectory)");
  }

  /** Whatever became of the key in the directory: its rows are there. */
  private static Mono<ShardId> written(
      TableDirectory table, Writer writer, Map.Entry<ShardKey, ShardId> key, Mono<Void> check) {
    return table
        .put(writer, key.getKey(), key.getValue())
        .filter(key.getValue()::equals)
        .switchIfEmpty(Mono.defer(() -> check.then(Mono.error(changing(key.getKey())))));
  }

  /**
   * The directory once all keys have moved. It still has the shards that shall go, as it may have
   * given them keys, and its rule is that of the way, as a router that does not know a new shard
   * yet must not meet a key there.
   */
  public static DirectoryStrategy arrived(TransitionStrategy way, NamedKeysStrategy next) {
    NamedKeysStrategy placed = placed(way);
    Set<ShardId> shards = new LinkedHashSet<>(next.others().shards());
    shards.addAll(placed.shards());
    return placed.others().with(shards, placed.others().unknown());
  }

  /** The directory where a way ends midway: without shards that no key has come to. */
  public static DirectoryStrategy stayed(TransitionStrategy way) {
    NamedKeysStrategy placed = placed(way);
    return placed.others().with(placed.shards(), placed.others().unknown());
  }

  /** The directory by the rule that it shall have at last; empty if it has that. */
  public static Optional<DirectoryStrategy> ruled(
      @Nullable ShardingStrategy now, ShardingStrategy next) {
    return now instanceof DirectoryStrategy directory
            && next instanceof NamedKeysStrategy named
            && directory.shards().containsAll(named.others().shards())
            && !alike(directory.unknown(), named.others().unknown())
        ? Optional.of(directory.with(directory.shards(), named.others().unknown()))
        : Optional.empty();
  }

  private static boolean alike(@Nullable ShardingStrategy one, @Nullable ShardingStrategy other) {
    return (one == null || other == null) ? one == other : Passage.alike(one, other);
  }

  /**
   * The directory without the shards that shall go, of which it has no keys.
   *
   * @param now the directory, whose rule gives no key to such a shard any more
   */
  public static Mono<DirectoryStrategy> without(DirectoryStrategy now, Set<ShardId> going) {
    return Flux.fromIterable(going)
        .filterWhen(shard -> now.directory().assigned(shard).hasElements().map(any -> !any))
        .collectList()
        .filter(empty -> !empty.isEmpty())
        .map(
            empty -> {
              Set<ShardId> shards = new LinkedHashSet<>(now.shards());
              empty.forEach(shards::remove);
              return now.with(shards, now.unknown());
            });
  }

  /** The shards that a directory shall no longer have, and may have given keys until now. */
  public static Set<ShardId> going(@Nullable ShardingStrategy now, ShardingStrategy next) {
    if (!(now instanceof DirectoryStrategy)
        || !(next instanceof NamedKeysStrategy named)
        || !now.shards().containsAll(named.others().shards())) {
      return Set.of();
    }
    Set<ShardId> going = new LinkedHashSet<>(now.shards());
    going.removeAll(named.others().shards());
    return going;
  }

  private static IllegalStateException changing(ShardKey key) {
    return new IllegalStateException(
        "key: "
            + key
            + ", changes its shard in the directory (expected: not while it moves; it is"
            + " tried again)");
  }
}
