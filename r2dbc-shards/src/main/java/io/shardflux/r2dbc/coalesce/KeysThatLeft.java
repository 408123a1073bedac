package io.shardflux.r2dbc.coalesce;

import io.shardflux.r2dbc.failure.LocateAnew;
import io.shardflux.r2dbc.live.Epoch;
import io.shardflux.r2dbc.live.LiveShards;
import io.shardflux.r2dbc.live.Patience;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardKey;
import io.shardflux.router.TransitionStrategy.KeyPlace;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import java.util.function.Predicate;
import reactor.core.publisher.Flux;

/**
 * The look at a batch's keys when its answer has come: what a shard said of a key that is elsewhere
 * by then does not count.
 */
final class KeysThatLeft<T> {

  private final LiveShards live;
  private final Epoch sent;
  private final String table;
  private final ShardId shard;
  private final ReadBatch<T> batch;

  /**
   * A look at keys that were asked for.
   *
   * @param sent the topology by which they were
   */
  KeysThatLeft(LiveShards live, Epoch sent, String table, ShardId shard, ReadBatch<T> batch) {
    this.live = live;
    this.sent = sent;
    this.table = table;
    this.shard = shard;
    this.batch = batch;
  }

  /** One for each read that must be put again, or that is not known to be right. */
  Flux<ReadBatch.Found<T>> found() {
    // Before the look at the epoch: what is confirmed later may be a later one.
    boolean followed = live.followed();
    boolean sure = live.confirmed();
    Epoch asked = live.epoch();
    boolean rests = followed && asked.moving(table) == null;
    if (rests && asked.topology().epoch() == batch.located()) {
      return Flux.empty();
    }
    return asked
        .places(table, batch.keys())
        .flatMapMany(
            places ->
                sure || (followed && places.stream().allMatch(this::stays))
                    ? left(asked)
                    : confirmed());
  }

  private boolean stays(KeyPlace place) {
    return place.step() == null && place.shard().equals(shard);
  }

  private Flux<ReadBatch.Found<T>> confirmed() {
    Duration acquire = batch.timeouts().acquire();
    return live.know(table, acquire)
        .thenMany(Flux.defer(() -> left(live.epoch())))
        .onErrorResume(error -> unconfirmed(acquire, error));
  }

  /** Of keys at rest the databases of the shards tell, too. */
  private Flux<ReadBatch.Found<T>> unconfirmed(Duration acquire, Throwable error) {
    boolean followed = live.followed();
    return each(
        live.epoch(),
        place -> !followed || !stays(place),
        place ->
            place.step() != null
                ? Patience.unconfirmed(table, place, acquire, error)
                : followed
                    ? new LocateAnew(LocateAnew.After.NOTHING)
                    : Patience.unfollowed(table, shard, acquire, error));
  }

  private Flux<ReadBatch.Found<T>> left(Epoch epoch) {
    return each(
        epoch,
        place ->
            !place.shard().equals(shard)
                || (place.step() != null && epoch.movedSince(sent, List.of(table), shard)),
        place -> new LocateAnew(LocateAnew.After.NOTHING));
  }

  private Flux<ReadBatch.Found<T>> each(
      Epoch epoch, Predicate<KeyPlace> wanted, Function<KeyPlace, Throwable> error) {
    List<ShardKey> keys = batch.keys();
    return epoch
        .places(table, keys)
        .flatMapIterable(
            places -> {
              List<ReadBatch.Found<T>> found = new ArrayList<>();
              for (int i = 0; i < keys.size(); i++) {
                KeyPlace place = places.get(i);
                if (wanted.test(place)) {
                  found.add(new ReadBatch.Found<>(batch.of(keys.get(i)), null, error.apply(place)));
                }
              }
              return found;
            });
  }
}
