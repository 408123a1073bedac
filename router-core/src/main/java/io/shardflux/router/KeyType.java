package io.shardflux.router;

import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.util.HexFormat;
import java.util.UUID;

/**
 * The type of a part of a key, in Java and in the database.
 *
 * <p>Each type fixes the part's <em>canonical text</em>. It is the text that MySQL gives for {@code
 * CAST(column AS CHAR)}, in UTF-8, with one difference: date-times always carry six digits of
 * fraction, so that the text does not depend on the column's precision. Strategies that hash do so
 * over this text, in Java and in SQL alike. Of {@link #BINARY} they hash the bytes themselves.
 */
public enum KeyType {
  /**
   * {@code Byte}, {@code Short}, {@code Integer}, {@code Long}, or a {@code BigInteger} of at most
   * an unsigned {@code BIGINT}.
   */
  INTEGER,
  /**
   * {@code String}; the column is a {@code VARCHAR} with a binary collation, compared byte by byte.
   */
  TEXT,
  /**
   * {@code byte[]} or {@link ByteBuffer}; the column is a {@code BINARY} or {@code VARBINARY}, and
   * the value has all the bytes that it stores: {@code BINARY(16)} takes 16. Written {@code 0x} and
   * two digits for each byte.
   */
  BINARY,
  /**
   * {@link UUID}; the column holds the 36 characters in lower case ({@code CHAR(36)}, or MariaDB's
   * {@code UUID}).
   */
  UUID,
  /** {@link LocalDate}, years 1000 to 9999; the column is a {@code DATE}. */
  DATE,
  /**
   * {@link LocalDateTime} to the microsecond, years 1000 to 9999; the column is a {@code DATETIME}.
   */
  DATETIME,
  /**
   * {@link Instant} to the microsecond, years 1000 to 9999; the column is a {@code TIMESTAMP} or a
   * {@code DATETIME} in UTC.
   */
  INSTANT;

  /**
   * The type of an accepted value; allocates nothing.
   *
   * @throws IllegalArgumentException if no type accepts the value
   */
  static KeyType of(Object value) {
    if (value instanceof Long || value instanceof BigInteger) {
      return INTEGER;
    }
    if (value instanceof String) {
      return TEXT;
    }
    if (value instanceof ByteBuffer) {
      return BINARY;
    }
    if (value instanceof UUID) {
      return UUID;
    }
    if (value instanceof LocalDate) {
      return DATE;
    }
    if (value instanceof LocalDateTime) {
      return DATETIME;
    }
    if (value instanceof Instant) {
      return INSTANT;
    }
    throw new IllegalArgumentException(
        "key part: a "
            + value.getClass().getName()
            + " (expected: an integer, String, byte[], UUID, LocalDate, LocalDateTime or Instant)");
  }

  /**
   * {@return the bytes that a text says, as a part of a {@link #BINARY} key}
   *
   * @param text {@code 0x} and two hexadecimal digits for each byte
   * @throws IllegalArgumentException if it is no such text
   */
  public static byte[] bytes(String text) {
    try {
      if (text.startsWith("0x")) {
        return HexFormat.of().parseHex(text, 2, text.length());
      }
    } catch (IllegalArgumentException e) {
      // Told below; what the parser says adds nothing.
    }
    throw new IllegalArgumentException(
        "bytes: " + text + " (expected: 0x and two hexadecimal digits for each byte)");
  }
}
