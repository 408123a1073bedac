package io.shardflux.r2dbc;

import java.time.Duration;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Mono;

/** Asks again and again until the answer is as it is wanted, for a bounded time. */
public final class Await {

  private static final Duration BOUND = Duration.ofSeconds(30);
  private static final Duration POLL = Duration.ofMillis(20);

  private Await() {}

  /**
   * Gives the first answer that is as wanted.
   *
   * @param what is wanted, for the error that also has the last answer
   */
  public static <T> T until(String what, Mono<T> question, Predicate<? super T> wanted) {
    AtomicReference<@Nullable T> last = new AtomicReference<>();
    return question
        .doOnNext(last::set)
        .filter(wanted)
        .repeatWhenEmpty(tries -> tries.delayElements(POLL))
        .timeout(
            BOUND,
            Mono.error(
                () -> new AssertionError(what + " (expected within " + BOUND + "): " + last.get())))
        .blockOptional()
        .orElseThrow();
  }
}
