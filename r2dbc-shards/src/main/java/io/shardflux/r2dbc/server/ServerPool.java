package io.shardflux.r2dbc.server;

import io.r2dbc.spi.Connection;
import io.r2dbc.spi.ConnectionFactoryOptions;
import io.r2dbc.spi.Option;
import io.r2dbc.spi.R2dbcException;
import io.shardflux.r2dbc.failure.LocateAnew;
import io.shardflux.r2dbc.failure.ShardErrors;
import io.shardflux.r2dbc.failure.ShardTimeoutException;
import io.shardflux.r2dbc.failure.ShardUnavailableException;
import io.shardflux.r2dbc.observe.ErrorCounts;
import io.shardflux.r2dbc.observe.ShardStatistics;
import io.shardflux.r2dbc.settings.BreakerOptions;
import io.shardflux.r2dbc.settings.PoolOptions;
import io.shardflux.r2dbc.settings.Server;
import io.shardflux.r2dbc.settings.Tls;
import io.shardflux.r2dbc.statement.Dialect;
import io.shardflux.r2dbc.statement.SqlTemplate;
import io.shardflux.router.Internal;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BiFunction;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.reactivestreams.Publisher;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.pool.InstrumentedPool;
import reactor.pool.InstrumentedPool.PoolMetrics;
import reactor.pool.PooledRef;
import reactor.pool.PooledRefMetadata;

/**
 * One server's connections, and what is known of the server. Opens nothing before its first use.
 * Once its breaker is open the server is not asked, until a probe of the pool's own gets through.
 */
@Internal
public final class ServerPool {

  private static final Logger log = LoggerFactory.getLogger(ServerPool.class);
  // Without this a server hangs up on a consumer that takes no row for a minute.
  private static final String SLOW_READERS = "net_write_timeout=600";
  private static final Duration EVICTION_INTERVAL = Duration.ofSeconds(30);

  private static final String THERE =
      "SELECT COUNT(*) FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = DATABASE()";

  /** An open connection that reads no row within that time is no good. */
  private static final Duration ROW_BOUND = Duration.ofSeconds(1);

  private final Server server;
  private final PoolOptions bounds;
  private final Gate gate;
  private final ServerConnections connections;
  private final ControlConnections control;
  private final IdleConnections idle;
  private final InstrumentedPool<Connection> pool;
  private final StreamShare streams;
  private final Settlement settlement;
  private final ServerWatch watch;
  private final AtomicInteger inFlight = new AtomicInteger();

  /** The reads that wait on the server until it has applied what they must see. */
  private final AtomicInteger awaiting = new AtomicInteger();

  private final LatencyWindow latency = new LatencyWindow(System::nanoTime);
  private final ErrorCounts errors = new ErrorCounts();

  /**
   * A server's pool; connects to nothing.
   *
   * @param gate the shard's, which is not empty while a connection is being taken back
   * @param changed is told the reason when the server goes out or comes back
   */
  public ServerPool(
      Server server,
      PoolOptions bounds,
      BreakerOptions breakerBounds,
      Gate gate,
      Consumer<String> changed) {
    this.server = server;
    this.bounds = bounds;
    this.gate = gate;
    checkTls(server);
    this.connections = new ServerConnections(server.with(withDefaults(server.options(), bounds)));
    this.control = new ControlConnections(server, connections, bounds);
    this.watch =
        new ServerWatch(server, bounds, breakerBounds, connections, this::anyWorks, changed);
    this.idle = new IdleConnections(connections, bounds);
    this.pool = pool();
    this.streams = new StreamShare(server, bounds);
    this.settlement = new Settlement(server, connections, control);
  }

  private static void checkTls(Server server) {
    try {
      var unused = Tls.loaded(server.options());
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException("shard " + server.shard() + ", " + e.getMessage(), e);
    }
  }

  public Server server() {
    return server;
  }

  public ServerBreaker breaker() {
    return watch.breaker();
  }

  /** Tells whether the server is asked and all is not well. */
  public boolean impaired() {
    return watch.impaired();
  }

  public ControlConnections control() {
    return control;
  }

  public Dialect dialect() {
    return connections.dialect();
  }

