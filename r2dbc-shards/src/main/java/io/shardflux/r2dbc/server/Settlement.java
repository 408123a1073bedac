package io.shardflux.r2dbc.server;

import io.r2dbc.spi.Connection;
import io.r2dbc.spi.R2dbcException;
import io.shardflux.r2dbc.settings.Server;
import java.time.Duration;
import java.util.concurrent.atomic.LongAdder;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.publisher.Mono;

/**
 * Gets a connection back from a statement that was given up.
 *
 * <p>The driver reads a cancelled result to its end, however long that is, and the connection is
 * lost until then. So a first statement of our own is put behind it. If that is not answered within
 * a moment, the server is told over another connection to end the statement that runs on this one.
 * No other caller can have the connection meanwhile. So only the statement that was given up can be
 * ended, or ours, which then is sent once more. If that doesn't help within its bound, the
 * connection is ended on the server and cut on this side.
 */
final class Settlement {

  private static final Logger log = LoggerFactory.getLogger(Settlement.class);

  /** A result that ends by itself within that time costs no kill. */
  private static final Duration GRACE = Duration.ofMillis(10);

  /**
   * Work that completed normally rarely leaves a statement running; wait longer, so that a distant
   * server is not sent needless kills.
   */
  private static final Duration GRACE_BEHIND_WORK = Duration.ofMillis(100);

  private static final Duration CLEAN_BOUND = Duration.ofSeconds(2);
  private static final int QUERY_INTERRUPTED = 1317;

  private final Server server;
  private final ServerConnections connections;
  private final ControlConnections control;
  private final LongAdder kills = new LongAdder();

  Settlement(Server server, ServerConnections connections, ControlConnections control) {
    this.server = server;
    this.connections = connections;
    this.control = control;
  }

  /** The number of statements that the server was told to end. */
  long kills() {
    return kills.sum();
  }

  /**
   * Completes, within a few seconds at most, when the connection is either clean or closed. Never
   * errors.
   */
  Mono<Void> settle(Connection connection) {
    return settle(connection, GRACE);
  }

  /** Settles a connection whose work ended, most likely with all its statements. */
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
        // A connection that is not known to be clean must go, whatever went wrong.
        .onErrorResume(error -> connections.cut(connection))
        .contextWrite(LostChannel::quiet);
  }

  /**
   * Is answered once all before it on that connection has ended; if the kill met it instead, it is
   * put again.
   */
  private Mono<Void> probe(Connection connection) {
    return ControlConnections.execute(connection, "DO 0")
        .subscribeOn(connections.loop(connection))
        .onErrorResume(
            Settlement::interrupted, error -> ControlConnections.execute(connection, "DO 0"));
  }

  private static boolean interrupted(Throwable error) {
    return error instanceof R2dbcException said && said.getErrorCode() == QUERY_INTERRUPTED;
  }

  /**
   * Sends our own statement once more: a kill that came too late for any statement may wait for the
   * next one, and that must be ours.
   */
  private Mono<Void> afterKill(Connection connection, Mono<Void> clean) {
    return clean.then(Mono.defer(() -> probe(connection))).timeout(CLEAN_BOUND);
  }

  private Mono<Void> kill(Connection connection) {
    return Mono.defer(
        () -> {
          kills.increment();
          return control.run("KILL QUERY " + connections.link(connection).id());
        });
  }

  private Mono<Void> cut(Connection connection, Throwable error) {
    return Mono.defer(
        () -> {
          log.debug(
              "{}: a given-up statement does not end, its connection is cut: {}",
              server,
              error.toString());
          if (connections.open(connection)) {
            // The cut frees the connection's place for those who wait; the server is told
            // meanwhile.
            control
                .runSurely("KILL " + connections.link(connection).id())
                .contextWrite(LostChannel::quiet)
                .subscribe(null, this::notEnded);
          }
          return connections.cut(connection);
        });
  }

  private void notEnded(Throwable error) {
    log.debug("{}: a given-up statement may run on there: {}", server, error.toString());
  }
}
