package io.shardflux.sql.gather;

import io.shardflux.sql.schema.Catalog;
import io.shardflux.sql.syntax.Fragment;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Collectors;

/** A table like the columns that are gathered, and these columns' values as literals. */
final class TemporaryTable {

  /** The column that tells rows apart which have no key. A star does not mean it. */
  static final String ROW = "_shardflux_row";

  private static final Set<String> AS_NUMBER = Set.of("bit", "enum", "set", "year");
  private static final Set<String> AS_THEY_ARE =
      Set.of("tinyint", "smallint", "mediumint", "int", "bigint", "decimal", "double");
  private static final Set<String> TEXTS =
      Set.of("char", "varchar", "tinytext", "text", "mediumtext", "longtext");

  private TemporaryTable() {}

  static String quoted(String name) {
    return Fragment.quoted(name);
  }

  static String create(Gather.Mention mention) {
    List<String> parts = new ArrayList<>();
    mention.columns().forEach(column -> parts.add(definition(column)));
    parts.add(
        mention.keyed()
            ? "PRIMARY KEY (" + key(mention.columns()) + ")"
            : quoted(ROW) + " BIGINT UNSIGNED NOT NULL AUTO_INCREMENT INVISIBLE PRIMARY KEY");
    return "CREATE TEMPORARY TABLE "
        + quoted(mention.temporary())
        + " ("
        + String.join(", ", parts)
        + ") ENGINE=InnoDB";
  }

  private static String key(List<Catalog.Column> columns) {
    return columns.stream()
        .filter(Catalog.Column::primary)
        .map(column -> quoted(column.name()))
        .collect(Collectors.joining(", "));
  }

  private static String definition(Catalog.Column column) {
    String collation = column.collation();
    return quoted(column.name())
        + " "
        + column.type()
        + (collation == null ? "" : " COLLATE " + collation)
        + (column.nullable() ? " NULL" : " NOT NULL");
  }

  /** Tells whether a column may be in a key as a whole. */
  static boolean isKeyable(Catalog.Column column) {
    String type = type(column);
    return !type.endsWith("text") && !type.endsWith("blob") && !type.equals("json");
  }

  static String type(Catalog.Column column) {
    String type = column.type().toLowerCase(Locale.ROOT);
    int end = 0;
    while (end < type.length() && Character.isLetterOrDigit(type.charAt(end))) {
      end++;
    }
    return type.substring(0, end);
  }

  /** The values of a row as one text: literals in parentheses. */
  static String literals(List<Catalog.Column> columns, String alias) {
    return columns.stream()
        .map(column -> literal(column, quoted(alias) + "." + quoted(column.name())))
        .collect(Collectors.joining(", ',', ", "CONCAT('(', ", ", ')')"));
  }

  private static String literal(Catalog.Column column, String value) {
    return "IF(" + value + " IS NULL, 'NULL', " + written(column, value) + ")";
  }

  private static String written(Catalog.Column column, String value) {
    String type = type(column);
    if (type.equals("float")) {
      // As a text a FLOAT has too few digits.
      return "CAST(" + value + " AS DOUBLE)";
    }
    if (AS_NUMBER.contains(type)) {
      return value + " + 0";
    }
    if (AS_THEY_ARE.contains(type)) {
      return value;
    }
    if (type.equals("timestamp")) {
      return moment(value);
    }
    if (type.equals("json")) {
      return json(value);
    }
    if (TEXTS.contains(type) || isBinary(type)) {
      // A text as its bytes: no character is converted, and none is taken for a marker.
      return digits(value);
    }
    return "QUOTE(CAST(" + value + " AS CHAR CHARACTER SET utf8mb4))";
  }

  private static boolean isBinary(String type) {
    return type.endsWith("binary")
        || type.endsWith("blob")
        || type.startsWith("geom")
        || type.endsWith("point")
        || type.endsWith("linestring")
        || type.endsWith("polygon")
        || type.equals("vector");
  }

  /** A moment in universal time, because the clock of a time zone may show one time twice. */
  private static String moment(String value) {
    return "IF("
        + value
        + " + 0 = 0, '''0000-00-00 00:00:00''', QUOTE(CAST('1970-01-01 00:00:00.000000' + INTERVAL"
        + " UNIX_TIMESTAMP("
        + value
        + ") SECOND AS CHAR CHARACTER SET utf8mb4)))";
  }

  /** The text that is read as the same document; NULL where there is none. */
  private static String json(String value) {
    String text = "CAST(" + value + " AS CHAR)";
    String read = "CAST(" + text + " AS JSON)";
    return "IF("
        + read
        + " = "
        + value
        + " AND CAST("
        + read
        + " AS CHAR) = "
        + text
        + ", CONCAT('CONVERT(', "
        + digits("CONVERT(" + text + " USING utf8mb4)")
        + ", ' USING utf8mb4)'), NULL)";
  }

  private static String digits(String value) {
    return "CONCAT('x''', HEX(" + value + "), '''')";
  }
}
