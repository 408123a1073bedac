package io.shardflux.r2dbc.server;

import io.r2dbc.spi.Connection;
import io.shardflux.r2dbc.failure.ForeignDatabaseException;
import io.shardflux.r2dbc.failure.ShardErrors;
import io.shardflux.r2dbc.failure.ShardUnavailableException;
import io.shardflux.r2dbc.settings.BreakerOptions;
import io.shardflux.r2dbc.settings.PoolOptions;
import io.shardflux.r2dbc.settings.Server;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import reactor.core.Disposable;
import reactor.core.Disposables;
import reactor.core.publisher.Mono;

/**
 * Judges whether a server is out, by what its statements and the openings of its connections come
 * to. It is out when nothing open works and nothing can be opened. Where open connections still
 * answer it is impaired: callers wait for these, and a probe tells when more can be opened.
 *
 * <p>A late statement or a lost connection proves neither: it has the server looked at, and counts
 * for the breaker only if that gets no answer.
 */
final class ServerWatch {

  private static final long LOOKS_APART = Duration.ofSeconds(1).toNanos();

  private final Server server;
  private final PoolOptions bounds;
  private final ServerConnections connections;
  private final Supplier<Mono<Boolean>> anyWorks;
  private final Consumer<String> changed;
  private final Openings openings;
  private final ServerBreaker breaker;
  private final Duration probeInterval;
  private final Disposable.Swap reopening = Disposables.swap();
  private final AtomicBoolean looking = new AtomicBoolean();
  private final AtomicBoolean judging = new AtomicBoolean();
  private final AtomicInteger doubts = new AtomicInteger();
  private final AtomicLong answeredAt = new AtomicLong(System.nanoTime());
  private volatile long lookedAt = System.nanoTime() - LOOKS_APART;
  private volatile boolean impaired;
  private volatile boolean failing;
  private volatile boolean closing;

  /**
   * Nothing is known against the server.
   *
   * @param anyWorks asks the open connections whether one of them reads a row, within a bound
   * @param changed is told the reason when the server goes out, comes back, or is impaired
   */
  ServerWatch(
      Server server,
      PoolOptions bounds,
      BreakerOptions breakerBounds,
      ServerConnections connections,
      Supplier<Mono<Boolean>> anyWorks,
      Consumer<String> changed) {
    this.server = server;
    this.bounds = bounds;
    this.connections = connections;
    this.anyWorks = anyWorks;
    this.changed = changed;
    this.openings = new Openings(bounds, connections::anyOpen);
    this.probeInterval = breakerBounds.probeInterval();
    this.breaker =
        new ServerBreaker(
            server.toString(),
            breakerBounds,
            probe(),
            connections.newPassword(),
            this::breakerTold);
  }

  ServerBreaker breaker() {
    return breaker;
  }

  Openings openings() {
    return openings;
  }

  /**
   * Tells whether the server is asked and all is not well: it fails often, or opens no connections.
   */
  boolean impaired() {
    return impaired || breaker.failing();
  }

  /** Opens a connection for the pool, and notes the outcome. */
  Mono<Connection> opening() {
    return Mono.defer(
        () -> {
          Throwable full = openings.full();
          if (!breaker.closed() || full != null) {
            return Mono.error(full == null ? down() : full);
          }
          long since = System.nanoTime();
          // Ended once, and before the pool looks whether it may open another one.
          return Mono.using(
              openings::begun,
              begun ->
                  connections
                      .open(bounds)
                      .doOnNext(connection -> opened())
                      .doOnError(error -> judge(error, since).subscribe()),
              Openings::ended,
              true);
        });
  }

  /** The error that callers get while the breaker is open. */
  ShardUnavailableException down() {
    Throwable cause = breaker.cause();
    return new ShardUnavailableException(
        server.shard(), ShardUnavailableException.Why.NOT_ASKED, whyDown(cause), cause);
  }

  private String whyDown(@Nullable Throwable cause) {
    if (cause == null) {
      return "taken out by hand, not asked (expected: its breaker closed again)";
    }
    if (cause instanceof ForeignDatabaseException) {
      return "not asked, " + cause.getMessage();
    }
    return "down, not asked (expected: a server that "
        + (ShardErrors.refused(cause) ? "lets this user in at " : "answers at ")
        + server.address()
        + "; it is probed until it does)";
  }

  /** A statement was answered, if only by an error. */
  void answered() {
    answeredAt.setRelease(System.nanoTime());
    breaker.succeeded();
    if (failing && !breaker.failing()) {
      failing = false;
      tell("fails seldom again");
    }
  }

  /** A statement was answered by an error. */
  void answeredBy(Throwable error) {
    answered();
    if (ShardErrors.nothingThere(error)) {
      look(true);
    }
  }

