package io.shardflux.driver.plan;

import io.r2dbc.spi.R2dbcTimeoutException;
import io.r2dbc.spi.R2dbcTransientResourceException;
import java.time.Duration;
import java.util.concurrent.CancellationException;
import java.util.concurrent.RejectedExecutionException;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Scheduler;
import reactor.core.scheduler.Schedulers;

/**
 * Analyses new texts and plans long statements on threads of its own, as many as there are
 * processors, so that no event loop waits for it. No texts can take more of the machine than that.
 * A caller that gives up frees its thread.
 */
final class Planning {

  static final int THREADS = Math.max(2, Runtime.getRuntime().availableProcessors());

  /** The number of statements that may wait for each thread. */
  static final int MOST_WAITING = 1_000;

  private static final int IDLE_SECONDS = 60;

  private static final Scheduler SCHEDULER =
      Schedulers.newBoundedElastic(THREADS, MOST_WAITING, "shardflux-planning", IDLE_SECONDS, true);

  private Planning() {}

  /**
   * The work's result, on a thread for such work. The thread is interrupted if no subscriber waits
   * any more.
   *
   * @param time the bound on the wait for it
   * @param sql its statement, for errors
   */
  static <T> Mono<T> run(Supplier<T> work, Duration time, String sql) {
    return Mono.<Done<T>>fromCallable(() -> done(work))
        .subscribeOn(SCHEDULER)
        .onErrorMap(RejectedExecutionException.class, full -> overloaded(sql))
        .timeout(time, Mono.error(() -> late(time, sql)))
        .map(Done::result);
  }

  /** The result, or the error as a value, so that an error without a subscriber is not logged. */
  private static <T> @Nullable Done<T> done(Supplier<T> work) {
    try {
      return new Done<>(work.get(), null);
    } catch (CancellationException givenUp) {
      return null;
    } catch (RuntimeException e) {
      return new Done<>(null, e);
    }
  }

  private record Done<T>(@Nullable T value, @Nullable RuntimeException error) {

    T result() {
      if (error != null) {
        throw error;
      }
      if (value == null) {
        throw new IllegalStateException("planning: nothing (expected: a result)");
      }
      return value;
    }
  }

  private static R2dbcTransientResourceException overloaded(String sql) {
    return new R2dbcTransientResourceException(
        "planning: more than "
            + THREADS * MOST_WAITING
            + " statements wait for it (expected: fewer new or long texts at once)",
        null,
        0,
        sql,
        (Throwable) null);
  }

  private static R2dbcTimeoutException late(Duration time, String sql) {
    return new R2dbcTimeoutException(
        "planning: not done within "
            + time.toMillis()
            + " ms (expected: within the statement's time; make its text shorter, or raise"
            + " timeouts.total)",
        null,
        0,
        sql,
        (Throwable) null);
  }
}
