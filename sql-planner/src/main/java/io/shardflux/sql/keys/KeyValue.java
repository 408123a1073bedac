package io.shardflux.sql.keys;

import io.shardflux.router.KeyType;
import io.shardflux.sql.schema.ColumnType;
import io.shardflux.sql.syntax.Literals;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.time.OffsetDateTime;
import java.time.ZonedDateTime;
import java.time.temporal.ChronoField;
import java.util.Arrays;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * The one value of a key column that MySQL finds equal to a given value: as exact as its implicit
 * conversions are, or not at all.
 */
final class KeyValue {

  /** No value of the column equals it. */
  static final Object NEVER = new Object();

  /** Stands for a value of which it can't be said which key equals it. */
  static final Object UNKNOWN = new Object();

  private static final double MAX_EXACT = 1L << 53;
  private static final BigInteger MAX_UNSIGNED =
      BigInteger.ONE.shiftLeft(Long.SIZE).subtract(BigInteger.ONE);
  private static final BigInteger MIN_SIGNED = BigInteger.valueOf(Long.MIN_VALUE);
  private static final int MAX_INTEGER_DIGITS = 15;
  private static final String UUID_FORM = "00000000-0000-0000-0000-000000000000";

  /** The digits behind the point that every server reads of a decimal. */
  private static final int MAX_SCALE = 30;

  /**
   * The number of digits behind the point beyond which they aren't read, because reading them takes
   * time.
   */
  private static final int MAX_WRITTEN = 100;

  private KeyValue() {}

  /**
   * The column's value that equals a given one, {@link #NEVER} or {@link #UNKNOWN}.
   *
   * @param padded whether the column's collation ignores spaces at the end
   */
  static Object equal(@Nullable Object value, KeyType type, boolean padded) {
    if (value == null) {
      return NEVER;
    }
    Object plain = value instanceof Boolean truth ? (Object) (truth ? 1L : 0L) : value;
    return switch (type) {
      case INTEGER -> integer(plain);
      case TEXT -> text(plain, padded);
      case BINARY -> bytes(plain);
      case UUID -> uuid(plain);
      case DATE -> date(plain);
      case DATETIME -> dateTime(plain);
      case INSTANT -> instant(plain);
    };
  }

  /** Tells whether the column stores a value as {@link #equal} names it, to the letter. */
  static boolean storedAsIs(Object value, Object equal, ColumnType type) {
    if (isRounded(equal, type) || !type.holds(equal)) {
      return false;
    }
    if (value instanceof String text) {
      return !(equal instanceof String || equal instanceof UUID) || text.equals(equal.toString());
    }
    return !(value instanceof Float || value instanceof Double || value instanceof Boolean)
        || equal instanceof Long;
  }

  /** Tells whether a date-time has more digits of fraction than its column. */
  static boolean isRounded(Object value, ColumnType type) {
    int nanos =
        value instanceof LocalDateTime local
            ? local.get(ChronoField.NANO_OF_SECOND)
            : value instanceof Instant instant ? instant.get(ChronoField.NANO_OF_SECOND) : 0;
    return nanos != 0 && nanos % (int) Math.pow(10, 9 - type.length(0)) != 0;
  }

  private static Object integer(Object value) {
    if (value instanceof Byte
        || value instanceof Short
        || value instanceof Integer
        || value instanceof Long) {
      return ((Number) value).longValue();
    }
    if (value instanceof BigInteger number) {
      return integer(number);
    }
    if (value instanceof BigDecimal number) {
      return integer(number);
    }
    if (value instanceof Double || value instanceof Float) {
      return integer(((Number) value).doubleValue(), value instanceof Float ? 1 << 24 : MAX_EXACT);
    }
    return value instanceof String text && isInteger(text) ? Long.valueOf(text) : UNKNOWN;
  }

  /** Tells whether a text is an integer of few digits, written as MySQL itself writes it. */
  private static boolean isInteger(String text) {
    int start = text.startsWith("-") ? 1 : 0;
    int digits = text.length() - start;
    if (digits < 1 || digits > MAX_INTEGER_DIGITS || (text.charAt(start) == '0' && digits > 1)) {
      return false;
    }
    return text.chars().skip(start).allMatch(c -> c >= '0' && c <= '9');
  }

  private static Object integer(BigDecimal number) {
    if (number.scale() < 0) {
      // Written with an exponent, it is a double to a server.
      return integer(number.doubleValue(), MAX_EXACT);
    }
    if (number.scale() > MAX_WRITTEN) {
      return UNKNOWN;
    }
    BigDecimal stripped = number.stripTrailingZeros();
    if (stripped.scale() > MAX_SCALE) {
      return UNKNOWN;
    }
    return stripped.scale() <= 0 ? integer(stripped.toBigIntegerExact()) : NEVER;
  }

