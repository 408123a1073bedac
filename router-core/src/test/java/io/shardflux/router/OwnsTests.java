package io.shardflux.router;

import static io.shardflux.router.Fixtures.BOUND;
import static io.shardflux.router.Fixtures.id;
import static io.shardflux.router.Fixtures.ids;
import static io.shardflux.router.Fixtures.ranges;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import reactor.test.StepVerifier;

/** Refusals of a shard's condition, and its text. */
class OwnsTests {

  private static final List<KeyColumn> ID = List.of(KeyColumn.integer("id"));
  private static final List<KeyColumn> NAME = List.of(KeyColumn.text("name"));

  @Test
  void namesAreQuotedAndTextsAreHex() {
    ShardingStrategy range = ShardingStrategy.range(ranges(List.of("') OR 1 -- "), "a", "b"));

    assertThat(range.owns(id("a"), List.of(KeyColumn.text("a`b"))).block(BOUND))
        .isEqualTo(
            "((CAST(CAST(`a``b` AS CHAR CHARACTER SET utf8mb4) AS BINARY)"
                + " < x'2729204f522031202d2d20'))");
  }

  @Test
  void aShardWithScatteredSlotsEvaluatesTheHashOnce() {
    ShardingStrategy hash =
        ShardingStrategy.hashSlots(ids("a", "b", "b", "a", "b"), HashFunction.CRC32);

    assertThat(hash.owns(id("b"), ID).block(BOUND))
        .isEqualTo(
            "(INTERVAL(CRC32(CAST(`id` + 0 AS CHAR CHARACTER SET utf8mb4)) % 5, 1, 3, 4, 5) % 2"
                + " = 1)");
  }

  @Test
  void aThousandShardsStayShort() {
    ShardingStrategy ring =
        ShardingStrategy.consistent(IntStream.range(0, 1000).mapToObj(i -> id("s" + i)).toList());

    assertThat(Objects.requireNonNull(ring.owns(id("s7"), ID).block(BOUND))).hasSizeLessThan(3000);
  }

  @Test
  void refusesShardsThatAreNotItsOwn() {
    Fixtures.immediate()
        .forEach(
            (strategy, key) ->
                StepVerifier.create(strategy.owns(id("stranger"), ID))
                    .expectErrorMessage(
                        "shard: stranger (expected: one of " + strategy.shards() + ")")
                    .verify(BOUND));
  }

  @Test
  void refusesColumnsThatDoNotFit() {
    assertRefused(ShardingStrategy.modulo(ids("a")), NAME, "key column name: TEXT (expected: INT");
    assertRefused(ShardingStrategy.modulo(ids("a")), List.of(), "key columns: [] (expected: one)");
    assertRefused(ShardingStrategy.hash(ids("a")), List.of(), "key columns: none");
    assertRefused(ShardingStrategy.consistent(ids("a")), List.of(), "key columns: none");
    assertRefused(
        ShardingStrategy.range(ranges(List.of(1), "a", "a")), NAME, "name: TEXT (expected: INT");
    assertRefused(
        ShardingStrategy.time(TimePeriod.DAY, Map.of(), ids("a")),
        ID,
        "id: INTEGER (expected: INS");
    assertRefused(
        ShardingStrategy.tenant(Map.of(ShardKey.of("x"), ShardingStrategy.fixed(id("a")))),
        ID,
        "id: INTEGER (expected: TEXT)");
    assertRefused(
        ShardingStrategy.geo(
            Map.of("DE", id("eu")), Map.of(id("eu"), ShardingStrategy.hash(ids("a")))),
        NAME,
        "key columns: none");
  }

  private static void assertRefused(
      ShardingStrategy strategy, List<KeyColumn> columns, String message) {
    StepVerifier.create(strategy.owns(id("a"), columns))
        .expectErrorSatisfies(
            error ->
                assertThat(error)
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining(message))
        .verify(BOUND);
  }

  @Test
  void namesHaveBounds() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> KeyColumn.text(""))
        .withMessageContaining("expected: 1 to 64 characters");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> KeyColumn.text("x".repeat(65)))
        .withMessageContaining("expected: 1 to 64 characters");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> id("no spaces"))
        .withMessageContaining("shard: no spaces (expected: 1 to 64 letters");
  }
}
