package io.shardflux.reshard;

import static io.shardflux.reshard.MoveFixture.BOUND;
import static io.shardflux.reshard.MoveFixture.S0;
import static io.shardflux.reshard.MoveFixture.S1;
import static io.shardflux.reshard.MoveFixture.S2;
import static org.assertj.core.api.Assertions.assertThat;

import io.r2dbc.spi.R2dbcException;
import io.r2dbc.spi.R2dbcTransientException;
import io.shardflux.r2dbc.ShardRouter;
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
import org.junit.jupiter.api.Test;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** Moves under writers, of two routers: each write that was acknowledged is there, once. */
class MoveRacesIntegrationTests {

  private static final int USERS = 240;
  private static final int WRITERS = 12;

  /** Of these, so many send their writes some time after they have looked for the shard. */
  private static final int LATE = 4;

  /** With four steps in place of one. */
  private static final boolean ALL = Boolean.getBoolean("moves.all");

  private static final String OLD =
      ALL ? "{type: hash, shards: [shard_0, shard_1]}" : "{type: fixed, shard: shard_0}";
  private static final ShardingStrategy BEFORE =
      ALL ? ShardingStrategy.hash(List.of(S0, S1)) : ShardingStrategy.fixed(S0);
  private static final ShardingStrategy NEXT =
      ShardingStrategy.hash(ALL ? List.of(S0, S1, S2) : List.of(S0, S2));

  @Test
  void noWriteIsLostNorDoubled() {
    Run run = run(MoveJob.Guards.ALL);
    assertThat(run.wrong()).isEmpty();
    assertThat(run.acknowledged.get()).isGreaterThan(USERS);
    assertThat(run.refused)
        .as("of %s", run.acknowledged)
        .hasSizeLessThan(1 + run.acknowledged.get() / 50);
  }

  @Test
  void norWhileTheMoverFails() {
    Run run = run(new Dying(0.1));
    assertThat(run.wrong()).isEmpty();
  }

  /** The control: without the fence the same check must see lost writes. */
  @Test
  void withoutTheFenceWritesAreLost() {
    Run run =
        run(
            new MoveJob.Guards() {
              @Override
              public boolean closesFence() {
                return false;
              }
            });
    assertThat(run.wrong()).isNotEmpty();
  }

  /** Dies at random pieces of work, and is gone on with by the other router or itself. */
  private static final class Dying implements MoveJob.Guards {

    private final double rate;
    final AtomicInteger died = new AtomicInteger();

    Dying(double rate) {
      this.rate = rate;
    }

    @Override
    public Mono<Void> before(String what) {
      return Mono.defer(
          () -> {
            if (ThreadLocalRandom.current().nextDouble() < rate && died.incrementAndGet() < 20) {
              return Mono.error(new IllegalStateException("died before " + what));
            }
            return Mono.empty();
          });
    }
  }

  private static Run run(MoveJob.Guards guards) {
    try (MoveFixture fixture = new MoveFixture(OLD)) {
      fixture.load(USERS);
      fixture.addThird();
      fixture.router();
      Run run = new Run(fixture);
      fixture.moves(1, guards);
      run.writeWhile(() -> fixture.run(fixture.moves(0, guards), NEXT));
      run.found = fixture.rows();
      fixture.checkClean();
      return run;
    }
  }

  /** What writers were told, and what is there at the end. */
  private static final class Run {

    final AtomicInteger acknowledged = new AtomicInteger();
    final AtomicInteger late = new AtomicInteger();
    final AtomicInteger fenced = new AtomicInteger();
    final List<Throwable> refused = new CopyOnWriteArrayList<>();
    final List<String> strays = new CopyOnWriteArrayList<>();
    final Map<Long, Integer> versions = new ConcurrentHashMap<>();
    Map<Long, List<String>> found = Map.of();
    private final MoveFixture fixture;

    Run(MoveFixture fixture) {
      this.fixture = fixture;
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
                .repeat(() -> !over.get())
                .then());
      }
      Mono<Void> all = Flux.merge(writers).then().cache();
      all.subscribe(done -> {}, error -> refused.add(error));
      try {
        move.run();
      } finally {
        over.set(true);
      }
      all.block(BOUND);
    }

    private static long ofWriter(int writer) {
      return 1 + writer + WRITERS * (long) ThreadLocalRandom.current().nextInt(USERS / WRITERS);
    }

    private static boolean moves(long id) {
      return !BEFORE.locate(ShardKey.of(id)).equals(NEXT.locate(ShardKey.of(id)));
    }

    /** Each writer has users of its own: what it was told last is what it must read. */
    private Mono<Void> write(ShardRouter router, int writer) {
      long id = ofWriter(writer);
      int before = Objects.requireNonNull(versions.get(id));
      return router
          .on("users", ShardKey.of(id))
          .sql("UPDATE users SET version = :next WHERE id = :id AND version = :before")
          .bind("next", before + 1)
          .bind("before", before)
          .bind("id", id)
          .rowsUpdated()
          .doOnNext(
              rows -> {
                if (rows == 1) {
                  versions.put(id, before + 1);
                  acknowledged.incrementAndGet();
                } else {
                  strays.add("user " + id + ": " + rows + " rows of version " + before);
                }
              })
          .then(read(router, id))
          .onErrorResume(
              R2dbcTransientException.class,
              error -> {
                refused.add((Throwable) error);
                return Mono.empty();
              });
    }

    /** As a router whose process stood still: only the fence keeps such a write from being lost. */
    private Mono<Void> writeLate(ShardRouter router, int writer) {
      long id =
          LongStream.generate(() -> ofWriter(writer)).filter(Run::moves).findFirst().orElseThrow();
      int before = Objects.requireNonNull(versions.get(id));
      return router
          .locate("users", ShardKey.of(id))
          .delayElement(Duration.ofMillis(ThreadLocalRandom.current().nextInt(400)))
          .flatMap(
              shard ->
                  router
                      .on(shard)
                      .sql("UPDATE users SET version = :next WHERE id = :id AND version = :before")
                      .bind("next", before + 1)
                      .bind("before", before)
                      .bind("id", id)
                      .rowsUpdated())
          .doOnNext(
              rows -> {
                if (rows == 1) {
                  versions.put(id, before + 1);
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

    List<String> wrong() {
      List<String> wrong = new ArrayList<>(strays);
      versions.forEach(
          (id, version) -> {
            String expected = NEXT.locate(ShardKey.of(id)) + "|user 'n\\o' " + id + "|" + version;
            List<String> rows = found.getOrDefault(id, List.of());
            if (rows.size() != 1 || !(rows.get(0) + "|").startsWith(expected + "|")) {
              wrong.add(expected + ": " + rows);
            }
          });
      return wrong;
    }
  }
}
