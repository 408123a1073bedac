package io.shardflux.reshard;

import static io.shardflux.reshard.MoveFixture.BOUND;
import static io.shardflux.reshard.MoveFixture.S0;
import static io.shardflux.reshard.MoveFixture.S1;
import static io.shardflux.reshard.MoveFixture.S2;
import static org.assertj.core.api.Assertions.assertThat;

import io.shardflux.cluster.ClusterAccess;
import io.shardflux.cluster.Jobs;
import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.r2dbc.failure.ShardUnavailableException;
import io.shardflux.reshard.job.MoveJob;
import io.shardflux.reshard.plan.MovePlan;
import io.shardflux.reshard.plan.MoveRefusedException;
import io.shardflux.reshard.progress.MoveProgress;
import io.shardflux.router.HashFunction;
import io.shardflux.router.KeyRange;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardKey;
import io.shardflux.router.ShardingStrategy;
import io.shardflux.router.Topology;
import io.shardflux.router.TransitionStrategy;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.api.parallel.ResourceAccessMode;
import org.junit.jupiter.api.parallel.ResourceLock;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.core.scheduler.Schedulers;
import reactor.test.StepVerifier;

/** Moves without writers: what was there is there, once, where it belongs. */
@Execution(ExecutionMode.CONCURRENT)
@ResourceLock(value = "servers", mode = ResourceAccessMode.READ)
class MoveIntegrationTests {

  private static final int USERS = 600;

  static Stream<Arguments> strategies() {
    return Stream.of(
        Arguments.of("{type: fixed, shard: shard_0}", ShardingStrategy.hash(List.of(S0, S1, S2))),
        Arguments.of(
            "{type: modulo, shards: [shard_0, shard_1]}",
            ShardingStrategy.hashSlots(List.of(S1), HashFunction.CRC32)),
        Arguments.of(
            "{type: range, key: integer, ranges: [{shard: shard_0}]}",
            ShardingStrategy.range(
                Map.of(
                    new KeyRange(null, ShardKey.of(100)), S2,
                    new KeyRange(ShardKey.of(100), null), S0))));
  }

  @ParameterizedTest
  @MethodSource("strategies")
  void rowsGoToWhereTheNewStrategyHasThem(String yaml, ShardingStrategy next) {
    try (MoveFixture fixture = new MoveFixture(yaml)) {
      fixture.load(USERS);
      fixture.addThird();
      Map<Long, List<String>> before = fixture.rows();
      fixture.run(fixture.hasty(0, MoveJob.Guards.ALL), next);
      fixture.check(before, next);
      fixture.checkClean();
      assertThat(fixture.router(0).topology().strategy("users").shards()).isEqualTo(next.shards());
      assertThat(fixture.router().router().topology().epoch())
          .isEqualTo(fixture.router(0).topology().epoch());
    }
  }

  /** A ring goes by MD5, which MySQL since 9.6 has in a component alone. */
  @Test
  void aRingMovesWhereTheServerKnowsIt() {
    ShardingStrategy ring = ShardingStrategy.consistent(List.of(S0, S1));
    try (MoveFixture fixture = new MoveFixture("{type: fixed, shard: shard_0}")) {
      fixture.load(USERS / 10);
      Map<Long, List<String>> before = fixture.rows();
      ShardMoves moves = fixture.hasty(0, MoveJob.Guards.ALL);
      MovePlan plan = moves.plan("by_user", ring).blockOptional(BOUND).orElseThrow();
      if (plan.refusals().isEmpty()) {
        fixture.run(moves, ring);
        fixture.check(before, ring);
      } else {
        assertThat(plan.refusals())
            .extracting(MovePlan.Refusal::code)
            .containsOnly(MovePlan.Code.STRATEGY_SQL);
      }
    }
  }

