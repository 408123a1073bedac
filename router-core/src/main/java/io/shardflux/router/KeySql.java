package io.shardflux.router;

import java.util.HexFormat;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * Key columns and key values as SQL that means the same in MySQL and MariaDB, whatever the SQL mode
 * and the connection's character set.
 */
final class KeySql {

  private KeySql() {}

  /** The column's quoted name. */
  static String name(KeyColumn column) {
    return "`" + column.name().replace("`", "``") + "`";
  }

  /** The canonical text of a column, or its bytes. */
  static String text(KeyColumn column) {
    if (column.type() == KeyType.BINARY) {
      return name(column);
    }
    String value =
        switch (column.type()) {
          // As a number, since a ZEROFILL column's text has leading zeros.
          case INTEGER -> name(column) + " + 0";
          case DATETIME, INSTANT -> "CAST(" + name(column) + " AS DATETIME(6))";
          case TEXT, BINARY, UUID, DATE -> name(column);
        };
    return "CAST(" + value + " AS CHAR CHARACTER SET utf8mb4)";
  }

  /** The canonical texts joined by a zero byte; null if a column is. */
  static String text(List<KeyColumn> columns) {
    if (columns.size() == 1) {
      return text(columns.get(0));
    }
    return columns.stream().anyMatch(column -> column.type() == KeyType.BINARY)
        ? columns.stream()
            .map(column -> "CAST(" + text(column) + " AS BINARY)")
            .collect(Collectors.joining(", x'00', ", "CONCAT(", ")"))
        : columns.stream()
            .map(KeySql::text)
            .collect(Collectors.joining(", CHAR(0 USING utf8mb4), ", "CONCAT(", ")"));
  }

  /**
   * The SQL that {@link #literal} is compared with: text goes by its bytes, with no regard to
   * collations.
   */
  static String value(KeyColumn column) {
    return switch (column.type()) {
      case TEXT, UUID -> "CAST(" + text(column) + " AS BINARY)";
      case INTEGER, BINARY, DATE, DATETIME, INSTANT -> name(column);
    };
  }

  /** The part of a key as a literal; texts are hex, so there is nothing to escape. */
  static String literal(ShardKey key, int index) {
    return switch (key.type(index)) {
      case INTEGER -> key.text(index);
      case TEXT, BINARY, UUID -> "x'" + HexFormat.of().formatHex(key.textBytes(index)) + "'";
      case DATE -> "DATE '" + key.text(index) + "'";
      case DATETIME, INSTANT -> "TIMESTAMP '" + key.text(index) + "'";
    };
  }

  /** The values of columns: bare if there is one, otherwise a row. */
  static String tuple(List<KeyColumn> columns) {
    return columns.size() == 1
        ? value(columns.get(0))
        : columns.stream().map(KeySql::value).collect(Collectors.joining(", ", "(", ")"));
  }

  /** The parts of a key as literals: bare if there is one, otherwise a row. */
  static String tuple(ShardKey key) {
    return key.size() == 1
        ? literal(key, 0)
        : IntStream.range(0, key.size())
            .mapToObj(i -> literal(key, i))
            .collect(Collectors.joining(", ", "(", ")"));
  }

  /** A condition that a column's value is one of some one-part keys; false where there are none. */
  static String in(KeyColumn column, List<ShardKey> keys) {
    return keys.isEmpty()
        ? "FALSE"
        : keys.stream()
            .map(key -> literal(key, 0))
            .collect(Collectors.joining(", ", value(column) + " IN (", ")"));
  }

  /** A condition that no column is null. */
  static String present(List<KeyColumn> columns) {
    return columns.isEmpty()
        ? "TRUE"
        : columns.stream()
            .map(column -> name(column) + " IS NOT NULL")
            .collect(Collectors.joining(" AND "));
  }
}
