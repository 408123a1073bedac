package io.shardflux.r2dbc;

import io.r2dbc.pool.ConnectionPool;
import io.r2dbc.pool.ConnectionPoolConfiguration;
import io.r2dbc.pool.PoolMetrics;
import io.r2dbc.spi.Connection;
import io.r2dbc.spi.ConnectionFactoryOptions;
import io.r2dbc.spi.Option;
import io.r2dbc.spi.R2dbcException;
import io.r2dbc.spi.ValidationDepth;
import io.shardflux.router.ShardId;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.reactivestreams.Publisher;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.pool.PooledRefMetadata;
import reactor.util.retry.Retry;

/**
 * One shard's connections, and what is known of its server. Opens nothing before its first use.
 * Once a connection can't be opened the shard counts as down, and is not asked, until a probe of
 * its own gets through.
 */
final class ShardPool {

  private static final Logger log = LoggerFactory.getLogger(ShardPool.class);
  private static final Duration PROBE_INTERVAL = Duration.ofMillis(250);
  private static final Duration EVICTION_INTERVAL = Duration.ofSeconds(30);
  private static final Duration CONNECT_MARGIN = Duration.ofSeconds(1);

  private final Shard shard;
  private final PoolBounds bounds;
  private final ServerConnections connections;
  private final ConnectionPool pool;
  private final Settlement settlement;
  private final AtomicReference<@Nullable Throwable> downBecause = new AtomicReference<>();
  private final Sinks.Empty<Void> closingBegun = Sinks.empty();
  // Statements under way, and connections being taken back.
  private final AtomicInteger inFlight = new AtomicInteger();
  private final Sinks.Empty<Void> idle = Sinks.empty();
  private final Sinks.Empty<Void> closed = Sinks.empty();
  private final AtomicBoolean closing = new AtomicBoolean();

  ShardPool(Shard shard, PoolBounds routerBounds) {
    this.shard = shard;
    this.bounds = shard.pool() == null ? routerBounds : shard.pool();
    checkTls(shard);
    this.connections = new ServerConnections(withDefaults(shard.options(), bounds));
    this.pool = new ConnectionPool(configuration());
    this.settlement = new Settlement(shard, connections, bounds);
  }

  private static void checkTls(Shard shard) {
    try {
      var unused = Tls.loaded(shard.options());
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException("shard " + shard.id() + ", " + e.getMessage(), e);
    }
  }

  ShardId id() {
    return shard.id();
  }

  /** Opens the idle minimum. A shard that is down, or a closing pool, completes all the same. */
  Mono<Void> warmUp() {
    // Entered as a statement is: a pool disposed of meanwhile would leave the connections open.
    return Mono.using(
        this::enter,
        entered -> entered ? openIdle() : Mono.empty(),
        entered -> {
          if (entered) {
            leave();
          }
        });
  }

  private Mono<Void> openIdle() {
    return pool.warmup()
        .doOnError(this::noteFailure)
        .onErrorResume(
            error -> {
              log.warn("{} can't be warmed up: {}", shard, error.toString());
              return Mono.empty();
            })
        .then();
  }

  /** Whether a statement may start; each that did is to {@link #leave}. */
  boolean enter() {
    inFlight.incrementAndGet();
    if (closing.get()) {
      leave();
      return false;
    }
    return true;
  }

  void leave() {
    if (inFlight.decrementAndGet() == 0 && closing.get()) {
      idle.tryEmitEmpty();
    }
  }

  /**
   * Runs the work on a connection of its own, and takes that back when the work ends, fails or is
   * cancelled; a statement that is then still under way is ended on the server.
   */
  <T> Flux<T> withConnection(Function<Connection, ? extends Publisher<T>> work) {
    return Flux.usingWhen(
            acquire(),
            connection -> Flux.from(work.apply(connection)).cancelOn(connections.loop(connection)),
            Connection::close,
            this::afterError,
            this::takeBack)
        .onErrorMap(error -> ShardErrors.named(id(), error));
  }

  /** The same for work that may end with a statement of its own half read. */
  <T> Flux<T> lend(Function<Connection, ? extends Publisher<T>> work) {
    return withConnection(
        connection ->
            Flux.concat(work.apply(connection), nothing(settlement.settleBehindWork(connection))));
  }

  /**
   * The same in a transaction, committed when the work completes. Behind an error or a cancel the
   * connection is taken back, and that rolls back.
   */
  <T> Flux<T> withTransaction(Function<Connection, ? extends Publisher<T>> work) {
    return withConnection(
        connection ->
            Flux.concat(
                nothing(connection.beginTransaction()),
                Flux.defer(() -> work.apply(connection)),
                nothing(settlement.settleBehindWork(connection)),
                nothing(Mono.defer(() -> Mono.from(connection.commitTransaction())))));
  }

  private static <T> Flux<T> nothing(Publisher<Void> step) {
    return Mono.from(step).<T>then(Mono.empty()).flux();
  }

  ShardStatistics statistics(@Nullable Long rowCount) {
    PoolMetrics metrics = pool.getMetrics().orElseThrow();
    return new ShardStatistics(
        id(),
        shard.host(),
        shard.port(),
        downBecause.get() == null ? ShardStatistics.Status.ACTIVE : ShardStatistics.Status.DOWN,
        (double) inFlight.get() / bounds.maxSize(),
        rowCount,
        new ShardStatistics.Pool(
            metrics.acquiredSize(),
            metrics.idleSize(),
            metrics.pendingAcquireSize(),
            metrics.getMaxAllocatedSize()));
  }

