package io.shardflux.router;

import static io.shardflux.router.Fixtures.id;
import static io.shardflux.router.Fixtures.ids;
import static org.assertj.core.api.Assertions.assertThat;

import java.time.Instant;
import java.time.LocalDate;
import java.time.temporal.ChronoUnit;
import java.time.temporal.WeekFields;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.LongRange;
import net.jqwik.api.constraints.NotEmpty;
import net.jqwik.api.constraints.Size;
import net.jqwik.api.constraints.UniqueElements;

/** Laws that hold for all keys. */
class StrategyPropertiesTests {

  private static final int KEYS = 20_000;

  @Property(tries = 20)
  void addingAShardToTheRingMovesKeysToItAlone(
      @ForAll @IntRange(min = 1, max = 20) int shards, @ForAll @IntRange(max = 1000) int added) {
    List<ShardId> before = new ArrayList<>(shards(shards));
    ShardingStrategy old = ShardingStrategy.consistent(before);
    before.add(id("new_" + added));
    ShardingStrategy next = ShardingStrategy.consistent(before);
    int moved = 0;
    for (int i = 0; i < KEYS; i++) {
      ShardId to = next.locate(ShardKey.of(i));
      if (!to.equals(old.locate(ShardKey.of(i)))) {
        assertThat(to).isEqualTo(id("new_" + added));
        moved++;
      }
    }
    assertThat((double) moved * (shards + 1) / KEYS).as("parts of 1/n moved").isBetween(0.6, 1.4);
  }

  @Property(tries = 20)
  void removingAShardFromTheRingMovesItsKeysAlone(
      @ForAll @IntRange(min = 2, max = 20) int shards, @ForAll @IntRange(max = 1000) int pick) {
    List<ShardId> all = shards(shards);
    ShardId gone = all.get(pick % shards);
    ShardingStrategy old = ShardingStrategy.consistent(all);
    ShardingStrategy next =
        ShardingStrategy.consistent(all.stream().filter(shard -> !shard.equals(gone)).toList());
    for (int i = 0; i < KEYS; i++) {
      ShardId from = old.locate(ShardKey.of(i));
      if (from.equals(gone)) {
        assertThat(next.locate(ShardKey.of(i))).isNotEqualTo(gone);
      } else {
        assertThat(next.locate(ShardKey.of(i))).isEqualTo(from);
      }
    }
  }

  @Property
  void moduloIsPeriodic(
      @ForAll @IntRange(min = 1, max = 50) int shards,
      @ForAll @LongRange(min = Long.MIN_VALUE / 2, max = Long.MAX_VALUE / 2) long key) {
    ShardingStrategy modulo = ShardingStrategy.modulo(shards(shards));

    assertThat(modulo.locate(ShardKey.of(key)))
        .isEqualTo(modulo.locate(ShardKey.of(key + shards)))
        .isEqualTo(shards(shards).get(Math.floorMod(key, shards)));
  }

  @Property
  void aHashGoesByTheTextAlone(@ForAll long number, @ForAll @NotEmpty String text) {
    for (HashFunction function : HashFunction.values()) {
      ShardingStrategy hash = ShardingStrategy.hash(shards(7), 700, function);
      assertThat(hash.locate(ShardKey.of(number)))
          .isEqualTo(hash.locate(ShardKey.of(Long.toString(number))));
      if (text.chars().noneMatch(c -> Character.isSurrogate((char) c))) {
        assertThat(hash.locate(ShardKey.of(text, number)))
            .isEqualTo(hash.locate(ShardKey.of(text + "\0" + number)));
      }
    }
  }

  @Property
  void allDaysOfAPeriodLieTogetherAndTheNextPeriodHasTheNextTurn(
      @ForAll @LongRange(min = -354_000, max = 2_930_000) long epochDay) {
    LocalDate day = LocalDate.ofEpochDay(epochDay);
    LocalDate monday = day.with(WeekFields.ISO.dayOfWeek(), 1);
    assertSame(TimePeriod.DAY, day, day, day.plusDays(1));
    assertSame(TimePeriod.WEEK, monday, monday.plusDays(6), monday.plusDays(7));
    LocalDate first = day.withDayOfMonth(1);
    assertSame(TimePeriod.MONTH, first, first.plusMonths(1).minusDays(1), first.plusMonths(1));
    LocalDate newYear = day.withDayOfYear(1);
    assertSame(TimePeriod.YEAR, newYear, newYear.plusYears(1).minusDays(1), newYear.plusYears(1));
  }

