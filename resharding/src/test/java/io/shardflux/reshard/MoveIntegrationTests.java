package io.shardflux.reshard;

import static io.shardflux.reshard.MoveFixture.BOUND;
import static io.shardflux.reshard.MoveFixture.S0;
import static io.shardflux.reshard.MoveFixture.S1;
import static io.shardflux.reshard.MoveFixture.S2;
import static org.assertj.core.api.Assertions.assertThat;

import io.shardflux.router.HashFunction;
import io.shardflux.router.KeyRange;
import io.shardflux.router.ShardKey;
import io.shardflux.router.ShardingStrategy;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import reactor.core.publisher.Mono;
import reactor.test.StepVerifier;

/** Moves without writers: what was there is there, once, where it belongs. */
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
      fixture.run(fixture.moves(0, MoveJob.Guards.ALL), next);
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
      ShardMoves moves = fixture.moves(0, MoveJob.Guards.ALL);
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
      Failing failing = new Failing(4);
      fixture.run(fixture.moves(0, failing), next);
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
  void aCancelTakesAllBack() {
    ShardingStrategy next = ShardingStrategy.hash(List.of(S0, S1, S2));
    try (MoveFixture fixture = new MoveFixture("{type: hash, shards: [shard_0, shard_1]}")) {
      fixture.load(USERS);
      fixture.addThird();
      Map<Long, List<String>> before = fixture.rows();
      ShardMoves moves = fixture.moves(0, new Stopping());
      long job =
          moves.plan("by_user", next).flatMap(moves::start).blockOptional(BOUND).orElseThrow();
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
      Mono<Long> spoilt =
          fixture.router(0).on(S1).sql("UPDATE users SET name = 'x' WHERE id = 7").rowsUpdated();
      ShardMoves moves =
          fixture.moves(
              0,
              new MoveJob.Guards() {
                @Override
                public Mono<Void> before(String what) {
                  return what.equals("verify") ? spoilt.then() : Mono.empty();
                }
              });
      long job =
          moves.plan("by_user", next).flatMap(moves::start).blockOptional(BOUND).orElseThrow();
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
          fixture.moves(
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
  void oneMoveIsUnderWayAtATime() {
    ShardingStrategy next = ShardingStrategy.hash(List.of(S1, S0));
    try (MoveFixture fixture = new MoveFixture("{type: hash, shards: [shard_0, shard_1]}")) {
      ShardMoves moves = fixture.moves(0, new Stopping());
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
      ShardMoves moves = fixture.moves(0, MoveJob.Guards.ALL);
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
}
