package io.shardflux.r2dbc;

import io.r2dbc.pool.ConnectionPool;
import io.r2dbc.pool.ConnectionPoolConfiguration;
import io.r2dbc.pool.PoolMetrics;
import io.r2dbc.spi.Connection;
import io.r2dbc.spi.ConnectionFactories;
import io.r2dbc.spi.ConnectionFactory;
import io.r2dbc.spi.ConnectionFactoryOptions;
import io.r2dbc.spi.Option;
import io.r2dbc.spi.ValidationDepth;
import io.shardflux.router.ShardId;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.reactivestreams.Publisher;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.Disposable;
import reactor.core.Disposables;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
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
  private final ConnectionFactory factory;
  private final ConnectionPool pool;
  private final AtomicReference<@Nullable Throwable> downBecause = new AtomicReference<>();
  private final Disposable.Swap probe = Disposables.swap();
  // Statements under way; once it is closing, less by CLOSING.
  private final AtomicInteger inFlight = new AtomicInteger();
  private final Sinks.Empty<Void> idle = Sinks.empty();
  private volatile boolean closing;

  ShardPool(Shard shard, PoolBounds routerBounds) {
    this.shard = shard;
    this.bounds = shard.pool() == null ? routerBounds : shard.pool();
    this.factory = ConnectionFactories.get(withDefaults(shard.options(), bounds));
    this.pool = new ConnectionPool(configuration());
  }

  ShardId id() {
    return shard.id();
  }

  /** Opens the idle minimum. A shard that is down completes all the same. */
  Mono<Void> warmUp() {
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
    if (closing) {
      leave();
      return false;
    }
    return true;
  }

  void leave() {
    if (inFlight.decrementAndGet() == 0 && closing) {
      idle.tryEmitEmpty();
    }
  }

  /**
   * Runs the work on a connection of its own, and takes that back when the work ends, fails or is
   * cancelled.
   */
  <T> Flux<T> withConnection(Function<Connection, ? extends Publisher<T>> work) {
    return Flux.usingWhen(acquire(), work, Connection::close)
        .onErrorMap(error -> ShardErrors.named(id(), error));
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

  /** Lets the statements under way finish for at most that time, then closes every connection. */
  Mono<Void> close(Duration patience) {
    return Mono.defer(
        () -> {
          closing = true;
          probe.dispose();
          if (inFlight.get() == 0) {
            idle.tryEmitEmpty();
          }
          return idle.asMono()
              .timeout(
                  patience,
                  Mono.fromRunnable(
                      () -> log.warn("{} closed with {} statements under way", shard, inFlight)))
              .then(pool.disposeLater());
        });
  }

  private Mono<Connection> acquire() {
    return Mono.defer(
        () -> {
          Throwable cause = downBecause.get();
          if (cause != null) {
            return Mono.error(down(cause));
          }
          return pool.create()
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
    if (!closing && ShardErrors.connectFailure(error) && downBecause.compareAndSet(null, error)) {
      log.warn("{} is down: {}", shard, error.toString());
      probe.update(probeUntilUp().subscribe());
    }
  }

  private Mono<Void> probeUntilUp() {
    return Mono.usingWhen(factory.create(), this::alive, Connection::close)
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
    return ConnectionPoolConfiguration.builder(factory)
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
        .acquireRetry(bounds.maxSize())
        .customizer(builder -> builder.maxPendingAcquire(bounds.maxPending()))
        .build();
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
