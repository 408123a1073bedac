package io.shardflux.reshard.plan;

import io.shardflux.router.DirectoryStrategy;
import io.shardflux.router.Internal;
import io.shardflux.router.NamedKeysStrategy;
import io.shardflux.router.Rebalancing;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardKey;
import io.shardflux.router.ShardingStrategy;
import io.shardflux.router.Topology;
import io.shardflux.router.TransitionStrategy;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * Moves of keys of a directory.
 *
 * <p>A plan reads the keys that move from the directory and names them, each with the shard that it
 * leaves and the one that it goes to. The published topology has these names while the keys move:
 * triggers, copies and routers go by them alone, so that the moving set is fixed. Keys that the
 * directory is given meanwhile are not among them. They stay where they are assigned, which is not
 * the shard that shall be emptied, once all routers have the topology. What was assigned to that
 * one before stays there, and so does the shard in the directory. The directory's own rows are
 * changed at the end, before the topology has it again without names, and then all routers ask it
 * anew.
 */
@Internal
public final class DirectoryKeys {

  /** The topology, each trigger and each statement for all shards have all of them. */
  private static final int MOST_KEYS = 10_000;

  private static final int MOST_CHARACTERS = 200_000;

  /** A spread compares all keys. */
  private static final int MOST_SPREAD = 1_000_000;

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
            .defaultIfEmpty(Map.of())
        : Mono.just(Map.of());
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
    if (from.size() > MOST_KEYS || characters > MOST_CHARACTERS) {
      throw new IllegalArgumentException(
          "keys: "
              + from.size()
              + " of the directory, of "
              + characters
              + " characters (expected: at most "
              + MOST_KEYS
              + " and "
              + MOST_CHARACTERS
              + " in one move; move some of them before, by move-keys)");
    }
    return new Moved(NamedKeysStrategy.of(from, directory), NamedKeysStrategy.of(to, after));
  }

  /** All keys of a shard go to its heirs, in turns. */
  private Mono<Moved> without(ShardId gone, List<ShardId> heirs) {
    ShardingStrategy rule = directory.unknown();
    Set<ShardId> shards = new LinkedHashSet<>(directory.shards());
    shards.remove(gone);
    shards.addAll(heirs);
    DirectoryStrategy after =
        directory.with(shards, rule == null ? null : Rebalancing.without(rule, gone, heirs));
    return directory
        .directory()
        .assigned(gone)
        .take(MOST_KEYS + 1L)
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
    Set<ShardId> all = new LinkedHashSet<>(directory.shards());
    return Flux.fromIterable(all)
        .concatMap(
            shard ->
                directory
                    .directory()
                    .assigned(shard)
                    .take(MOST_SPREAD)
                    .collectList()
                    .map(keys -> Map.entry(shard, keys)))
        .collectMap(Map.Entry::getKey, Map.Entry::getValue, LinkedHashMap::new)
        .map(keys -> spread(keys, List.copyOf(new LinkedHashSet<>(wanted))));
  }

  private Moved spread(Map<ShardId, List<ShardKey>> keys, List<ShardId> wanted) {
    int all = keys.values().stream().mapToInt(List::size).sum();
    Map<ShardKey, ShardId> from = new LinkedHashMap<>();
    Map<ShardId, Integer> room = new LinkedHashMap<>();
    int larger = all % wanted.size();
    // Those that have most keep one more, where it does not come out even.
    List<ShardId> ordered = new ArrayList<>(wanted);
    ordered.sort((one, other) -> size(keys, other) - size(keys, one));
    for (ShardId shard : ordered) {
      room.put(shard, all / wanted.size() + (larger-- > 0 ? 1 : 0));
    }
    keys.forEach(
        (shard, own) -> {
          int kept = Math.min(own.size(), room.getOrDefault(shard, 0));
          room.computeIfPresent(shard, (id, left) -> left - kept);
          own.subList(kept, own.size()).forEach(key -> from.put(key, shard));
        });
    Map<ShardKey, ShardId> to = new LinkedHashMap<>();
    List<ShardId> places = new ArrayList<>();
    room.forEach((shard, left) -> places.addAll(Collections.nCopies(left, shard)));
    from.keySet().forEach(key -> to.put(key, places.get(to.size())));
    return moved(from, to, directory.with(wanted, spreadRule(wanted)));
  }

  private static int size(Map<ShardId, List<ShardKey>> keys, ShardId shard) {
    return keys.getOrDefault(shard, List.of()).size();
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
   * Writes into the directory where the named keys are, and completes with the directory as it is
   * from then on. A shard of which it still has keys stays one of its shards.
   */
  public static Mono<ShardingStrategy> settled(TransitionStrategy way, NamedKeysStrategy next) {
    NamedKeysStrategy placed = Objects.requireNonNull(way.placed(), "keys of a directory");
    DirectoryKeys keys = new DirectoryKeys(placed.others());
    Set<ShardId> others = new LinkedHashSet<>(placed.shards());
    others.removeAll(next.others().shards());
    return Flux.fromIterable(placed.named().entrySet())
        .flatMap(key -> keys.settled(key.getKey(), key.getValue()), AT_ONCE)
        .thenMany(Flux.fromIterable(others))
        .filterWhen(shard -> keys.directory.directory().assigned(shard).hasElements())
        .collectList()
        .map(
            left -> {
              Set<ShardId> shards = new LinkedHashSet<>(next.others().shards());
              shards.addAll(left);
              return next.others().with(shards, next.others().unknown());
            });
  }

  /** Whatever became of the key in the directory: its rows are there. */
  private Mono<ShardId> settled(ShardKey key, ShardId shard) {
    return directory
        .directory()
        .find(key)
        .switchIfEmpty(Mono.defer(() -> directory.directory().assign(key, shard)))
        .flatMap(
            found ->
                found.equals(shard)
                    ? Mono.just(shard)
                    : directory
                        .directory()
                        .reassign(key, found, shard)
                        .filter(Boolean::booleanValue)
                        .switchIfEmpty(Mono.error(() -> changing(key)))
                        .thenReturn(shard));
  }

  private static IllegalStateException changing(ShardKey key) {
    return new IllegalStateException(
        "key: "
            + key
            + ", changes its shard in the directory (expected: not while it moves; it is"
            + " tried again)");
  }
}
