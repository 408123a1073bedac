package io.shardflux.sql.gather;

import io.shardflux.sql.schema.Catalog;
import io.shardflux.sql.syntax.Fragment;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** A table like the columns that are gathered, and these columns' values as literals. */
final class TemporaryTable {

  /** The column that tells rows apart which have no key. A star does not mean it. */
  static final String ROW = "_shardflux_row";

  private static final Set<String> AS_NUMBER = Set.of("bit", "year");
  private static final Set<String> AS_THEY_ARE =
      Set.of("tinyint", "smallint", "mediumint", "int", "bigint", "decimal");
  private static final Set<String> TEXTS =
      Set.of("char", "varchar", "tinytext", "text", "mediumtext", "longtext");

  private static final int MOST_KEY_BYTES = 3_072;
  private static final int MOST_OF_CHARACTER = 4;

  /** More than a number or a time has. */
  private static final int PLAIN_KEY_BYTES = 32;

  private static final Pattern LENGTH = Pattern.compile("\\(([0-9]{1,5})\\)");

  private TemporaryTable() {}

  static String quoted(String name) {
    return Fragment.quoted(name);
  }

  /**
   * The statement that makes a table.
   *
   * @param key its primary key; none for one that numbers the rows
   */
  static String create(String name, List<Catalog.Column> columns, List<Catalog.Column> key) {
    List<String> parts = new ArrayList<>();
    columns.forEach(column -> parts.add(definition(column)));
    parts.add(
        key.isEmpty()
            ? quoted(ROW) + " BIGINT UNSIGNED NOT NULL AUTO_INCREMENT INVISIBLE PRIMARY KEY"
            : "PRIMARY KEY (" + names(key) + ")");
    return "CREATE TEMPORARY TABLE "
        + quoted(name)
        + " ("
        + String.join(", ", parts)
        + ") ENGINE=InnoDB";
  }

  static String names(List<Catalog.Column> columns) {
    return columns.stream().map(column -> quoted(column.name())).collect(Collectors.joining(", "));
  }

  private static String definition(Catalog.Column column) {
    String collation = column.collation();
    // The catalog has MariaDB's own names, which these don't have.
    if (collation != null && collation.startsWith("utf8mb4_vi_uca1400_nopad_")) {
      collation = collation.replace("uca1400_nopad", "0900");
    }
    return quoted(column.name())
        + " "
        + column.type()
        + (collation == null ? "" : " COLLATE " + collation)
        + (column.nullable() ? " NULL" : " NOT NULL");
  }

  /** Tells whether some columns may be a key as a whole. */
  static boolean isKeyable(List<Catalog.Column> columns) {
    return columns.stream().mapToInt(TemporaryTable::keyBytes).sum() <= MOST_KEY_BYTES;
  }

  /** The bytes of a column in a key, or more than a key has. */
  private static int keyBytes(Catalog.Column column) {
    String type = type(column);
    if (type.endsWith("char") || type.endsWith("binary")) {
      Matcher length = LENGTH.matcher(column.type());
      int most = length.find() ? Integer.parseInt(length.group(1)) : 1;
      return most * (type.endsWith("char") ? MOST_OF_CHARACTER : 1) + 2;
    }
    boolean whole = type.endsWith("text") || type.endsWith("blob") || type.equals("json");
    return whole ? MOST_KEY_BYTES + 1 : PLAIN_KEY_BYTES;
  }

  static String type(Catalog.Column column) {
    String type = column.type().toLowerCase(Locale.ROOT);
    int end = 0;
    while (end < type.length() && Character.isLetterOrDigit(type.charAt(end))) {
      end++;
    }
    return type.substring(0, end);
  }

  /**
   * The values of a row as one text: literals in parentheses.
   *
   * @param embedded whether the statement puts values into documents
   */
  static String literals(List<Catalog.Column> columns, String alias, boolean embedded) {
    return row(
        columns.stream()
            .map(column -> literal(column, quoted(alias) + "." + quoted(column.name()), embedded)));
  }

  /**
   * The values of a row as one text, from which a session of any settings stores the same.
   *
   * @param keys the names of columns whose values are written so that they tell a row's shard
   */
  static String inserted(List<Catalog.Column> columns, String alias, List<String> keys) {
    return row(columns.stream().map(column -> inserted(column, alias, keys)));
  }