  private static Object integer(double number, double exact) {
    if (!(Math.abs(number) < exact)) {
      return UNKNOWN;
    }
    return number == Math.rint(number) ? (Object) (long) number : NEVER;
  }

  private static Object integer(BigInteger number) {
    if (number.bitLength() < Long.SIZE) {
      return number.longValue();
    }
    return number.compareTo(MIN_SIGNED) < 0 || number.compareTo(MAX_UNSIGNED) > 0 ? NEVER : number;
  }

  private static Object text(Object value, boolean padded) {
    if (value instanceof UUID uuid) {
      return uuid.toString();
    }
    return value instanceof String text ? padded ? withoutPadding(text) : text : UNKNOWN;
  }

  /** A text's bytes depend on the connection's character set, except of ASCII. */
  private static Object bytes(Object value) {
    if (value instanceof byte[] bytes) {
      return ByteBuffer.wrap(bytes);
    }
    if (value instanceof String text && text.chars().allMatch(c -> c < 0x80)) {
      return ByteBuffer.wrap(text.getBytes(StandardCharsets.US_ASCII));
    }
    return value instanceof ByteBuffer bytes ? bytes.slice() : UNKNOWN;
  }

  private static String withoutPadding(String text) {
    int end = text.length();
    while (end > 0 && text.charAt(end - 1) == ' ') {
      end--;
    }
    return text.substring(0, end);
  }

  private static Object uuid(Object value) {
    if (value instanceof UUID) {
      return value;
    }
    return value instanceof String text && isUuid(text) ? UUID.fromString(text) : UNKNOWN;
  }

  private static boolean isUuid(String text) {
    if (text.length() != UUID_FORM.length()) {
      return false;
    }
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      boolean dash = UUID_FORM.charAt(i) == '-';
      if (dash ? c != '-' : c >= 0x80 || Character.digit(c, 16) < 0) {
        return false;
      }
    }
    return true;
  }

  private static Object date(Object value) {
    if (value instanceof LocalDate) {
      return value;
    }
    if (value instanceof LocalDateTime dateTime) {
      return dateTime.toLocalTime().equals(LocalTime.MIDNIGHT) ? dateTime.toLocalDate() : NEVER;
    }
    if (value instanceof String text) {
      try {
        return Literals.date(text);
      } catch (DateTimeException e) {
        return UNKNOWN;
      }
    }
    return UNKNOWN;
  }

  private static Object dateTime(Object value) {
    if (value instanceof LocalDateTime dateTime) {
      return dateTime.get(ChronoField.NANO_OF_SECOND) % 1000 == 0 ? dateTime : UNKNOWN;
    }
    if (value instanceof LocalDate date) {
      return date.atStartOfDay();
    }
    if (value instanceof String text) {
      try {
        return text.length() == 10 ? Literals.date(text).atStartOfDay() : Literals.dateTime(text);
      } catch (DateTimeException e) {
        return UNKNOWN;
      }
    }
    return UNKNOWN;
  }

  /** The value as an instant. A value without a zone depends on the session's. */
  private static Object instant(Object value) {
    Instant instant =
        value instanceof Instant plain
            ? plain
            : value instanceof OffsetDateTime offset
                ? offset.toInstant()
                : value instanceof ZonedDateTime zoned ? zoned.toInstant() : null;
    return instant != null && instant.get(ChronoField.NANO_OF_SECOND) % 1000 == 0
        ? instant
        : UNKNOWN;
  }

  /** The order of two values of one key column. */
  static int compare(Object a, Object b) {
    if (a instanceof Long x && b instanceof Long y) {
      return Long.compare(x, y);
    }
    if (a instanceof Long || a instanceof BigInteger) {
      return big(a).compareTo(big(b));
    }
    if (a instanceof String x) {
      return Arrays.compareUnsigned(
          x.getBytes(StandardCharsets.UTF_8), ((String) b).getBytes(StandardCharsets.UTF_8));
    }
    if (a instanceof ByteBuffer x) {
      return Arrays.compareUnsigned(array(x, 0), array((ByteBuffer) b, 0));
    }
    if (a instanceof LocalDate x) {
      return x.compareTo((LocalDate) b);
    }
    if (a instanceof LocalDateTime x) {
      return x.compareTo((LocalDateTime) b);
    }
    if (a instanceof Instant x) {
      return x.compareTo((Instant) b);
    }
    return a.toString().compareTo(b.toString());
  }

  /** A copy of bytes, with zeros behind them. */
  static byte[] array(ByteBuffer bytes, int zeros) {
    byte[] array = new byte[bytes.remaining() + zeros];
    bytes.duplicate().get(array, 0, bytes.remaining());
    return array;
  }

  private static BigInteger big(Object integer) {
    return integer instanceof BigInteger big ? big : BigInteger.valueOf((Long) integer);
  }
}
