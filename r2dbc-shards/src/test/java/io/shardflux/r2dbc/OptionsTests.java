package io.shardflux.r2dbc;

import static org.assertj.core.api.Assertions.assertThat;

import io.shardflux.architecture.OptionsContract;
import io.shardflux.r2dbc.failure.ShardUnavailableException;
import io.shardflux.r2dbc.observe.RowCountOptions;
import io.shardflux.r2dbc.settings.BreakerOptions;
import io.shardflux.r2dbc.settings.PoolOptions;
import io.shardflux.r2dbc.settings.ReadOptions;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardingStrategy;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import reactor.test.StepVerifier;

class OptionsTests {

  private static final Duration BOUND = Duration.ofSeconds(30);

  @Test
  void aPoolsBuilderDoesItsPart() {
    OptionsContract.check(PoolOptions.defaults());
  }

  @Test
  void theLongestTimesAndLargestPoolsWork() {
    Duration longest = Duration.ofDays(365);
    ShardRouter router =
        ShardRouter.builder()
            .shard(Shard.of("a", "r2dbc:mysql://root@127.0.0.1:1/db"))
            .pool(
                PoolOptions.builder()
                    .maxSize(Integer.MAX_VALUE)
                    .maxPending(Integer.MAX_VALUE)
                    .connectTimeout(Duration.ofDays(24))
                    .rollbackTimeout(longest)
                    .maxIdleTime(longest)
                    .maxLifetime(longest)
                    .build())
            .timeouts(Timeouts.of(longest))
            .breaker(new BreakerOptions(10_000, 10_000, 100, longest))
            .reads(ReadOptions.defaults().withMaxLag(longest))
            .slowStatement(longest)
            .rowCounts(new RowCountOptions(false, longest))
            .strategy("a", ShardingStrategy.fixed(ShardId.of("a")))
            .build();
    StepVerifier.create(router.on(ShardId.of("a")).sql("SELECT 1").map((row, data) -> 1).all())
        .expectError(ShardUnavailableException.class)
        .verify(BOUND);
    StepVerifier.create(router.close()).expectComplete().verify(BOUND);
  }

  @Test
  void streamsThatAreHalfOfAPoolRemainHalf() {
    PoolOptions small = PoolOptions.builder().maxSize(2).build();
    assertThat(small.toBuilder().build()).isEqualTo(small);
    assertThat(small.toBuilder().maxSize(20).build().streams()).isEqualTo(10);
    assertThat(small.toBuilder().streams(2).build().toBuilder().maxSize(20).build().streams())
        .isEqualTo(2);
  }
}
