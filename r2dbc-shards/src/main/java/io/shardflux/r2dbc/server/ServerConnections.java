package io.shardflux.r2dbc.server;

import io.netty.channel.AdaptiveRecvByteBufAllocator;
import io.netty.channel.Channel;
import io.netty.channel.EventLoopGroup;
import io.netty.resolver.AddressResolverGroup;
import io.r2dbc.spi.Connection;
import io.r2dbc.spi.ConnectionFactories;
import io.r2dbc.spi.ConnectionFactory;
import io.r2dbc.spi.ConnectionFactoryOptions;
import io.r2dbc.spi.Option;
import io.r2dbc.spi.Readable;
import io.r2dbc.spi.TransactionDefinition;
import io.shardflux.r2dbc.settings.PoolOptions;
import io.shardflux.r2dbc.settings.ProcessConnections;
import io.shardflux.r2dbc.settings.Server;
import io.shardflux.r2dbc.settings.Tls;
import io.shardflux.r2dbc.statement.Dialect;
import io.shardflux.router.Internal;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.reactivestreams.Publisher;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Scheduler;
import reactor.core.scheduler.Schedulers;
import reactor.netty.FutureMono;
import reactor.netty.resources.LoopResources;
import reactor.netty.tcp.TcpClient;
import reactor.netty.tcp.TcpResources;
import reactor.pool.PoolBuilder;
import reactor.pool.PoolConfig;

/**
 * Opens a server's connections and knows of each what the driver does not tell: its id on the
 * server, by which another connection can end its statement, and its channel, which can be closed
 * whatever the driver waits for.
 */
@Internal
public final class ServerConnections {

  private static final Option<LoopResources> LOOP_RESOURCES = Option.valueOf("loopResources");

  private static final Option<AddressResolverGroup<?>> RESOLVER = Option.valueOf("resolver");

  /** Bytes. A connection's megabyte of small rows at once would keep its loop from all others. */
  private static final int TURN = 16 << 10;

  public static final String IDENTITY = "SELECT " + Identification.COLUMNS;

  private static final Duration CONNECT_MARGIN = Duration.ofSeconds(1);

  /** The factor by which the first opening may take longer than the others. */
  private static final int FIRST = 5;

  private static final Duration GOODBYE_BOUND = Duration.ofSeconds(1);

  /**
   * An open connection's other side.
   *
   * @param id its id on the server, of {@code CONNECTION_ID()}
   * @param channel its socket
   * @param loop the one thread on which the driver reads its answers
   * @param openedAt when it was opened, of {@link System#nanoTime}
   * @param maxPacket what the server takes on it at once, its {@code max_allowed_packet} in bytes
   * @param session what became of its session
   * @param usedAt when it was opened or {@linkplain #used last used}, of {@link System#nanoTime}
   */
  record Link(
      long id,
      Channel channel,
      Scheduler loop,
      long openedAt,
      long maxPacket,
      SessionMarks session,
      AtomicLong usedAt) {}

  private final ConnectionFactoryOptions options;
  private final Identification identification;
  private final PasswordWatch passwords;
  private final Map<Connection, Link> links = new ConcurrentHashMap<>();
  private volatile Dialect dialect = Dialect.MYSQL;
  private volatile boolean known;

  /** The connections of a server, of which nothing was asked yet. */
  public ServerConnections(Server server) {
    this(server.options(), new Identification(server));
  }

  private ServerConnections(ConnectionFactoryOptions options, Identification identification) {
    this.identification = identification;
    this.passwords = new PasswordWatch(options);
    this.options = passwords.seen(options);
    // Refuses at once what no driver takes.
    var unused = ConnectionFactories.get(options);
  }

  /** The same server's connections, on an event loop of their own. */
  ServerConnections on(LoopResources loops) {
    return new ServerConnections(
        options.mutate().option(LOOP_RESOURCES, loops).build(), identification);
  }

  /** Is told once of another password than was tried last; never where that can't change. */
  Mono<Long> newPassword() {
    return passwords.changed();
  }

  /** Opens a connection, which must be {@linkplain #close closed}. */
  Mono<Connection> create() {
    return Mono.defer(
            () -> {
              ChannelCapture capture = new ChannelCapture(loopResources());
              ConnectionFactory factory =
                  ConnectionFactories.get(
                      named(Tls.loaded(options)).option(LOOP_RESOURCES, capture).build());
              return Mono.<Connection>from(factory.create())
                  .flatMap(connection -> identify(connection, capture))
                  // Also where the handshake or the question hangs and is given up.
                  .doOnCancel(capture::close)
                  .doOnError(error -> capture.close())
                  .onErrorMap(capture::reason);
            })
        .contextWrite(LostChannel::quiet)
        // Setting the driver up looks for services in jar files, and certificates are files too.
        .subscribeOn(Schedulers.boundedElastic());
  }