  /**
   * Lets the statements under way finish for at most that time, then ends them and closes every
   * connection. Once begun it goes on by itself: who calls it again waits for the same end, and a
   * cancel only ends the waiting.
   */
  Mono<Void> close(Duration patience) {
    return Mono.defer(
        () -> {
          if (closing.compareAndSet(false, true)) {
            closingBegun.tryEmitEmpty();
            if (inFlight.get() == 0) {
              idle.tryEmitEmpty();
            }
            shutDown(patience).subscribe(null, closed::tryEmitError, closed::tryEmitEmpty);
          }
          return closed.asMono();
        });
  }

  private Mono<Void> shutDown(Duration patience) {
    return idle.asMono()
        .timeout(
            patience,
            Mono.fromRunnable(
                () -> log.warn("{} closed with {} statements under way", shard, inFlight)))
        .then(pool.disposeLater())
        .thenMany(Flux.defer(() -> Flux.fromIterable(connections.all())).flatMap(this::end))
        .then(settlement.close());
  }

  private Mono<Void> end(Connection connection) {
    return settlement.settle(connection).then(connections.cut(connection));
  }

  private Publisher<Void> afterError(Connection connection, Throwable error) {
    boolean answered = error instanceof R2dbcException said && said.getErrorCode() != 0;
    return answered && connection.isAutoCommit() ? connection.close() : takeBack(connection);
  }

  private Mono<Void> takeBack(Connection connection) {
    return Mono.defer(
            () -> {
              inFlight.incrementAndGet();
              return settlement.settle(connection).then(rollBack(connection));
            })
        .then(Mono.from(connection.close()))
        .onErrorResume(
            error -> {
              log.warn("{}: a connection could not be given back: {}", shard, error.toString());
              return Mono.empty();
            })
        .doFinally(end -> leave());
  }

  /** A connection whose transaction can't be rolled back must not be used again. */
  private Mono<Void> rollBack(Connection connection) {
    return Mono.defer(
        () ->
            !connections.open(connection) || connection.isAutoCommit()
                ? Mono.empty()
                : Mono.from(connection.rollbackTransaction())
                    .timeout(bounds.validationTimeout())
                    .onErrorResume(error -> connections.cut(connection)));
  }

  private Mono<Connection> acquire() {
    return Mono.defer(
        () -> {
          Throwable cause = downBecause.get();
          if (cause != null) {
            return Mono.error(down(cause));
          }
          return new Acquisition(pool.create())
              .doOnError(this::noteFailure)
              .onErrorMap(error -> ShardErrors.notAcquired(shard, bounds, error));
        });
  }

  private ShardUnavailableException down(Throwable cause) {
    return new ShardUnavailableException(
        id(),
        "down, not asked (expected: a server at "
            + shard.host()
            + ":"
            + shard.port()
            + "; it is probed every "
            + PROBE_INTERVAL.toMillis()
            + " ms)",
        cause);
  }

  private void noteFailure(Throwable error) {
    if (!closing.get()
        && ShardErrors.connectFailure(error)
        && downBecause.compareAndSet(null, error)) {
      log.warn("{} is down: {}", shard, error.toString());
      probeUntilUp().takeUntilOther(closingBegun.asMono()).subscribe();
    }
  }

  private Mono<Void> probeUntilUp() {
    return Mono.usingWhen(connections.create(), this::alive, connections::close)
        .timeout(bounds.connectTimeout().plus(CONNECT_MARGIN))
        .delaySubscription(PROBE_INTERVAL)
        .retryWhen(Retry.indefinitely())
        .doOnSuccess(
            up -> {
              downBecause.set(null);
              log.info("{} is up again", shard);
            })
        .then();
  }

  private Mono<Boolean> alive(Connection connection) {
    return Mono.from(connection.validate(ValidationDepth.REMOTE))
        .filter(Boolean::booleanValue)
        .switchIfEmpty(Mono.error(() -> new IllegalStateException("not valid")));
  }

  private ConnectionPoolConfiguration configuration() {
    return ConnectionPoolConfiguration.builder(connections)
        .name(shard.id().value())
        .initialSize(0)
        .minIdle(bounds.minIdle())
        .maxSize(bounds.maxSize())
        .maxAcquireTime(bounds.acquireTimeout())
        .maxCreateConnectionTime(bounds.connectTimeout().plus(CONNECT_MARGIN))
        .maxValidationTime(bounds.validationTimeout())
        .maxIdleTime(bounds.maxIdleTime())
        .maxLifeTime(bounds.maxLifetime())
        .backgroundEvictionInterval(EVICTION_INTERVAL)
        .validationDepth(ValidationDepth.LOCAL)
        .acquireRetry(0)
        .customizer(
            builder ->
                builder
                    .maxPendingAcquire(bounds.maxPending())
                    .destroyHandler(connections::close)
                    .evictionPredicate(this::spent))
        .build();
  }

  /** A lost connection is dropped when it is met in the pool, so that no statement ever sees it. */
  private boolean spent(Connection connection, PooledRefMetadata metadata) {
    return !connections.open(connection)
        || metadata.idleTime() >= bounds.maxIdleTime().toMillis()
        || metadata.lifeTime() >= bounds.maxLifetime().toMillis();
  }

  /**
   * Sessions run in UTC, so that SQL and Java agree on an instant's text; what the user set stays.
   */
  private static ConnectionFactoryOptions withDefaults(
      ConnectionFactoryOptions options, PoolBounds bounds) {
    ConnectionFactoryOptions.Builder builder = options.mutate();
    setDefault(options, builder, ConnectionFactoryOptions.CONNECT_TIMEOUT, bounds.connectTimeout());
    if (!options.hasOption(Option.valueOf("connectionTimeZone"))) {
      builder.option(Option.valueOf("connectionTimeZone"), "UTC");
      builder.option(Option.valueOf("forceConnectionTimeZoneToSession"), true);
    }
    setDefault(options, builder, Option.valueOf("tcpKeepAlive"), true);
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
