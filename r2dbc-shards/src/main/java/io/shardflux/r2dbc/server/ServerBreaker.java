package io.shardflux.r2dbc.server;

import io.github.resilience4j.circuitbreaker.CircuitBreaker;
import io.github.resilience4j.circuitbreaker.CircuitBreaker.State;
import io.github.resilience4j.circuitbreaker.CircuitBreakerConfig;
import io.github.resilience4j.circuitbreaker.CircuitBreakerConfig.SlidingWindowSynchronizationStrategy;
import io.github.resilience4j.circuitbreaker.CircuitBreakerConfig.SlidingWindowType;
import io.shardflux.r2dbc.failure.ShardErrors;
import io.shardflux.r2dbc.settings.BreakerOptions;
import io.shardflux.router.Internal;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import reactor.core.Disposable;
import reactor.core.Disposables;
import reactor.core.publisher.Mono;

/**
 * Decides whether a server is asked. Opens by {@link BreakerOptions}, and closes with the first
 * probe that gets through, so that no user's statement is put at risk to find out.
 */
@Internal
public final class ServerBreaker {

  /** The time within which a server that probed well and fails again is waited for longer. */
  private static final long RELAPSE = TimeUnit.SECONDS.toNanos(10);

  private static final Duration LONGEST_WAIT = Duration.ofSeconds(2);

  private final BreakerOptions bounds;
  private final Mono<?> probe;
  private final Mono<Long> newPassword;
  private final Consumer<String> changed;
  private final CircuitBreaker breaker;
  private final Disposable.Swap probing = Disposables.swap();
  private volatile @Nullable Throwable cause;
  private volatile long lastOpened = System.nanoTime();

  /** The state last acted on. */
  private volatile State seen = State.CLOSED;

  // Guarded by this.
  private Duration wait;
  private boolean relapsing;
  private long closedAt;

  /**
   * A closed breaker.
   *
   * @param probe asks the server, within a bound, and errors if it does not answer
   * @param newPassword ends the wait for the next probe of a server that refused the last login
   * @param changed is told the reason of each change
   */
  ServerBreaker(
      String name,
      BreakerOptions bounds,
      Mono<?> probe,
      Mono<Long> newPassword,
      Consumer<String> changed) {
    this.bounds = bounds;
    this.probe = probe;
    this.newPassword = newPassword;
    this.changed = changed;
    this.wait = bounds.probeInterval();
    this.breaker =
        CircuitBreaker.of(
            name,
            CircuitBreakerConfig.custom()
                // Lock-free, as it is told on event loops.
                .slidingWindow(
                    bounds.window(),
                    bounds.minCalls(),
                    SlidingWindowType.COUNT_BASED,
                    SlidingWindowSynchronizationStrategy.LOCK_FREE)
                .failureRateThreshold(bounds.failureRate())
                .build());
  }

  public boolean closed() {
    return breaker.getState() == State.CLOSED;
  }

  public String state() {
    return breaker.getState().name();
  }

  /** The failure rate in percent; -1 if there were too few statements. */
  public double failureRate() {
    return breaker.getMetrics().getFailureRate();
  }

  /** Tells whether the server has half of the failure rate that would open the breaker. */
  boolean failing() {
    return failureRate() * 2 >= bounds.failureRate();
  }

  /** The reason why the breaker opened last, or null if that was by hand. */
  @Nullable Throwable cause() {
    return breaker.getState() == State.FORCED_OPEN ? null : cause;
  }

  /**
   * The time when the breaker opened last, of {@link System#nanoTime}; if it never did, a time
   * before all use.
   */
  long lastOpened() {
    return lastOpened;
  }

  void succeeded() {
    breaker.onSuccess(0, TimeUnit.NANOSECONDS);
    look();
  }

  void failed(Throwable error) {
    cause = error;
    breaker.onError(0, TimeUnit.NANOSECONDS, error);
    look();
  }

  /** Opens at once. */
  synchronized void trip(Throwable error) {
    if (closed()) {
      cause = error;
      breaker.transitionToOpenState();
      look();
    }
  }

  /** Opens until it is {@linkplain #close closed}, whatever a probe would say. */
  public synchronized void force() {
    if (breaker.getState() != State.FORCED_OPEN) {
      cause = null;
      breaker.transitionToForcedOpenState();
      look();
    }
  }

  public synchronized void close() {
    if (!closed()) {
      breaker.transitionToClosedState();
      look();
    }
  }

  /** Closes the breaker behind a probe. A breaker that was opened by hand meanwhile stays open. */
  private synchronized void probedWell() {
    if (breaker.getState() == State.OPEN) {
      breaker.transitionToClosedState();
      look();
    }
  }

  /** Probes no more. */
  void dispose() {
    probing.dispose();
  }

  /**
   * Looks at the state. resilience4j does not report it without a listener, and with one it makes
   * an event of each success.
   */
  private void look() {
    if (breaker.getState() != seen) {
      act();
    }
  }

  private synchronized void act() {
    State state = breaker.getState();
    if (state != seen) {
      seen = state;
      entered(state);
    }
  }

  // Called under the lock.
  private void entered(State state) {
    switch (state) {
      case OPEN -> {
        noteOpening();
        Throwable reason = cause;
        if (reason == null) {
          reason = new IllegalStateException("not known why");
        }
        probing.update(
            Probing.untilUp(probe, wait, reason, newPassword)
                .subscribe(null, failed -> {}, this::probedWell));
        changed.accept("down: " + ShardErrors.brief(reason));
      }
      case FORCED_OPEN -> {
        noteOpening();
        probing.update(Disposables.single());
        changed.accept("opened by hand");
      }
      default -> {
        closedAt = System.nanoTime();
        relapsing = true;
        probing.update(Disposables.single());
        changed.accept("up again");
      }
    }
  }

  private void noteOpening() {
    lastOpened = System.nanoTime();
    boolean relapse = relapsing && lastOpened - closedAt < RELAPSE;
    Duration doubled = wait.multipliedBy(2);
    Duration longest =
        LONGEST_WAIT.compareTo(bounds.probeInterval()) > 0 ? LONGEST_WAIT : bounds.probeInterval();
    wait = !relapse ? bounds.probeInterval() : doubled.compareTo(longest) < 0 ? doubled : longest;
  }
}
