package io.shardflux.r2dbc;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelOption;
import io.netty.channel.socket.DuplexChannel;
import io.r2dbc.spi.ConnectionFactoryOptions;
import io.shardflux.r2dbc.settings.Shard;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.netty.Connection;
import reactor.netty.DisposableServer;
import reactor.netty.resources.LoopResources;
import reactor.netty.tcp.TcpClient;
import reactor.netty.tcp.TcpServer;
import reactor.util.retry.Retry;

/**
 * A way to a server, over a free port of loopback, that can be broken while it is in use. It begins
 * by passing on what it gets; each command holds until the next one, for the connections that are
 * open and for new ones where it does not say otherwise.
 *
 * <p>Thread-safe. {@link #pass}, {@link #refuse} and {@link #close} block for a bounded time.
 */
public final class Relay implements AutoCloseable {

  private static final String HOST = "127.0.0.1";
  private static final Duration BOUND = Duration.ofSeconds(10);

  private enum Kind {
    PASS,
    DROP,
    DELAY,
    RESET,
    HALF_CLOSE
  }

  /**
   * The fate of the bytes.
   *
   * @param over ends when another conduct takes its place, and every delay with it
   */
  private record Conduct(Kind kind, Duration delay, Sinks.Empty<Void> over) {

    static Conduct of(Kind kind) {
      return new Conduct(kind, Duration.ZERO, Sinks.empty());
    }
  }

  private final LoopResources loop = LoopResources.create("relay", 1, true);
  private final Set<Link> links = ConcurrentHashMap.newKeySet();
  private final AtomicInteger accepted = new AtomicInteger();
  private final TcpClient way;
  private final int port;
  private volatile Conduct conduct = Conduct.of(Kind.PASS);
  // Guarded by this.
  private DisposableServer listener;

  private Relay(String host, int port) {
    this.way = TcpClient.create().runOn(loop).host(host).port(port);
    this.listener = listen(0);
    this.port = listener.port();
  }

  static Relay to(String host, int port) {
    return new Relay(host, port);
  }

  public static Relay to(Shard shard) {
    ConnectionFactoryOptions options = shard.options();
    return new Relay(
        String.valueOf(options.getRequiredValue(ConnectionFactoryOptions.HOST)),
        Integer.parseInt(String.valueOf(options.getRequiredValue(ConnectionFactoryOptions.PORT))));
  }

  int port() {
    return port;
  }

  /** The same shard, reached over this relay. */
  public Shard instead(Shard shard) {
    return Shard.of(
        shard.id(),
        shard
            .options()
            .mutate()
            .option(ConnectionFactoryOptions.HOST, HOST)
            .option(ConnectionFactoryOptions.PORT, port)
            .build());
  }

  /** Lets bytes pass, and new connections in. */
  public synchronized void pass() {
    command(Conduct.of(Kind.PASS));
    if (listener.isDisposed()) {
      listener = listen(port);
    }
  }

  /**
   * Swallows all bytes and tells neither side. A connection that lost some stays silent for ever,
   * as one does whose other end has forgotten it.
   */
  public void drop() {
    command(Conduct.of(Kind.DROP));
  }

  /** The same for new connections alone. */
  void dropNew() {
    replace(Conduct.of(Kind.DROP));
  }

  /** Swallows all bytes of the connections that are open, and lets new ones in. */
  public void forget() {
    links.forEach(link -> link.obey(Conduct.of(Kind.DROP)));
  }

  /** Holds each chunk of bytes for that time, or until the next command. */
  public void delay(Duration time) {
    command(new Conduct(Kind.DELAY, time, Sinks.empty()));
  }

  /** Ends every connection by RST, and new ones at once. */
  public void reset() {
    command(Conduct.of(Kind.RESET));
  }

  /** Sends FIN towards the router, and goes on taking what comes from there. */
  public void halfClose() {
    command(Conduct.of(Kind.HALF_CLOSE));
  }

  /** Listens no more; open connections are left as they are. */
  synchronized void refuse() {
    listener.disposeNow(BOUND);
  }