  /**
   * Takes a statement that was late or lost its connection.
   *
   * @param since the time when it began, of {@link System#nanoTime}
   * @param counts whether it speaks against the server, if that answers nothing else meanwhile
   */
  void failed(Throwable error, long since, boolean counts) {
    if (counts && !answeredSince(since)) {
      doubts.incrementAndGet();
    }
    look(ShardErrors.lost(error));
  }

  void close() {
    closing = true;
    reopening.dispose();
    breaker.dispose();
  }

  private boolean answeredSince(long nanos) {
    return answeredAt.get() - nanos > 0;
  }

  private void tell(String reason) {
    changed.accept(server + " " + reason);
  }

  // Called under the breaker's lock.
  private void breakerTold(String reason) {
    clear();
    failing = false;
    doubts.set(0);
    tell(reason);
  }

  /**
   * Looks at the server once, and not too often.
   *
   * @param surely also where it has answered something until then
   */
  private void look(boolean surely) {
    if (closing || !breaker.closed() || !looking.compareAndSet(false, true)) {
      return;
    }
    long wanted = System.nanoTime();
    Mono.delay(Duration.ofNanos(Math.max(0, lookedAt + LOOKS_APART - wanted)))
        .flatMap(tick -> !surely && answeredSince(wanted) ? Mono.just(true) : ask())
        // To be judged is all that an error is for, and that has been done.
        .onErrorReturn(false)
        .subscribe(this::looked);
  }

  private Mono<Boolean> ask() {
    long since = System.nanoTime();
    return probe()
        .<Boolean>thenReturn(true)
        .doOnNext(up -> opened())
        .onErrorResume(error -> judge(error, since));
  }

  private void looked(boolean answers) {
    int unanswered = doubts.getAndSet(0);
    if (!answers && breaker.closed()) {
      for (int i = 0; i < unanswered; i++) {
        breaker.failed(new IllegalStateException("statements are late and nothing answers"));
      }
      if (!failing && breaker.failing()) {
        failing = true;
        tell("fails often");
      }
    }
    lookedAt = System.nanoTime();
    looking.set(false);
  }

  /** A connection could be opened: there is no obstacle any more. */
  private void opened() {
    answeredAt.setRelease(System.nanoTime());
    if (clear()) {
      tell("opens connections again");
    }
  }

  private synchronized boolean clear() {
    boolean was = impaired;
    impaired = false;
    openings.resume();
    reopening.update(Disposables.single());
    return was;
  }

  /**
   * Judges a connection that could not be opened: whether the server answers all the same. Its open
   * connections are asked if nothing else was answered since that opening began.
   */
  private Mono<Boolean> judge(Throwable error, long since) {
    return Mono.defer(
        () -> {
          if (closing || !breaker.closed()) {
            return Mono.just(false);
          }
          // Answers are no sign of life where they only say that the database is gone.
          boolean gone = ShardErrors.noDatabase(error);
          if (ShardErrors.noRoom(error)
              || (!gone && connections.anyOpen() && answeredSince(since))) {
            impair(error);
            return Mono.just(true);
          }
          if (!connections.anyOpen()) {
            breaker.trip(error);
            return Mono.just(false);
          }
          if (!judging.compareAndSet(false, true)) {
            return Mono.just(true);
          }
          openings.suspend(error);
          return anyWorks
              .get()
              .map(works -> decided(error, works || (!gone && answeredSince(since)), gone))
              .doFinally(end -> judging.set(false));
        });
  }

  /**
   * Takes the judgement. A server that refuses a login lives, and connections that are busy may
   * come back.
   */
  private boolean decided(Throwable error, boolean answers, boolean gone) {
    if (answers || (!gone && ShardErrors.refused(error) && connections.anyOpen())) {
      impair(error);
    } else {
      breaker.trip(error);
    }
    return answers;
  }

  private synchronized void impair(Throwable error) {
    if (closing || !breaker.closed()) {
      return;
    }
    openings.suspend(error);
    if (!impaired) {
      impaired = true;
      reopening.update(
          Probing.untilUp(
                  probe().doOnError(this::notReopened),
                  probeInterval,
                  error,
                  connections.newPassword())
              .subscribe(null, failed -> {}, this::opened));
      tell("opens no connections: " + ShardErrors.brief(error));
    }
  }

  /** Takes a failed opening, also when no caller asks the server any more. */
  private void notReopened(Throwable error) {
    if (ShardErrors.noRoom(error)) {
      openings.suspend(error);
    } else if (!connections.anyOpen() && !closing) {
      breaker.trip(error);
    }
  }

  /** Reads a row, on a connection of its own. */
  private Mono<?> probe() {
    return Mono.usingWhen(connections.open(bounds), Mono::just, connections::close);
  }
}
