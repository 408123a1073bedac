package io.shardflux.reshard;

import static io.shardflux.reshard.MoveFixture.BOUND;
import static io.shardflux.reshard.MoveFixture.S0;
import static io.shardflux.reshard.MoveFixture.S1;
import static io.shardflux.reshard.MoveFixture.S2;
import static org.assertj.core.api.Assertions.assertThat;

import io.shardflux.reshard.job.MoveJob;
import io.shardflux.reshard.progress.MoveProgress;
import io.shardflux.reshard.progress.MoveProgress.Wanted;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardKey;
import io.shardflux.router.ShardingStrategy;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.api.parallel.ResourceAccessMode;
import org.junit.jupiter.api.parallel.ResourceLock;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.util.retry.Retry;

/** Moves that are taken back: each write that was acknowledged at the new place is at the old. */
@Tag("same-on-any-server")
@Execution(ExecutionMode.CONCURRENT)
@ResourceLock(value = "servers", mode = ResourceAccessMode.READ)
class ReverseIntegrationTests {

  /** The writes at the new place before the way back; 100000 by hand. */
  private static final int WRITES = Integer.getInteger("moves.writes", 1_000);

  private static final String OLD = "{type: fixed, shard: shard_0}";
  private static final ShardingStrategy BEFORE = ShardingStrategy.fixed(S0);
  private static final ShardingStrategy NEXT = ShardingStrategy.hash(List.of(S0, S2));

  /** Does what a test wants at pieces of the work. */
  private interface At extends MoveJob.Guards {
    @Override
    Mono<Void> before(String what);
  }

  @Test
  void whatIsWrittenAtTheNewPlaceIsAtTheOldOne() {
    RaceWriters run = reversed(MoveJob.Guards.ALL);
    assertThat(run.wrong(BEFORE)).isEmpty();
    assertThat(run.counts.get()).isGreaterThan(10);
    assertThat(run.refused).as("of %s", run.acknowledged).hasSizeLessThan(1 + WRITES / 50);
  }

  @Test
  void alsoWhereTheMoverFails() {
    assertThat(reversed(new MoveRacesIntegrationTests.Dying(0.05)).wrong(BEFORE)).isEmpty();
  }

  /** The control: without what is noted at the new place the same check must see lost writes. */
  @Test
  void withoutTheFlowBackWritesAreLost() {
    try (MoveFixture fixture = new MoveFixture(OLD)) {
      MoveJob.Guards forgetful =
          new MoveJob.Guards() {
            @Override
            public Mono<Void> before(String what) {
              return what.equals("flow")
                  ? Mono.never()
                  : what.equals("return check") ? forgotten(fixture) : Mono.empty();
            }

            @Override
            public boolean compares() {
              return false;
            }
          };
      assertThat(reversed(fixture, forgetful).wrong(BEFORE)).isNotEmpty();
    }
  }

  private static Mono<Void> forgotten(MoveFixture fixture) {
    return Flux.just("shardflux_change_1_0_0", "shardflux_change_1_0_1")
        .concatMap(noted -> fixture.router(0).on(S2).sql("DELETE FROM " + noted).rowsUpdated())
        .then();
  }

  /** The control: so it must where the new place takes writes while the keys leave it. */
  @Test
  void withTheFenceOpenWritesAreLost() {
    try (MoveFixture fixture = new MoveFixture(OLD)) {
      At open =
          what ->
              what.equals("return drain")
                  ? fixture
                      .router(0)
                      .on(S2)
                      .sql("UPDATE shardflux_fence SET closed = 0 WHERE step = 0")
                      .rowsUpdated()
                      .then()
                  : Mono.empty();
      assertThat(reversed(fixture, open).wrong(BEFORE)).isNotEmpty();
    }
  }

  private static RaceWriters reversed(MoveJob.Guards guards) {
    try (MoveFixture fixture = new MoveFixture(OLD)) {
      return reversed(fixture, guards);
    }
  }

  /** Moves and takes that back under writers. */
  private static RaceWriters reversed(MoveFixture fixture, MoveJob.Guards guards) {
    fixture.load(RaceWriters.USERS);
    fixture.addThirdWithTables();
    fixture.router();
    RaceWriters run = new RaceWriters(fixture, BEFORE, NEXT);
    fixture.moves(1, guards);
    ShardMoves moves = fixture.moves(0, guards);
    run.writeWhile(
        () -> {
          long job = fixture.started(moves, NEXT);
          atPhase(moves, job, "HOLD");
          int before = run.acknowledged.get();
          Mono.defer(() -> Mono.just(run.acknowledged.get()))
              .filter(now -> now - before > WRITES)
              .repeatWhenEmpty(
                  Integer.MAX_VALUE, again -> again.delayElements(Duration.ofMillis(20)))
              .block(BOUND);
          end(moves, job, Wanted.REVERSE);
        });
    run.found = fixture.rows();
    fixture.checkClean();
    assertThat(fixture.router(0).topology().strategy("users").shards()).containsExactly(S0);
    return run;
  }

  private static void atPhase(ShardMoves moves, long job, String phase) {
    moves.progress(job).filter(at -> at.phase().equals(phase)).blockFirst(BOUND);
  }

  private static void end(ShardMoves moves, long job, Wanted wanted) {
    moves.want(job, wanted).block(BOUND);
    assertThat(moves.progress(job).blockLast(BOUND))
        .extracting(MoveProgress::phase, MoveProgress::error)
        .containsExactly(wanted == Wanted.REVERSE ? "REVERSED" : "CLEAN", null);
  }