  private static String inserted(Catalog.Column column, String alias, List<String> keys) {
    String value = quoted(alias) + "." + quoted(column.name());
    boolean key = keys.stream().anyMatch(column.name()::equalsIgnoreCase);
    String written = key ? plain(column, value) : stored(column, value);
    return "IF(" + value + " IS NULL, 'NULL', " + written + ")";
  }

  private static String row(Stream<String> literals) {
    return literals.collect(Collectors.joining(", ',', ", "CONCAT('(', ", ", ')')"));
  }

  /** Tells whether a value can be written as a literal that compares as the value does. */
  static boolean isPlain(Catalog.Column column) {
    String type = type(column);
    return AS_THEY_ARE.contains(type)
        || TEXTS.contains(type)
        || type.endsWith("binary")
        || type.equals("date")
        || type.equals("datetime");
  }

  private static String plain(Catalog.Column column, String value) {
    return TEXTS.contains(type(column)) ? unescaped(value) : written(column, value);
  }

  /** A text as a literal in which no backslash stands before a quote, for whoever reads it. */
  private static String unescaped(String value) {
    return "CONCAT('''', REPLACE(REPLACE(CONVERT("
        + value
        + " USING utf8mb4), '\\\\', '\\\\\\\\'), '''', ''''''), '''')";
  }

  private static String stored(Catalog.Column column, String value) {
    if (!type(column).equals("timestamp")) {
      return written(column, value);
    }
    // Where a clock shows one time twice, a session would take the other moment.
    String moment = "UNIX_TIMESTAMP(" + value + ")";
    return "IF("
        + value
        + " + 0 = 0, '''0000-00-00 00:00:00''', IF("
        + moment
        + " = UNIX_TIMESTAMP(CAST("
        + value
        + " AS DATETIME(6))), CONCAT('FROM_UNIXTIME(', "
        + moment
        + ", ')'), NULL))";
  }

  private static String text(String value) {
    return "QUOTE(CAST(" + value + " AS CHAR CHARACTER SET utf8mb4))";
  }

  /** The value of an expression of a column's type as a literal. */
  static Fragment literal(Catalog.Column column, Fragment value) {
    // No text of SQL has such a character.
    String[] around = literal(column, "\u0001", false).split("\\x01", -1);
    List<Object> pieces = new ArrayList<>();
    for (int i = 0; i < around.length; i++) {
      if (i > 0) {
        pieces.add(value);
      }
      pieces.add(around[i]);
    }
    return Fragment.of(pieces.toArray());
  }

  private static String literal(Catalog.Column column, String value, boolean embedded) {
    String written = written(column, value);
    String exact =
        embedded && TEXTS.contains(type(column))
            ? "IF(" + isPlainText(value) + ", " + written + ", NULL)"
            : written;
    return "IF(" + value + " IS NULL, 'NULL', " + exact + ")";
  }

  /**
   * Tells whether a document takes a value in as a text. MariaDB's JSON is a text with a check, by
   * which a value becomes a part of the document; the temporary table has no such check.
   */
  private static String isPlainText(String value) {
    return "HEX(JSON_ARRAY(" + value + ")) = HEX(JSON_ARRAY(CONCAT(" + value + ", '')))";
  }

  private static String written(Catalog.Column column, String value) {
    String type = type(column);
    if (type.equals("float")) {
      // As a text a FLOAT has too few digits.
      return real("CAST(" + value + " AS DOUBLE)");
    }
    if (type.equals("double")) {
      return real(value);
    }
    if (type.equals("enum")) {
      // What a server stored in place of a value that is none can't be stored again.
      return "IF(" + value + " + 0 = 0, NULL, " + digits(value) + ")";
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
    if (TEXTS.contains(type) || type.equals("set") || isBinary(type)) {
      // A text as its bytes: no character is converted, and none is taken for a marker.
      return digits(value);
    }
    return text(value);
  }

  /** A double with an exponent: without one, a negative zero would be an integer. */
  private static String real(String value) {
    return "IF(LOCATE('e', " + value + ") > 0, " + value + ", CONCAT(" + value + ", 'e0'))";
  }

  private static boolean isBinary(String type) {
    return type.endsWith("binary")
        || type.endsWith("blob")
        || isSpatial(type)
        || type.equals("vector");
  }

  static boolean isSpatial(String type) {
    return type.startsWith("geom")
        || type.endsWith("point")
        || type.endsWith("linestring")
        || type.endsWith("polygon");
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