  /**
   * Opens a connection within {@code connect-timeout} and a moment. The first one may take several
   * times as long: until then neither this machine nor the server has done any of it before.
   */
  public Mono<Connection> open(PoolOptions bounds) {
    return Mono.defer(
        () -> {
          Duration time = bounds.connectTimeout();
          Duration bound = known ? time.plus(CONNECT_MARGIN) : time.multipliedBy(FIRST);
          return create().timeout(bound, Mono.error(() -> new OpeningTimeoutException(bound)));
        });
  }

  /** A pool of connections. The one used last is used next, so that the others can be idle. */
  PoolBuilder<Connection, PoolConfig<Connection>> pool(Mono<Connection> opening) {
    return PoolBuilder.from(opening).destroyHandler(this::close).idleResourceReuseMruOrder();
  }

  /** The one thread that reads a connection's answers and closes it. */
  Scheduler loop(Connection connection) {
    Link link = links.get(connection);
    return link == null ? Schedulers.immediate() : link.loop();
  }

  /** A statement on a connection, from that one's own loop; a closed one takes it from any. */
  <T> Flux<T> onLoop(Connection connection, Publisher<T> statement) {
    Link link = links.get(connection);
    return link == null
        ? Flux.from(statement)
        : new OnLoop<>(statement, link.channel().eventLoop());
  }

  /** The other side of a connection. */
  Link link(Connection connection) {
    Link link = links.get(connection);
    if (link == null) {
      throw new IllegalStateException("connection: closed");
    }
    return link;
  }

  /** The server's kind, known from its first connection on. */
  Dialect dialect() {
    return dialect;
  }

  /** Bytes that the server takes at once; a closed connection takes all, and fails by it. */
  long maxPacket(Connection connection) {
    Link link = links.get(connection);
    return link == null ? Long.MAX_VALUE : link.maxPacket();
  }

  /** Tells whether a connection is open, as far as this side knows. */
  public boolean open(Connection connection) {
    return links.containsKey(connection);
  }

  /** Makes a connection be closed when it is given back: its session isn't as it was opened. */
  void retire(Connection connection) {
    Link link = links.get(connection);
    if (link != null) {
      link.session().touch();
    }
  }

  /** Makes a connection be closed when it is given back, unless it is restored before. */
  void borrow(Connection connection) {
    Link link = links.get(connection);
    if (link != null) {
      link.session().borrow();
    }
  }

  /** A borrowed connection's session is as it was opened. */
  void restored(Connection connection) {
    Link link = links.get(connection);
    if (link != null) {
      link.session().restored();
    }
  }

  /**
   * Begins a transaction. The driver sets its level and its lock wait before it, and the lock wait
   * back where the transaction is ended as one that is open. A session for which this is not known
   * is closed.
   */
  Mono<Void> begin(Connection connection, TransactionDefinition definition) {
    return Mono.defer(
        () -> {
          Link link = links.get(connection);
          Mono<Void> begun = Mono.from(connection.beginTransaction(definition));
          return link == null ? begun : link.session().begin(definition, begun);
        });
  }

  /** Commits or rolls back. */
  Mono<Void> end(Connection connection, Function<Connection, Publisher<Void>> ending) {
    return Mono.defer(
        () -> {
          boolean open = !connection.isAutoCommit();
          Mono<Void> ended = Mono.from(ending.apply(connection));
          Link link = links.get(connection);
          return link == null || !open ? ended : link.session().end(ended);
        });
  }

  /**
   * Tells whether a connection is open, as it was opened, and opened after that moment of {@link
   * System#nanoTime}.
   */
  boolean openedAfter(Connection connection, long nanos) {
    Link link = links.get(connection);
    return link != null && link.openedAt() - nanos > 0 && link.session().clean();
  }

  /** A connection was answered on, and is given back. */
  void used(Connection connection) {
    Link link = links.get(connection);
    if (link != null) {
      link.usedAt().setRelease(System.nanoTime());
    }
  }

  /**
   * The time when a connection was used last, of {@link System#nanoTime}; for a closed one, now.
   */
  long usedAt(Connection connection) {
    Link link = links.get(connection);
    return link == null ? System.nanoTime() : link.usedAt().getAcquire();
  }

  /** Tells whether any connection is open, as far as this side knows. */
  public boolean anyOpen() {
    return !links.isEmpty();
  }

  /** The connections that are open now. */
  List<Connection> all() {
    return List.copyOf(links.keySet());
  }

  /** Closes the socket and completes when it is; the driver fails whatever waits for it. */
  Mono<Void> cut(Connection connection) {
    return Mono.defer(
        () -> {
          Link link = links.get(connection);
          return link == null ? Mono.empty() : FutureMono.from(link.channel().close());
        });
  }

