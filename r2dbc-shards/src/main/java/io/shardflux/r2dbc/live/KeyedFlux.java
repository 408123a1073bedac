package io.shardflux.r2dbc.live;

import io.shardflux.r2dbc.failure.LocateAnew;
import io.shardflux.r2dbc.failure.PoolClosingException;
import io.shardflux.r2dbc.failure.TopologyChangedException;
import io.shardflux.r2dbc.shard.ShardServers;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardKey;
import io.shardflux.router.TransitionStrategy.KeyPlace;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.reactivestreams.Publisher;
import reactor.core.CoreSubscriber;
import reactor.core.publisher.Flux;

/**
 * Work on the shard of a key, which is located with each subscription. A table whose keys stay
 * costs a look at the epoch, and where the topology is shared at its lease; the rest is left to
 * {@link MovingKeys}.
 */
final class KeyedFlux<T> extends Flux<T> {

  private final LiveShards live;
  private final String table;
  private final ShardKey key;
  private final KeyedWork<T> work;
  private final int attempts;

  /**
   * Work that has not begun.
   *
   * @param attempts the number of times that it may start anew because of swaps
   */
  KeyedFlux(LiveShards live, String table, ShardKey key, KeyedWork<T> work, int attempts) {
    this.live = live;
    this.table = table;
    this.key = key;
    this.work = work;
    this.attempts = attempts;
  }

  @Override
  public void subscribe(CoreSubscriber<? super T> actual) {
    live.note(table, key);
    rows(live.epoch()).subscribe(actual);
  }

  private Flux<T> rows(Epoch epoch) {
    return epoch.moving(table) == null
        ? epoch
            .topology()
            .locate(table, key)
            .flatMapMany(
                shard ->
                    Flux.using(
                        () -> live.enter(shard),
                        servers -> work.on(servers, List.of(key), look(epoch, shard)),
                        ShardServers::leave))
            .onErrorResume(this::again)
        : new MovingKeys<>(live, table, List.of(key), work).rows();
  }

  private @Nullable Look look(Epoch epoch, ShardId shard) {
    return work.lasts() || live.isShared()
        ? new Look(live, epoch, table, List.of(key), new KeyPlace(shard, null), null)
        : null;
  }

  /** A pool may begin to close under it, its key leave, and a fence refuse what is late. */
  private Publisher<T> again(Throwable error) {
    if (error instanceof LocateAnew) {
      return new MovingKeys<>(live, table, List.of(key), work).rows();
    }
    if (error instanceof PoolClosingException closing) {
      return attempts == 0
          ? Flux.error(closing.asUnavailable())
          : new KeyedFlux<>(live, table, key, work, attempts - 1);
    }
    // Only of what gives nothing before its end is it known that it gave nothing.
    return error instanceof TopologyChangedException moved
            && moved.refused()
            && work instanceof KeyedWork.OfStatement<T> statement
            && statement.work().counting()
        ? new MovingKeys<>(live, table, List.of(key), work).behind(moved)
        : Flux.error(error);
  }
}
