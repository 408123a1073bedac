package io.shardflux.reshard;

import java.time.Duration;
import reactor.core.publisher.Mono;

/**
 * How fast a move may change rows.
 *
 * @param rowsPerSecond the most rows a second; 0 for no limit
 */
record Pace(int rowsPerSecond) {

  private static final long SECOND = Duration.ofSeconds(1).toNanos();

  /** Does a piece of work, and waits until so many rows may have been changed. */
  Mono<Long> kept(Mono<Long> piece) {
    if (rowsPerSecond == 0) {
      return piece;
    }
    return piece
        .timed()
        .flatMap(
            done -> {
              Duration least = Duration.ofNanos(done.get() * SECOND / rowsPerSecond);
              Duration left = least.minus(done.elapsed());
              Mono<Long> rows = Mono.just(done.get());
              return left.isNegative() ? rows : rows.delayElement(left);
            });
  }
}
