package io.shardflux.r2dbc;

import io.r2dbc.pool.ConnectionPool;
import io.r2dbc.pool.ConnectionPoolConfiguration;
import io.r2dbc.spi.Connection;
import io.r2dbc.spi.R2dbcException;
import io.r2dbc.spi.Result;
import java.time.Duration;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.netty.resources.LoopResources;

/**
 * Gets a connection back from a statement that was given up.
 *
 * <p>The driver reads a cancelled result to its end, however long that is, and the connection is
 * lost until then. So a first statement of our own is put behind it. If that is not answered within
 * a moment, the server is told over another connection to end what runs on this one. Nobody else
 * can have the connection meanwhile, so what is ended is the statement given up, or ours, which
 * then is put once more. If that doesn't help within its bound, the connection is ended on the
 * server and cut on this side.
 */
final class Settlement {

  private static final Logger log = LoggerFactory.getLogger(Settlement.class);

  /** A result that ends by itself within that time costs no kill. */
  private static final Duration GRACE = Duration.ofMillis(10);

  /** Work that ended seldom left a statement, and a far server is not to be sent kills in vain. */
  private static final Duration GRACE_BEHIND_WORK = Duration.ofMillis(100);

  private static final Duration KILL_BOUND = Duration.ofSeconds(1);
  private static final Duration CLEAN_BOUND = Duration.ofSeconds(2);
  // Of its own: what is to be ended may be flooding the others.
  private static final LoopResources CONTROL_LOOP =
      LoopResources.create("shardflux-control", 1, true);

  private static final int CONTROL_CONNECTIONS = 2;
  private static final int CONTROL_PENDING = 10_000;
  private static final int QUERY_INTERRUPTED = 1317;

  private final Shard shard;
  private final ServerConnections connections;
  private final ServerConnections controlConnections;
  private final ConnectionPool control;

  Settlement(Shard shard, ServerConnections connections, PoolBounds bounds) {
    this.shard = shard;
    this.connections = connections;
    this.controlConnections = connections.on(CONTROL_LOOP);
    this.control =
        new ConnectionPool(
            ConnectionPoolConfiguration.builder(controlConnections)
                .name(shard.id() + "-control")
                .initialSize(0)
                .maxSize(CONTROL_CONNECTIONS)
                .maxAcquireTime(KILL_BOUND)
                .maxCreateConnectionTime(bounds.connectTimeout())
                .maxIdleTime(bounds.maxIdleTime())
                .maxLifeTime(bounds.maxLifetime())
                .customizer(
                    pool ->
                        pool.maxPendingAcquire(CONTROL_PENDING)
                            .evictionPredicate(
                                (connection, metadata) -> !controlConnections.open(connection)))
                .build());
  }

  /**
   * Completes, within a few seconds at most, when the connection is either clean or closed. Never
   * errors.
   */
  Mono<Void> settle(Connection connection) {
    return settle(connection, GRACE);
  }

  /** The same for a connection whose work ended, most likely with all its statements. */
  Mono<Void> settleBehindWork(Connection connection) {
    return settle(connection, GRACE_BEHIND_WORK);
  }

  private Mono<Void> settle(Connection connection, Duration grace) {
    return Mono.defer(
            () -> {
              if (!connections.open(connection)) {
                return Mono.empty();
              }
              Mono<Void> clean = probe(connection).cache();
              return clean
                  .timeout(grace, kill(connection).then(afterKill(connection, clean)))
                  .onErrorResume(error -> cut(connection, error));
            })
        .onErrorResume(error -> connections.cut(connection));
  }

  Mono<Void> close() {
    return control.disposeLater();
  }

  /**
   * Is answered once all before it on that connection has ended; if the kill met it instead, it is
   * put again.
   */
  private Mono<Void> probe(Connection connection) {
    return execute(connection, "DO 0")
        .subscribeOn(connections.loop(connection))
        .onErrorResume(Settlement::interrupted, error -> execute(connection, "DO 0"));
  }

  private static boolean interrupted(Throwable error) {
    return error instanceof R2dbcException said && said.getErrorCode() == QUERY_INTERRUPTED;
  }

  /**
   * A kill that came too late for any statement may wait for the next one: that has to be ours as
   * well.
   */
  private Mono<Void> afterKill(Connection connection, Mono<Void> clean) {
    return clean.then(Mono.defer(() -> probe(connection))).timeout(CLEAN_BOUND);
  }

  private Mono<Void> kill(Connection connection) {
    return Mono.defer(() -> command("KILL QUERY " + connections.link(connection).id()));
  }

  private Mono<Void> cut(Connection connection, Throwable error) {
    return Mono.defer(
        () -> {
          log.warn(
              "{}: a given-up statement does not end, its connection is cut: {}",
              shard,
              error.toString());
          Mono<Void> kill =
              connections.open(connection)
                  ? command("KILL " + connections.link(connection).id()).onErrorComplete()
                  : Mono.empty();
          return connections.cut(connection).and(kill);
        });
  }

  private Mono<Void> command(String sql) {
    return Mono.usingWhen(
            new Acquisition(control.create()),
            connection -> execute(connection, sql),
            Connection::close,
            (connection, error) -> discard(connection),
            this::discard)
        .timeout(KILL_BOUND);
  }

  private Mono<Void> discard(Connection connection) {
    return controlConnections.cut(connection).then(Mono.from(connection.close()));
  }

  private static Mono<Void> execute(Connection connection, String sql) {
    return Flux.from(connection.createStatement(sql).execute())
        .concatMap(Result::getRowsUpdated)
        .then();
  }
}
