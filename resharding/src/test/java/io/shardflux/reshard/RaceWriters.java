package io.shardflux.reshard;

import static io.shardflux.reshard.MoveFixture.BOUND;

import io.r2dbc.spi.R2dbcException;
import io.r2dbc.spi.R2dbcTransientException;
import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.r2dbc.scatter.FailurePolicy;
import io.shardflux.reshard.transfer.Capture;
import io.shardflux.router.ShardKey;
import io.shardflux.router.ShardingStrategy;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.LongStream;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * Writers of two routers while keys move, what they were told, and what is there at the end. Some
 * send their writes some time after they have looked for the shard.
 */
final class RaceWriters {

  static final int USERS = 240;
  private static final int WRITERS = 12;
  private static final int LATE = 4;

  /** Leaves the machine to the mover; without it, a shard that is down is asked all the time. */
  private static final Duration PAUSE = Duration.ofMillis(2);

  private static final Duration BEHIND_AN_ERROR = Duration.ofMillis(50);

  final AtomicInteger acknowledged = new AtomicInteger();
  final AtomicInteger late = new AtomicInteger();
  final AtomicInteger fenced = new AtomicInteger();
  final AtomicInteger counts = new AtomicInteger();
  final List<Throwable> refused = new CopyOnWriteArrayList<>();
  final List<String> strays = new CopyOnWriteArrayList<>();
  final Map<Long, Integer> versions = new ConcurrentHashMap<>();
  Map<Long, List<String>> found = Map.of();
  private final MoveFixture fixture;
  private final ShardingStrategy before;
  private final ShardingStrategy next;

  RaceWriters(MoveFixture fixture, ShardingStrategy before, ShardingStrategy next) {
    this.fixture = fixture;
    this.before = before;
    this.next = next;
    LongStream.rangeClosed(1, USERS).forEach(id -> versions.put(id, 0));
  }

  void writeWhile(Runnable move) {
    AtomicBoolean over = new AtomicBoolean();
    List<Mono<Void>> writers = new ArrayList<>();
    for (int i = 0; i < WRITERS; i++) {
      int writer = i;
      ShardRouter router = fixture.router(i % 2);
      boolean late = i < LATE;
      writers.add(
          Mono.defer(() -> late ? writeLate(router, writer) : write(router, writer))
              .onErrorResume(this::stray)
              .then(Mono.delay(PAUSE))
              .repeat(() -> !over.get())
              .then());
    }
    writers.add(
        Mono.defer(this::count).onErrorResume(this::stray).repeat(() -> !over.get()).then());
    Mono<Void> all = Flux.merge(writers).then().cache();
    all.subscribe();
    try {
      move.run();
    } finally {
      over.set(true);
    }
    all.block(BOUND);
  }

  private Mono<Void> stray(Throwable error) {
    strays.add(error.toString());
    return Mono.delay(BEHIND_AN_ERROR).then();
  }

  /** A row is counted once, wherever copies of it stand. */
  private Mono<Void> count() {
    return fixture
        .router(0)
        .onAll()
        .sql("SELECT COUNT(*) FROM users WHERE :owned(users)")
        .onFailure(FailurePolicy.failFast())
        .map((row, metadata) -> Objects.requireNonNull(row.get(0, Long.class)))
        .rows()
        .reduce(0L, Long::sum)
        .doOnNext(
            rows -> {
              counts.incrementAndGet();
              if (rows != USERS) {
                strays.add("counted " + rows);
              }
            })
        .onErrorComplete(R2dbcTransientException.class)
        .then(Mono.delay(Duration.ofMillis(20)))
        .then();
  }

  private static long ofWriter(int writer) {
    return 1 + writer + WRITERS * (long) ThreadLocalRandom.current().nextInt(USERS / WRITERS);
  }

  private boolean moves(long id) {
    return !before.locate(ShardKey.of(id)).equals(next.locate(ShardKey.of(id)));
  }

  /** Each writer has users of its own: what it was told last is what it must read. */
  private Mono<Void> write(ShardRouter router, int writer) {
    long id = ofWriter(writer);
    int version = Objects.requireNonNull(versions.get(id));
    return router
        .on("users", ShardKey.of(id))
        .sql("UPDATE users SET version = :next WHERE id = :id AND version = :before")
        .bind("next", version + 1)
        .bind("before", version)
        .bind("id", id)
        .rowsUpdated()
        .doOnNext(
            rows -> {
              if (rows == 1) {
                versions.put(id, version + 1);
                acknowledged.incrementAndGet();
              } else {
                strays.add("user " + id + ": " + rows + " rows of version " + version);
              }
            })
        .then(read(router, id))
        .onErrorResume(
            R2dbcTransientException.class,
            error -> {
              refused.add((Throwable) error);
              return Mono.delay(BEHIND_AN_ERROR).then();
            });
  }

  /** As a router whose process stood still: only the fence keeps such a write from being lost. */
  private Mono<Void> writeLate(ShardRouter router, int writer) {
    long id =
        LongStream.generate(() -> ofWriter(writer)).filter(this::moves).findFirst().orElseThrow();
    int version = Objects.requireNonNull(versions.get(id));
    return router
        .locate("users", ShardKey.of(id))
        .delayElement(Duration.ofMillis(ThreadLocalRandom.current().nextInt(400)))
        .flatMap(
            shard ->
                router
                    .on(shard)
                    .sql("UPDATE users SET version = :next WHERE id = :id AND version = :before")
                    .bind("next", version + 1)
                    .bind("before", version)
                    .bind("id", id)
                    .rowsUpdated())
        .doOnNext(
            rows -> {
              if (rows == 1) {
                versions.put(id, version + 1);
                late.incrementAndGet();
              }
            })
        .onErrorResume(
            R2dbcException.class,
            error -> {
              fenced.incrementAndGet();
              return error.getErrorCode() == Capture.FENCED
                  ? Mono.empty()
                  : Mono.<Long>error(error);
            })
        .then();
  }

  private Mono<Void> read(ShardRouter router, long id) {
    return router
        .on("users", ShardKey.of(id))
        .sql("SELECT version FROM users WHERE id = :id")
        .bind("id", id)
        .map((row, metadata) -> Objects.requireNonNull(row.get(0, Integer.class)))
        .one()
        .defaultIfEmpty(-1)
        .doOnNext(
            version -> {
              if (!version.equals(versions.get(id))) {
                strays.add("user " + id + ": read " + version + " behind " + versions.get(id));
              }
            })
        .then();
  }

  /** What is wrong where keys lie as that strategy has them. */
  List<String> wrong(ShardingStrategy strategy) {
    List<String> wrong = new ArrayList<>(strays);
    versions.forEach(
        (id, version) -> {
          String expected =
              strategy.locate(ShardKey.of(id)) + "|" + MoveFixture.name(id) + "|" + version;
          List<String> rows = found.getOrDefault(id, List.of());
          if (rows.size() != 1 || !(rows.get(0) + "|").startsWith(expected + "|")) {
            wrong.add(expected + ": " + rows);
          }
        });
    return wrong;
  }
}
