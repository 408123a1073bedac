package io.shardflux.reshard.progress;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.shardflux.reshard.plan.MoveOptions;
import io.shardflux.reshard.plan.MovePlan.Kind;
import io.shardflux.reshard.plan.MovePlan.Pair;
import io.shardflux.reshard.plan.MovePlan.Table;
import io.shardflux.router.ShardId;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class JobPlanTests {

  private static final JobPlan PLAN =
      new JobPlan(
          Kind.SHARD,
          "by user, é\n=",
          "into",
          List.of(new Table("a,b\n=", 12, 34), new Table("orders", 0, 0)),
          List.of(pair("shard_0", "shard_1"), pair("shard_0", "a.b-c")),
          MoveOptions.builder()
              .rowsPerSecond(7)
              .rollbackWindow(Duration.ofMillis(1))
              .closeBound(Duration.ofMillis(20))
              .patience(Duration.ofMinutes(3))
              .maxLag(Duration.ofSeconds(7))
              .giveUpAfter(Duration.ofMinutes(4))
              .switchesWhenTold(true)
              .keepsFence(true)
              .build(),
          "{\"a\": \"b=c\"}",
          7,
          List.of("version=2\ntopology={}"));

  private static Pair pair(String from, String to) {
    return new Pair(ShardId.of(from), ShardId.of(to), 56, 78);
  }

  @Test
  void readsWhatWasWritten() {
    assertThat(JobPlan.parse(PLAN.text())).isEqualTo(PLAN);
  }

  @Test
  void readsTheEmptiest() {
    JobPlan plan =
        new JobPlan(
            Kind.KEYS, "s", "s", List.of(), List.of(), MoveOptions.defaults(), "{}", 0, List.of());

    assertThat(JobPlan.parse(plan.text())).isEqualTo(plan);
  }

  @Test
  void theRestOfAPlanFollowsPartByPart() {
    JobPlan last = PLAN.with(0, List.of());
    JobPlan first = PLAN.with(0, List.of(last.text(), last.text()));

    JobPlan second = first.following(8).orElseThrow();
    assertThat(second).isEqualTo(last.with(8, List.of(last.text())));
    assertThat(second.following(9)).contains(last.with(9, List.of()));
    assertThat(last.following(10)).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(strings = {"version=3\nstrategy=00", "by_user\n0\n{}", "", "version=2\nfaster=yes"})
  void refusesWhatAnotherVersionWrote(String text) {
    assertThatThrownBy(() -> JobPlan.parse(text))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("a router of another version started the move");
  }
}
