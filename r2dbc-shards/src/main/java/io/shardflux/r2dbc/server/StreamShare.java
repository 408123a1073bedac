package io.shardflux.r2dbc.server;

import io.shardflux.r2dbc.failure.ShardErrors;
import io.shardflux.r2dbc.failure.ShardUnavailableException;
import io.shardflux.r2dbc.failure.ShardUnavailableException.Why;
import io.shardflux.r2dbc.settings.PoolOptions;
import io.shardflux.r2dbc.settings.Server;
import java.time.Duration;
import java.util.function.Function;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.pool.InstrumentedPool;
import reactor.pool.PoolBuilder;
import reactor.pool.PooledRef;

/**
 * The places of a server's results without a bound on rows. A consumer that reads such a result
 * slowly keeps a connection for as long, so there are fewer places than connections. The places are
 * pooled as connections are, so that waiting for a place is like waiting for a connection.
 */
final class StreamShare {

  private final Server server;
  private final PoolOptions bounds;
  private final InstrumentedPool<Object> places;

  StreamShare(Server server, PoolOptions bounds) {
    this.server = server;
    this.bounds = bounds;
    this.places =
        PoolBuilder.from(Mono.fromSupplier(Object::new))
            .sizeBetween(0, bounds.streams())
            .maxPendingAcquire(bounds.maxPending())
            .buildPool();
  }

  /**
   * Runs the rows once there is a place for them, which is free again when they are over and what
   * they used is given back.
   *
   * @param placed is run when there is one
   */
  <T> Flux<T> run(Runnable placed, Function<Use, Flux<T>> rows) {
    Use use = new Use();
    return Flux.usingWhen(
        places.acquire().onErrorMap(error -> ShardErrors.noStream(server, bounds, error)),
        place -> {
          placed.run();
          return rows.apply(use);
        },
        PooledRef::release,
        (place, error) -> place.release(),
        place -> use.over().then(place.release()));
  }

  /** Places that are taken. */
  int taken() {
    return places.metrics().acquiredSize();
  }

  /** Streams that wait for one. */
  int waiting() {
    return places.metrics().pendingAcquireSize();
  }

  /** There was none within that time. */
  ShardUnavailableException late(Duration time) {
    return new ShardUnavailableException(
        server.shard(),
        Why.OVERLOADED,
        "overloaded, all of its "
            + bounds.streams()
            + " streams are taken for "
            + time.toMillis()
            + " ms (expected: a place within timeouts.acquire; raise pool.streams, which is at"
            + " most pool.max-size, read faster, or ask for fewer rows by LIMIT)",
        null);
  }

  Mono<Void> close() {
    return places.disposeLater();
  }

  /**
   * A stream's use of its server. A cancel ends the stream and the use of its connection at once;
   * the place must be given back behind the connection.
   */
  static class Use {

    /** The use of a statement that is not a stream. */
    static final Use NONE = new None();

    private final Sinks.Empty<Void> given = Sinks.empty();
    private volatile boolean began;

    /** It has a connection. */
    void began() {
      began = true;
    }

    /** The connection's way back. */
    Mono<Void> until(Mono<Void> givenBack) {
      return givenBack.doFinally(end -> given.tryEmitEmpty());
    }

    private Mono<Void> over() {
      return Mono.defer(() -> began ? given.asMono() : Mono.empty());
    }

    private static final class None extends Use {

      @Override
      void began() {}

      @Override
      Mono<Void> until(Mono<Void> givenBack) {
        return givenBack;
      }
    }
  }
}
