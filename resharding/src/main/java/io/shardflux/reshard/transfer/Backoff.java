package io.shardflux.reshard.transfer;

import io.shardflux.router.Internal;
import java.time.Duration;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** Pauses between tries of what open transactions hold up: 1 s, 2 s, 4 s and so on up to 60 s. */
@Internal
public final class Backoff {

  private static final Duration FIRST = Duration.ofSeconds(1);
  private static final Duration MOST = Duration.ofSeconds(60);
  private static final int DOUBLINGS = 6;

  private Backoff() {}

  /** Completes after the pause behind each of the failed tries, which are counted from 0. */
  public static Flux<Long> between(Flux<Long> tries) {
    return tries.concatMap(failed -> Mono.delay(pause(failed)));
  }

  static Duration pause(long failed) {
    Duration pause = FIRST.multipliedBy(1L << Math.min(failed, DOUBLINGS));
    return pause.compareTo(MOST) < 0 ? pause : MOST;
  }
}
