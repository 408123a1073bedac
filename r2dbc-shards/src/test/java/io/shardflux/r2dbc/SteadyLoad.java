package io.shardflux.r2dbc;

import static io.shardflux.r2dbc.TestShards.BOUND;
import static io.shardflux.r2dbc.TestShards.USERS;

import io.shardflux.router.ShardId;
import io.shardflux.router.ShardKey;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Queue;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;

/**
 * Reads by key on every shard, by a few workers a shard that each read one row after the other: so
 * a shard that hangs keeps none but its own workers from reading. Begins when it is made, and
 * remembers every read until it is {@linkplain #takeReads() taken}.
 */
final class SteadyLoad implements AutoCloseable {

  private static final int WORKERS = 4;
  private static final Duration PAUSE = Duration.ofMillis(10);

  /**
   * One read that has ended.
   *
   * @param begun when, by {@link System#nanoTime()}
   * @param error why it failed, or null if it gave its row
   */
  record Read(ShardId shard, long begun, long ended, @Nullable Throwable error) {

    Duration elapsed() {
      return Duration.ofNanos(ended - begun);
    }
  }

  /** Some reads, in the order of their ends. */
  record Reads(List<Read> all) {

    Reads of(ShardId shard) {
      return where(read -> read.shard().equals(shard));
    }

    Reads ofOthersThan(ShardId shard) {
      return where(read -> !read.shard().equals(shard));
    }

    Reads begunFrom(long moment) {
      return where(read -> read.begun() - moment >= 0);
    }

    Reads endedBy(long moment) {
      return where(read -> read.ended() - moment <= 0);
    }

    Reads failed() {
      return where(read -> read.error() != null);
    }

    int count() {
      return all.size();
    }

    /** The time within which that many of a hundred reads ended; zero if there are none. */
    Duration percentile(int percent) {
      List<Duration> sorted = all.stream().map(Read::elapsed).sorted().toList();
      return sorted.isEmpty()
          ? Duration.ZERO
          : sorted.get(Math.min(sorted.size() - 1, sorted.size() * percent / 100));
    }

    /** The count of each kind of error, by its message without the numbers. */
    Map<String, Long> errors() {
      return all.stream()
          .filter(read -> read.error() != null)
          .collect(
              Collectors.groupingBy(
                  read -> String.valueOf(read.error()).replaceAll("[0-9]+", "#"),
                  TreeMap::new,
                  Collectors.counting()));
    }

    /** Their number and latencies. */
    @Override
    public String toString() {
      return String.format(
          Locale.ROOT,
          "%d reads, %d failed, p50 %.2f ms, p99 %.2f ms",
          count(),
          failed().count(),
          percentile(50).toNanos() / 1e6,
          percentile(99).toNanos() / 1e6);
    }

    private Reads where(Predicate<Read> condition) {
      return new Reads(all.stream().filter(condition).toList());
    }
  }

  private final ShardRouter router;
  private final Queue<Read> ended = new ConcurrentLinkedQueue<>();
  private final Sinks.Empty<Void> stopped = Sinks.empty();
  private volatile boolean stopping;

  private SteadyLoad(ShardRouter router) {
    this.router = router;
  }

  /** On the users of {@link TestShards}, each read held to the router's own bounds. */
  static SteadyLoad on(ShardRouter router) {
    Map<ShardId, Collection<Long>> ids =
        Flux.range(1, USERS)
            .map(Integer::longValue)
            .concatMap(
                id -> router.locate("users", ShardKey.of(id)).map(shard -> Map.entry(shard, id)))
            .collectMultimap(Map.Entry::getKey, Map.Entry::getValue)
            .blockOptional(BOUND)
            .orElseThrow();
    SteadyLoad load = new SteadyLoad(router);
    load.start(ids);
    return load;
  }

  private void start(Map<ShardId, Collection<Long>> ids) {
    Flux.fromIterable(ids.entrySet())
        .flatMap(
            shard ->
                Flux.range(0, WORKERS)
                    .flatMap(i -> worker(shard.getKey(), List.copyOf(shard.getValue()))),
            ids.size())
        .then()
        .subscribe(null, stopped::tryEmitError, stopped::tryEmitEmpty);
  }

  /** All reads until now. */
  Reads reads() {
    return new Reads(List.copyOf(ended));
  }

  /** All reads since the last time, which are forgotten. */
  Reads takeReads() {
    List<Read> taken = new ArrayList<>();
    for (Read read = ended.poll(); read != null; read = ended.poll()) {
      taken.add(read);
    }
    return new Reads(taken);
  }

  /** Waits until every one of these shards was read so often since a moment, well or not. */
  void awaitReads(Collection<ShardId> shards, long since, int count) {
    Await.until(
        count + " reads each on " + shards,
        Mono.fromSupplier(() -> reads().begunFrom(since)),
        reads -> shards.stream().allMatch(shard -> reads.of(shard).count() >= count));
  }

  /**
   * Waits until the last so many reads of a shard were well, and gives the first behind an error.
   */
  Read awaitSuccesses(ShardId shard, long since, int count) {
    Reads reads =
        Await.until(
            count + " reads on " + shard + " without an error between",
            Mono.fromSupplier(() -> reads().of(shard).begunFrom(since)),
            all -> all.count() >= count && last(all, count).failed().count() == 0);
    List<Read> all = reads.all();
    int first = all.size() - count;
    while (first > 0 && all.get(first - 1).error() == null) {
      first--;
    }
    return all.get(first);
  }

  /** Waits until the last so many reads of a shard failed. */
  void awaitFailures(ShardId shard, int count) {
    Await.until(
        count + " failures on " + shard + " without a row between",
        Mono.fromSupplier(() -> reads().of(shard)),
        all -> last(all, count).failed().count() == count);
  }

  private static Reads last(Reads reads, int count) {
    List<Read> all = reads.all();
    return new Reads(all.subList(Math.max(0, all.size() - count), all.size()));
  }

  /** Begins no more reads, waits for those under way, and gives all. */
  Reads finish() {
    stopping = true;
    stopped.asMono().block(BOUND);
    return reads();
  }

  @Override
  public void close() {
    finish();
  }

  private Flux<Void> worker(ShardId shard, List<Long> ids) {
    AtomicInteger next = new AtomicInteger();
    return Mono.defer(() -> read(shard, ids.get(next.getAndIncrement() % ids.size())))
        .then(Mono.delay(PAUSE))
        .<Void>then(Mono.empty())
        .repeat(() -> !stopping);
  }

  private Mono<Void> read(ShardId shard, long id) {
    long begun = System.nanoTime();
    return router
        .on("users", ShardKey.of(id))
        .sql("SELECT id FROM users WHERE id = :id")
        .bind("id", id)
        .map((row, metadata) -> Objects.requireNonNull(row.get(0, Long.class)))
        .one()
        .switchIfEmpty(Mono.error(() -> new IllegalStateException("no row of " + id)))
        .doOnNext(found -> note(shard, begun, null))
        .doOnError(error -> note(shard, begun, error))
        .onErrorComplete()
        .then();
  }

  private void note(ShardId shard, long begun, @Nullable Throwable error) {
    ended.add(new Read(shard, begun, System.nanoTime(), error));
  }
}
