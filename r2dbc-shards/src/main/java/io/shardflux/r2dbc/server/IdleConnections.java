package io.shardflux.r2dbc.server;

import io.r2dbc.spi.Connection;
import io.shardflux.r2dbc.settings.PoolOptions;
import java.time.Duration;
import reactor.core.publisher.Mono;

/**
 * Decides which connections must show that they still work before they are lent. A firewall forgets
 * a connection on which nothing is sent, and tells neither side.
 */
final class IdleConnections {

  /** The time after which a server is taken to send no answer. */
  private static final Duration BOUND = Duration.ofSeconds(1);

  private final ServerConnections connections;
  private final long doubtful;
  private volatile long lostSince = System.nanoTime();

  /** A connection that lay idle for longer than another may take to be opened is asked first. */
  IdleConnections(ServerConnections connections, PoolOptions bounds) {
    this.connections = connections;
    this.doubtful = bounds.connectTimeout().toNanos();
  }

  boolean doubtful(Connection connection) {
    return System.nanoTime() - connections.usedAt(connection) >= doubtful;
  }

  /**
   * Tells whether the connection was used last when another one was that gave no answer any more.
   */
  boolean lost(Connection connection) {
    return connections.usedAt(connection) - lostSince <= 0;
  }

  /** Tells whether the connection answers. If not, those that lay idle for as long are lost too. */
  Mono<Boolean> answers(Connection connection) {
    long usedAt = connections.usedAt(connection);
    return connections
        .onLoop(connection, ControlConnections.execute(connection, "DO 0"))
        .then()
        .timeout(BOUND)
        .thenReturn(true)
        .doOnError(error -> lose(usedAt))
        // The error says no more: the server is asked over another connection.
        .onErrorReturn(false);
  }

  private synchronized void lose(long usedAt) {
    if (usedAt - lostSince > 0) {
      lostSince = usedAt;
    }
  }
}
