package io.shardflux.router;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.stream.Stream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.assertj.core.api.InstanceOfAssertFactories;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class StrategyTreeTests {

  private static final ShardId A = ShardId.of("a");
  private static final ShardId B = ShardId.of("b");

  private static StrategyTree trees() {
    return new StrategyTree(directory -> Map.of("name", "keys"));
  }

  static Stream<Arguments> strategies() {
    return Stream.of(
        arguments(ShardingStrategy.fixed(A), "{type=fixed, shard=a}"),
        arguments(ShardingStrategy.modulo(List.of(B, A)), "{type=modulo, shards=[b, a]}"),
        arguments(
            ShardingStrategy.hash(List.of(B, A), 5, HashFunction.MD5),
            "{type=hash, function=md5, shards=[b, a], slots=5}"),
        arguments(
            ShardingStrategy.hashSlots(List.of(B, B, B, A, A), HashFunction.CRC32),
            "{type=hash, function=crc32, shards=[b, a], slots=5}"),
        arguments(
            ShardingStrategy.hashSlots(List.of(B, B, A, A, A, B), HashFunction.CRC32),
            "{type=hash, function=crc32, slot-table=[{shard=b, slots=2}, {shard=a, slots=3},"
                + " {shard=b, slots=1}]}"),
        arguments(
            ShardingStrategy.consistent(Map.of(B, 2, A, 1)),
            "{type=consistent, weights={a=1, b=2}}"),
        arguments(range(KeyRange.below(5), KeyRange.of(5, 7)), ranges("integer", "5", "7")),
        arguments(range(KeyRange.below("5"), KeyRange.of("5", "m")), ranges("text", "5", "m")),
        arguments(
            range(KeyRange.below(new UUID(0, 1)), KeyRange.of(new UUID(0, 1), new UUID(0, 2))),
            ranges(
                "uuid",
                "00000000-0000-0000-0000-000000000001",
                "00000000-0000-0000-0000-000000000002")),
        arguments(
            range(KeyRange.below(day(1)), KeyRange.of(day(1), day(2))),
            ranges("date", "2026-01-01", "2026-01-02")),
        arguments(
            range(
                KeyRange.below(day(1).atStartOfDay()),
                KeyRange.of(day(1).atStartOfDay(), LocalDateTime.parse("2026-01-01T01:02:03.5"))),
            ranges("datetime", "2026-01-01T00:00", "2026-01-01T01:02:03.500")),
        arguments(
            range(
                KeyRange.below(Instant.EPOCH),
                KeyRange.of(Instant.EPOCH, Instant.ofEpochSecond(1))),
            ranges("instant", "1970-01-01T00:00:00Z", "1970-01-01T00:00:01Z")),
        arguments(
            ShardingStrategy.range(Map.of(KeyRange.all(), A)),
            "{type=range, key=integer, ranges=[{shard=a}]}"),
        arguments(
            ShardingStrategy.range(Map.of(KeyRange.of(1, 2), A, KeyRange.of(2, 3), A)),
            "{type=range, key=integer, ranges=[{from=1, to=3, shard=a}]}"),
        arguments(
            ShardingStrategy.range(
                Map.of(KeyRange.below("m"), A, KeyRange.of("m", "n"), A, KeyRange.from("n"), A)),
            "{type=range, key=text, ranges=[{to=m, shard=a}, {from=m, shard=a}]}"),
        arguments(
            ShardingStrategy.time(
                TimePeriod.MONTH,
                Map.of(LocalDate.of(2026, 2, 1), A, LocalDate.of(2025, 12, 1), B),
                List.of(B, A, B)),
            "{type=time, period=month, listed={2025-12-01=b, 2026-02-01=a}, rotation=[b, a, b]}"),
        arguments(
            ShardingStrategy.time(TimePeriod.WEEK, Map.of(LocalDate.of(2026, 1, 5), A)),
            "{type=time, period=week, listed={2026-01-05=a}}"),
        arguments(
            ShardingStrategy.composite(
                ShardingStrategy.modulo(List.of(B, A)),
                Map.of(A, ShardingStrategy.fixed(A), B, ShardingStrategy.fixed(B))),
            "{type=composite, groups={type=modulo, shards=[b, a]}, inside={a={type=fixed,"
                + " shard=a}, b={type=fixed, shard=b}}}"),
        arguments(
            ShardingStrategy.geo(
                Map.of("FR", A, "DE", A, "US", B),
                B,
                Map.of(A, ShardingStrategy.fixed(A), B, ShardingStrategy.fixed(B))),
            "{type=geo, regions={a={countries=[DE, FR], strategy={type=fixed, shard=a}},"
                + " b={strategy={type=fixed, shard=b}}}, others=b}"),
        arguments(
            ShardingStrategy.geo(Map.of("DE", A), Map.of(A, ShardingStrategy.fixed(A))),
            "{type=geo, regions={a={countries=[DE], strategy={type=fixed, shard=a}}}}"),
        arguments(
            ShardingStrategy.tenant(
                Map.of(
                    ShardKey.of(10), ShardingStrategy.fixed(A),
                    ShardKey.of(9), ShardingStrategy.fixed(B)),
                ShardingStrategy.fixed(A)),
            "{type=tenant, key=integer, tenants={9={type=fixed, shard=b}, 10={type=fixed,"
                + " shard=a}}, others={type=fixed, shard=a}}"),
        arguments(
            ShardingStrategy.directory(new InMemoryDirectory(), List.of(B, A))
                .assignUnknown(ShardingStrategy.fixed(B))
                .cacheSize(7)
                .expiry(Duration.ofMinutes(2))
                .build(),
            "{type=directory, shards=[a, b], name=keys, assign-unknown={type=fixed, shard=b},"
                + " cache-size=7, expiry=PT2M, timeout=PT5S}"));
  }

  private static LocalDate day(int day) {
    return LocalDate.of(2026, 1, day);
  }

  private static ShardingStrategy range(KeyRange below, KeyRange above) {
    return ShardingStrategy.range(Map.of(below, A, above, B));
  }

  private static String ranges(String type, String first, String second) {
    return "{type=range, key=%s, ranges=[{to=%s, shard=a}, {from=%s, to=%s, shard=b}]}"
        .formatted(type, first, first, second);
  }

  @ParameterizedTest
  @MethodSource("strategies")
  void everyStrategyHasTheKeysOfADocument(ShardingStrategy strategy, String tree) {
    assertThat(trees().of(strategy)).hasToString(tree);
  }

  @Property
  void aPeriodBeginsOnItsFirstDay(
      @ForAll TimePeriod period, @ForAll @IntRange(min = -300_000, max = 2_900_000) int day) {
    LocalDate date = LocalDate.ofEpochDay(day);
    LocalDate start = period.start(period.number(date));
    assertThat(period.number(start)).isEqualTo(period.number(date));
    assertThat(period.number(start.minusDays(1))).isNotEqualTo(period.number(date));
  }

  @Test
  void aStrategyThatIsInSeveralIsDescribedOnce() {
    ShardingStrategy shared = ShardingStrategy.fixed(A);
    StrategyTree trees = trees();
    Object tenants =
        trees
            .of(ShardingStrategy.tenant(Map.of(ShardKey.of("x"), shared, ShardKey.of("y"), shared)))
            .get("tenants");
    assertThat(tenants)
        .asInstanceOf(InstanceOfAssertFactories.MAP)
        .allSatisfy((name, tree) -> assertThat(tree).isSameAs(trees.of(shared)));
  }

  @Test
  void nestingIsBounded() {
    ShardingStrategy deep = ShardingStrategy.fixed(A);
    for (int i = 0; i < 31; i++) {
      deep = ShardingStrategy.tenant(Map.of(ShardKey.of(1), deep));
    }
    assertThat(trees().of(deep)).containsKey("tenants");
    ShardingStrategy deeper = ShardingStrategy.tenant(Map.of(ShardKey.of(1), deep));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> trees().of(deeper))
        .withMessage("nested too deeply (expected: at most 32 strategies in each other)");
  }
}
