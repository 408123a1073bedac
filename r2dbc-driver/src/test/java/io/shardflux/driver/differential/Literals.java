package io.shardflux.driver.differential;

import java.nio.ByteBuffer;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.HexFormat;
import java.util.Locale;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Values as SQL writes them. */
final class Literals {

  private static final DateTimeFormatter DATE_TIME =
      DateTimeFormatter.ofPattern("uuuu-MM-dd HH:mm:ss.SSSSSS", Locale.ROOT);
  private static final DateTimeFormatter TIME =
      DateTimeFormatter.ofPattern("HH:mm:ss.SSSSSS", Locale.ROOT);

  private Literals() {}

  /** Text is escaped by doubling alone where it can be. */
  static String plain(@Nullable Object value) {
    if (value instanceof LocalDateTime at) {
      return "'" + DATE_TIME.format(at) + "'";
    }
    if (value instanceof LocalTime at) {
      return "'" + TIME.format(at) + "'";
    }
    if (value instanceof Instant at) {
      return plain(LocalDateTime.ofInstant(at, ZoneOffset.UTC));
    }
    if (value instanceof OffsetDateTime at) {
      return plain(at.toInstant());
    }
    if (value instanceof ZonedDateTime at) {
      return plain(at.toInstant());
    }
    if (value instanceof ByteBuffer bytes) {
      return "X'" + HexFormat.of().formatHex(bytes(bytes)) + "'";
    }
    if (value instanceof String || value instanceof LocalDate || value instanceof UUID) {
      return "'" + value.toString().replace("\\", "\\\\").replace("'", "''") + "'";
    }
    return value instanceof Boolean flag ? (flag ? "TRUE" : "FALSE") : String.valueOf(value);
  }

  static byte[] bytes(ByteBuffer buffer) {
    byte[] bytes = new byte[buffer.remaining()];
    buffer.duplicate().get(bytes);
    return bytes;
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
