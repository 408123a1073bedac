package io.shardflux.benchmarks;

import io.shardflux.benchmarks.Meter.Tally;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Supplier;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** A way whose answers come by {@code Mono} and {@code Flux}. */
abstract non-sealed class ReactiveContender extends Contender {

  abstract Mono<User> find(long id);

  /** Gives the number of rows that were stored. */
  abstract Mono<Long> insert(User user);

  /** Gives the number of rows that were stored, in any number of parts. */
  abstract Flux<Long> insertAll(Flux<User> users);

  /** The users from 1 to a last id. */
  abstract Flux<User> all(long last, boolean ordered);

  @Override
  final Tally perform(Task task) {
    return switch (task.act()) {
      case READ -> read(task);
      case INSERT -> insert(task);
      case INSERT_ALL -> insertAll(task);
      case STREAM, STREAM_IN_ORDER -> stream(task);
      case NDJSON -> throw new IllegalArgumentException("task: " + task + " (expected: no HTTP)");
    };
  }

  private Tally read(Task task) {
    Requests requests = new Requests(task);
    SplittableRandom seeds = new SplittableRandom(task.seed());
    return lanes(
        task,
        requests,
        () -> {
          SplittableRandom keys = seeds.split();
          return () -> {
            long id = keys.nextLong(1, task.users() + 1);
            return find(id).map(user -> user.as(id)).single();
          };
        });
  }

  private Tally insert(Task task) {
    Requests requests = new Requests(task);
    return lanes(
        task,
        requests,
        () ->
            () -> Mono.defer(() -> insert(requests.newcomer())).filter(rows -> rows == 1).single());
  }

  /** One request after the other on each lane, until the time is over. */
  private static Tally lanes(Task task, Requests requests, Supplier<Supplier<Mono<?>>> lanes) {
    Flux.range(0, task.inFlight())
        .map(lane -> lanes.get())
        .flatMap(lane -> timed(lane, requests).repeat(requests::more).then(), task.inFlight())
        .then()
        .block(task.bound());
    return requests.tally();
  }

  private static Mono<?> timed(Supplier<Mono<?>> lane, Requests requests) {
    return Mono.defer(
        () -> {
          long start = System.nanoTime();
          return lane.get().doOnSuccess(answer -> requests.answered(start));
        });
  }

  private Tally insertAll(Task task) {
    Requests requests = new Requests(task);
    LongAdder sent = new LongAdder();
    LongAdder stored = new LongAdder();
    Flux<User> users =
        Flux.generate(
            sink -> {
              if (requests.more()) {
                sent.increment();
                sink.next(requests.newcomer());
              } else {
                sink.complete();
              }
            });
    insertAll(users).doOnNext(stored::add).then().block(task.bound());
    if (stored.sum() != sent.sum()) {
      throw new IllegalStateException("rows stored: " + stored + " (expected: " + sent + ")");
    }
    return new Tally(stored.sum(), latencies());
  }

  private Tally stream(Task task) {
    Census census = new Census(task);
    all(task.users(), task.act() == Task.Act.STREAM_IN_ORDER)
        .doOnNext(census::take)
        .then()
        .block(task.bound());
    return census.whole(task);
  }
}
