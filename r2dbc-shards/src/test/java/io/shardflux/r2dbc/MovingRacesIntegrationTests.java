package io.shardflux.r2dbc;

import static io.shardflux.r2dbc.MovedByHand.keys;
import static io.shardflux.r2dbc.TestShards.BOUND;
import static org.assertj.core.api.Assertions.assertThat;

import io.shardflux.r2dbc.coalesce.KeyedReads;
import io.shardflux.r2dbc.failure.TopologyChangedException;
import io.shardflux.r2dbc.scatter.FailurePolicy;
import io.shardflux.r2dbc.scatter.ShardSignal;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardKey;
import io.shardflux.router.TransitionStrategy.Phase;
import io.shardflux.servers.TestServers;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * Writers that add to their own keys and read them back, while the keys go to another shard and
 * back. Nothing may be lost, be there twice, or be read as it was before. {@code
 * -Dshardflux.moves=40} moves them more often.
 */
@Tag("same-on-any-server")
class MovingRacesIntegrationTests {

  private static final int WRITERS = 16;
  private static final int KEYS_OF_EACH = 3;

  private final MovedByHand move = new MovedByHand(TestServers.shared(), options -> options);
  private final KeyedReads<Long> joined =
      move.router.coalesced(
          "users",
          "SELECT id, n FROM users WHERE id IN (:keys)",
          (row, metadata) -> ShardKey.of(Objects.requireNonNull(row.get("id", Long.class))),
          (row, metadata) -> Objects.requireNonNull(row.get("n", Long.class)));
  private final List<Writer> writers = new ArrayList<>();
  private final ConcurrentLinkedQueue<String> faults = new ConcurrentLinkedQueue<>();
  private final ConcurrentLinkedQueue<String> errors = new ConcurrentLinkedQueue<>();
  private final AtomicBoolean over = new AtomicBoolean();
  private final AtomicLong acknowledged = new AtomicLong();
  private final AtomicLong again = new AtomicLong();

  @AfterEach
  void close() {
    move.end();
  }

  /** A session that writes one thing after the other. */
  private final class Writer {

    private final List<Long> keys;
    private final long[] expected;
    private final Random random;
    private final AtomicInteger steps = new AtomicInteger();

    Writer(int number, List<Long> keys) {
      this.keys = keys;
      this.expected = new long[keys.size()];
      this.random = new Random(number);
    }

    Mono<Void> lane() {
      return Mono.defer(this::step)
          .onErrorResume(
              error -> {
                errors.add(error.toString());
                return Mono.empty();
              })
          .repeat(
              () -> {
                steps.incrementAndGet();
                return !over.get() && faults.size() < 20;
              })
          .then();
    }

    private Mono<Void> step() {
      int index = random.nextInt(keys.size());
      long key = keys.get(index);
      int kind = random.nextInt(6);
      Mono<Void> write =
          kind == 0
              ? ofAll().doOnNext(this::writtenAll).then()
              : (kind == 1 ? inTransaction(key) : update(key))
                  .doOnNext(count -> written(index, count))
                  .then();
      return write
          .then(Mono.defer(() -> random.nextBoolean() ? read(key) : joined(key)))
          .doOnNext(n -> seen(index, n))
          .then();
    }

    private void written(int index, long count) {
      expected[index] += count;
      acknowledged.addAndGet(count);
      if (count != 1) {
        faults.add(keys.get(index) + ": " + count + " rows changed (expected: 1)");
      }
    }

    private void writtenAll(long count) {
      for (int i = 0; i < expected.length; i++) {
        expected[i]++;
      }
      acknowledged.addAndGet(count);
      if (count != expected.length) {
        faults.add(keys + ": " + count + " rows changed (expected: " + expected.length + ")");
      }
    }

    private Mono<Long> ofAll() {
      return move.router
          .onKeys("users", keys.stream().map(ShardKey::of).toList())
          .sql("UPDATE users SET n = n + 1 WHERE id IN (:keys)")
          .onFailure(FailurePolicy.failFast())
          .rowsUpdated()
          .ofType(ShardSignal.Row.class)
          .map(row -> (Long) row.value())
          .reduce(0L, Long::sum);
    }

    private Mono<Long> joined(long key) {
      return joined.one(ShardKey.of(key)).switchIfEmpty(Mono.just(-1L));
    }

    private void seen(int index, long n) {
      if (n != expected[index]) {
        faults.add(keys.get(index) + ": read " + n + " (expected: " + expected[index] + ")");
      }
    }

    private Mono<Long> update(long key) {
      return move.router
          .on("users", ShardKey.of(key))
          .sql("UPDATE users SET n = n + 1 WHERE id = :id")
          .bind("id", key)
          .rowsUpdated();
    }

    private Mono<Long> inTransaction(long key) {
      return move.router
          .on("users", ShardKey.of(key))
          .inTransaction(
              connection ->
                  Flux.from(
                          connection
                              .createStatement("UPDATE users SET n = n + 1 WHERE id = " + key)
                              .execute())
                      .concatMap(result -> result.getRowsUpdated()))
          .single()
          .onErrorResume(
              TopologyChangedException.class,
              moved -> {
                again.incrementAndGet();
                return inTransaction(key);
              });
    }