  /** Bytes that the server takes at once on a connection that is lent. */
  public long maxPacket(Connection connection) {
    return connections.maxPacket(connection);
  }

  public LatencyWindow latency() {
    return latency;
  }

  public ErrorCounts errors() {
    return errors;
  }

  /** Statements under way, those that wait for a connection included. */
  public int inFlight() {
    return inFlight.get();
  }

  public long kills() {
    return settlement.kills();
  }

  /**
   * Waits on the server, each wait by a connection of its own. They may hold half of the
   * connections; what is beyond is false at once.
   */
  public Mono<Boolean> awaited(Mono<Boolean> wait) {
    return Mono.using(
        awaiting::incrementAndGet,
        number -> number <= Math.max(1, maxSize() / 2) ? wait : Mono.just(false),
        number -> awaiting.decrementAndGet());
  }

  public int maxSize() {
    return bounds.maxSize();
  }

  public ShardStatistics.Pool connectionCounts() {
    PoolMetrics metrics = pool.metrics();
    return new ShardStatistics.Pool(
        metrics.acquiredSize(),
        metrics.idleSize(),
        metrics.pendingAcquireSize() + streams.waiting(),
        metrics.getMaxAllocatedSize());
  }

  /** Opens the idle minimum. A server that is down completes all the same. */
  public Mono<Void> warmUp() {
    // The first connection is opened alone; the others then.
    return pool.warmup()
        .then(Mono.defer(pool::warmup))
        .doOnError(error -> log.debug("{} can't be warmed up: {}", server, error.toString()))
        // The watch judged it where it was opened, and tells of a server that is out.
        .onErrorComplete()
        .then();
  }

  /** A statement begins; {@link #ended} must follow. */
  public void started() {
    inFlight.incrementAndGet();
  }

  /**
   * Takes the outcome of a statement.
   *
   * @param first nanoseconds to its first row, or to the end if there is no row
   * @param lasted nanoseconds since it began
   * @param counts whether it counts against the server if it was late
   */
  public void ended(
      long rows,
      long first,
      long lasted,
      @Nullable Throwable error,
      boolean cancelled,
      boolean counts) {
    inFlight.decrementAndGet();
    if (error instanceof LocateAnew) {
      // It was not sent.
      return;
    }
    if (error != null) {
      failed(error, lasted, counts);
    } else if (!cancelled || rows > 0) {
      latency.record(first);
      watch.answered();
    }
  }

  private void failed(Throwable error, long lasted, boolean counts) {
    errors.add(error);
    if (ShardErrors.outage(error)) {
      watch.failed(error, System.nanoTime() - lasted, counts);
    } else if (ShardErrors.answered(error)) {
      watch.answeredBy(error);
    }
  }

  /**
   * Runs the work on a connection of its own, and takes that back when the work ends, fails or is
   * cancelled. A statement that is then still under way is ended on the server. Errors are as the
   * driver says them.
   */
  public <T> Flux<T> withConnection(Function<Connection, ? extends Publisher<T>> work) {
    return withConnection(work, this::afterError, StreamShare.Use.NONE);
  }

  /**
   * Runs the work of a result without a bound on rows, which first needs a place among the streams.
   *
   * @param placed is run when it has a place
   */
  public <T> Flux<T> withStream(
      Runnable placed, Function<Connection, ? extends Publisher<T>> work) {
    return watch.breaker().closed()
        ? streams.run(placed, use -> withConnection(work, this::afterError, use))
        : Flux.error(watch.down());
  }

  /** A stream that had no place within that time. */
  public ShardUnavailableException noStream(Duration time) {
    return streams.late(time);
  }

  /** Streams that have a place. */
  public int streams() {
    return streams.taken();
  }

  // Looks at the breaker now: called with each subscription.
  private <T> Flux<T> withConnection(
      Function<Connection, ? extends Publisher<T>> work,
      BiFunction<PooledRef<Connection>, Throwable, Mono<Void>> afterError,
      StreamShare.Use use) {
    AtomicBoolean ended = new AtomicBoolean();
    return Flux.usingWhen(
        acquire(),
        ref -> {
          use.began();
          return idle.doubtful(ref.poolable())
              ? idle.answers(ref.poolable())
                  .flatMapMany(
                      answers ->
                          answers
                              ? sent(ref.poolable(), work, ended)
                              : sentByAnother(ref, work, afterError, use))
              : sent(ref.poolable(), work, ended);
        },
        ref -> use.until(giveBack(ref)),
        (ref, error) -> use.until(afterError.apply(ref, error)),
        ref -> use.until(takeBack(ref, ended)));
  }

