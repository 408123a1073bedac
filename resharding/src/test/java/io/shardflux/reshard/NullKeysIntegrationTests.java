package io.shardflux.reshard;

import static io.shardflux.reshard.MoveFixture.BOUND;
import static io.shardflux.reshard.MoveFixture.S0;
import static io.shardflux.reshard.MoveFixture.S1;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.groups.Tuple.tuple;

import io.shardflux.reshard.job.MoveJob;
import io.shardflux.reshard.plan.MovePlan;
import io.shardflux.reshard.plan.MovePlan.Code;
import io.shardflux.reshard.plan.MovePlan.Refusal;
import io.shardflux.router.ShardingStrategy;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Rows without a shard key are counted as long as their table is not sharded. */
@Tag("same-on-any-server")
class NullKeysIntegrationTests {

  @Test
  void rowsThatNoShardWouldOwnAreRefused() {
    try (MoveFixture fixture = new MoveFixture("{type: fixed, shard: shard_0}")) {
      fixture.onServer(
          0,
          "ALTER TABLE orders DROP PRIMARY KEY, MODIFY user_id BIGINT NULL,"
              + " ADD PRIMARY KEY (no)");
      fixture.onServer(
          1,
          "ALTER TABLE orders DROP PRIMARY KEY, MODIFY user_id BIGINT NULL,"
              + " ADD PRIMARY KEY (no)");
      ShardMoves moves = fixture.moves(0, MoveJob.Guards.ALL);
      fixture.onServer(0, "INSERT INTO orders (user_id, no) VALUES (1, 1)");
      assertThat(refusals(moves)).isEmpty();
      fixture.onServer(0, "INSERT INTO orders (user_id, no) VALUES (NULL, 2)");
      assertThat(refusals(moves))
          .extracting(Refusal::code, Refusal::where, Refusal::message)
          .containsExactly(
              tuple(
                  Code.NULL_KEY,
                  "orders",
                  "user_id, NULL in a row on shard_0 (expected: a value in each row, by which its"
                      + " shard is found; give these rows one, or put them into a table that is"
                      + " pinned)"));
    }
  }

  private static List<Refusal> refusals(ShardMoves moves) {
    return moves
        .plan(MoveFixture.STRATEGY, ShardingStrategy.hash(List.of(S0, S1)))
        .map(plan -> plan.accepting(Code.UNIQUE_KEY))
        .map(MovePlan::refusals)
        .blockOptional(BOUND)
        .orElseThrow();
  }
}
