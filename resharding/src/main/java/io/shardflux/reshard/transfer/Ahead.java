package io.shardflux.reshard.transfer;

import java.util.function.Function;
import java.util.function.Predicate;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import reactor.core.Exceptions;
import reactor.core.publisher.Mono;

/** Reads a part while the one before is written, and never more than that one. */
final class Ahead {

  private Ahead() {}

  /**
   * A part that was read and not written.
   *
   * @param part null at the end
   * @param sum of what was written before
   */
  private record State<T>(@Nullable T part, long sum) {}

  /**
   * Does so until the last part; gives the sum of what was written. An error is told once neither
   * side is at work, as no other statement could follow on its connection before.
   *
   * @param next reads the next part
   * @param write gives a number
   */
  static <T> Mono<Long> written(
      Supplier<Mono<T>> next, Predicate<T> last, Function<T, Mono<Long>> write) {
    return Mono.defer(next)
        .map(part -> new State<>(part, 0))
        .expand(state -> following(state, next, last, write))
        .last()
        .map(State::sum);
  }

  private static <T> Mono<State<T>> following(
      State<T> state, Supplier<Mono<T>> next, Predicate<T> last, Function<T, Mono<Long>> write) {
    T part = state.part();
    if (part == null) {
      return Mono.empty();
    }
    Mono<Long> written = write.apply(part).map(count -> count + state.sum());
    return last.test(part)
        ? written.map(sum -> new State<>(null, sum))
        : Mono.zipDelayError(written, Mono.defer(next))
            .map(both -> new State<>(both.getT2(), both.getT1()))
            .onErrorMap(error -> Exceptions.unwrapMultiple(error).get(0));
  }
}
