package io.shardflux.r2dbc.live;

import io.shardflux.r2dbc.failure.LocateAnew;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.r2dbc.shard.ShardServers;
import io.shardflux.r2dbc.statement.Work;
import io.shardflux.router.Internal;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardKey;
import java.util.List;
import java.util.function.BiFunction;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Flux;

/** What is done on the shard of a key, or of several keys that lie together. */
@Internal
public interface KeyedWork<T> {

  /** The times that it is held to. */
  Timeouts timeouts();

  /** Whether it may write, so that it waits while its key is switched to another shard. */
  boolean writes();

  /**
   * Whether it can be done again by itself where a shard refused it, or found nothing.
   *
   * @param given whether it gave something already
   */
  boolean repeats(boolean given);

  /** Whether keys that move and keys that stay may be done together where they lie together. */
  default boolean joins() {
    return false;
  }

  /** Whether it may ask so long after its key was located that the key may have left by then. */
  default boolean lasts() {
    return false;
  }

  /**
   * Does it.
   *
   * @param keys the keys that it is done for
   * @param look is asked before it is sent and at its end; null where the keys stay, unless it
   *     {@linkplain #lasts lasts}
   */
  Flux<T> on(ShardServers servers, List<ShardKey> keys, @Nullable Look look);

  /** A statement of the router's own. */
  static <T> KeyedWork<T> of(Work<T> work) {
    return new OfStatement<>(work);
  }

  /** Work of a caller, with a connection that is lent. */
  static <T> KeyedWork<T> lent(
      Timeouts timeouts, BiFunction<ShardServers, @Nullable Look, Flux<T>> use) {
    return new Lent<>(timeouts, use);
  }

  /** A statement of the router's own, made for the keys that lie together. */
  static <T> KeyedWork<T> of(
      Timeouts timeouts, boolean writes, boolean joins, Function<List<ShardKey>, Work<T>> work) {
    return new OfKeys<>(timeouts, writes, joins, work);
  }

  /** The finding of the shard, which the caller then uses by itself. */
  static KeyedWork<ShardId> locating(Timeouts timeouts, boolean writes) {
    return new Locating(timeouts, writes);
  }

  /** The same with a look, for what is done there later. */
  static KeyedWork<LiveShards.Located> located(Timeouts timeouts) {
    return new Lent<>(timeouts, KeyedWork::located);
  }

  private static Flux<LiveShards.Located> located(ShardServers servers, @Nullable Look look) {
    return look != null && look.mayGo()
        ? Flux.just(new LiveShards.Located(servers.id(), look))
        : Flux.error(look == null ? new LocateAnew(LocateAnew.After.NOTHING) : look.anew());
  }

  /** See {@link #of(Work)}. */
  record OfStatement<T>(Work<T> work) implements KeyedWork<T> {

    @Override
    public Timeouts timeouts() {
      return work.terms().timeouts();
    }

    @Override
    public boolean writes() {
      return !work.read();
    }

    @Override
    public boolean repeats(boolean given) {
      return !given;
    }

    @Override
    public Flux<T> on(ShardServers servers, List<ShardKey> keys, @Nullable Look look) {
      return look == null ? servers.run(work) : look.answer(servers, work);
    }
  }

  /** See {@link #lent}. */
  record Lent<T>(Timeouts timeouts, BiFunction<ShardServers, @Nullable Look, Flux<T>> use)
      implements KeyedWork<T> {

    @Override
    public boolean writes() {
      return true;
    }

    @Override
    public boolean repeats(boolean given) {
      return false;
    }

    @Override
    public boolean lasts() {
      return true;
    }

    @Override
    public Flux<T> on(ShardServers servers, List<ShardKey> keys, @Nullable Look look) {
      return use.apply(servers, look);
    }
  }

  /** See {@link #of(Timeouts, boolean, boolean, Function)}. */
  record OfKeys<T>(
      Timeouts timeouts, boolean writes, boolean joins, Function<List<ShardKey>, Work<T>> work)
      implements KeyedWork<T> {

    @Override
    public boolean repeats(boolean given) {
      return !given;
    }

    @Override
    public Flux<T> on(ShardServers servers, List<ShardKey> keys, @Nullable Look look) {
      return new OfStatement<>(work.apply(keys)).on(servers, keys, look);
    }
  }

  /** See {@link #locating}. */
  record Locating(Timeouts timeouts, boolean writes) implements KeyedWork<ShardId> {

    @Override
    public boolean repeats(boolean given) {
      return false;
    }

    @Override
    public Flux<ShardId> on(ShardServers servers, List<ShardKey> keys, @Nullable Look look) {
      return look == null || look.mayGo() ? Flux.just(servers.id()) : Flux.error(look.anew());
    }
  }
}
