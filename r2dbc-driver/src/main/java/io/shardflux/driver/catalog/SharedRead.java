package io.shardflux.driver.catalog;

import java.time.Duration;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Mono;

/**
 * Reads something for all callers that want it at once, so that many callers cost as few readings
 * as callers that come one after the other. A reading goes on even if its callers give up.
 * Thread-safe.
 */
final class SharedRead<T> {

  private final Duration pause;

  // Guarded by this.
  private @Nullable Mono<T> running;
  private @Nullable Mono<T> next;
  private long begun;

  /**
   * Begins without a reading.
   *
   * @param pause the shortest time from the beginning of a reading to the beginning of the next
   */
  SharedRead(Duration pause) {
    this.pause = pause;
    this.begun = System.nanoTime() - pause.toNanos();
  }

  /**
   * The result of a reading that begins after the subscription.
   *
   * @param read does the reading, unless another caller that waits for the same reading does it
   */
  Mono<T> fresh(Supplier<Mono<T>> read) {
    return Mono.defer(() -> begin(read));
  }

  /** The result of the reading under way, otherwise of a new one. */
  Mono<T> current(Supplier<Mono<T>> read) {
    return Mono.defer(() -> join(read));
  }

  private synchronized Mono<T> join(Supplier<Mono<T>> read) {
    Mono<T> now = running;
    return now == null ? begin(read) : now;
  }

  private synchronized Mono<T> begin(Supplier<Mono<T>> read) {
    Mono<T> before = running;
    if (before == null) {
      Mono<T> first = reading(Mono.empty(), read);
      running = first;
      return first;
    }
    Mono<T> after = next;
    if (after == null) {
      // The callers of the reading before are told how it failed.
      after = reading(before.then().onErrorComplete(), read);
      next = after;
    }
    return after;
  }

  private Mono<T> reading(Mono<Void> before, Supplier<Mono<T>> read) {
    return before
        .then(Mono.defer(this::waited))
        .then(Mono.defer(read))
        .doFinally(end -> over())
        .cache();
  }

  private synchronized Mono<Void> waited() {
    long now = System.nanoTime();
    long left = begun + pause.toNanos() - now;
    begun = now + Math.max(left, 0);
    return left <= 0 ? Mono.empty() : Mono.delay(Duration.ofNanos(left)).then();
  }

  private synchronized void over() {
    running = next;
    next = null;
  }
}