  private <T> Flux<T> sent(
      Connection connection,
      Function<Connection, ? extends Publisher<T>> work,
      AtomicBoolean ended) {
    return connections
        .onLoop(connection, work.apply(connection))
        .doOnComplete(() -> ended.set(true));
  }

  /**
   * Drops a connection that gives no answer any more and sends the work by another one; the server
   * may have to be looked at.
   */
  private <T> Flux<T> sentByAnother(
      PooledRef<Connection> ref,
      Function<Connection, ? extends Publisher<T>> work,
      BiFunction<PooledRef<Connection>, Throwable, Mono<Void>> afterError,
      StreamShare.Use use) {
    watch.failed(
        new IllegalStateException("an idle connection gave no answer"), System.nanoTime(), false);
    return drop(ref).thenMany(Flux.defer(() -> withConnection(work, afterError, use)));
  }

  /** Runs work that may end with a statement of its own half read. */
  public <T> Flux<T> lend(
      Duration acquire,
      Function<String, SqlTemplate> templates,
      Function<Connection, ? extends Publisher<T>> work) {
    return lent(
        acquire,
        connection ->
            Flux.concat(
                work.apply(forUser(connection, templates)),
                nothing(settlement.settleBehindWork(connection))));
  }

  /**
   * Runs such work in a transaction, which is committed when the work completes. Behind an error or
   * a cancel the connection is taken back, and that rolls back.
   */
  public <T> Flux<T> withTransaction(
      Duration acquire,
      Function<String, SqlTemplate> templates,
      Function<Connection, ? extends Publisher<T>> work) {
    return lent(
        acquire,
        connection ->
            Flux.concat(
                nothing(connection.beginTransaction()),
                Flux.defer(() -> work.apply(forUser(connection, templates))),
                nothing(settlement.settleBehindWork(connection)),
                nothing(connections.end(connection, Connection::commitTransaction))));
  }

  /** Runs work that settles its own statements. */
  public <T> Flux<T> hold(Duration acquire, Function<Connection, Flux<T>> work) {
    return lent(acquire, work);
  }

  /** A connection that is lent, as its user may have it. */
  public Connection forUser(Connection connection, Function<String, SqlTemplate> templates) {
    return new LentConnection(connection, connections, templates);
  }

  /** Gets a held connection back from a statement that was given up; see {@link Settlement}. */
  public Mono<Void> settle(Connection connection) {
    return settlement.settle(connection);
  }

  /** A held connection's statement, from its own loop. */
  public <T> Flux<T> onLoop(Connection connection, Publisher<T> statement) {
    return connections.onLoop(connection, statement);
  }

  private <T> Flux<T> lent(Duration acquire, Function<Connection, Flux<T>> work) {
    return Flux.defer(
        () -> {
          started();
          AtomicBoolean connected = new AtomicBoolean();
          AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
          Flux<T> rows =
              withConnection(
                  connection -> {
                    connected.set(true);
                    return work.apply(connection);
                  },
                  // The error may be of anything, and a statement be under way still.
                  (ref, error) -> takeBack(ref),
                  StreamShare.Use.NONE);
          return rows.onErrorMap(error -> ShardErrors.named(server.shard(), error))
              .timeout(
                  Mono.delay(acquire)
                      .flatMap(time -> connected.get() ? Mono.never() : Mono.just(time)),
                  row -> Mono.never(),
                  Mono.error(() -> notAcquired(acquire)))
              .doOnError(failure::set)
              .doFinally(end -> endedLending(failure.get()))
              .contextWrite(LostChannel::quiet);
        });
  }

  /**
   * Takes the end of a loan. The time for which a caller keeps a connection says nothing about the
   * server.
   */
  private void endedLending(@Nullable Throwable error) {
    inFlight.decrementAndGet();
    if (error instanceof R2dbcException && !ShardErrors.elsewhere(server.shard(), error)) {
      errors.add(error);
      if (ShardErrors.lost(error)) {
        watch.failed(error, System.nanoTime(), true);
      }
    }
  }