  @Test
  void aMoveThatFailsIsGoneOnWith() {
    ShardingStrategy next = ShardingStrategy.hash(List.of(S0, S2));
    try (MoveFixture fixture = new MoveFixture("{type: fixed, shard: shard_0}")) {
      fixture.load(USERS);
      fixture.addThird();
      Map<Long, List<String>> before = fixture.rows();
      Failing failing = new Failing(7);
      fixture.run(fixture.hasty(0, failing), next);
      assertThat(failing.failed).isPositive();
      fixture.check(before, next);
      fixture.checkClean();
    }
  }

  /** Fails each so many pieces of work. */
  private static final class Failing implements MoveJob.Guards {

    private final int every;
    private int count;
    int failed;

    Failing(int every) {
      this.every = every;
    }

    @Override
    public synchronized Mono<Void> before(String what) {
      if (++count % every == 0 && failed < 12) {
        failed++;
        return Mono.error(new IllegalStateException("made to fail before " + what));
      }
      return Mono.empty();
    }
  }

  @Test
  void noWriteWaitsForARouterThatStandsStill() {
    try (MoveFixture fixture = new MoveFixture("{type: fixed, shard: shard_0}")) {
      fixture.load(10);
      fixture
          .router(0)
          .on(S0)
          .sql(
              "INSERT INTO shardflux_router VALUES (UUID(), 'still', '0', 999, UTC_TIMESTAMP(6)"
                  + " - INTERVAL 4 SECOND, UTC_TIMESTAMP(6) + INTERVAL 4 SECOND, '{}')")
          .rowsUpdated()
          .block(BOUND);
      fixture.run(fixture.hasty(0, MoveJob.Guards.ALL), ShardingStrategy.hash(List.of(S1)));
      assertThat(
              fixture
                  .router(0)
                  .on(S0)
                  .sql(
                      "SELECT COUNT(*) FROM shardflux_topology WHERE why LIKE 'writes%wait' AND"
                          + " made_at > (SELECT lease_until FROM shardflux_router WHERE host ="
                          + " 'still')")
                  .map((row, metadata) -> Objects.requireNonNull(row.get(0, Long.class)))
                  .one()
                  .block(BOUND))
          .isEqualTo(1);
    }
  }

  @Test
  void aCancelTakesAllBack() {
    ShardingStrategy next = ShardingStrategy.hash(List.of(S0, S1, S2));
    try (MoveFixture fixture = new MoveFixture("{type: hash, shards: [shard_0, shard_1]}")) {
      fixture.load(USERS);
      fixture.addThird();
      Map<Long, List<String>> before = fixture.rows();
      ShardMoves moves = fixture.hasty(0, new Stopping());
      long job = fixture.startedBriefly(moves, next);
      moves.progress(job).filter(at -> at.phase().equals("VERIFY")).blockFirst(BOUND);
      moves.want(job, MoveProgress.Wanted.CANCEL).block(BOUND);
      assertThat(moves.progress(job).blockLast(BOUND)).extracting(MoveProgress::error).isNull();
      assertThat(fixture.rows()).isEqualTo(before);
      fixture.checkClean();
      assertThat(fixture.router(0).topology().strategy("users").shards()).containsExactly(S0, S1);
    }
  }

  /** Goes no further than the comparison. */
  private static final class Stopping implements MoveJob.Guards {
    @Override
    public Mono<Void> before(String what) {
      return what.equals("verify") ? Mono.never() : Mono.empty();
    }
  }