    private Mono<Long> read(long key) {
      return move.router
          .on("users", ShardKey.of(key))
          .sql("SELECT n FROM users WHERE id = :id")
          .bind("id", key)
          .map((row, metadata) -> Objects.requireNonNull(row.get(0, Long.class)))
          .one()
          .onErrorResume(
              TopologyChangedException.class,
              moved -> {
                again.incrementAndGet();
                return read(key);
              })
          .switchIfEmpty(Mono.just(-1L));
    }
  }

  /** What the mover or the router does not do in a control. */
  private enum Without {
    NOTHING,
    FENCE,
    LOOK
  }

  @Test
  void nothingIsLostDoubledOrStale() {
    race(Integer.getInteger("shardflux.moves", 3), Without.NOTHING);
    assertThat(errors).isEmpty();
    assertThat(faults).isEmpty();
    assertThat(misplaced()).isEmpty();
    assertThat(acknowledged.get()).isGreaterThan(100);
  }

  @Test
  void withoutTheFenceWritesAreLost() {
    race(2, Without.FENCE);
    assertThat(faults.size() + misplaced().size()).isPositive();
  }

  @Test
  void withoutTheLookReadsFindNothing() {
    race(2, Without.LOOK);
    assertThat(faults).anyMatch(fault -> fault.contains("read -1") || fault.contains("0 rows"));
  }

  private void race(int rounds, Without without) {
    List<Long> moving = keys(true, WRITERS * (KEYS_OF_EACH - 1));
    List<Long> staying = keys(false, WRITERS);
    for (int i = 0; i < WRITERS; i++) {
      List<Long> own = new ArrayList<>(moving.subList(2 * i, 2 * i + 2));
      own.add(staying.get(i));
      writers.add(new Writer(i, own));
    }
    Flux.fromIterable(writers)
        .flatMapIterable(writer -> writer.keys)
        .flatMap(
            id ->
                move.router
                    .on("users", ShardKey.of(id))
                    .sql("INSERT INTO users (id) VALUES (:id)")
                    .bind("id", id)
                    .rowsUpdated())
        .blockLast(BOUND);
    Mono<Void> lanes = Flux.fromIterable(writers).flatMap(Writer::lane, WRITERS).then().cache();
    Disposable running = lanes.subscribe();
    try {
      for (int round = 0; round < rounds; round++) {
        round(round, without);
      }
    } finally {
      over.set(true);
      lanes.block(BOUND);
      running.dispose();
    }
  }

  private void round(int number, Without without) {
    boolean late = number % 2 == 1 || without != Without.NOTHING;
    if (without != Without.FENCE) {
      move.fence();
    }
    move.published(Phase.COPYING).known();
    // A write to several shards that was located before is not located anew.
    settle();
    move.blind(without == Without.LOOK);
    move.published(Phase.SWITCHING);
    if (!late) {
      move.known();
    }
    move.close();
    move.copy();
    move.published(Phase.SWITCHED);
    if (late) {
      pause();
      move.expire();
    } else {
      move.known();
    }
    move.clean();
    pause();
    move.blind(false);
    move.published(null).known();
    pause();
  }

  /** Lets the writers go on for a moment. */
  private void pause() {
    long before = acknowledged.get();
    Mono.delay(Duration.ofMillis(5))
        .repeat(() -> acknowledged.get() < before + 2 * WRITERS && faults.size() < 20)
        .take(Duration.ofMillis(200))
        .blockLast(BOUND);
  }

  /** Waits until each writer has ended what it was at, and the next thing. */
  private void settle() {
    List<Integer> before = writers.stream().map(writer -> writer.steps.get()).toList();
    Mono.delay(Duration.ofMillis(5))
        .repeat(() -> !allBeyond(before) && faults.size() < 20)
        .take(Duration.ofSeconds(10))
        .blockLast(BOUND);
  }

  private boolean allBeyond(List<Integer> before) {
    return IntStream.range(0, WRITERS)
        .allMatch(i -> writers.get(i).steps.get() > before.get(i) + 1);
  }

  /** The keys that are not where they belong, once, with all that was acknowledged. */
  private List<String> misplaced() {
    Map<Long, Map<ShardId, Long>> found = move.values();
    List<String> wrong = new ArrayList<>();
    for (Writer writer : writers) {
      for (int i = 0; i < writer.keys.size(); i++) {
        long key = writer.keys.get(i);
        ShardId home =
            move.router.locate("users", ShardKey.of(key)).blockOptional(BOUND).orElseThrow();
        Map<ShardId, Long> expected = Map.of(home, writer.expected[i]);
        if (!expected.equals(found.get(key))) {
          wrong.add(key + ": " + found.get(key) + " (expected: " + expected + ")");
        }
      }
    }
    return wrong;
  }
}
