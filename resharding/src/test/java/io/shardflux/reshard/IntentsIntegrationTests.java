package io.shardflux.reshard;

import static io.shardflux.reshard.MoveFixture.BOUND;
import static io.shardflux.reshard.MoveFixture.S0;
import static io.shardflux.reshard.MoveFixture.S1;
import static io.shardflux.reshard.MoveFixture.S2;
import static io.shardflux.reshard.MoveFixture.STRATEGY;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.groups.Tuple.tuple;

import io.shardflux.reshard.job.MoveJob;
import io.shardflux.reshard.plan.Intent;
import io.shardflux.reshard.plan.MovePlan;
import io.shardflux.reshard.plan.MovePlan.Pair;
import io.shardflux.reshard.progress.MoveProgress;
import io.shardflux.router.KeyRange;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardKey;
import io.shardflux.router.ShardingStrategy;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.api.parallel.ResourceAccessMode;
import org.junit.jupiter.api.parallel.ResourceLock;
import reactor.test.StepVerifier;

/** What is wanted, one after the other on the same rows. */
@Tag("same-on-any-server")
@Execution(ExecutionMode.CONCURRENT)
@ResourceLock(value = "servers", mode = ResourceAccessMode.READ)
class IntentsIntegrationTests {

  private static final int USERS = 600;

  @Test
  void aHashIsSpreadWeighedAndLosesAShard() {
    try (MoveFixture fixture =
        new MoveFixture(
            "{type: hash, shards: [shard_0, shard_1]}\n"
                + "  of_no_table: {type: fixed, shard: shard_1}")) {
      fixture.load(USERS);
      fixture.addThird();
      Map<Long, List<String>> before = fixture.rows();
      ShardMoves moves = fixture.hasty(0, MoveJob.Guards.ALL);
      MovePlan spread = done(moves, new Intent.Spread(STRATEGY, List.of(S0, S1, S2)));
      assertThat(spread.pairs())
          .extracting(Pair::from, Pair::to)
          .containsExactly(tuple(S0, S2), tuple(S1, S2));
      long third = USERS / 3;
      assertThat(count(fixture, S2)).isCloseTo(third, Percentage.withPercentage(15));
      checkSizes(fixture, spread);
      fixture.check(before, now(fixture));

      done(moves, new Intent.Isolate(STRATEGY, ShardKey.of(7), S1));
      assertThat(now(fixture).locate(ShardKey.of(7))).isEqualTo(S1);
      fixture.check(before, now(fixture));

      MovePlan removal = done(moves, new Intent.RemoveShard(S1, List.of()));
      assertThat(removal.parts())
          .extracting(MovePlan.Part::strategy)
          .containsExactlyInAnyOrder(STRATEGY, "of_no_table");
      assertThat(removal.pairs()).extracting(Pair::from).containsOnly(S1);
      fixture.check(before, now(fixture));
      assertThat(count(fixture, S1)).isZero();
      fixture.routers.get(0).removeShard(S1, "it is empty").block(BOUND);
      fixture.checkClean();
    }
  }

  /** The estimate is a count, because the tables are small. */
  private static void checkSizes(MoveFixture fixture, MovePlan plan) {
    long rows = plan.pairs().stream().mapToLong(Pair::rowsAbout).sum();
    assertThat(rows).isEqualTo(count(fixture, S2) + orders(fixture, S2));
    assertThat(plan.pairs()).allMatch(pair -> pair.bytesAbout() > 0);
    assertThat(plan.tables()).allMatch(table -> table.bytesAbout() > 0);
  }

  @Test
  void rangesAndSlotsGoElsewhere() {
    try (MoveFixture fixture =
        new MoveFixture(
            "{type: range, key: integer, ranges: [{to: 300, shard: shard_0}, {from: 300, shard:"
                + " shard_1}]}")) {
      fixture.load(USERS);
      fixture.addThird();
      Map<Long, List<String>> before = fixture.rows();
      ShardMoves moves = fixture.hasty(0, MoveJob.Guards.ALL);
      MovePlan plan = done(moves, new Intent.MoveRange(STRATEGY, KeyRange.of(200, 250), S2));
      assertThat(plan.pairs()).extracting(Pair::from, Pair::to).hasSize(1);
      assertThat(count(fixture, S2)).isEqualTo(50);
      fixture.check(before, now(fixture));
      ShardingStrategy hash = ShardingStrategy.hash(List.of(S0, S1));
      done(moves, new Intent.Change(STRATEGY, hash));
      fixture.check(before, hash);
      done(moves, new Intent.MoveSlots(STRATEGY, 0, 99, S2));
      fixture.check(before, now(fixture));
      assertThat(count(fixture, S2)).isPositive();
    }
  }