  /**
   * Says goodbye to the server, or, where the driver is not done with a statement in time, cuts.
   */
  public Mono<Void> close(Connection connection) {
    return Mono.defer(
        () ->
            open(connection)
                ? onLoop(connection, connection.close())
                    .then()
                    .timeout(GOODBYE_BOUND)
                    // It ends either way.
                    .onErrorResume(error -> cut(connection))
                : Mono.empty());
  }

  private Mono<Connection> identify(Connection connection, ChannelCapture capture) {
    return Flux.from(connection.createStatement(identification.sql()).execute())
        .concatMap(result -> result.map(row -> identified(row, capture.channel())))
        .single()
        .onErrorMap(identification::refused)
        .flatMap(answer -> answer.checked().thenReturn(answer.link()))
        .map(
            link -> {
              links.put(connection, link);
              known = true;
              Channel channel = link.channel();
              channel.closeFuture().addListener(closed -> links.remove(connection));
              return connection;
            });
  }

  /** A connection's other side, and the check that it must pass before it is used. */
  private record Identified(Link link, Mono<Void> checked) {}

  private Identified identified(Readable row, Channel channel) {
    return new Identified(link(row, channel), identification.check(row));
  }

  private Link link(Readable row, Channel channel) {
    dialect = Dialect.of(Objects.requireNonNull(row.get(1, String.class)));
    long now = System.nanoTime();
    long id = Objects.requireNonNull(row.get(0, Long.class));
    ProcessConnections.opened(channel, Objects.requireNonNull(row.get(3, String.class)), id);
    return new Link(
        id,
        channel,
        Schedulers.fromExecutor(channel.eventLoop()),
        now,
        Objects.requireNonNull(row.get(2, Long.class)),
        new SessionMarks(),
        new AtomicLong(now));
  }

  /**
   * Options with the loops' own resolver of names: a resolver over a capture would ask by channels
   * that it captures.
   */
  private ConnectionFactoryOptions.Builder named(ConnectionFactoryOptions loaded) {
    ConnectionFactoryOptions.Builder named = loaded.mutate();
    return loaded.hasOption(RESOLVER)
        ? named
        : named.option(
            RESOLVER,
            Objects.requireNonNull(
                TcpClient.newConnection().runOn(loopResources()).configuration().resolver()));
  }

  private LoopResources loopResources() {
    LoopResources users = (LoopResources) options.getValue(LOOP_RESOURCES);
    return users == null ? TcpResources.get() : users;
  }

  /** Hands the driver its event loops, and keeps the one channel that it makes on them. */
  private static final class ChannelCapture implements LoopResources {

    private final LoopResources loops;
    private final LostChannel lost = new LostChannel();
    private volatile @Nullable Channel captured;

    ChannelCapture(LoopResources loops) {
      this.loops = loops;
    }

    Channel channel() {
      return Objects.requireNonNull(captured, "the driver made no channel");
    }

    /**
     * The reason of an opening's failure. The error that the channel was lost by says more than the
     * loss.
     */
    Throwable reason(Throwable error) {
      Throwable cause = lost.cause();
      return cause == null ? error : cause;
    }

    void close() {
      lost.giveUp();
      Channel channel = captured;
      if (channel != null && channel.isRegistered()) {
        var unused = channel.close();
      }
    }

    // Reactor Netty keeps a resolver for each hash of loop resources that it ever met.
    @Override
    public int hashCode() {
      return loops.hashCode();
    }

    @Override
    public boolean equals(@Nullable Object other) {
      return other instanceof ChannelCapture capture && loops.equals(capture.loops);
    }

    @Override
    public <C extends Channel> C onChannel(Class<C> type, EventLoopGroup group) {
      C channel = loops.onChannel(type, group);
      channel
          .config()
          .setRecvByteBufAllocator(
              new AdaptiveRecvByteBufAllocator(64, 2_048, TURN).maxMessagesPerRead(1));
      channel.pipeline().addFirst(lost);
      captured = channel;
      return channel;
    }

    @Override
    public <C extends Channel> Class<? extends C> onChannelClass(
        Class<C> type, EventLoopGroup group) {
      return loops.onChannelClass(type, group);
    }

    @Override
    public EventLoopGroup onClient(boolean useNative) {
      return loops.onClient(useNative);
    }

    @Override
    public EventLoopGroup onServer(boolean useNative) {
      return loops.onServer(useNative);
    }

    @Override
    public EventLoopGroup onServerSelect(boolean useNative) {
      return loops.onServerSelect(useNative);
    }

    @Override
    public boolean daemon() {
      return loops.daemon();
    }
  }
}