  private ShardTimeoutException notAcquired(Duration acquire) {
    return new ShardTimeoutException(
        server.shard(),
        ShardTimeoutException.Bound.ACQUIRE,
        acquire,
        acquire,
        0,
        "lent connection");
  }

  private static <T> Flux<T> nothing(Publisher<Void> step) {
    return Mono.from(step).<T>then(Mono.empty()).flux();
  }

  /** Closes every connection, those in use too, after telling the server to end what they do. */
  public Mono<Void> close() {
    return Mono.defer(
        () -> {
          watch.close();
          return streams
              .close()
              .then(pool.disposeLater())
              .thenMany(Flux.defer(() -> Flux.fromIterable(connections.all())).flatMap(this::end))
              .then(control.close());
        });
  }

  private Mono<Void> end(Connection connection) {
    return settlement.settle(connection).then(connections.cut(connection));
  }

  private Mono<Void> afterError(PooledRef<Connection> ref, Throwable error) {
    return ShardErrors.answered(error) && ref.poolable().isAutoCommit()
        ? giveBack(ref)
        : takeBack(ref);
  }

  /** Makes a connection be closed when it is given back. */
  public void retire(Connection connection) {
    connections.retire(connection);
  }

  /** Makes a connection be closed when it is given back, unless it is restored before. */
  public void borrow(Connection connection) {
    connections.borrow(connection);
  }

  /** A borrowed connection's session is as it was opened. */
  public void restored(Connection connection) {
    connections.restored(connection);
  }

  private Mono<Void> giveBack(PooledRef<Connection> ref) {
    Connection connection = ref.poolable();
    connections.used(connection);
    return connection.isAutoCommit() ? ref.release() : rollBack(connection).then(ref.release());
  }

  private Mono<Void> takeBack(PooledRef<Connection> ref) {
    return takeBack(ref, new AtomicBoolean());
  }

  private Mono<Void> takeBack(PooledRef<Connection> ref, AtomicBoolean ended) {
    Connection connection = ref.poolable();
    return Mono.defer(
            () -> {
              gate.hold();
              return settle(connection, ended)
                  .doOnSuccess(clean -> connections.used(connection))
                  .then(rollBack(connection));
            })
        .then(ref.release())
        .onErrorResume(
            error -> {
              log.debug("{}: a connection could not be given back: {}", server, error.toString());
              return Mono.empty();
            })
        .doFinally(end -> gate.leave());
  }

  /**
   * Settles a connection unless its answer has ended. A consumer that takes one row cancels when
   * the answer is about to end: that is seen behind the loop's current work, and there is nothing
   * to settle then.
   */
  private Mono<Void> settle(Connection connection, AtomicBoolean ended) {
    return Mono.defer(() -> ended.get() ? Mono.empty() : settlement.settle(connection))
        .subscribeOn(connections.loop(connection))
        // The loop is gone.
        .onErrorResume(error -> settlement.settle(connection));
  }

  /**
   * Rolls back an open transaction. A driver that is stuck never answers, and a connection whose
   * transaction can't be rolled back must not be used again: it is cut, and then dropped. A
   * connection that begins a transaction by itself is closed, because that would never be
   * committed.
   */
  private Mono<Void> rollBack(Connection connection) {
    return Mono.defer(
        () ->
            !connections.open(connection) || connection.isAutoCommit()
                ? Mono.empty()
                : connections
                    .onLoop(
                        connection, connections.end(connection, Connection::rollbackTransaction))
                    .then()
                    .timeout(bounds.rollbackTimeout())
                    .then(Mono.<Void>fromRunnable(() -> retireUnlessCommitting(connection)))
                    .onErrorResume(error -> connections.cut(connection)));
  }

  private void retireUnlessCommitting(Connection connection) {
    if (!connection.isAutoCommit()) {
      retire(connection);
    }
  }

