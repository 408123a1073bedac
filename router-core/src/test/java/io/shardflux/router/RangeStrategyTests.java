package io.shardflux.router;

import static io.shardflux.router.Fixtures.id;
import static io.shardflux.router.Fixtures.ranges;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.time.LocalDate;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class RangeStrategyTests {

  private final ShardingStrategy bounded =
      ShardingStrategy.range(
          Map.of(
              KeyRange.of(20, 30), id("a"),
              KeyRange.of(0, 10), id("a"),
              KeyRange.of(10, 20), id("b")));

  @Test
  void theLowerBoundIsInAndTheUpperOut() {
    assertThat(bounded.locate(ShardKey.of(0))).isEqualTo(id("a"));
    assertThat(bounded.locate(ShardKey.of(9))).isEqualTo(id("a"));
    assertThat(bounded.locate(ShardKey.of(10))).isEqualTo(id("b"));
    assertThat(bounded.locate(ShardKey.of(29))).isEqualTo(id("a"));
  }

  @Test
  void refusesKeysOutside() {
    for (int key : new int[] {-1, 30}) {
      assertThatExceptionOfType(UnroutableKeyException.class)
          .isThrownBy(() -> bounded.locate(ShardKey.of(key)))
          .withMessage(
              "key: " + key + " (expected: in one of the ranges from [0, 10) to [20, 30))");
    }
  }

  @Test
  void refusesKeysOfAnotherShape() {
    assertThatExceptionOfType(UnroutableKeyException.class)
        .isThrownBy(() -> bounded.locate(ShardKey.of("5")))
        .withMessage("key part 0: 5, TEXT (expected: INTEGER)");
    assertThatExceptionOfType(UnroutableKeyException.class)
        .isThrownBy(() -> bounded.locate(ShardKey.of(5, 5)))
        .withMessage("key: (5, 5) (expected: one part)");
    assertThatExceptionOfType(UnroutableKeyException.class)
        .isThrownBy(() -> bounded.touching(KeyRange.from("a")));
  }

  @Test
  void textGoesByItsBytes() {
    ShardingStrategy text =
        ShardingStrategy.range(ranges(List.of("Z", "a", "a "), "a", "b", "c", "d"));

    assertThat(text.locate(ShardKey.of(""))).isEqualTo(id("a"));
    assertThat(text.locate(ShardKey.of("Zoë"))).isEqualTo(id("b"));
    assertThat(text.locate(ShardKey.of("a"))).isEqualTo(id("c"));
    assertThat(text.locate(ShardKey.of("a "))).isEqualTo(id("d"));
    assertThat(text.locate(ShardKey.of("ä"))).isEqualTo(id("d"));
  }

  @Test
  void touchesOnlyTheRangesThatOverlap() {
    assertThat(bounded.touching(KeyRange.of(0, 10))).containsExactly(id("a"));
    assertThat(bounded.touching(KeyRange.of(10, 11))).containsExactly(id("b"));
    assertThat(bounded.touching(KeyRange.of(9, 11))).containsExactly(id("a"), id("b"));
    assertThat(bounded.touching(KeyRange.all())).containsExactly(id("a"), id("b"));
    assertThat(bounded.touching(KeyRange.from(30))).isEmpty();
    assertThat(bounded.touching(KeyRange.below(0))).isEmpty();
  }

  @Test
  void anUnboundedRangeTakesAnyType() {
    ShardingStrategy all = ShardingStrategy.range(Map.of(KeyRange.all(), id("a")));

    assertThat(all.locate(ShardKey.of("x"))).isEqualTo(id("a"));
    assertThat(all.locate(ShardKey.of(LocalDate.EPOCH))).isEqualTo(id("a"));
  }

  @Test
  void neighboursAreOneConditionInSql() {
    ShardingStrategy neighbours =
        ShardingStrategy.range(ranges(List.of(0, 10, 20), "a", "a", "b", "a"));

    assertThat(neighbours.owns(id("a"), List.of(KeyColumn.integer("id"))).block(Fixtures.BOUND))
        .isEqualTo("((`id` < 10) OR (`id` >= 20))");
  }

  @Test
  void refusesOverlapsGapsAndMixedTypes() {
    assertRefused(
        Map.of(KeyRange.of(1, 6), id("a"), KeyRange.of(5, 9), id("b")),
        "ranges: [1, 6) and [5, 9) overlap");
    assertRefused(
        Map.of(KeyRange.of(1, 5), id("a"), KeyRange.of(6, 9), id("b")),
        "ranges: [1, 5) and [6, 9) leave a gap");
    assertRefused(Map.of(KeyRange.below(5), id("a"), KeyRange.below(9), id("b")), "overlap");
    assertRefused(Map.of(KeyRange.all(), id("a"), KeyRange.below(9), id("b")), "overlap");
    assertRefused(Map.of(KeyRange.from(3), id("a"), KeyRange.from(9), id("b")), "overlap");
    assertRefused(
        Map.of(KeyRange.below(5), id("a"), KeyRange.from("5"), id("b")), "expected: one type");
    assertRefused(Map.of(), "shards: none");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> KeyRange.of(5, 5))
        .withMessage("range: [5, 5) (expected: from below to)");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new KeyRange(ShardKey.of(1, 2), null))
        .withMessageContaining("range bound: (1, 2)");
    assertThatIllegalArgumentException().isThrownBy(() -> KeyRange.of(5, "a"));
  }

  private static void assertRefused(Map<KeyRange, ShardId> ranges, String message) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> ShardingStrategy.range(ranges))
        .withMessageContaining(message);
  }
}
