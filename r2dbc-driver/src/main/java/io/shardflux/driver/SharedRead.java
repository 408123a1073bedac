package io.shardflux.driver;

import java.time.Duration;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Mono;

/**
 * Reads something for all who want it at once, so that many who want it cost as few readings as one
 * after the other. A reading goes on if those who wait for it give up. Thread-safe.
 */
final class SharedRead<T> {

  private final Duration pause;

  // Guarded by this.
  private @Nullable Mono<T> running;
  private @Nullable Mono<T> next;
  private long begun;

  /**
   * Readings that are yet to be asked for.
   *
   * @param pause from the beginning of a reading to that of the next, at least
   */
  SharedRead(Duration pause) {
    this.pause = pause;
    this.begun = System.nanoTime() - pause.toNanos();
  }

  /**
   * What a reading says that begins after this is subscribed to.
   *
   * @param read reads it, unless another one who waits for the same does
   */
  Mono<T> fresh(Supplier<Mono<T>> read) {
    return Mono.defer(() -> begin(read));
  }

  /** What the reading says that is under way, or else a new one. */
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
      // Those who wait for the one before are told how it failed.
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