  @Test
  void whatAnIntentCanNotMeanIsRefused() {
    try (MoveFixture fixture = new MoveFixture("{type: hash, shards: [shard_0, shard_1]}")) {
      ShardMoves moves = fixture.moves(0, MoveJob.Guards.ALL);
      refused(moves, new Intent.Spread("by_usr", List.of(S0)), "strategy: by_usr (expected: one");
      refused(moves, new Intent.Spread(STRATEGY, List.of(S0, S2)), "strategies.by_user: shard_2");
      refused(moves, new Intent.RemoveShard(S2, List.of()), "shard: shard_2 (expected: one of [sh");
      refused(moves, new Intent.MoveSlots(STRATEGY, 9, 8, S0), "slots: 9 to 8 (expected: from 0");
      refused(
          moves,
          new Intent.MoveRange(STRATEGY, KeyRange.all(), S0),
          "strategy: a hash (expected: ranges");
    }
  }

  @Test
  void aShardThatIsAnotherOrThatARouterCanNotReachIsNamed() {
    try (MoveFixture fixture = new MoveFixture("{type: hash, shards: [shard_0, shard_1]}")) {
      fixture.onServers("CREATE USER IF NOT EXISTS limited@'%'");
      fixture.onServers("GRANT ALL ON *.* TO limited@'%'");
      fixture.routerOf("limited");
      fixture.onServer(2, "DROP USER limited@'%'");
      fixture.onServer(2, "ALTER DATABASE CHARACTER SET latin1 COLLATE latin1_swedish_ci");
      fixture.addThird();
      ShardMoves moves = fixture.moves(0, MoveJob.Guards.ALL);
      Intent spread = new Intent.Spread(STRATEGY, List.of(S0, S1, S2));
      assertThat(moves.plan(spread).blockOptional(BOUND).orElseThrow().refusals())
          .extracting(MovePlan.Refusal::code, MovePlan.Refusal::where)
          .contains(
              tuple(MovePlan.Code.SERVER_DIFFERS, "shard_2"),
              tuple(MovePlan.Code.ROUTER_UNREACHED, "routers"));
      fixture.onServers("DROP USER IF EXISTS limited@'%'");
    }
  }

  private static void refused(ShardMoves moves, Intent intent, String message) {
    StepVerifier.create(moves.plan(intent))
        .expectErrorSatisfies(
            error ->
                assertThat(error)
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageStartingWith(message))
        .verify(BOUND);
  }

  /** Plans, starts and waits for the end. */
  static MovePlan done(ShardMoves moves, Intent intent) {
    MovePlan plan = moves.plan(intent).blockOptional(BOUND).orElseThrow();
    assertThat(plan.refusals()).isEmpty();
    long job = moves.start(MoveFixture.brief(plan)).blockOptional(BOUND).orElseThrow();
    MoveProgress end = moves.progress(job).blockLast(BOUND);
    assertThat(Objects.requireNonNull(end).error()).isNull();
    return plan;
  }

  private static ShardingStrategy now(MoveFixture fixture) {
    return fixture.router(0).topology().strategy("users");
  }

  private static long count(MoveFixture fixture, ShardId shard) {
    return number(fixture, shard, "SELECT COUNT(*) FROM users");
  }

  private static long orders(MoveFixture fixture, ShardId shard) {
    return number(fixture, shard, "SELECT COUNT(*) FROM orders");
  }

  private static long number(MoveFixture fixture, ShardId shard, String sql) {
    return fixture
        .router(0)
        .on(shard)
        .sql(sql)
        .map((row, metadata) -> Objects.requireNonNull(row.get(0, Long.class)))
        .one()
        .blockOptional(BOUND)
        .orElseThrow();
  }
}