  private static void assertSame(
      TimePeriod period, LocalDate first, LocalDate last, LocalDate next) {
    List<ShardId> turns = shards(5);
    ShardingStrategy time = ShardingStrategy.time(period, Map.of(), turns);
    ShardId shard = time.locate(ShardKey.of(first));
    assertThat(time.locate(ShardKey.of(last.atTime(23, 59, 59)))).isEqualTo(shard);
    assertThat(time.locate(ShardKey.of(next))).isEqualTo(turns.get((turns.indexOf(shard) + 1) % 5));
  }

  @Property
  void everyKeyOfARangeLiesOnAShardThatTheRangeTouches(
      @ForAll @Size(min = 1, max = 8)
          List<@IntRange(min = -100, max = 100) @UniqueElements Integer> cuts,
      @ForAll @IntRange(min = -110, max = 110) int from,
      @ForAll @IntRange(min = 1, max = 60) int length) {
    List<Integer> bounds = cuts.stream().distinct().sorted().toList();
    String[] owners =
        IntStream.rangeClosed(0, bounds.size()).mapToObj(i -> "s" + i % 4).toArray(String[]::new);
    List<ShardingStrategy> strategies =
        List.of(
            ShardingStrategy.range(Fixtures.ranges(bounds, owners)),
            ShardingStrategy.hash(shards(5)),
            ShardingStrategy.modulo(shards(5)),
            ShardingStrategy.tenant(
                Map.of(
                    ShardKey.of(-7), ShardingStrategy.fixed(id("t")),
                    ShardKey.of(8), ShardingStrategy.fixed(id("u"))),
                ShardingStrategy.range(Fixtures.ranges(bounds, owners))));
    for (ShardingStrategy strategy : strategies) {
      Set<ShardId> touched = strategy.touching(KeyRange.of(from, from + length));
      for (int key = from; key < from + length; key++) {
        assertThat(touched).contains(strategy.locate(ShardKey.of(key)));
      }
    }
  }

  @Property
  void everyDayOfARangeLiesOnAShardThatTheRangeTouches(
      @ForAll TimePeriod period,
      @ForAll @LongRange(min = -400, max = 400) long from,
      @ForAll @LongRange(min = 1, max = 900) long days) {
    Map<LocalDate, ShardId> listed = new HashMap<>();
    listed.put(firstOf(period, LocalDate.of(1970, 3, 3)), id("x"));
    listed.put(firstOf(period, LocalDate.of(1969, 11, 11)), id("y"));
    ShardingStrategy time = ShardingStrategy.time(period, listed, shards(3));
    Instant start = Instant.EPOCH.plus(from, ChronoUnit.DAYS);
    Instant end = start.plus(days, ChronoUnit.DAYS);

    Set<ShardId> touched = time.touching(KeyRange.of(start, end));
    for (Instant key = start; key.isBefore(end); key = key.plus(12, ChronoUnit.HOURS)) {
      assertThat(touched).contains(time.locate(ShardKey.of(key)));
    }
    assertThat(touched).contains(time.locate(ShardKey.of(end.minus(1, ChronoUnit.MICROS))));
  }

  private static LocalDate firstOf(TimePeriod period, LocalDate day) {
    return switch (period) {
      case DAY -> day;
      case WEEK -> day.with(WeekFields.ISO.dayOfWeek(), 1);
      case MONTH -> day.withDayOfMonth(1);
      case YEAR -> day.withDayOfYear(1);
    };
  }

  @Property
  void everyKeyLiesOnOneOfTheStrategysShards(@ForAll long number, @ForAll @NotEmpty String text) {
    if (text.chars().anyMatch(c -> Character.isSurrogate((char) c))) {
      return;
    }
    Map<ShardingStrategy, ShardKey> cases = new LinkedHashMap<>();
    cases.put(ShardingStrategy.hash(shards(3)), ShardKey.of(text, number));
    cases.put(ShardingStrategy.consistent(ids("a", "b")), ShardKey.of(text));
    cases.put(Fixtures.composite(), ShardKey.of(text, number));
    cases.put(Fixtures.geo(), ShardKey.of(text, number));
    cases.put(Fixtures.tenant(), ShardKey.of(text, number));
    cases.forEach(
        (strategy, key) ->
            assertThat(strategy.shards())
                .contains(strategy.locate(key))
                .contains(strategy.resolve(key).block(Fixtures.BOUND)));
  }

  private static List<ShardId> shards(int count) {
    return IntStream.range(0, count).mapToObj(i -> id("s" + i)).toList();
  }
}
