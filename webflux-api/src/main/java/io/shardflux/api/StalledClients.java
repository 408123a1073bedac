package io.shardflux.api;

import io.netty.handler.timeout.WriteTimeoutHandler;
import java.util.concurrent.TimeUnit;
import org.springframework.boot.reactor.netty.NettyServerCustomizer;
import org.springframework.stereotype.Component;
import reactor.netty.http.server.HttpServer;

/**
 * Cuts off clients that take nothing of their answer for a minute, since each holds a connection to
 * every shard. MySQL itself gives up on a reader after the same time, by its {@code
 * net_write_timeout}.
 */
@Component
final class StalledClients implements NettyServerCustomizer {

  private static final long BOUND_SECONDS = 60;

  @Override
  public HttpServer apply(HttpServer server) {
    return server.doOnConnection(
        connection ->
            connection.addHandlerLast(
                "stalled", new WriteTimeoutHandler(BOUND_SECONDS, TimeUnit.SECONDS)));
  }
}
