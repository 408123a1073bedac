package io.shardflux.router;

import static io.shardflux.router.Fixtures.id;
import static io.shardflux.router.Fixtures.ids;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.data.Percentage.withPercentage;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class ConsistentStrategyTests {

  @Test
  void integersLieOnTheKnownShards() {
    ShardingStrategy ring = ShardingStrategy.consistent(ids("0", "1", "2"));

    assertThat(IntStream.rangeClosed(1, 5).mapToObj(key -> ring.locate(ShardKey.of(key))))
        .isEqualTo(ids("2", "0", "1", "2", "0"));
  }

  @Test
  void aMillionKeysAreBalanced() {
    ShardingStrategy ring =
        ShardingStrategy.consistent(
            IntStream.range(0, 10).mapToObj(i -> id("shard_" + i)).toList());
    Map<ShardId, Integer> keys = new HashMap<>();
    for (int i = 0; i < 1_000_000; i++) {
      keys.merge(ring.locate(ShardKey.of(i)), 1, Integer::sum);
    }

    assertThat(keys).hasSize(10);
    assertThat(keys.values())
        .allSatisfy(count -> assertThat(count).isCloseTo(100_000, withPercentage(20)));
  }

  @Test
  void weightsCount() {
    ShardingStrategy ring = ShardingStrategy.consistent(Map.of(id("a"), 10, id("b"), 30));
    long onB =
        IntStream.range(0, 100_000)
            .filter(key -> ring.locate(ShardKey.of(key)).equals(id("b")))
            .count();

    assertThat(onB).isCloseTo(75_000, withPercentage(10));
  }

  @Test
  void theOrderOfShardsDoesNotMatter() {
    ShardingStrategy one = ShardingStrategy.consistent(ids("a", "b", "c"));
    ShardingStrategy other = ShardingStrategy.consistent(ids("c", "a", "b"));
    for (int i = 0; i < 1000; i++) {
      assertThat(one.locate(ShardKey.of(i))).isEqualTo(other.locate(ShardKey.of(i)));
    }
  }

  @Test
  void refusesWhatItCannotDo() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> ShardingStrategy.consistent(List.of()))
        .withMessageContaining("shards: none");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> ShardingStrategy.consistent(ids("a", "a")))
        .withMessageContaining("a, twice");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> ShardingStrategy.consistent(Map.of(id("a"), 0)))
        .withMessageContaining("weight of shard a: 0 (expected: at least 1");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> ShardingStrategy.consistent(Map.of(id("a"), -1, id("b"), 2)))
        .withMessageContaining("weight of shard a: -1");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> ShardingStrategy.consistent(Map.of(id("a"), Integer.MAX_VALUE)))
        .withMessageContaining("at most 10000");
  }
}
