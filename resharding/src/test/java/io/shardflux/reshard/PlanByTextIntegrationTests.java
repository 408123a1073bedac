package io.shardflux.reshard;

import static io.shardflux.reshard.MoveFixture.BOUND;
import static io.shardflux.reshard.MoveFixture.STRATEGY;
import static org.assertj.core.api.Assertions.assertThat;

import io.shardflux.reshard.job.MoveJob;
import io.shardflux.reshard.plan.MovePlan;
import io.shardflux.router.ShardingStrategy;
import java.util.List;
import org.junit.jupiter.api.Test;
import reactor.test.StepVerifier;

/** Plans of a strategy that is written as in a document. */
class PlanByTextIntegrationTests {

  private static final String HASH = "{type: hash, shards: [shard_0, shard_1]}";

  @Test
  void isThePlanOfThatStrategy() {
    try (MoveFixture fixture = new MoveFixture(HASH)) {
      ShardMoves moves = fixture.moves(0, MoveJob.Guards.ALL);
      ShardingStrategy next = ShardingStrategy.modulo(List.of(MoveFixture.S1, MoveFixture.S0));
      MovePlan expected = moves.plan(STRATEGY, next).blockOptional(BOUND).orElseThrow();
      for (String text :
          List.of(
              "type: modulo\nshards:\n  - shard_1\n  - shard_0\n",
              "{\"type\": \"modulo\", \"shards\": [\"shard_1\", \"shard_0\"]}")) {
        MovePlan plan = moves.plan(STRATEGY, text).blockOptional(BOUND).orElseThrow();
        assertThat(plan).usingRecursiveComparison().ignoringFields("next").isEqualTo(expected);
        assertThat(plan.next()).hasToString(next.toString());
      }
      refused(moves, "by_usr", HASH, "strategy: by_usr (expected: one of [by_user]");
      refused(moves, STRATEGY, "{type: hsh}", "strategies.by_user.type: hsh (expected: one of");
      refused(moves, STRATEGY, "{type: fixed, shard: shard_9}", "strategies.by_user: ");
      refused(
          moves,
          STRATEGY,
          "{type: directory, shards: [shard_0], server: {url: 'r2dbc:mysql://a@h/d'}}",
          "strategies.by_user.type: directory (expected: any other type;");
    }
  }

  private static void refused(ShardMoves moves, String strategy, String next, String message) {
    StepVerifier.create(moves.plan(strategy, next))
        .expectErrorSatisfies(
            error ->
                assertThat(error)
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageStartingWith(message))
        .verify(BOUND);
  }
}
