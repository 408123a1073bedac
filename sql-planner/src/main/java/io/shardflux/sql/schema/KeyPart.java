package io.shardflux.sql.schema;

import io.shardflux.router.Internal;
import io.shardflux.router.KeyColumn;
import io.shardflux.router.KeyType;
import io.shardflux.router.TableRule;
import io.shardflux.router.UuidOrder;
import io.shardflux.sql.statement.RefusalCode;
import io.shardflux.sql.statement.RefusedSqlException;
import java.nio.charset.Charset;
import java.util.Locale;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A column that is a part of a sharded table's key.
 *
 * @param index which part
 * @param exact whether equal values are the same to the letter, so that they are on one shard
 * @param padded whether its collation ignores spaces at the end
 * @param uuid how it holds UUIDs as bytes; null if it does not
 */
@Internal
public record KeyPart(
    String table,
    String strategy,
    int index,
    KeyType type,
    Catalog.Column column,
    ColumnType columnType,
    boolean exact,
    boolean padded,
    @Nullable UuidOrder uuid) {

  private static final Set<String> UNPADDED = Set.of("binary", "utf8mb4_0900_bin");

  static KeyPart of(TableRule.Sharded rule, int index, Catalog.Column column) {
    String table = rule.table();
    KeyColumn key = rule.key().get(index);
    KeyType type = key.type();
    String collation = column.collation();
    boolean text = type == KeyType.TEXT;
    boolean exact = !text || collation == null || isBinary(collation);
    boolean padded = text && collation != null && isPadded(collation);
    ColumnType columnType = ColumnType.of(column.type());
    if (!columnType.suits(type) || (key.uuid() != null && !columnType.isOfUuid())) {
      throw new RefusedSqlException(
          RefusalCode.KEY_COLLATION,
          table
              + "."
              + column.name()
              + ": "
              + column.type()
              + " (expected: "
              + (key.uuid() == null ? expected(type) : "BINARY(16), as the key is a UUID in bytes")
              + ")",
          "give the key column such a type, or the key the column's type in its rule");
    }
    return new KeyPart(
        table, rule.strategy(), index, type, column, columnType, exact, padded, key.uuid());
  }

  private static String expected(KeyType type) {
    return switch (type) {
      case INTEGER -> "an integer type, as the key is INTEGER";
      case TEXT -> "a text or binary type, as the key is TEXT";
      case BINARY -> "BINARY or VARBINARY, as the key is BINARY";
      case UUID -> "text of 36 characters or more, as the key is UUID";
      case DATE -> "DATE, as the key is DATE";
      case DATETIME, INSTANT -> "DATETIME or TIMESTAMP, as the key is " + type;
    };
  }

  /** The values that it stores as they are. */
  public String expected() {
    return type == KeyType.BINARY ? "all bytes of " + column.type() : type.toString();
  }

  /** Tells whether the text is in the order of its characters, as strategies compare it. */
  public boolean ordered() {
    String collation = column.collation();
    return collation == null
        || collation.startsWith("utf8")
        || collation.startsWith("ascii")
        || collation.equals("binary");
  }

  private static boolean isBinary(String collation) {
    return collation.equals("binary") || collation.endsWith("_bin");
  }

  /** Tells whether a collation ignores spaces at the end. */
  public static boolean isPadded(String collation) {
    String lower = collation.toLowerCase(Locale.ROOT);
    return !UNPADDED.contains(lower) && !lower.contains("_0900_") && !lower.contains("_nopad");
  }

  /**
   * Tells whether the character set has all of a text, so that no part of it becomes a question
   * mark.
   */
  public boolean writes(Object value) {
    String collation = column.collation();
    if (!(value instanceof String text) || collation == null) {
      return true;
    }
    return switch (collation.split("_", 2)[0]) {
      case "utf8mb4", "binary" -> true;
      case "utf8", "utf8mb3" -> text.chars().noneMatch(c -> Character.isSurrogate((char) c));
      case "latin1" -> Charset.forName("windows-1252").newEncoder().canEncode(text);
      default -> text.chars().allMatch(c -> c < 0x80);
    };
  }

  /** Tells whether equal values of both are on the same shard, as the same part of a key. */
  public boolean fits(KeyPart other) {
    return exact
        && other.exact
        && index == other.index
        && type == other.type
        && strategy.equals(other.strategy)
        && padded == other.padded;
  }

  @Override
  public String toString() {
    return table + "." + column.name();
  }
}
