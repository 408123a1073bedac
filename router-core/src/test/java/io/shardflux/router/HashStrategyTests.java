package io.shardflux.router;

import static io.shardflux.router.Fixtures.ids;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class HashStrategyTests {

  @Test
  void md5PutsIntegersOnTheKnownSlots() {
    ShardingStrategy hash = ShardingStrategy.hash(ids("0", "1", "2"), 3, HashFunction.MD5);

    assertThat(IntStream.rangeClosed(1, 5).mapToObj(key -> hash.locate(ShardKey.of(key))))
        .isEqualTo(ids("1", "2", "0", "2", "2"));
  }

  @Test
  void crc32IsTheUsualOne() {
    assertThat(HashFunction.CRC32.hash(ShardKey.of("123456789"), 0, 1)).isEqualTo(0xCBF43926L);
  }

  @Test
  void md5IsReadBigEndianAndUnsigned() {
    // RFC 1321: MD5("") = d41d8cd9..., MD5("a") = 0cc175b9...
    assertThat(HashFunction.MD5.hash(ShardKey.of(""), 0, 1)).isEqualTo(0xd41d8cd9L);
    assertThat(HashFunction.MD5.hash(ShardKey.of("a"), 0, 1)).isEqualTo(0x0cc175b9L);
  }

  @Test
  void partsAreJoinedByAZeroByte() {
    assertThat(HashFunction.CRC32.hash(ShardKey.of("ab", 1), 0, 2))
        .isEqualTo(HashFunction.CRC32.hash(ShardKey.of("ab\u00001"), 0, 1))
        .isNotEqualTo(HashFunction.CRC32.hash(ShardKey.of("a", "b1"), 0, 2));
    assertThat(HashFunction.MD5.hash(ShardKey.of("x", "ab", 1), 1, 3))
        .isEqualTo(HashFunction.MD5.hash(ShardKey.of("ab\u00001"), 0, 1));
  }

  @Test
  void slotsAreFilledInEvenBlocks() {
    ShardingStrategy three = ShardingStrategy.hash(ids("a", "b", "c"));
    Map<ShardId, Long> keys =
        IntStream.range(0, 300_000)
            .mapToObj(key -> three.locate(ShardKey.of(key)))
            .collect(Collectors.groupingBy(Function.identity(), Collectors.counting()));

    assertThat(keys.values()).allSatisfy(count -> assertThat(count).isBetween(98_000L, 102_000L));
    assertThat(three.owns(ids("b").get(0), List.of(KeyColumn.integer("id"))).block(Fixtures.BOUND))
        .isEqualTo(
            "(CRC32(CAST(`id` + 0 AS CHAR CHARACTER SET utf8mb4)) % 1024 BETWEEN 342 AND 682)");
  }

  @Test
  void oneSlotMovesAlone() {
    List<ShardId> before = ids("a", "a", "b", "b", "c");
    List<ShardId> after = ids("a", "d", "b", "b", "c");
    ShardingStrategy old = ShardingStrategy.hashSlots(before, HashFunction.CRC32);
    ShardingStrategy next = ShardingStrategy.hashSlots(after, HashFunction.CRC32);
    for (int i = 0; i < 10_000; i++) {
      ShardKey key = ShardKey.of(i);
      boolean moves = HashFunction.CRC32.hash(key, 0, 1) % 5 == 1;
      assertThat(next.locate(key)).isEqualTo(moves ? ids("d").get(0) : old.locate(key));
    }
  }

  @Test
  void refusesWhatItCannotDo() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> ShardingStrategy.hash(List.of()))
        .withMessageContaining("shards: none");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> ShardingStrategy.hash(ids("a", "b", "a")))
        .withMessage("shard: a, twice (expected: once)");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> ShardingStrategy.hash(ids("a", "b"), 1, HashFunction.CRC32))
        .withMessageContaining("slots: 1 (expected: 2 to 65536");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> ShardingStrategy.hash(ids("a"), 65_537, HashFunction.CRC32))
        .withMessageContaining("slots: 65537");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> ShardingStrategy.hashSlots(List.of(), HashFunction.MD5))
        .withMessageContaining("slots: 0 (expected: 1 to 65536");
    assertThatIllegalArgumentException()
        .isThrownBy(
            () ->
                ShardingStrategy.hashSlots(
                    Collections.nCopies(65_537, ShardId.of("a")), HashFunction.MD5))
        .withMessageContaining("slots: 65537 (expected: 1 to 65536");
  }
}