  /**
   * A connection of the pool. No operator that may drop it stands between the pool and its user: a
   * cancel that meets a hand-over then either finds the pool still waiting or reaches the user.
   */
  private Mono<PooledRef<Connection>> acquire() {
    return watch.breaker().closed()
        ? pool.acquire().onErrorResume(this::notAcquired)
        : Mono.error(watch.down());
  }

  /** Lets callers wait for open connections where no more can be opened. */
  private Mono<PooledRef<Connection>> notAcquired(Throwable error) {
    return ShardErrors.opening(error) && watch.openings().suspended()
        ? Mono.defer(this::acquire)
        : Mono.error(ShardErrors.notAcquired(server, bounds, error));
  }

  /** Asks every idle connection for a row; without any, the next connection to become idle. */
  private Mono<Boolean> anyWorks() {
    return Flux.range(0, Math.max(1, pool.metrics().idleSize()))
        .flatMap(i -> works(), maxSize())
        .reduce(false, (one, other) -> one || other);
  }

  private Mono<Boolean> works() {
    return Mono.usingWhen(
            pool.acquire(),
            ref -> alive(ref.poolable()),
            PooledRef::release,
            this::drop,
            this::drop)
        .timeout(ROW_BOUND)
        // Whatever went wrong, this one does not work; who asks for it has the error that counts.
        .onErrorReturn(false);
  }

  private Mono<Void> drop(PooledRef<Connection> ref, Throwable error) {
    return drop(ref);
  }

  private Mono<Void> drop(PooledRef<Connection> ref) {
    return connections.cut(ref.poolable()).then(ref.invalidate());
  }

  /** Tells whether a row can be read, and a database that was chosen is still there. */
  private Mono<Boolean> alive(Connection connection) {
    boolean named = server.options().hasOption(ConnectionFactoryOptions.DATABASE);
    return connections
        .onLoop(connection, connection.createStatement(THERE).execute())
        .concatMap(result -> result.map(row -> !Long.valueOf(0).equals(row.get(0, Long.class))))
        .single()
        .filter(there -> there || !named)
        .switchIfEmpty(Mono.error(() -> new IllegalStateException("its database is gone")))
        .thenReturn(true);
  }

  private InstrumentedPool<Connection> pool() {
    return connections
        .pool(watch.opening())
        .allocationStrategy(watch.openings())
        .maxPendingAcquire(bounds.maxPending())
        .evictionPredicate(this::spent)
        .evictInBackground(EVICTION_INTERVAL)
        .buildPool();
  }

  /**
   * Tells whether a connection must be dropped. A lost connection is dropped when it is met in the
   * pool, so that no statement ever sees it. Two kinds may be lost without a sign, and are dropped
   * too: a connection from before the server was out, and a connection that lay idle as long as
   * another that gave no answer.
   */
  private boolean spent(Connection connection, PooledRefMetadata metadata) {
    return !connections.openedAfter(connection, watch.breaker().lastOpened())
        || idle.lost(connection)
        || metadata.idleTime() >= bounds.maxIdleTime().toMillis()
        || metadata.lifeTime() >= bounds.maxLifetime().toMillis();
  }

  /**
   * The options with our defaults. Sessions run in UTC, so that SQL and Java agree on an instant's
   * text. Options that the user set stay.
   */
  private static ConnectionFactoryOptions withDefaults(
      ConnectionFactoryOptions options, PoolOptions bounds) {
    ConnectionFactoryOptions.Builder builder = options.mutate();
    setDefault(options, builder, ConnectionFactoryOptions.CONNECT_TIMEOUT, bounds.connectTimeout());
    if (!options.hasOption(Option.valueOf("connectionTimeZone"))) {
      builder.option(Option.valueOf("connectionTimeZone"), "UTC");
      builder.option(Option.valueOf("forceConnectionTimeZoneToSession"), true);
    }
    setDefault(options, builder, Option.valueOf("tcpKeepAlive"), true);
    setDefault(options, builder, Option.valueOf("sessionVariables"), new String[] {SLOW_READERS});
    return builder.build();
  }

  private static <T> void setDefault(
      ConnectionFactoryOptions options,
      ConnectionFactoryOptions.Builder builder,
      Option<T> option,
      T value) {
    if (!options.hasOption(option)) {
      builder.option(option, value);
    }
  }
}