  /** The number of connections that were let in, from the beginning on. */
  int accepted() {
    return accepted.get();
  }

  /** Open connections from the router's side. */
  int connections() {
    return links.size();
  }

  @Override
  public synchronized void close() {
    listener.disposeNow(BOUND);
    reset();
    loop.disposeLater(Duration.ZERO, BOUND).block(BOUND);
  }

  private void command(Conduct next) {
    replace(next);
    links.forEach(link -> link.obey(next));
  }

  private synchronized void replace(Conduct next) {
    Conduct before = conduct;
    conduct = next;
    before.over().tryEmitEmpty();
  }

  private DisposableServer listen(int onPort) {
    return TcpServer.create()
        .runOn(loop)
        .host(HOST)
        .port(onPort)
        .doOnConnection(this::accept)
        .bind()
        // A port that was just left may still be held for a moment.
        .retryWhen(Retry.fixedDelay(20, Duration.ofMillis(100)))
        .<DisposableServer>map(bound -> bound)
        .blockOptional(BOUND)
        .orElseThrow();
  }

  private void accept(Connection near) {
    accepted.incrementAndGet();
    Link link = new Link(near);
    // Known first and told then: a command that comes in between reaches it twice, not never.
    links.add(link);
    near.onDispose(() -> links.remove(link));
    link.obey(conduct);
    way.connect().subscribe(link::join, error -> near.dispose());
  }

  /** A connection from the router, and the one to the server that belongs to it. */
  private static final class Link {

    private final Connection near;
    private volatile @Nullable Connection far;
    private volatile Conduct conduct = Conduct.of(Kind.PASS);
    private volatile boolean lossy;

    Link(Connection near) {
      this.near = near;
    }

    void obey(Conduct next) {
      conduct = next;
      if (next.kind() == Kind.RESET) {
        // On their loop, as one that is closed meanwhile takes no option.
        near.channel().eventLoop().execute(this::reset);
      } else if (next.kind() == Kind.HALF_CLOSE && near.channel() instanceof DuplexChannel half) {
        var unused = half.shutdownOutput();
      }
    }

    private void reset() {
      Connection other = far;
      List<Connection> ends = other == null ? List.of(near) : List.of(near, other);
      // All before the first is closed: the end of one is the end of the other.
      ends.forEach(end -> lingerNot(end.channel()));
      for (Connection end : ends) {
        var unused = end.channel().close();
      }
    }

    private static void lingerNot(Channel channel) {
      if (channel.isOpen()) {
        channel.config().setOption(ChannelOption.SO_LINGER, 0);
      }
    }

    void join(Connection server) {
      far = server;
      near.onDispose(server);
      server.onDispose(this::farEnded);
      pump(near, server, this::carried);
      pump(server, near, this::answer);
    }

    private void farEnded() {
      if (conduct.kind() == Kind.DROP) {
        lossy = true;
      }
      if (!lossy) {
        near.dispose();
      }
    }

    private Flux<byte[]> answer(byte[] chunk) {
      return conduct.kind() == Kind.HALF_CLOSE ? Flux.empty() : carried(chunk);
    }

    private Flux<byte[]> carried(byte[] chunk) {
      Conduct now = conduct;
      if (now.kind() == Kind.DROP) {
        lossy = true;
      }
      if (lossy) {
        return Flux.empty();
      }
      return now.kind() == Kind.DELAY
          ? Mono.delay(now.delay()).takeUntilOther(now.over().asMono()).thenReturn(chunk).flux()
          : Flux.just(chunk);
    }

    private static void pump(
        Connection from, Connection to, Function<byte[], Flux<byte[]>> carriage) {
      Flux<ByteBuf> bytes =
          from.inbound().receive().asByteArray().concatMap(carriage).map(Unpooled::wrappedBuffer);
      // An end of either side is seen to where it is disposed of.
      to.outbound().send(bytes, buffer -> true).then().onErrorComplete().subscribe();
    }
  }
}
