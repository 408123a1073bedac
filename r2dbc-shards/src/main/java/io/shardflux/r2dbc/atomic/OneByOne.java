package io.shardflux.r2dbc.atomic;

import java.time.Duration;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Supplier;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;

/** Runs one thing after the other. Thread-safe. */
final class OneByOne {

  private final AtomicReference<Mono<Void>> last = new AtomicReference<>(Mono.empty());

  /**
   * Runs it once all before have ended.
   *
   * @param late the error where that takes longer than the patience
   */
  Mono<Void> run(Mono<Void> work, Duration patience, Supplier<Throwable> late) {
    return Mono.usingWhen(
        Mono.fromSupplier(this::queue),
        turn -> turn.before.timeout(patience, Mono.error(late)).then(work),
        turn -> Mono.fromRunnable(turn::end),
        (turn, error) -> Mono.fromRunnable(turn::end),
        turn -> Mono.fromRunnable(turn::end));
  }

  private Turn queue() {
    Sinks.Empty<Void> mine = Sinks.empty();
    return new Turn(last.getAndSet(mine.asMono()), mine);
  }

  private record Turn(Mono<Void> before, Sinks.Empty<Void> mine) {

    /** One that gave up lets the next one in no sooner than those before have ended. */
    void end() {
      before.subscribe(null, null, mine::tryEmitEmpty);
    }
  }
}
