package io.shardflux.sql.schema;

import io.shardflux.router.Internal;
import io.shardflux.router.KeyType;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/**
 * The values that a key column can hold.
 *
 * @param name such as {@code int}
 * @param size the number in parentheses; -1 if there is none
 * @param unsigned whether it has no numbers below zero
 */
@Internal
public record ColumnType(String name, int size, boolean unsigned) {

  private static final int MOST_DIGITS = 9;

  private static final Map<String, Integer> INTEGER_BITS =
      Map.of("tinyint", 8, "smallint", 16, "mediumint", 24, "int", 32, "integer", 32, "bigint", 64);
  private static final Set<String> TEXTS =
      Set.of("char", "varchar", "tinytext", "text", "mediumtext", "longtext");
  private static final Set<String> BINARIES =
      Set.of("binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob");

  /** The characters of a UUID's text, as which alone it is sent. */
  private static final int UUID = 36;

  private static final int UUID_BYTES = 16;

  /** The type of a {@code COLUMN_TYPE}. */
  static ColumnType of(String columnType) {
    String type = columnType.toLowerCase(Locale.ROOT);
    int end = end(type, 0, 'a', 'z');
    boolean unsigned = end > 0 && type.indexOf("unsigned", end) >= 0;
    return new ColumnType(type.substring(0, end), size(type, end), unsigned);
  }

  /** The number of {@code (20)} at that place; -1 for anything else. */
  private static int size(String type, int at) {
    int start = at + 1;
    int end = end(type, start, '0', '9');
    boolean whole = at > 0 && type.startsWith("(", at) && type.startsWith(")", end);
    return whole && end > start && end - start <= MOST_DIGITS
        ? Integer.parseInt(type.substring(start, end))
        : -1;
  }

  /** The place behind the characters of that range. */
  private static int end(String type, int start, char first, char last) {
    int end = start;
    while (end < type.length() && type.charAt(end) >= first && type.charAt(end) <= last) {
      end++;
    }
    return end;
  }

  /** The length in parentheses; without one, the given length. */
  public int length(int otherwise) {
    return size < 0 ? otherwise : size;
  }

  /** The length of a type that is written without one. */
  private int widest() {
    return name.equals("char") || name.equals("binary") ? 1 : Integer.MAX_VALUE;
  }

  /** Tells whether a key's values are such a column's, so that both find the same values equal. */
  boolean suits(KeyType type) {
    return switch (type) {
      case INTEGER -> INTEGER_BITS.containsKey(name) || name.equals("decimal");
      case TEXT -> TEXTS.contains(name) || BINARIES.contains(name);
      case BINARY -> name.equals("binary") || name.equals("varbinary");
      case UUID ->
          name.equals("uuid")
              || ((TEXTS.contains(name) || BINARIES.contains(name)) && length(widest()) >= UUID);
      case DATE -> name.equals("date");
      case DATETIME, INSTANT -> name.equals("datetime") || name.equals("timestamp");
    };
  }

  /** Tells whether it holds the bytes of a UUID. */
  boolean isOfUuid() {
    return name.equals("binary") && size == UUID_BYTES;
  }

  /** Tells whether a value is stored to the letter, neither cut nor filled up. */
  public boolean holds(Object value) {
    if (value instanceof Long number) {
      return holds(BigInteger.valueOf(number));
    }
    if (value instanceof BigInteger number) {
      return holds(number);
    }
    if (value instanceof ByteBuffer bytes) {
      // BINARY is filled up with zeros.
      return name.equals("binary") ? bytes.remaining() == length(1) : bytes.remaining() <= size;
    }
    return !(value instanceof String text) || holds(text);
  }

  private boolean holds(BigInteger number) {
    Integer bits = INTEGER_BITS.get(name);
    if (bits == null) {
      return true;
    }
    return unsigned
        ? number.signum() >= 0 && number.bitLength() <= bits
        : number.bitLength() < bits;
  }

  private boolean holds(String text) {
    int bytes = text.getBytes(StandardCharsets.UTF_8).length;
    int characters = text.codePointCount(0, text.length());
    return switch (name) {
      // Spaces at the end are taken off.
      case "char" -> characters <= length(1) && !text.endsWith(" ");
      case "varchar" -> characters <= size;
      // Filled up with zeros.
      case "binary" -> bytes == length(1);
      case "varbinary" -> bytes <= size;
      default -> true;
    };
  }
}
