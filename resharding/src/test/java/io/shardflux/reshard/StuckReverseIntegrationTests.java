package io.shardflux.reshard;

import static io.shardflux.reshard.MoveFixture.BOUND;
import static io.shardflux.reshard.MoveFixture.S0;
import static io.shardflux.reshard.MoveFixture.S1;
import static io.shardflux.reshard.MoveFixture.S2;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.tuple;
import static org.assertj.core.api.InstanceOfAssertFactories.list;

import io.shardflux.cluster.ClusterAccess;
import io.shardflux.cluster.Jobs;
import io.shardflux.cluster.Jobs.Owned;
import io.shardflux.reshard.job.MoveJob;
import io.shardflux.reshard.progress.MoveEvent;
import io.shardflux.reshard.progress.MoveProgress;
import io.shardflux.reshard.progress.MoveProgress.Wanted;
import io.shardflux.router.HaltedStrategy;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardingStrategy;
import java.util.ArrayDeque;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Queue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.api.parallel.ResourceAccessMode;
import org.junit.jupiter.api.parallel.ResourceLock;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** Tables that are altered, emptied, made anew or wrong once a reverse has begun. */
@Tag("same-on-any-server")
@Execution(ExecutionMode.CONCURRENT)
@ResourceLock(value = "servers", mode = ResourceAccessMode.READ)
class StuckReverseIntegrationTests {

  private static final boolean ALL = Boolean.getBoolean("moves.all");
  private static final String OLD = "{type: fixed, shard: shard_0}";
  private static final ShardingStrategy BEFORE = ShardingStrategy.fixed(S0);
  private static final String MOVER = "SET @shardflux_mover = 1";

  /** What becomes of a shard's tables before a piece of work. */
  private record Damage(String piece, ShardId shard, List<String> sql) {

    Mono<Void> done(MoveFixture fixture) {
      return fixture
          .router(0)
          .on(shard)
          .inConnection(
              connection ->
                  Flux.fromIterable(sql)
                      .concatMap(each -> connection.createStatement(each).execute())
                      .concatMap(result -> result.getRowsUpdated())
                      .then(Mono.just(1)))
          .then();
    }
  }

  private static final List<Damage> DAMAGES =
      List.of(
          new Damage("return verify", S0, List.of(MOVER, "DELETE FROM users WHERE id % 3 = 0")),
          new Damage("return verify", S0, List.of(MOVER, "UPDATE orders SET total = total + 1")),
          new Damage("return switching", S0, List.of("ALTER TABLE users ENGINE = InnoDB")),
          new Damage("return close", S0, List.of("TRUNCATE orders")),
          new Damage("return switching", S0, List.of("TRUNCATE users")),
          new Damage(
              "return switching",
              S0,
              List.of(
                  "CREATE TABLE other LIKE users",
                  "RENAME TABLE users TO gone, other TO users",
                  "DROP TABLE gone")),
          new Damage("return switching", S0, List.of("DROP TRIGGER shardflux_1_0_0_update")),
          new Damage("return switching", S2, List.of("ALTER TABLE users FORCE")),
          new Damage("return verify", S2, List.of("DROP TRIGGER shardflux_1_0_0_update")));

  /** Some of them, one after the other; by hand all of them so, and each alone. */
  static Stream<List<Damage>> damages() {
    return ALL
        ? Stream.concat(Stream.of(DAMAGES), DAMAGES.stream().map(List::of))
        : Stream.of(List.of(DAMAGES.get(0), DAMAGES.get(4), DAMAGES.get(8)));
  }

  @ParameterizedTest
  @MethodSource("damages")
  void aDamagedOldPlaceIsMendedBeforeItGetsKeys(List<Damage> damages) {
    RaceWriters run = reversed(damages, Wanted.REVERSE);
    assertThat(run.wrong(BEFORE)).isEmpty();
    assertThat(run.counts.get()).isPositive();
  }

  /** The control: behind the comparison the same damage must be seen by the same check. */
  @EnabledIfSystemProperty(named = "moves.all", matches = "true")
  @Test
  void whatIsWrongBehindTheComparisonIsLost() {
    Damage late = new Damage("return open", S0, List.of(MOVER, "DELETE FROM users WHERE id < 9"));
    assertThat(reversed(List.of(late), Wanted.REVERSE).wrong(BEFORE)).isNotEmpty();
  }

  private static RaceWriters reversed(List<Damage> damages, Wanted wanted) {
    try (MoveFixture fixture = new MoveFixture(OLD)) {
      fixture.load(RaceWriters.USERS);
      fixture.addThirdWithTables();
      fixture.router();
      ShardingStrategy next = ShardingStrategy.fixed(S2);
      Queue<Damage> left = new ArrayDeque<>(damages);
      ShardMoves moves =
          fixture.hasty(
              0,
              new MoveJob.Guards() {
                @Override
                public Mono<Void> before(String what) {
                  Damage damage = left.peek();
                  return damage != null && what.equals(damage.piece())
                      ? Objects.requireNonNull(left.poll()).done(fixture)
                      : Mono.empty();
                }
              });
      RaceWriters run = new RaceWriters(fixture, BEFORE, next);
      run.writeWhile(
          () -> {
            long job = fixture.started(moves, next);
            atPhase(moves, job, "HOLD");
            ended(moves, job, wanted, "REVERSED");
          });
      assertThat(left).isEmpty();
      run.found = fixture.rows();
      fixture.checkClean();
      return run;
    }
  }

