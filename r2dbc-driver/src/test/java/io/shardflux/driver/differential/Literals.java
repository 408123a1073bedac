package io.shardflux.driver.differential;

import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.time.format.DateTimeFormatter;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** Values as SQL writes them. */
final class Literals {

  private static final DateTimeFormatter DATE_TIME =
      DateTimeFormatter.ofPattern("uuuu-MM-dd HH:mm:ss.SSSSSS", Locale.ROOT);
  private static final DateTimeFormatter TIME =
      DateTimeFormatter.ofPattern("HH:mm:ss", Locale.ROOT);

  private Literals() {}

  /** Text is escaped by doubling alone where it can be. */
  static String plain(@Nullable Object value) {
    if (value instanceof LocalDateTime at) {
      return "'" + DATE_TIME.format(at) + "'";
    }
    if (value instanceof LocalTime at) {
      return "'" + TIME.format(at) + "'";
    }
    if (value instanceof String || value instanceof LocalDate) {
      return "'" + value.toString().replace("\\", "\\\\").replace("'", "''") + "'";
    }
    return value instanceof Boolean flag ? (flag ? "TRUE" : "FALSE") : String.valueOf(value);
  }

  /** Another way to write the same. */
  static String other(Object value) {
    if (value instanceof String text) {
      return "'" + text.replace("\\", "\\\\").replace("'", "\\'").replace("\"", "\\\"") + "'";
    }
    if (value instanceof LocalDate) {
      return "DATE " + plain(value);
    }
    if (value instanceof LocalDateTime) {
      return "TIMESTAMP " + plain(value);
    }
    if (value instanceof Boolean flag) {
      return flag ? "1" : "0";
    }
    return plain(value);
  }
}