  @Test
  void aRowThatDiffersStopsTheMove() {
    try (MoveFixture fixture = new MoveFixture("{type: fixed, shard: shard_0}")) {
      fixture.load(20);
      ShardingStrategy next = ShardingStrategy.fixed(S1);
      Mono<Void> spoilt =
          fixture
              .router(0)
              .on(S1)
              .inConnection(
                  connection ->
                      // The fence refuses it to all but the mover.
                      Flux.just(
                              "SET @shardflux_mover = 1",
                              "UPDATE users SET name = 'x' WHERE id = 7",
                              "SET @shardflux_mover = NULL")
                          .concatMap(sql -> connection.createStatement(sql).execute())
                          .concatMap(result -> result.getRowsUpdated()))
              .then();
      ShardMoves moves =
          fixture.hasty(
              0,
              new MoveJob.Guards() {
                @Override
                public Mono<Void> before(String what) {
                  return what.equals("verify") ? spoilt : Mono.empty();
                }
              });
      long job = fixture.startedBriefly(moves, next);
      assertThat(moves.progress(job).filter(at -> at.error() != null).blockFirst(BOUND))
          .extracting(MoveProgress::phase, MoveProgress::error)
          .containsExactly(
              "VERIFY",
              "table: users, 1 rows differ on both sides, the first of key [7] (expected: the same"
                  + " after their changes were applied)");
      assertThat(fixture.router(0).topology().locate("users", ShardKey.of(7)).block(BOUND))
          .isEqualTo(S0);
    }
  }

  static Stream<String> whatNoTriggerSees() {
    return Stream.of(
        "TRUNCATE TABLE users",
        "ALTER TABLE users ADD COLUMN more INT",
        "DROP TRIGGER shardflux_1_0_0_insert");
  }

  /** It comes when all rows were compared, and so only the look before the switch can see it. */
  @ParameterizedTest
  @MethodSource("whatNoTriggerSees")
  void whatNoTriggerSeesStopsTheMove(String sql) {
    try (MoveFixture fixture = new MoveFixture("{type: fixed, shard: shard_0}")) {
      fixture.load(20);
      Mono<Long> changed =
          fixture.router(0).on(S0).sql(sql).rowsUpdated().onErrorReturn(0L).cache();
      ShardMoves moves =
          fixture.hasty(
              0,
              new MoveJob.Guards() {
                @Override
                public Mono<Void> before(String what) {
                  return what.equals("note SWITCH") ? changed.then() : Mono.empty();
                }
              });
      long job =
          moves
              .plan("by_user", ShardingStrategy.fixed(S1))
              .flatMap(moves::start)
              .blockOptional(BOUND)
              .orElseThrow();
      assertThat(moves.progress(job).filter(at -> at.error() != null).blockFirst(BOUND))
          .extracting(MoveProgress::phase)
          .isEqualTo("SWITCH");
      assertThat(fixture.router(0).topology().locate("users", ShardKey.of(7)).block(BOUND))
          .isEqualTo(S0);
    }
  }

  @Test
  void aTableThatIsEmptiedBehindTheFenceIsEmptiedAfterTheSwitch() {
    try (MoveFixture fixture = new MoveFixture("{type: fixed, shard: shard_0}")) {
      fixture.load(20);
      Map<Long, List<String>> before = fixture.rows();
      ShardingStrategy next = ShardingStrategy.fixed(S1);
      ShardMoves moves =
          fixture.hasty(
              0,
              new MoveJob.Guards() {
                @Override
                public Mono<Void> before(String what) {
                  if (what.equals("drain")) {
                    fixture.router(0).on(S0).sql("TRUNCATE TABLE users").rowsUpdated().subscribe();
                    return Mono.delay(Duration.ofMillis(500)).then();
                  }
                  return Mono.empty();
                }
              });
      fixture.run(moves, next);
      fixture.check(before, next);
    }
  }