  private static void atPhase(ShardMoves moves, long job, String phase) {
    moves.progress(job).filter(at -> at.phase().equals(phase)).blockFirst(BOUND);
  }

  private static MoveProgress ended(ShardMoves moves, long job, Wanted wanted, String phase) {
    moves.want(job, wanted).block(BOUND);
    MoveProgress end = moves.progress(job).last().blockOptional(BOUND).orElseThrow();
    assertThat(end.phase()).isEqualTo(phase);
    return end;
  }

  /** The keys of one step are back, those of the other can't go back, and all stay. */
  @Test
  void keysStayWhereTheyAreWhereTablesDoNotFit() {
    try (MoveFixture fixture = new MoveFixture(OLD)) {
      fixture.load(RaceWriters.USERS);
      fixture.addThirdWithTables();
      fixture.router();
      ShardingStrategy next = ShardingStrategy.hash(List.of(S0, S1, S2));
      AtomicInteger returns = new AtomicInteger();
      Damage other =
          new Damage("return switching", S0, List.of("ALTER TABLE users ADD COLUMN more INT"));
      ShardMoves moves =
          fixture.hasty(
              0,
              new MoveJob.Guards() {
                @Override
                public Mono<Void> before(String what) {
                  return what.equals(other.piece()) && returns.incrementAndGet() == 2
                      ? other.done(fixture)
                      : Mono.empty();
                }
              });
      Mono<List<MoveEvent>> told = told(moves);
      RaceWriters run = new RaceWriters(fixture, BEFORE, next);
      run.writeWhile(
          () -> {
            long job = fixture.started(moves, next);
            atPhase(moves, job, "HOLD");
            moves.want(job, Wanted.REVERSE).block(BOUND);
            moves
                .progress(job)
                .filter(
                    at ->
                        String.valueOf(at.error())
                            .startsWith("table: users, other columns on shard_0 than on shard_1"))
                .blockFirst(BOUND);
            assertThat(ended(moves, job, Wanted.STAY, "STAYED").error())
                .isEqualTo(
                    "stay: keys from shard_0 to shard_1 are on shard_1; keys from shard_0 to"
                        + " shard_2 are on shard_0");
          });
      run.found = fixture.rows();
      fixture.checkClean();
      ShardingStrategy halted = fixture.router(0).topology().strategy("users");
      assertThat(halted).isInstanceOf(HaltedStrategy.class);
      assertThat(halted.shards()).containsExactly(S0, S1);
      assertThat(run.wrong(halted)).isEmpty();
      checkTold(told.blockOptional(BOUND).orElseThrow());
      goesOn(fixture, moves, halted, next);
    }
  }

  private static Mono<List<MoveEvent>> told(ShardMoves moves) {
    Mono<List<MoveEvent>> told =
        moves.events().takeUntil(MoveEvent.Ended.class::isInstance).collectList().cache();
    told.subscribe();
    return told;
  }

  private static void checkTold(List<MoveEvent> told) {
    assertThat(told).first().isInstanceOf(MoveEvent.Started.class);
    assertThat(told)
        .filteredOn(MoveEvent.Switched.class::isInstance)
        .extracting("from", "to", "back")
        .containsExactly(tuple(S0, S1, false), tuple(S0, S2, false), tuple(S2, S0, true));
    assertThat(told)
        .filteredOn(MoveEvent.PhaseBegan.class::isInstance)
        .extracting("phase")
        .containsSubsequence(
            "PREPARE", "COPY", "VERIFY", "SWITCH", "PREPARE", "COPY", "VERIFY", "SWITCH", "HOLD",
            "REVERSE", "REVERSE", "STAY");
    assertThat(told)
        .filteredOn(MoveEvent.Stuck.class::isInstance)
        .extracting("reason")
        .anySatisfy(why -> assertThat((String) why).contains("other columns"));
    assertThat(told)
        .last()
        .extracting("phase", "error")
        .satisfies(
            end -> {
              assertThat(end).asInstanceOf(list(Object.class)).first().isEqualTo("STAYED");
              assertThat(end).asInstanceOf(list(Object.class)).last().asString().startsWith("stay");
            });
  }

  /** Another move begins where the first one ended. */
  private static void goesOn(
      MoveFixture fixture, ShardMoves moves, ShardingStrategy halted, ShardingStrategy next) {
    fixture.router(0).on(S0).sql("ALTER TABLE users DROP more").rowsUpdated().block(BOUND);
    Map<Long, List<String>> before = fixture.rows();
    fixture.check(before, halted);
    fixture.run(moves, next);
    fixture.check(before, next);
    fixture.checkClean();
  }

