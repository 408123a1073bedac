package io.shardflux.reshard;

import static io.shardflux.reshard.MoveFixture.BOUND;
import static io.shardflux.reshard.MoveFixture.S0;
import static io.shardflux.reshard.MoveFixture.S1;
import static io.shardflux.reshard.MoveFixture.S2;
import static io.shardflux.reshard.MoveFixture.STRATEGY;
import static org.assertj.core.api.Assertions.assertThat;

import io.shardflux.router.ShardingStrategy;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import reactor.core.publisher.Mono;

/** What an operator sets and sees of moves. */
class OperatorIntegrationTests {

  private static final String HASH = "{type: hash, shards: [shard_0, shard_1]}";
  private static final ShardingStrategy THREE = ShardingStrategy.hash(List.of(S0, S1, S2));

  @Test
  void aRouterThatDoesNoMovesLeavesThemToOthers() {
    try (MoveFixture fixture = new MoveFixture(HASH)) {
      fixture.addThird();
      fixture.load(20);
      fixture.routerWith("resharding: {enabled: false, rows-per-second: 70, close-bound: 80ms}");
      ShardMoves passive =
          fixture.hasty(
              1,
              new MoveJob.Guards() {
                @Override
                public Mono<Void> before(String what) {
                  return Mono.error(new IllegalStateException("done where it is turned off"));
                }
              });
      MovePlan plan = passive.plan(STRATEGY, THREE).blockOptional(BOUND).orElseThrow();
      assertThat(plan.options().rowsPerSecond()).isEqualTo(70);
      assertThat(plan.options().closeBound()).isEqualTo(Duration.ofMillis(80));
      long job =
          passive.start(plan.with(MoveOptions.defaults())).blockOptional(BOUND).orElseThrow();
      // Longer than a router takes to see a job.
      assertThat(passive.progress(job).take(4).collectList().block(BOUND))
          .hasSize(4)
          .noneMatch(MoveProgress::running);

      ShardMoves active = fixture.hasty(0, MoveJob.Guards.ALL);
      MoveProgress end = active.progress(job).last().blockOptional(BOUND).orElseThrow();

      assertThat(end.error()).isNull();
      fixture.checkClean();
    }
  }
}