  /** Neither a pause nor a close leaves the writers of moving keys waiting. */
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void aSwitchThatHasBegunIsEnded(boolean close) {
    try (MoveFixture fixture = new MoveFixture("{type: fixed, shard: shard_0}")) {
      fixture.load(20);
      ShardingStrategy next = ShardingStrategy.fixed(S1);
      CountDownLatch draining = new CountDownLatch(1);
      ShardMoves moves =
          fixture.hasty(
              0,
              new MoveJob.Guards() {
                @Override
                public Mono<Void> before(String what) {
                  if (what.equals("drain")) {
                    draining.countDown();
                    return Mono.delay(Duration.ofSeconds(3)).then();
                  }
                  return Mono.empty();
                }
              });
      long job = fixture.startedBriefly(moves, next);
      await(draining);
      if (close) {
        moves.close().block(BOUND);
      } else {
        moves.want(job, MoveProgress.Wanted.PAUSE).block(BOUND);
        moves.progress(job).filter(at -> !at.running()).blockFirst(BOUND);
      }
      assertThat(fixture.router(0).topology().locate("users", ShardKey.of(7)).block(BOUND))
          .isEqualTo(S1);
      assertThat(fixture.update(7).block(BOUND)).isOne();
    }
  }

  /** An owner that died left writers to wait, and an operator paused the job. */
  @Test
  void aPausedSwitchThatWasLeftHalfDoneIsEnded() {
    try (MoveFixture fixture = new MoveFixture("{type: fixed, shard: shard_0}")) {
      fixture.load(20);
      ShardMoves moves =
          fixture.hasty(
              0,
              new MoveJob.Guards() {
                @Override
                public Mono<Void> before(String what) {
                  return what.equals("verify") ? Mono.never() : Mono.empty();
                }
              });
      long job = fixture.startedBriefly(moves, ShardingStrategy.fixed(S1));
      moves.progress(job).filter(at -> at.phase().equals("VERIFY")).blockFirst(BOUND);
      moves.close().block(BOUND);
      ClusterAccess cluster = ClusterAccess.of(fixture.routers.get(0));
      moves.want(job, MoveProgress.Wanted.PAUSE).block(BOUND);
      Jobs.Owned owned =
          cluster
              .jobs()
              .take(job, Duration.ofMinutes(1))
              .repeatWhenEmpty(tries -> tries.delayElements(Duration.ofMillis(50)))
              .blockOptional(BOUND)
              .orElseThrow();
      cluster.publish(owned, MoveIntegrationTests::switching, "and ends there").block(BOUND);
      cluster.jobs().leave(owned).block(BOUND);
      StepVerifier.create(fixture.update(7))
          .expectError(ShardUnavailableException.class)
          .verify(BOUND);
      fixture.moves(0, MoveJob.Guards.ALL);
      fixture.update(7).retry(20).block(BOUND);
      assertThat(moves.progress(job).blockFirst(BOUND))
          .satisfies(at -> assertThat(at.phase()).isEqualTo("VERIFY"));
    }
  }

  private static Topology switching(Topology now) {
    TransitionStrategy way =
        (TransitionStrategy) Objects.requireNonNull(now.strategies().get(MoveFixture.STRATEGY));
    return now.withStrategy(
        MoveFixture.STRATEGY,
        way.with(
            way.steps().stream()
                .map(step -> step.in(TransitionStrategy.Phase.SWITCHING))
                .toList()));
  }

