package io.shardflux.api.client;

import io.netty.channel.ChannelOption;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.reactor.netty.NettyServerCustomizer;
import org.springframework.stereotype.Component;
import reactor.netty.http.server.HttpServer;

/**
 * Cuts off clients that take an answer too slowly, because each may hold a connection to every
 * shard.
 */
@Component
final class SlowReaders implements NettyServerCustomizer {

  /**
   * Approximate bytes that the kernel holds of an answer. It does not say when a client has them.
   */
  private static final int SEND_BUFFER = 64 << 10;

  private final ClientBounds bounds;

  SlowReaders(ObjectProvider<ClientBounds> bounds) {
    this.bounds = bounds.getIfAvailable(ClientBounds::defaults);
  }

  @Override
  public HttpServer apply(HttpServer server) {
    return server
        .childOption(ChannelOption.SO_SNDBUF, SEND_BUFFER)
        .doOnChannelInit(
            (observer, channel, address) ->
                channel.pipeline().addFirst("pace", new ReadingPace(bounds)));
  }
}
