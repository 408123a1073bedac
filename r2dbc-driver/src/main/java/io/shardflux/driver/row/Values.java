package io.shardflux.driver.row;

import io.asyncer.r2dbc.mysql.constant.MySqlType;
import io.r2dbc.spi.Blob;
import io.r2dbc.spi.Clob;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.time.OffsetDateTime;
import java.time.OffsetTime;
import java.time.Year;
import java.time.ZoneId;
import java.time.ZonedDateTime;
import java.util.BitSet;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Mono;

/** Gives a value that {@link Column#read} took in the class in which r2dbc-mysql would give it. */
final class Values {

  private static final long DAY = Duration.ofDays(1).toNanos();

  private static final Map<Class<?>, Class<?>> BOXES =
      Map.of(
          boolean.class, Boolean.class,
          byte.class, Byte.class,
          short.class, Short.class,
          int.class, Integer.class,
          long.class, Long.class,
          float.class, Float.class,
          double.class, Double.class);

  private Values() {}

  /**
   * The value as that class.
   *
   * @throws IllegalArgumentException if a value of that column can't be had so
   */
  static <T> T as(Object value, Class<T> type, Column column) {
    Class<?> wanted = BOXES.getOrDefault(type, type);
    Object usual = usual(value, column);
    Object found = wanted.isInstance(usual) ? usual : other(value, wanted, column);
    if (found == null) {
      throw new IllegalArgumentException(
          "column "
              + column.getName()
              + ": "
              + column.getType().getName()
              + " as "
              + type.getName()
              + " (expected: a class that its values can be had as)");
    }
    @SuppressWarnings("unchecked")
    T given = (T) found;
    return given;
  }

  private static Object usual(Object value, Column column) {
    if (value instanceof Duration time) {
      return time(time);
    }
    if (value instanceof ByteBuffer bytes) {
      return bytes.duplicate();
    }
    return column.flag() && value instanceof Byte flag ? Boolean.valueOf(flag != 0) : value;
  }

  private static @Nullable Object other(Object value, Class<?> wanted, Column column) {
    if (value instanceof Number number) {
      return number(number, wanted, column);
    }
    if (value instanceof Boolean bit) {
      return ofBytes(ByteBuffer.wrap(new byte[] {(byte) (bit ? 1 : 0)}), wanted, column);
    }
    if (value instanceof String text) {
      return ofText(text, wanted, column);
    }
    if (value instanceof String[] names) {
      String text = String.join(",", names);
      return wanted.isInstance(text) ? text : ofText(text, wanted, column);
    }
    if (value instanceof ByteBuffer bytes) {
      return ofBytes(bytes, wanted, column);
    }
    if (value instanceof byte[] bytes) {
      return ofBytes(ByteBuffer.wrap(bytes), wanted, column);
    }
    if (value instanceof Duration time) {
      return wanted.isInstance(time) ? time : ofTime(time(time), wanted);
    }
    if (value instanceof LocalDateTime dateTime) {
      return ofInstant(dateTime.atZone(column.zone()), wanted);
    }
    return value instanceof ZonedDateTime instant ? ofInstant(instant, wanted) : null;
  }

  /** A time of day. The driver goes round the clock, with {@code 25:00} as with {@code -23:00}. */
  private static LocalTime time(Duration time) {
    return LocalTime.ofNanoOfDay(Math.floorMod(time.toNanos(), DAY));
  }

  private static @Nullable Object ofTime(LocalTime time, Class<?> wanted) {
    return wanted == OffsetTime.class
        ? time.atOffset(ZoneId.systemDefault().getRules().getStandardOffset(Instant.EPOCH))
        : null;
  }

  private static @Nullable Object ofInstant(ZonedDateTime instant, Class<?> wanted) {
    if (wanted.isAssignableFrom(LocalDateTime.class)) {
      return instant.toLocalDateTime();
    }
    if (wanted.isAssignableFrom(ZonedDateTime.class)) {
      return instant;
    }
    if (wanted == OffsetDateTime.class) {
      return instant.toOffsetDateTime();
    }
    return wanted == Instant.class ? instant.toInstant() : null;
  }

  /** A number in another class, null if that is not a class of numbers. */
  static @Nullable Object number(Number number, Class<?> wanted, Column column) {
    if (wanted == Long.class) {
      return number.longValue();
    }
    if (wanted == Integer.class) {
      return number.intValue();
    }
    if (wanted == BigDecimal.class) {
      return decimal(number);
    }
    if (wanted == BigInteger.class) {
      return decimal(number).toBigInteger();
    }
    if (wanted == Double.class) {
      return number.doubleValue();
    }
    if (wanted == Float.class) {
      return number.floatValue();
    }
    if (wanted == Short.class) {
      return number.shortValue();
    }
    if (wanted == Byte.class) {
      return number.byteValue();
    }
    if (wanted == Year.class && column.getType() == MySqlType.YEAR) {
      return Year.of(number.intValue());
    }
    if (wanted == Number.class) {
      return number;
    }
    return (wanted == Boolean.class && column.oneBit()) ? number.intValue() != 0 : null;
  }

  static BigDecimal decimal(Number number) {
    return number instanceof BigDecimal decimal ? decimal : new BigDecimal(number.toString());
  }

  private static @Nullable Object ofText(String text, Class<?> wanted, Column column) {
    if (wanted == Clob.class) {
      return column.largeText() ? Clob.from(Mono.just(text)) : null;
    }
    return wanted.isEnum() && column.getType() == MySqlType.ENUM
        ? constant(wanted, text)
        : ofBytes(ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8)), wanted, column);
  }

  @SuppressWarnings({"unchecked", "rawtypes"})
  private static Object constant(Class<?> type, String name) {
    return Enum.valueOf((Class<Enum>) type, name);
  }

  private static @Nullable Object ofBytes(ByteBuffer bytes, Class<?> wanted, Column column) {
    byte[] copy = new byte[bytes.remaining()];
    bytes.duplicate().get(copy);
    if (wanted == byte[].class) {
      return copy;
    }
    if (wanted.isAssignableFrom(ByteBuffer.class)) {
      return ByteBuffer.wrap(copy);
    }
    if (wanted == Blob.class) {
      return column.large() ? Blob.from(Mono.just(ByteBuffer.wrap(copy))) : null;
    }
    if (wanted == Clob.class) {
      return column.largeText()
          ? Clob.from(Mono.just(new String(copy, StandardCharsets.UTF_8)))
          : null;
    }
    return wanted == BitSet.class && column.getType() == MySqlType.BIT ? bits(copy) : null;
  }

  private static BitSet bits(byte[] bigEndian) {
    byte[] little = new byte[bigEndian.length];
    for (int i = 0; i < little.length; i++) {
      little[i] = bigEndian[bigEndian.length - 1 - i];
    }
    return BitSet.valueOf(little);
  }
}