  static void await(CountDownLatch latch) {
    try {
      assertThat(latch.await(BOUND.toSeconds(), TimeUnit.SECONDS)).isTrue();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  @Test
  void aCancelIsRefusedOnceKeysHaveMoved() {
    try (MoveFixture fixture = new MoveFixture("{type: fixed, shard: shard_0}")) {
      fixture.load(60);
      fixture.addThird();
      Map<Long, List<String>> before = fixture.rows();
      ShardingStrategy next = ShardingStrategy.hash(List.of(S0, S1, S2));
      AtomicBoolean cancelled = new AtomicBoolean();
      Sinks.Empty<Void> told = Sinks.empty();
      ShardMoves moves =
          fixture.hasty(
              0,
              new MoveJob.Guards() {
                @Override
                public Mono<Void> before(String what) {
                  return !what.equals("clean")
                      ? Mono.empty()
                      : cancelled.get() ? told.asMono() : Mono.never();
                }
              });
      long job = fixture.startedBriefly(moves, next);
      moves.progress(job).filter(at -> at.phase().equals("CLEAN")).blockFirst(BOUND);
      cancelled.set(true);
      moves.want(job, MoveProgress.Wanted.CANCEL).block(BOUND);
      assertThat(moves.progress(job).filter(at -> at.error() != null).blockFirst(BOUND))
          .satisfies(
              at -> {
                assertThat(at.wanted()).isEqualTo(MoveProgress.Wanted.RUN);
                assertThat(at.error()).startsWith("cancel: keys have moved (expected: none; ");
              });
      told.tryEmitEmpty();
      assertThat(moves.progress(job).blockLast(BOUND)).extracting(MoveProgress::error).isNull();
      fixture.check(before, next);
    }
  }

  @Test
  void oneMoveIsUnderWayAtATime() {
    ShardingStrategy next = ShardingStrategy.hash(List.of(S1, S0));
    try (MoveFixture fixture = new MoveFixture("{type: hash, shards: [shard_0, shard_1]}")) {
      ShardMoves moves = fixture.hasty(0, new Stopping());
      MovePlan plan = moves.plan("by_user", next).blockOptional(BOUND).orElseThrow();
      moves.start(plan).block(BOUND);
      StepVerifier.create(moves.start(plan))
          .expectErrorSatisfies(
              error ->
                  assertThat(error)
                      .isInstanceOf(MoveRefusedException.class)
                      .hasMessageStartingWith("UNDER_WAY: "))
          .verify(BOUND);
    }
  }

  @Test
  void whatWouldGoWrongIsRefusedBefore() {
    try (MoveFixture fixture = new MoveFixture("{type: hash, shards: [shard_0, shard_1]}")) {
      fixture
          .router(0)
          .on(S1)
          .sql("ALTER TABLE users ADD COLUMN more INT")
          .rowsUpdated()
          .block(BOUND);
      fixture
          .router(0)
          .on(S0)
          .sql("ALTER TABLE orders DROP PRIMARY KEY")
          .rowsUpdated()
          .block(BOUND);
      fixture.router(0).on(S1).sql("ALTER TABLE orders ENGINE = MyISAM").rowsUpdated().block(BOUND);
      ShardMoves moves = fixture.hasty(0, MoveJob.Guards.ALL);
      MovePlan plan =
          moves
              .plan("by_user", ShardingStrategy.hash(List.of(S1, S0)))
              .blockOptional(Duration.ofSeconds(60))
              .orElseThrow();
      assertThat(plan.refusals())
          .extracting(MovePlan.Refusal::code)
          .contains(
              MovePlan.Code.NO_PRIMARY_KEY, MovePlan.Code.TABLE_DIFFERS, MovePlan.Code.NOT_INNODB);
      StepVerifier.create(moves.start(plan)).expectError(MoveRefusedException.class).verify(BOUND);
      assertThat(moves.all().collectList().block(BOUND)).isEmpty();
    }
  }

  @Test
  void anAccountThatSeesTooLittleIsRefused() {
    try (MoveFixture fixture = new MoveFixture("{type: hash, shards: [shard_0, shard_1]}")) {
      fixture.onServers("CREATE USER IF NOT EXISTS few@'%'");
      fixture.onServers("GRANT ALL ON *.* TO few@'%'");
      fixture.onServers("REVOKE PROCESS ON *.* FROM few@'%'");
      try {
        fixture.routerOf("few");
        MovePlan plan =
            fixture
                .hasty(1, MoveJob.Guards.ALL)
                .plan("by_user", ShardingStrategy.hash(List.of(S1, S0)))
                .blockOptional(BOUND)
                .orElseThrow();
        assertThat(plan.refusals())
            .isNotEmpty()
            .allSatisfy(
                refusal -> {
                  assertThat(refusal.code()).isEqualTo(MovePlan.Code.RIGHTS);
                  assertThat(refusal.message()).contains("(expected: the right PROCESS");
                });
      } finally {
        fixture.onServers("DROP USER few@'%'");
      }
    }
  }

  @Test
  void noDocumentIsPublishedOverAMove() {
    try (MoveFixture fixture = new MoveFixture("{type: fixed, shard: shard_0}")) {
      fixture.load(20);
      Map<Long, List<String>> before = fixture.rows();
      ShardingStrategy next = ShardingStrategy.fixed(S1);
      AtomicReference<String> refusal = new AtomicReference<>();
      ShardMoves moves =
          fixture.hasty(
              0,
              new MoveJob.Guards() {
                @Override
                public Mono<Void> before(String what) {
                  return what.equals("verify")
                      ? fixture.published().doOnNext(refusal::set).then()
                      : Mono.empty();
                }
              });
      fixture.run(moves, next);
      assertThat(List.of(refusal.get(), fixture.published().blockOptional(BOUND).orElseThrow()))
          .allSatisfy(
              message ->
                  assertThat(message)
                      .startsWith("control: a document that takes back what operations or moves")
                      .contains("strategies.by_user"));
      fixture.check(before, next);
    }
  }

  /** More rows than two pieces of five chunks each, and no full chunk at the end. */
  @Test
  void aTableOfManyChunksIsCopiedWhole() {
    try (MoveFixture fixture = new MoveFixture("{type: fixed, shard: shard_0}")) {
      ShardRouter router = fixture.router(0);
      router.on(S0).sql("INSERT INTO users VALUES (1, 'user', 0)").rowsUpdated().block(BOUND);
      for (int rows = 1; rows < 30_000; rows *= 2) {
        router
            .on(S0)
            .sql("INSERT INTO users SELECT id + :rows, CONCAT('user ', id), 0 FROM users")
            .bind("rows", rows)
            .rowsUpdated()
            .block(BOUND);
      }
      String before = sum(router, S0);
      assertThat(before).startsWith("32768 ");
      AtomicInteger written = new AtomicInteger();
      ShardMoves moves =
          fixture.hasty(
              0,
              new MoveJob.Guards() {
                @Override
                public Mono<Void> before(String what) {
                  long id = 1 + 7_919L * written.get() % 32_768;
                  return what.equals("apply")
                      ? fixture.update(id).doOnNext(rows -> written.incrementAndGet()).then()
                      : Mono.empty();
                }
              });
      fixture.run(moves, ShardingStrategy.fixed(S1));
      assertThat(written.get()).isGreaterThan(2);
      assertThat(
              router
                  .on(S1)
                  .sql("UPDATE users SET version = 0 WHERE version > 0")
                  .rowsUpdated()
                  .block(BOUND))
          .isEqualTo(written.get());
      assertThat(sum(router, S1)).isEqualTo(before);
      assertThat(sum(router, S0)).startsWith("0 ");
    }
  }

  private static String sum(ShardRouter router, ShardId shard) {
    return router
        .on(shard)
        .sql(
            "SELECT CAST(CONCAT(COUNT(*), ' ', COALESCE(SUM(CRC32(CONCAT(id, name))), 0)) AS CHAR)"
                + " FROM users")
        .map((row, metadata) -> String.valueOf(row.get(0, String.class)))
        .one()
        .blockOptional(BOUND)
        .orElseThrow();
  }

  /** Without the control server it may refuse a write, but never send it to where no row is. */
  @Test
  void aRouterThatIsCutOffFollowsTheMove() {
    try (MoveFixture fixture = new MoveFixture("{type: fixed, shard: shard_0}")) {
      fixture.load(20);
      ShardRouter alone = fixture.routerCutOff().router();
      Queue<Long> updated = new ConcurrentLinkedQueue<>();
      Disposable writing =
          Mono.defer(() -> MoveFixture.update(alone, 7))
              .doOnNext(updated::add)
              .onErrorComplete()
              .then(Mono.delay(Duration.ofMillis(20)))
              .repeat()
              .subscribe();
      fixture.run(fixture.moves(0, MoveJob.Guards.ALL), ShardingStrategy.fixed(S1));
      Mono.defer(() -> alone.topology().locate("users", ShardKey.of(7)))
          .filter(S1::equals)
          .repeatWhenEmpty(tries -> tries.delayElements(Duration.ofMillis(20)))
          .block(BOUND);
      writing.dispose();
      assertThat(MoveFixture.update(alone, 7).block(BOUND)).isOne();
      assertThat(updated).isNotEmpty().containsOnly(1L);
    }
  }

  @Test
  void aJsonColumnOfMySqlIsNamed() {
    try (MoveFixture fixture = new MoveFixture("{type: hash, shards: [shard_0, shard_1]}")) {
      ShardRouter router = fixture.router(0);
      router.onAll().sql("ALTER TABLE users ADD COLUMN more JSON").rowsUpdated().blockLast(BOUND);
      String version =
          router
              .on(S0)
              .sql("SELECT VERSION()")
              .map((row, metadata) -> String.valueOf(row.get(0, String.class)))
              .one()
              .blockOptional(BOUND)
              .orElseThrow();
      MovePlan plan =
          fixture
              .hasty(0, MoveJob.Guards.ALL)
              .plan("by_user", ShardingStrategy.hash(List.of(S1, S0)))
              .blockOptional(BOUND)
              .orElseThrow();
      assertThat(plan.refusals())
          .extracting(MovePlan.Refusal::code)
          .hasSize(version.contains("MariaDB") ? 0 : 2)
          .allMatch(MovePlan.Code.JSON_COLUMN::equals);
      assertThat(plan.accepting(MovePlan.Code.JSON_COLUMN).refusals()).isEmpty();
    }
  }

  /** A server gives NULL in place of a text that is longer than its packets. */
  @Test
  @ResourceLock("servers")
  void aValueThatTheServerCantWriteDownStopsTheMove() {
    try (MoveFixture fixture = new MoveFixture("{type: fixed, shard: shard_0}")) {
      ShardRouter router = fixture.router(0);
      router
          .onAll()
          .sql("ALTER TABLE users ADD COLUMN big LONGBLOB")
          .rowsUpdated()
          .blockLast(BOUND);
      router
          .on(S0)
          .sql("INSERT INTO users VALUES (7, 'user', 0, REPEAT('b', 700000))")
          .rowsUpdated()
          .block(BOUND);
      long packet =
          router
              .on(S0)
              .sql("SELECT @@global.max_allowed_packet")
              .map((row, metadata) -> ((Number) Objects.requireNonNull(row.get(0))).longValue())
              .one()
              .blockOptional(BOUND)
              .orElseThrow();
      fixture.onServers("SET GLOBAL max_allowed_packet = 1048576");
      try {
        ShardMoves moves = fixture.hasty(0, MoveJob.Guards.ALL);
        long job =
            moves
                .plan("by_user", ShardingStrategy.fixed(S1))
                .flatMap(moves::start)
                .blockOptional(BOUND)
                .orElseThrow();
        assertThat(moves.progress(job).filter(at -> at.error() != null).blockFirst(BOUND))
            .satisfies(
                at ->
                    assertThat(at.error())
                        .startsWith("table: users, the row of key [7] is too long"));
        moves.want(job, MoveProgress.Wanted.CANCEL).block(BOUND);
        assertThat(moves.progress(job).blockLast(BOUND)).matches(MoveProgress::ended);
      } finally {
        fixture.onServers("SET GLOBAL max_allowed_packet = " + packet);
      }
      assertThat(
              router
                  .on(S0)
                  .sql("UPDATE users SET version = 1 WHERE LENGTH(big) = 700000")
                  .rowsUpdated()
                  .block(BOUND))
          .isOne();
    }
  }

  @Test
  void anOpenTransactionHoldsUpTheSwitchAndNoWriter() {
    try (MoveFixture fixture = new MoveFixture("{type: fixed, shard: shard_0}")) {
      fixture.load(50);
      CountDownLatch holding = new CountDownLatch(1);
      Mono<Void> held =
          fixture
              .router(0)
              .on(S0)
              .inTransaction(
                  connection ->
                      Mono.from(
                              connection
                                  .createStatement("UPDATE users SET version = 9 WHERE id = 1")
                                  .execute())
                          .flatMap(result -> Mono.from(result.getRowsUpdated()))
                          .doOnNext(rows -> holding.countDown())
                          .delayElement(Duration.ofSeconds(5)))
              .then()
              .cache();
      Queue<String> refused = new ConcurrentLinkedQueue<>();
      AtomicInteger written = new AtomicInteger();
      AtomicBoolean over = new AtomicBoolean();
      ShardMoves moves =
          fixture.hasty(
              0,
              new MoveJob.Guards() {
                @Override
                public Mono<Void> before(String what) {
                  if (what.equals("switching") && holding.getCount() > 0) {
                    held.subscribe();
                    return Mono.<Void>fromRunnable(() -> await(holding))
                        .subscribeOn(Schedulers.boundedElastic());
                  }
                  return Mono.empty();
                }
              });
      Mono<Void> writing =
          Mono.defer(() -> fixture.update(2))
              .doOnNext(rows -> written.addAndGet(rows.intValue()))
              .onErrorResume(
                  error -> {
                    refused.add(String.valueOf(error.getMessage()));
                    return Mono.empty();
                  })
              .repeat(() -> !over.get())
              .then()
              .cache();
      writing.subscribe();
      fixture.run(moves, ShardingStrategy.fixed(S1));
      over.set(true);
      writing.block(BOUND);
      held.block(BOUND);
      assertThat(refused).isEmpty();
      assertThat(fixture.rows().get(1L)).singleElement().asString().contains("shard_1", "|9");
      assertThat(fixture.rows().get(2L)).singleElement().asString().contains("|" + written.get());
    }
  }

  /** The first step's keys have moved, so that the job can't be cancelled. */
  @Test
  void aTableThatIsMadeAnewInALaterStepIsCopiedAnew() {
    try (MoveFixture fixture = new MoveFixture("{type: fixed, shard: shard_0}")) {
      fixture.load(60);
      // What was copied of them is deleted in several transactions.
      fixture
          .router(0)
          .on(S0)
          .sql(
              "INSERT INTO users SELECT 100 + a.id * 60 + b.id, 'more', 0 FROM users a, users b"
                  + " WHERE a.id <= 50")
          .rowsUpdated()
          .block(BOUND);
      AtomicInteger deletions = new AtomicInteger();
      fixture.addThird();
      Map<Long, List<String>> before = fixture.rows();
      ShardingStrategy next = ShardingStrategy.hash(List.of(S1, S2));
      AtomicInteger looks = new AtomicInteger();
      ShardMoves moves =
          fixture.hasty(
              0,
              new MoveJob.Guards() {
                @Override
                public Mono<Void> before(String what) {
                  if (what.equals("clean") && looks.get() == 4) {
                    deletions.incrementAndGet();
                  }
                  // Two tables a step: the third look is of the second step.
                  return what.equals("verify") && looks.incrementAndGet() == 3
                      ? fixture
                          .router(0)
                          .on(S0)
                          .sql("ALTER TABLE users ENGINE = InnoDB")
                          .rowsUpdated()
                          .then()
                      : Mono.empty();
                }
              });
      fixture.run(moves, next);
      assertThat(looks.get()).isGreaterThan(4);
      // Of about 1,500 users, and of orders.
      assertThat(deletions.get()).isGreaterThanOrEqualTo(3);
      fixture.check(before, next);
      fixture.checkClean();
    }
  }
}
