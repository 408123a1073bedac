package io.shardflux.router;

import static io.shardflux.router.Fixtures.id;
import static io.shardflux.router.Fixtures.ids;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TimeStrategyTests {

  private static final LocalDate FEBRUARY = LocalDate.of(2024, 2, 1);
  private static final LocalDate MARCH = LocalDate.of(2024, 3, 1);

  private final ShardingStrategy listed =
      ShardingStrategy.time(TimePeriod.MONTH, Map.of(FEBRUARY, id("x"), MARCH, id("y")));
  private final ShardingStrategy turns =
      ShardingStrategy.time(TimePeriod.MONTH, Map.of(FEBRUARY, id("x")), ids("a", "b", "c"));

  @Test
  void allTemporalTypesAreTaken() {
    assertThat(listed.locate(ShardKey.of(LocalDate.of(2024, 2, 29)))).isEqualTo(id("x"));
    assertThat(listed.locate(ShardKey.of(LocalDateTime.parse("2024-02-29T23:59:59.999999"))))
        .isEqualTo(id("x"));
    assertThat(listed.locate(ShardKey.of(Instant.parse("2024-03-01T00:00:00Z"))))
        .isEqualTo(id("y"));
  }

  @ParameterizedTest
  @CsvSource({
    "DAY, 1969-12-31, -1",
    "DAY, 1970-01-01, 0",
    "WEEK, 1969-12-28, -1",
    "WEEK, 1969-12-29, 0",
    "WEEK, 1970-01-04, 0",
    "WEEK, 1970-01-05, 1",
    "MONTH, 2024-01-31, 24288",
    "MONTH, 2024-12-01, 24299",
    "YEAR, 1000-01-01, 1000"
  })
  void periodsAreNumbered(TimePeriod period, LocalDate date, long number) {
    assertThat(period.number(date)).isEqualTo(number);
    assertThat(period.number(ShardKey.of(date), 0)).isEqualTo(number);
    assertThat(period.number(ShardKey.of("x", date.atTime(23, 59)), 1)).isEqualTo(number);
  }

  @Test
  void unlistedPeriodsAreRefusedOrTakeTurns() {
    assertThatExceptionOfType(UnroutableKeyException.class)
        .isThrownBy(() -> listed.locate(ShardKey.of(LocalDate.of(2024, 4, 1))))
        .withMessage("key: 2024-04-01 (expected: in a MONTH that is listed)");
    assertThat(turns.locate(ShardKey.of(LocalDate.of(2024, 1, 1)))).isEqualTo(id("a"));
    assertThat(turns.locate(ShardKey.of(FEBRUARY))).isEqualTo(id("x"));
    assertThat(turns.locate(ShardKey.of(MARCH))).isEqualTo(id("c"));
    assertThat(turns.locate(ShardKey.of(LocalDate.of(2024, 4, 1)))).isEqualTo(id("a"));
  }

  @Test
  void touchesThePeriodsOfARange() {
    assertThat(listed.touching(KeyRange.of(FEBRUARY, MARCH))).containsExactly(id("x"));
    assertThat(listed.touching(KeyRange.of(FEBRUARY, MARCH.plusDays(1))))
        .containsExactly(id("x"), id("y"));
    assertThat(
            listed.touching(
                KeyRange.of(
                    Instant.parse("2024-02-01T00:00:00Z"), Instant.parse("2024-03-01T00:00:00Z"))))
        .containsExactly(id("x"));
    assertThat(
            listed.touching(
                KeyRange.of(
                    LocalDateTime.parse("2024-02-01T00:00:00"),
                    LocalDateTime.parse("2024-03-01T00:00:00.000001"))))
        .containsExactly(id("x"), id("y"));
    assertThat(listed.touching(KeyRange.below(FEBRUARY))).isEmpty();
    assertThat(listed.touching(KeyRange.below(LocalDate.of(1000, 1, 1)))).isEmpty();
    assertThat(listed.touching(KeyRange.all())).containsExactly(id("x"), id("y"));
  }

  @Test
  void touchesTheTurnsOfARange() {
    assertThat(turns.touching(KeyRange.of(FEBRUARY, MARCH))).containsExactly(id("x"));
    assertThat(turns.touching(KeyRange.of(FEBRUARY, LocalDate.of(2024, 4, 2))))
        .containsExactly(id("x"), id("c"), id("a"));
    assertThat(turns.touching(KeyRange.from(MARCH))).containsExactlyElementsOf(ids("a", "b", "c"));
    assertThat(turns.touching(KeyRange.all())).isEqualTo(turns.shards());
  }

  @Test
  void refusesWhatItCannotDo() {
    assertThatIllegalArgumentException()
        .isThrownBy(
            () -> ShardingStrategy.time(TimePeriod.MONTH, Map.of(FEBRUARY.plusDays(1), id("x"))))
        .withMessage("period: 2024-02-02 (expected: the first day of a MONTH)");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> ShardingStrategy.time(TimePeriod.WEEK, Map.of(FEBRUARY, id("x"))))
        .withMessage("period: 2024-02-01 (expected: the first day of a WEEK)");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> ShardingStrategy.time(TimePeriod.DAY, Map.of()))
        .withMessageContaining("shards: none");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> ShardingStrategy.time(TimePeriod.DAY, Map.of(), List.of()))
        .withMessageContaining("rotation: no shards");
    assertThatExceptionOfType(UnroutableKeyException.class)
        .isThrownBy(() -> listed.locate(ShardKey.of("2024-02-01")))
        .withMessageContaining("2024-02-01, TEXT");
    assertThatExceptionOfType(UnroutableKeyException.class)
        .isThrownBy(() -> listed.touching(KeyRange.from(7)))
        .withMessageContaining("7, INTEGER");
    assertThatExceptionOfType(UnroutableKeyException.class)
        .isThrownBy(() -> listed.locate(ShardKey.of(FEBRUARY, MARCH)))
        .withMessageContaining("one part");
  }
}