  /** The first of two steps has switched, and the second is at that piece of work. */
  @ParameterizedTest
  @ValueSource(strings = {"copy", "drain"})
  void goesBackWhileALaterStepIsUnderWay(String piece) {
    try (MoveFixture fixture = new MoveFixture(OLD)) {
      fixture.load(60);
      fixture.addThird();
      CountDownLatch reached = new CountDownLatch(1);
      AtomicInteger switches = new AtomicInteger();
      At second =
          what -> {
            if (what.equals("open")) {
              switches.incrementAndGet();
            }
            if (what.equals(piece) && switches.get() > 0 && reached.getCount() > 0) {
              reached.countDown();
              return what.equals("drain")
                  ? Mono.error(new IllegalStateException("made to fail in the switch"))
                  : Mono.never();
            }
            return Mono.empty();
          };
      ShardMoves moves = fixture.hasty(0, second);
      Map<Long, List<String>> before = fixture.rows();
      long job = fixture.started(moves, ShardingStrategy.hash(List.of(S0, S1, S2)));
      MoveIntegrationTests.await(reached);
      long moved = locatedAt(S1, fixture);
      assertThat(fixture.update(moved).block(BOUND)).isOne();
      end(moves, job, Wanted.REVERSE);
      assertThat(fixture.update(moved).block(BOUND)).isOne();
      assertThat(fixture.rows().get(moved)).singleElement().asString().contains("shard_0", "|2|");
      assertThat(fixture.rows().keySet()).isEqualTo(before.keySet());
      assertThat(fixture.rows().values()).allMatch(rows -> rows.size() == 1);
      fixture.checkClean();
    }
  }

  private static long locatedAt(ShardId shard, MoveFixture fixture) {
    return Flux.range(1, 60)
        .map(Integer::longValue)
        .filterWhen(
            id -> fixture.router(0).topology().locate("users", ShardKey.of(id)).map(shard::equals))
        // Which has an order.
        .filter(id -> id % 3 == 1)
        .next()
        .blockOptional(BOUND)
        .orElseThrow();
  }

  @Test
  void theWindowIsEndedEarly() {
    try (MoveFixture fixture = new MoveFixture(OLD)) {
      fixture.load(30);
      // An owner that stood still may have made one after its job had ended.
      fixture
          .router(0)
          .onAll()
          .sql("CREATE TRIGGER shardflux_0_0_0_insert AFTER INSERT ON users FOR EACH ROW BEGIN END")
          .rowsUpdated()
          .blockLast(BOUND);
      Map<Long, List<String>> before = fixture.rows();
      ShardMoves moves = fixture.hasty(0, MoveJob.Guards.ALL);
      ShardingStrategy next = ShardingStrategy.hash(List.of(S0, S1));
      long job = fixture.started(moves, next);
      atPhase(moves, job, "HOLD");
      assertThat(fixture.rows().values()).anyMatch(rows -> rows.size() == 2);
      end(moves, job, Wanted.COMPLETE);
      fixture.check(before, next);
      fixture.checkClean();
    }
  }

  /** What no trigger sees would be lost on the way back. */
  @Test
  void aTableThatWasMadeAnewDoesNotGoBack() {
    try (MoveFixture fixture = new MoveFixture(OLD)) {
      fixture.load(30);
      Map<Long, List<String>> before = fixture.rows();
      ShardMoves moves = fixture.hasty(0, MoveJob.Guards.ALL);
      long job = fixture.started(moves, ShardingStrategy.fixed(S1));
      atPhase(moves, job, "HOLD");
      fixture.router(0).on(S1).sql("ALTER TABLE users ENGINE = InnoDB").rowsUpdated().block(BOUND);
      moves.want(job, Wanted.REVERSE).block(BOUND);
      assertThat(moves.progress(job).filter(at -> at.error() != null).blockFirst(BOUND))
          .satisfies(
              at -> {
                assertThat(at.phase()).isEqualTo("HOLD");
                assertThat(at.error()).startsWith("reverse: table: users, emptied, made anew");
              });
      assertThat(fixture.update(7).block(BOUND)).isOne();
      end(moves, job, Wanted.COMPLETE);
      assertThat(fixture.rows().keySet()).isEqualTo(before.keySet());
    }
  }

  /** A unique value that is given up at the new place is free at the old one soon. */
  @Test
  void aValueThatIsGivenUpIsFreeAtTheOldPlace() {
    try (MoveFixture fixture = new MoveFixture(OLD)) {
      fixture
          .router(0)
          .onAll()
          .sql("ALTER TABLE users ADD UNIQUE (name)")
          .rowsUpdated()
          .blockLast(BOUND);
      fixture.load(30);
      ShardMoves moves = fixture.hasty(0, MoveJob.Guards.ALL);
      ShardingStrategy next = ShardingStrategy.hash(List.of(S0, S1));
      long job = fixture.started(moves, next);
      atPhase(moves, job, "HOLD");
      long moved = locatedAt(S1, fixture);
      long stayed = locatedAt(S0, fixture);
      assertThat(named(fixture, moved, "given up").block(BOUND)).isOne();
      assertThat(
              named(fixture, stayed, MoveFixture.name(moved))
                  .retryWhen(Retry.fixedDelay(100, Duration.ofMillis(50)))
                  .block(BOUND))
          .isOne();
      end(moves, job, Wanted.REVERSE);
      assertThat(fixture.rows().get(moved)).singleElement().asString().contains("shard_0|given up");
    }
  }

  private static Mono<Long> named(MoveFixture fixture, long id, String name) {
    return fixture
        .router(0)
        .on("users", ShardKey.of(id))
        .sql("UPDATE users SET name = :name WHERE id = :id")
        .bind("name", name)
        .bind("id", id)
        .rowsUpdated();
  }
}
