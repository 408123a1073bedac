package io.shardflux.router;

import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.time.temporal.ChronoField;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * The value that locates a row: one typed part, or several. Immutable.
 *
 * <p>Two keys are equal if their parts are equal; {@code of(1)}, {@code of(1L)} and {@code
 * of(BigInteger.ONE)} are the same key. See {@link KeyType} for the types and for the canonical
 * text that strategies hash.
 */
public final class ShardKey {

  private static final BigInteger MAX_UNSIGNED =
      BigInteger.ONE.shiftLeft(Long.SIZE).subtract(BigInteger.ONE);
  private static final BigInteger MIN_SIGNED = BigInteger.valueOf(Long.MIN_VALUE);
  private static final int MAX_PARTS = 16;
  private static final int MAX_TEXT_BYTES = 3072;
  private static final String DATE_TIME = "0000-00-00 00:00:00.000000";

  private final Object[] parts;
  private final byte[][] texts;

  private ShardKey(Object[] parts, byte[][] texts) {
    this.parts = parts;
    this.texts = texts;
  }

  /**
   * {@return a key of one or several parts, in the order of the table's key columns}
   *
   * @param parts 1 to 16 values of the types in {@link KeyType}
   * @throws IllegalArgumentException if there is no part, or one is null, of another type, out of
   *     its type's range, not well-formed text, longer than 3,072 bytes (text in UTF-8), or empty
   *     among several parts
   */
  public static ShardKey of(@Nullable Object... parts) {
    if (parts == null || parts.length == 0 || parts.length > MAX_PARTS) {
      throw new IllegalArgumentException(
          "key parts: "
              + (parts == null ? null : parts.length)
              + " (expected: 1 to "
              + MAX_PARTS
              + ")");
    }
    Object[] accepted = new Object[parts.length];
    byte[][] texts = new byte[parts.length][];
    for (int i = 0; i < parts.length; i++) {
      accepted[i] = accept(parts[i], i);
      texts[i] = canonicalText(accepted[i]);
      if (texts[i].length == 0 && parts.length > 1) {
        throw new IllegalArgumentException(
            "key part " + i + ": empty (expected: every part of a composite key to be filled)");
      }
    }
    return new ShardKey(accepted, texts);
  }

  /** {@return the number of parts} */
  public int size() {
    return parts.length;
  }

  /**
   * {@return the part at an index from 0: a {@code Long} or {@code BigInteger} for integers, a
   * read-only {@code ByteBuffer} of its own for bytes, otherwise the value as it was given}
   *
   * @param index from 0, below {@link #size()}
   */
  public Object part(int index) {
    return parts[index] instanceof ByteBuffer bytes ? bytes.duplicate() : parts[index];
  }

  /** {@return the parts in order, see {@link #part(int)}} */
  public List<Object> parts() {
    return IntStream.range(0, parts.length).mapToObj(this::part).toList();
  }

  /**
   * {@return the type of the part at an index from 0}
   *
   * @param index from 0, below {@link #size()}
   */
  public KeyType type(int index) {
    return KeyType.of(parts[index]);
  }

  /**
   * {@return the canonical text of the part at an index from 0; of bytes, {@code 0x} and their
   * digits}
   *
   * @param index from 0, below {@link #size()}
   */
  public String text(int index) {
    return parts[index] instanceof ByteBuffer
        ? "0x" + HexFormat.of().formatHex(texts[index])
        : new String(texts[index], StandardCharsets.UTF_8);
  }

  /** The part at an index, which must not be read from; allocates nothing. */
  Object held(int index) {
    return parts[index];
  }

  /**
   * The part's canonical text in UTF-8, or its bytes. The array is shared and must not be written
   * to.
   */
  byte[] textBytes(int index) {
    return texts[index];
  }

  /** The parts from {@code from} up to, not including, {@code to} as a key of their own. */
  ShardKey slice(int from, int to) {
    return from == 0 && to == parts.length
        ? this
        : new ShardKey(Arrays.copyOfRange(parts, from, to), Arrays.copyOfRange(texts, from, to));
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof ShardKey key && Arrays.equals(parts, key.parts);
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(parts);
  }

  /**
   * The parts' canonical texts, for messages: {@code 42}, or {@code (acme, 42)} where there are
   * several.
   */
  @Override
  public String toString() {
    if (parts.length == 1) {
      return text(0);
    }
    return IntStream.range(0, parts.length)
        .mapToObj(this::text)
        .collect(Collectors.joining(", ", "(", ")"));
  }

