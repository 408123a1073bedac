package io.shardflux.reshard.transfer;

import io.shardflux.router.Internal;
import java.time.Duration;
import reactor.core.publisher.Mono;

/**
 * The rate at which a move may change rows.
 *
 * @param rowsPerSecond the most rows a second; 0 for no limit
 */
@Internal
public record Pace(int rowsPerSecond) {

  private static final int FEWEST = 10;
  private static final long SECOND = Duration.ofSeconds(1).toNanos();

  /** So many rows of a piece as are changed in a second, and no more than that many. */
  public int rows(int most) {
    return rowsPerSecond == 0 ? most : Math.max(FEWEST, Math.min(most, rowsPerSecond));
  }

  /** Does a piece of work, and waits until so many rows may have been changed. */
  public Mono<Long> kept(Mono<Long> piece) {
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
