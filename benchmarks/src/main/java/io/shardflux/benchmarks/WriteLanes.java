package io.shardflux.benchmarks;

import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.Supplier;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** Writers that each have one write under way at a time, and how long each write took. */
final class WriteLanes {

  private static final Duration BOUND = Duration.ofMinutes(5);

  private final Queue<Write> writes = new ConcurrentLinkedQueue<>();
  private final Mono<Void> all;
  private volatile boolean over;

  private record Write(long at, long nanos) {}

  /**
   * What writers felt in a time.
   *
   * @param perSecond the writes that began then, for each second
   * @param p50 the median of their times, in milliseconds
   * @param p99 what 99 of 100 took at most
   * @param longest what the longest took
   */
  record Felt(double perSecond, double p50, double p99, double longest) {}

  /** Begins at once. */
  WriteLanes(int lanes, Supplier<Mono<Long>> write) {
    this.all =
        Flux.range(0, lanes)
            .flatMap(lane -> Mono.defer(() -> timed(write)).repeat(() -> !over), lanes)
            .then()
            .cache();
    all.subscribe();
  }

  /** A write that errors is none of those that are counted. */
  private Mono<Long> timed(Supplier<Mono<Long>> write) {
    long start = System.nanoTime();
    return write
        .get()
        .doOnNext(rows -> writes.add(new Write(start, System.nanoTime() - start)))
        .onErrorComplete();
  }

  /** Ends the writers, and waits for their last writes. */
  void end() {
    over = true;
    all.block(BOUND);
  }

  /** What writers felt between two moments of {@link System#nanoTime}. */
  Felt between(long from, long to) {
    List<Write> some =
        writes.stream().filter(write -> write.at() >= from && write.at() < to).toList();
    if (some.isEmpty()) {
      throw new IllegalStateException("writes: none in " + (to - from) + " ns (expected: some)");
    }
    double[] millis = some.stream().mapToDouble(write -> write.nanos() / 1e6).toArray();
    Arrays.sort(millis);
    return new Felt(
        millis.length * 1e9 / (to - from),
        millis[millis.length / 2],
        millis[(int) (millis.length * 99L / 100)],
        millis[millis.length - 1]);
  }
}
