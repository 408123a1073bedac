package io.shardflux.reshard.plan;

import static org.assertj.core.api.Assertions.assertThat;

import io.shardflux.reshard.plan.MovePlan.Code;
import io.shardflux.reshard.plan.MovePlan.Target;
import io.shardflux.router.ShardId;
import java.util.List;
import org.junit.jupiter.api.Test;

class RoomTests {

  private static final ShardId SHARD = ShardId.of("s");

  @Test
  void refusesATargetThatIsKnownToHaveTooLittle() {
    assertThat(
            Room.refusals(
                List.of(
                    new Target(SHARD, 100, 99L),
                    new Target(SHARD, 100, 100L),
                    new Target(SHARD, 100, null))))
        .singleElement()
        .satisfies(
            refusal -> {
              assertThat(refusal.code()).isEqualTo(Code.TOO_LITTLE_ROOM);
              assertThat(refusal.where()).isEqualTo("s");
              assertThat(refusal.message()).startsWith("99 bytes are free").contains("about 100");
            });
  }
}
