package io.shardflux.driver.differential;

import java.math.BigDecimal;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Locale;

/** Keys that are not of their column's type, or equal to others in its collation. */
final class OddKeys {

  private OddKeys() {}

  /** As a statement writes them. */
  static List<String> texts(Column key) {
    return switch (key.kind()) {
      case INTEGER ->
          List.of(
              "'42'",
              "42.0",
              "42.5",
              "4.2e1",
              "'42abc'",
              "TRUE",
              "'4' + 38",
              "-(-42)",
              "0x2A",
              "' 42'",
              "'42 '",
              "'042'",
              "99999999999999999999",
              "1 + 1",
              "NOT 0");
      case DATE_TIME, INSTANT ->
          List.of(
              "'2024-01-01'",
              "'2024-1-1'",
              "'20240101'",
              "20240101",
              "20240101000000",
              "DATE '2024-01-01'",
              "TIMESTAMP '2024-01-01 00:00:00'",
              "'2024-01-01T00:00:00'",
              "'2024-01-01 00:00'",
              "'2024-01-01 00:00:00.0000004'",
              "'2023-12-31 23:59:59.9999996'",
              "'2024-01-01 00:00:00 '",
              "' 2024-01-01'",
              "'2024-01-01 02:00:00+02:00'",
              "DATE '2023-12-31' + INTERVAL 1 DAY");
      case UUID ->
          List.of(
              "'00000000-0000-0000-0000-000000000000'",
              "'A0000000-0000-0000-0000-00000000000A'",
              "'{a0000000-0000-0000-0000-00000000000a}'",
              "'a'",
              "0",
              "1.5",
              "0x61");
      default ->
          List.of(
              "'a '",
              "0",
              "1",
              "'A'",
              "'a' 'b'",
              "TRUE",
              "_utf8mb4'a'",
              "0x61",
              "'a\\0'",
              "CONCAT('a', 'b')",
              "'a' COLLATE utf8mb4_general_ci",
              "N'a'",
              "X'61'");
    };
  }

  /** As they are bound. */
  static List<Object> values(Column key) {
    LocalDateTime newYear = LocalDateTime.of(2024, 1, 1, 0, 0);
    return switch (key.kind()) {
      case INTEGER -> List.of("42", "42.0", 42.0, 42.5, new BigDecimal("42.00"), true);
      case DATE_TIME, INSTANT ->
          List.of(
              LocalDate.of(2024, 1, 1),
              newYear,
              newYear.plusNanos(400),
              newYear.toInstant(ZoneOffset.UTC),
              newYear.atOffset(ZoneOffset.UTC),
              newYear.atOffset(ZoneOffset.ofHours(2)),
              newYear.atZone(ZoneOffset.UTC),
              "2024-01-01",
              20240101);
      case UUID ->
          List.of("a", 0, true, String.valueOf(key.values().get(0)).toUpperCase(Locale.ROOT));
      default -> List.of("a ", 0, 1.0, true);
    };
  }
}
