package io.shardflux.spring.actuate;

import io.shardflux.reshard.ShardMoves;
import io.shardflux.reshard.progress.MoveProgress;
import io.shardflux.router.Internal;
import java.time.Duration;
import java.util.Optional;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * The move that can't go on, for health. The control server is asked at most once a second, and an
 * answer is waited for no longer than {@link #WAIT}.
 */
@Internal
public final class StuckMove {

  static final Duration WAIT = Duration.ofMillis(250);
  private static final Duration FRESH = Duration.ofSeconds(1);

  private final Mono<Optional<Object>> last;

  private StuckMove(Mono<Optional<Object>> look) {
    // One look is shared, also by those who no longer wait for it.
    this.last = look.cache(FRESH);
  }

  /** What health shows of it; the error itself may name rows, and is for operators. */
  record Shown(long job, int step, String phase) {

    public static Shown of(MoveProgress move) {
      return new Shown(move.job(), move.step(), move.phase());
    }
  }

  public static StuckMove of(ShardMoves moves) {
    return new StuckMove(
        Flux.defer(moves::all)
            .filter(MoveProgress::stuck)
            .next()
            .map(move -> Optional.<Object>of(Shown.of(move)))
            .defaultIfEmpty(Optional.empty()));
  }

  /** The move; empty if there is none. Errors if that is not known in time. */
  Mono<Optional<Object>> look() {
    return last.timeout(WAIT);
  }
}
