package io.shardflux.r2dbc.server;

import io.r2dbc.spi.Connection;
import io.r2dbc.spi.Result;
import io.shardflux.r2dbc.settings.PoolOptions;
import io.shardflux.r2dbc.settings.Server;
import io.shardflux.router.Internal;
import java.time.Duration;
import java.util.concurrent.TimeoutException;
import java.util.function.Function;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.netty.resources.LoopResources;
import reactor.pool.InstrumentedPool;
import reactor.pool.PooledRef;
import reactor.util.retry.Retry;

/**
 * A server's few connections for the router's own ends: telling it to end a statement, and asking
 * how it is doing. No user's statement ever runs on them.
 */
@Internal
public final class ControlConnections {

  private static final Duration BOUND = Duration.ofSeconds(1);

  /** Its connection may be opened behind the bound of the first try, and is there for the next. */
  private static final Retry AGAIN =
      Retry.backoff(3, Duration.ofMillis(100))
          .onRetryExhaustedThrow((spec, last) -> last.failure());

  private static final int CONNECTIONS = 2;
  private static final int PENDING = 10_000;
  // A loop of their own: the statement to end may be flooding the others.
  private static final LoopResources LOOP = LoopResources.create("shardflux-control", 1, true);

  private final ServerConnections connections;
  private final InstrumentedPool<Connection> pool;

  ControlConnections(Server server, ServerConnections users, PoolOptions bounds) {
    this.connections = users.on(LOOP);
    this.pool =
        connections
            .pool(connections.open(bounds))
            .sizeBetween(0, CONNECTIONS)
            .maxPendingAcquire(PENDING)
            .evictionPredicate((connection, metadata) -> !connections.open(connection))
            .buildPool();
  }

  /** Runs a statement for its effect, within a second. */
  public Mono<Void> run(String sql) {
    return use(connection -> execute(connection, sql));
  }

  /** Runs a statement as often as it takes, within about five seconds. */
  Mono<Void> runSurely(String sql) {
    return run(sql).retryWhen(AGAIN);
  }

  /** Lends a connection for at most a second, the wait for it included. */
  public <T> Mono<T> use(Function<Connection, Mono<T>> work) {
    return use(work, BOUND);
  }

  /** Lends a connection for at most that time, the wait for it included. */
  public <T> Mono<T> use(Function<Connection, Mono<T>> work, Duration bound) {
    return Mono.usingWhen(
            pool.acquire(),
            ref -> Mono.fromDirect(connections.onLoop(ref.poolable(), work.apply(ref.poolable()))),
            PooledRef::release,
            (ref, error) -> discard(ref),
            this::discard)
        .timeout(bound, Mono.error(() -> late(bound)));
  }

  Mono<Void> close() {
    return pool.disposeLater();
  }

  static Mono<Void> execute(Connection connection, String sql) {
    return Flux.from(connection.createStatement(sql).execute())
        .concatMap(Result::getRowsUpdated)
        .then();
  }

  private static TimeoutException late(Duration bound) {
    return new TimeoutException(
        "control connection: no answer within "
            + bound.toMillis()
            + " ms (expected: a server with room for two more connections that answers by then)");
  }

  private Mono<Void> discard(PooledRef<Connection> ref) {
    return connections.cut(ref.poolable()).then(ref.invalidate());
  }
}
