package io.shardflux.reshard;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.shardflux.reshard.MovePlan.Pair;
import io.shardflux.reshard.MovePlan.Table;
import io.shardflux.router.ShardId;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class JobPlanTests {

  private static final JobPlan PLAN =
      new JobPlan(
          "by user, é\n=",
          List.of(new Table("a,b\n=", 12), new Table("orders", 0)),
          List.of(pair("shard_0", "shard_1"), pair("shard_0", "a.b-c")),
          MoveOptions.builder()
              .rowsPerSecond(7)
              .rollbackWindow(Duration.ofMillis(1))
              .closeBound(Duration.ofMillis(20))
              .patience(Duration.ofMinutes(3))
              .maxLag(Duration.ofSeconds(7))
              .build(),
          "{\"a\": \"b=c\"}");

  private static Pair pair(String from, String to) {
    return new Pair(ShardId.of(from), ShardId.of(to));
  }

  @Test
  void readsWhatWasWritten() {
    assertThat(JobPlan.parse(PLAN.text())).isEqualTo(PLAN);
  }

  @Test
  void readsTheEmptiest() {
    JobPlan plan = new JobPlan("s", List.of(), List.of(), MoveOptions.defaults(), "{}");

    assertThat(JobPlan.parse(plan.text())).isEqualTo(plan);
  }

  @ParameterizedTest
  @ValueSource(strings = {"version=2\nstrategy=00", "by_user\n0\n{}", "", "version=1\nfaster=yes"})
  void refusesWhatAnotherVersionWrote(String text) {
    assertThatThrownBy(() -> JobPlan.parse(text))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("a router of another version started the move");
  }
}