  private static Object accept(@Nullable Object part, int index) {
    if (part == null) {
      throw new IllegalArgumentException("key part " + index + ": null (expected: a value)");
    }
    if (part instanceof Byte || part instanceof Short || part instanceof Integer) {
      return ((Number) part).longValue();
    }
    if (part instanceof BigInteger integer) {
      return acceptInteger(integer);
    }
    if (part instanceof byte[] bytes) {
      return ByteBuffer.wrap(bytes.clone()).asReadOnlyBuffer();
    }
    if (part instanceof ByteBuffer bytes) {
      return ByteBuffer.wrap(array(bytes)).asReadOnlyBuffer();
    }
    KeyType type = KeyType.of(part);
    switch (type) {
      case DATE -> checkYear((LocalDate) part);
      case DATETIME -> checkDateTime((LocalDateTime) part);
      case INSTANT -> checkDateTime(utc((Instant) part));
      default -> {}
    }
    return part;
  }

  private static Object acceptInteger(BigInteger integer) {
    if (integer.compareTo(MIN_SIGNED) < 0 || integer.compareTo(MAX_UNSIGNED) > 0) {
      throw new IllegalArgumentException(
          "key part: "
              + integer
              + " (expected: an integer from "
              + MIN_SIGNED
              + " to "
              + MAX_UNSIGNED
              + ")");
    }
    return integer.bitLength() < Long.SIZE ? (Object) integer.longValue() : integer;
  }

  private static void checkYear(LocalDate date) {
    if (date.getYear() < 1000 || date.getYear() > 9999) {
      throw new IllegalArgumentException(
          "key part: " + date + " (expected: a year from 1000 to 9999)");
    }
  }

  private static void checkDateTime(LocalDateTime dateTime) {
    checkYear(dateTime.toLocalDate());
    if (dateTime.get(ChronoField.NANO_OF_SECOND) % 1000 != 0) {
      throw new IllegalArgumentException(
          "key part: " + dateTime + " (expected: at most microseconds, as MySQL keeps them)");
    }
  }

  private static byte[] canonicalText(Object part) {
    if (part instanceof String text) {
      return encode(text);
    }
    if (part instanceof ByteBuffer bytes) {
      checkLength("bytes", bytes.remaining());
      return array(bytes);
    }
    if (part instanceof LocalDateTime dateTime) {
      return text(dateTime);
    }
    if (part instanceof Instant instant) {
      return text(utc(instant));
    }
    return part.toString().getBytes(StandardCharsets.ISO_8859_1);
  }

  /** Written by hand, because a formatter makes a decimal number of each fraction of a second. */
  private static byte[] text(LocalDateTime dateTime) {
    byte[] text = DATE_TIME.getBytes(StandardCharsets.ISO_8859_1);
    put(text, 4, dateTime.getYear());
    put(text, 7, dateTime.getMonthValue());
    put(text, 10, dateTime.getDayOfMonth());
    put(text, 13, dateTime.getHour());
    put(text, 16, dateTime.getMinute());
    put(text, 19, dateTime.getSecond());
    put(text, 26, dateTime.getNano() / 1000);
    return text;
  }

  /** Puts a number's digits before {@code end}, where zeros are. */
  private static void put(byte[] text, int end, int number) {
    int at = end;
    for (int rest = number; rest > 0; rest /= 10) {
      text[--at] = (byte) ('0' + rest % 10);
    }
  }

  private static LocalDateTime utc(Instant instant) {
    return LocalDateTime.ofInstant(instant, ZoneOffset.UTC);
  }

  private static byte[] encode(String text) {
    try {
      ByteBuffer utf8 =
          StandardCharsets.UTF_8
              .newEncoder()
              .onMalformedInput(CodingErrorAction.REPORT)
              .encode(CharBuffer.wrap(text));
      checkLength("text", utf8.remaining());
      return array(utf8);
    } catch (CharacterCodingException e) {
      throw new IllegalArgumentException(
          "key part: text with an unpaired surrogate (expected: Unicode)", e);
    }
  }

  private static void checkLength(String what, int bytes) {
    if (bytes > MAX_TEXT_BYTES) {
      throw new IllegalArgumentException(
          "key part: " + what + ", " + bytes + " bytes (expected: at most " + MAX_TEXT_BYTES + ")");
    }
  }

  private static byte[] array(ByteBuffer bytes) {
    byte[] array = new byte[bytes.remaining()];
    bytes.duplicate().get(array);
    return array;
  }
}
