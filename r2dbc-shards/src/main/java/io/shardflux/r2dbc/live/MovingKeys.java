package io.shardflux.r2dbc.live;

import io.shardflux.r2dbc.failure.LocateAnew;
import io.shardflux.r2dbc.failure.PoolClosingException;
import io.shardflux.r2dbc.failure.TopologyChangedException;
import io.shardflux.r2dbc.shard.ShardServers;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardKey;
import io.shardflux.router.TransitionStrategy.KeyPlace;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * Work on some keys of a table whose keys are on their way to other shards. It is sent only while
 * the topology is known to be the newest, waits where it may write while its keys are switched, and
 * is located anew where the shard refused it or the keys have left. Keys that lie at several places
 * are done by parts, one after the other. Used by one subscription.
 */
final class MovingKeys<T> {

  private static final int REFUSALS = 5;

  private final LiveShards live;
  private final String table;
  private final List<ShardKey> keys;
  private final KeyedWork<T> work;
  private final Patience patience;
  private @Nullable Look last;
  private boolean given;
  private int refusals;
  private int swaps;

  MovingKeys(LiveShards live, String table, List<ShardKey> keys, KeyedWork<T> work) {
    this.live = live;
    this.table = table;
    this.keys = keys;
    this.work = work;
    this.patience = new Patience(live, table, work.timeouts().acquire());
  }

  Flux<T> rows() {
    return guarded(once(null));
  }

  /** Goes on where a fence refused it. */
  Flux<T> behind(TopologyChangedException refusal) {
    return Flux.defer(() -> refused(refusal));
  }

  private Flux<T> guarded(Flux<T> attempt) {
    return attempt.doOnNext(element -> given = true).onErrorResume(this::again);
  }

  private Flux<T> once(Parking.@Nullable Ticket ticket) {
    return Flux.defer(
        () -> {
          Epoch epoch = live.epoch();
          return places(epoch).flatMapMany(places -> at(epoch, places, ticket));
        });
  }

  /** The keys by their places. */
  private Mono<Map<KeyPlace, List<ShardKey>>> places(Epoch epoch) {
    if (keys.size() == 1) {
      return epoch.place(table, keys.get(0)).map(place -> Map.of(place, keys));
    }
    return epoch
        .places(table, keys)
        .map(
            places -> {
              Map<KeyPlace, List<ShardKey>> byPlace = new LinkedHashMap<>();
              for (int i = 0; i < keys.size(); i++) {
                byPlace.computeIfAbsent(places.get(i), place -> new ArrayList<>()).add(keys.get(i));
              }
              return work.joins() ? byShard(byPlace) : byPlace;
            });
  }

  private static Map<KeyPlace, List<ShardKey>> byShard(Map<KeyPlace, List<ShardKey>> byPlace) {
    Map<ShardId, KeyPlace> ofShard = new LinkedHashMap<>();
    byPlace
        .keySet()
        .forEach(
            place ->
                ofShard.merge(
                    place.shard(), place, (one, other) -> one.step() == null ? other : one));
    Map<KeyPlace, List<ShardKey>> joined = new LinkedHashMap<>();
    byPlace.forEach(
        (place, some) ->
            joined
                .computeIfAbsent(
                    ofShard.getOrDefault(place.shard(), place), first -> new ArrayList<>())
                .addAll(some));
    return joined;
  }

  private Flux<T> at(
      Epoch epoch, Map<KeyPlace, List<ShardKey>> places, Parking.@Nullable Ticket ticket) {
    if (places.size() == 1) {
      return at(new Look(live, epoch, table, keys, places.keySet().iterator().next(), ticket));
    }
    if (ticket != null) {
      ticket.leave();
    }
    if (work.joins()) {
      return Flux.error(apart(places.keySet().iterator().next()));
    }
    return Flux.fromIterable(places.values())
        .concatMap(part -> new MovingKeys<>(live, table, part, work).rows());
  }

  /** One statement must give all rows, and no shard has them by now. Nothing was sent. */
  private RuntimeException apart(KeyPlace first) {
    // It is not for this part of the statement to go on.
    last = null;
    return work.writes()
        ? TopologyChangedException.of(
            first.shard(),
            table
                + ": some keys moved to another shard (expected: all on the same shard) before the"
                + " statement was sent there; other shards may have done it")
        : new LocateAnew(LocateAnew.After.NOTHING);
  }

  private Flux<T> at(Look look) {
    KeyPlace found = look.place();
    last = look;
    if (found.step() != null) {
      if (!live.confirmed()) {
        return Flux.error(new LocateAnew(LocateAnew.After.CONFIRMATION));
      }
      if (work.writes() && found.step().phase().waits()) {
        return Flux.error(new LocateAnew(LocateAnew.After.SWITCH));
      }
    }
    return Flux.using(
        () -> look.epoch().enter(found.shard()),
        servers -> work.on(servers, keys, look),
        ShardServers::leave);
  }

  private Flux<T> again(Throwable error) {
    Look look = last;
    if (error instanceof LocateAnew anew && look != null) {
      return switch (anew.after()) {
        case NOTHING -> patience.next(look.place()).thenMany(Flux.defer(this::rows));
        case FOLLOWING -> patience.followed(look.place()).thenMany(Flux.defer(this::rows));
        case CONFIRMATION -> patience.confirmed(look.place()).thenMany(Flux.defer(this::rows));
        case SWITCH -> guarded(patience.parked(look.epoch(), look.place(), this::once));
      };
    }
    if (error instanceof PoolClosingException closing) {
      return swaps++ == LiveShards.SWAPS_SURVIVED ? Flux.error(closing.asUnavailable()) : rows();
    }
    return error instanceof TopologyChangedException moved && moved.refused() && work.repeats(given)
        ? refused(moved)
        : Flux.error(error);
  }

  private Flux<T> refused(TopologyChangedException refusal) {
    if (refusals++ == REFUSALS) {
      return Flux.error(refusal);
    }
    // The first time the next topology is there already; later it may be a moment late.
    Duration pause = Duration.ofMillis(refusals == 1 ? 0 : 5L << refusals);
    return patience
        .confirmed(new KeyPlace(refusal.shard(), null))
        .then(Mono.delay(pause))
        .thenMany(Flux.defer(this::rows));
  }
}