  /** The way out where both sides are made alike again. */
  @EnabledIfSystemProperty(named = "moves.all", matches = "true")
  @Test
  void aReverseGoesOnWhereTablesFitAgain() {
    try (MoveFixture fixture = new MoveFixture(OLD)) {
      fixture.load(30);
      Map<Long, List<String>> before = fixture.rows();
      AtomicInteger returns = new AtomicInteger();
      ShardMoves moves =
          fixture.hasty(
              0,
              new MoveJob.Guards() {
                @Override
                public Mono<Void> before(String what) {
                  return what.equals("return switching") && returns.incrementAndGet() == 1
                      ? more(fixture, S0)
                      : Mono.empty();
                }
              });
      long job = fixture.started(moves, ShardingStrategy.fixed(S1));
      atPhase(moves, job, "HOLD");
      moves.want(job, Wanted.REVERSE).block(BOUND);
      moves
          .progress(job)
          .filter(at -> String.valueOf(at.error()).contains("other columns"))
          .blockFirst(BOUND);
      more(fixture, S1).block(BOUND);
      assertThat(moves.progress(job).blockLast(BOUND))
          .extracting(MoveProgress::phase)
          .isEqualTo("REVERSED");
      fixture.check(before, BEFORE);
      fixture.checkClean();
    }
  }

  private static Mono<Void> more(MoveFixture fixture, ShardId shard) {
    return fixture
        .router(0)
        .on(shard)
        .sql("ALTER TABLE users ADD COLUMN more INT")
        .rowsUpdated()
        .then();
  }

  /** A refusal takes nothing of what is wanted by then, and is no former owner's. */
  @Test
  void aRefusalLeavesAPause() {
    try (MoveFixture fixture = new MoveFixture(OLD)) {
      Jobs jobs = ClusterAccess.of(fixture.routers.get(0)).jobs();
      long job = jobs.add("other", "plan", "state").blockOptional(BOUND).orElseThrow();
      Owned owned = jobs.take(job, BOUND).blockOptional(BOUND).orElseThrow();
      jobs.want(job, "reverse").block(BOUND);
      jobs.turn(new Owned(job, owned.token() - 1), "reverse", "run", "a", "b", "c").block(BOUND);
      assertThat(jobs.get(job).blockOptional(BOUND).orElseThrow())
          .extracting("wanted", "plan", "state", "error")
          .containsExactly("reverse", "plan", "state", null);
      jobs.turn(owned, "reverse", "run", "plan 2", "state 2", "why").block(BOUND);
      assertThat(jobs.get(job).blockOptional(BOUND).orElseThrow())
          .extracting("wanted", "plan", "state", "error")
          .containsExactly("run", "plan 2", "state 2", "why");
      jobs.want(job, "pause").block(BOUND);
      jobs.turn(owned, "reverse", "run", "plan 3", "state 3", "why 3").block(BOUND);
      assertThat(jobs.get(job).blockOptional(BOUND).orElseThrow())
          .extracting("wanted", "plan", "state", "error")
          .containsExactly("pause", "plan 3", "state 3", "why 3");
    }
  }

  /** It is told until something else is wanted. */
  @Test
  void aRefusalIsToldUntilSomethingElseIsWanted() {
    try (MoveFixture fixture = new MoveFixture(OLD)) {
      fixture.load(30);
      fixture.addThirdWithTables();
      AtomicBoolean switched = new AtomicBoolean();
      CountDownLatch second = new CountDownLatch(1);
      AtomicBoolean refused = new AtomicBoolean();
      ShardMoves moves =
          fixture.hasty(
              0,
              new MoveJob.Guards() {
                @Override
                public Mono<Void> before(String what) {
                  refused.compareAndSet(false, what.equals("return check"));
                  switched.compareAndSet(false, what.equals("open"));
                  if (!what.equals("copy") || !switched.get() || refused.get()) {
                    return Mono.empty();
                  }
                  second.countDown();
                  return Mono.never();
                }
              });
      long job = fixture.started(moves, ShardingStrategy.hash(List.of(S0, S1, S2)));
      MoveIntegrationTests.await(second);
      fixture.router(0).on(S1).sql("ALTER TABLE users FORCE").rowsUpdated().block(BOUND);
      moves.want(job, Wanted.REVERSE).block(BOUND);
      MoveProgress told =
          Objects.requireNonNull(
              moves.progress(job).filter(at -> at.error() != null).blockFirst(BOUND));
      assertThat(told.error()).startsWith("reverse: table: users, emptied, made anew");
      MoveProgress held =
          Objects.requireNonNull(
              moves.progress(job).filter(at -> at.phase().equals("HOLD")).blockFirst(BOUND));
      assertThat(held.error()).isEqualTo(told.error());
      assertThat(held.stuck()).isFalse();
      assertThat(ended(moves, job, Wanted.COMPLETE, "CLEAN").error()).isNull();
    }
  }
}
