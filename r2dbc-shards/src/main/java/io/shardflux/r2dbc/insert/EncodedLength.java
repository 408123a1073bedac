package io.shardflux.r2dbc.insert;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.time.OffsetDateTime;
import java.time.OffsetTime;
import java.time.Year;
import java.time.ZonedDateTime;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Counts the length that a value gets on its way to a server, as r2dbc-mysql 1.4.3 writes it: a
 * literal in UTF-8, or, if a URL asks for prepared statements, binary.
 */
final class EncodedLength {

  /** Quotes and what stands before them, or a binary value's length, type and NULL bit. */
  private static final int AROUND = 16;

  /** The longest number of a fixed size, time or date. */
  private static final int FIXED = 48;

  private static final Set<Class<?>> OF_FIXED_SIZE =
      Set.of(
          Boolean.class,
          Byte.class,
          Short.class,
          Integer.class,
          Long.class,
          Year.class,
          LocalDate.class,
          LocalTime.class,
          LocalDateTime.class,
          OffsetTime.class,
          OffsetDateTime.class,
          ZonedDateTime.class,
          Instant.class,
          Duration.class);

  private EncodedLength() {}

  /**
   * An upper bound in bytes, and for text and bytes the length itself and a few more.
   *
   * @throws IllegalArgumentException if no bound is known for such a value, or it is not finite
   */
  static long most(@Nullable Object value) {
    return AROUND + content(value);
  }

  private static long content(@Nullable Object value) {
    if (value == null) {
      return 0;
    }
    if (value instanceof CharSequence text) {
      return escaped(text);
    }
    if (value instanceof Double || value instanceof Float) {
      return finite((Number) value);
    }
    if (OF_FIXED_SIZE.contains(value.getClass())) {
      return FIXED;
    }
    if (value instanceof byte[] bytes) {
      return hex(bytes.length);
    }
    if (value instanceof ByteBuffer bytes) {
      return hex(bytes.remaining());
    }
    if (value instanceof BigDecimal || value instanceof BigInteger) {
      return value.toString().length();
    }
    if (value instanceof Enum<?> constant) {
      return escaped(constant.name());
    }
    throw new IllegalArgumentException(
        "a "
            + value.getClass().getName()
            + " (expected: null, text, a number, a boolean, a byte[] or ByteBuffer, an enum, or a"
            + " date or time of java.time)");
  }

  /**
   * Refuses a value that is not finite. SQL has no such numbers: as a literal {@code NaN} is a
   * column's name, and would fail all rows with it.
   */
  private static long finite(Number value) {
    if (!Double.isFinite(value.doubleValue())) {
      throw new IllegalArgumentException(value + " (expected: a finite number)");
    }
    return FIXED;
  }

  private static long hex(int bytes) {
    return 2L * bytes;
  }

  /** The driver escapes by one character more, and sends UTF-8. */
  private static long escaped(CharSequence text) {
    long bytes = 0;
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (c == '\'' || c == '\\' || c == 0 || c == '\n' || c == '\r' || c == '\032') {
        bytes += 2;
      } else if (c < 0x80) {
        bytes += 1;
      } else if (c < 0x800 || Character.isSurrogate(c)) {
        bytes += 2;
      } else {
        bytes += 3;
      }
    }
    return bytes;
  }
}
