package io.shardflux.sql.gather;

import io.shardflux.sql.schema.Catalog;
import io.shardflux.sql.syntax.Fragment;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * The rows of a mention as one JSON text, which {@code JSON_TABLE} reads with the types of the
 * columns. Only for columns whose values all arrive so as they are stored.
 */
final class JsonRows {

  private static final Set<String> INTEGERS =
      Set.of("tinyint", "smallint", "mediumint", "int", "bigint");
  private static final Set<String> AS_TEXT =
      Set.of("decimal", "double", "float", "date", "datetime", "time");
  private static final Set<String> TEXTS =
      Set.of("char", "varchar", "tinytext", "text", "mediumtext", "longtext");

  /** The character sets whose bytes are UTF-8. */
  private static final Set<String> UTF_8 = Set.of("utf8mb4", "utf8mb3", "utf8", "ascii");

  private static final String OF_NUMBERS = "0123456789.-+e";

  private final List<Catalog.Column> columns;
  private final int most;
  private final StringBuilder json = new StringBuilder("[");
  private CharSequence literals = "";
  private int at;

  private JsonRows(List<Catalog.Column> columns, int most) {
    this.columns = columns;
    this.most = most;
  }

  /** Tells whether all values of some columns arrive as they are. */
  static boolean fit(List<Catalog.Column> columns) {
    return columns.stream().allMatch(JsonRows::fits);
  }

  private static boolean fits(Catalog.Column column) {
    String type = TemporaryTable.type(column);
    String collation = column.collation();
    if (TEXTS.contains(type)) {
      return collation != null && UTF_8.contains(collation.split("_", 2)[0]);
    }
    return (INTEGERS.contains(type) || AS_TEXT.contains(type))
        && !column.type().toLowerCase(Locale.ROOT).contains("zerofill");
  }

  /** The table with the rows that a marker stands for. A value that does not fit is an error. */
  static String table(List<Catalog.Column> columns) {
    return IntStream.range(0, columns.size())
        .mapToObj(i -> definition(columns.get(i), i))
        .collect(Collectors.joining(", ", "JSON_TABLE(?, '$[*]' COLUMNS (", ")) AS j"));
  }

  private static String definition(Catalog.Column column, int index) {
    String collation = column.collation();
    return Fragment.quoted(column.name())
        + " "
        + column.type()
        + (collation == null ? "" : " COLLATE " + collation)
        + " PATH '$["
        + index
        + "]' NULL ON EMPTY ERROR ON ERROR";
  }

  /**
   * The rows as JSON.
   *
   * @param chunks lists of rows, each as literals in parentheses
   * @param most the characters at most
   * @return null if there are more, or a value would not arrive as it is
   */
  static @Nullable String of(
      List<Catalog.Column> columns, List<? extends CharSequence> chunks, int most) {
    JsonRows rows = new JsonRows(columns, most);
    try {
      for (CharSequence chunk : chunks) {
        if (!rows.add(chunk)) {
          return null;
        }
      }
    } catch (IndexOutOfBoundsException | IllegalArgumentException otherColumns) {
      // The table has changed since, which is found out behind this.
      return null;
    }
    return rows.json.append(']').toString();
  }

  private boolean add(CharSequence chunk) {
    literals = chunk;
    at = 0;
    while (at < chunk.length()) {
      json.append(json.length() == 1 ? "[" : ",[");
      for (int i = 0; i < columns.size(); i++) {
        // Behind a parenthesis or a comma.
        at++;
        json.append(i == 0 ? "" : ",");
        if (!value(columns.get(i))) {
          return false;
        }
      }
      json.append(']');
      if (json.length() >= most) {
        return false;
      }
      // Behind the other parenthesis and a comma.
      at += 2;
    }
    return true;
  }

  private boolean value(Catalog.Column column) {
    char first = literals.charAt(at);
    if (first == 'N') {
      at += "NULL".length();
      json.append("null");
      return true;
    }
    if (first == 'x') {
      return text(upTo('\'', at + 2));
    }
    if (first == '\'') {
      return moment(upTo('\'', at + 1));
    }
    int end = at;
    while (literals.charAt(end) != ',' && literals.charAt(end) != ')') {
      end++;
    }
    String number = literals.subSequence(at, end).toString();
    if (number.chars().anyMatch(each -> OF_NUMBERS.indexOf(each) < 0)) {
      return false;
    }
    at = end;
    // A decimal that is no text would be read as a double.
    boolean whole = INTEGERS.contains(TemporaryTable.type(column));
    json.append(whole ? number : '"' + number + '"');
    return true;
  }

  /** The characters from a place up to a quote; goes on behind that. */
  private String upTo(char quote, int from) {
    int end = from;
    while (literals.charAt(end) != quote) {
      end++;
    }
    at = end + 1;
    return literals.subSequence(from, end).toString();
  }

  /** A date without a month or a day is taken otherwise by what the session is set to. */
  private boolean moment(String moment) {
    if (moment.contains("-00") || moment.startsWith("0000") || moment.contains("\\")) {
      return false;
    }
    json.append('"').append(moment).append('"');
    return true;
  }

  private boolean text(String digits) {
    if (json.length() + digits.length() / 2 >= most) {
      return false;
    }
    try {
      byte[] bytes = HexFormat.of().parseHex(digits);
      quote(StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)));
      return true;
    } catch (CharacterCodingException e) {
      return false;
    }
  }

  private void quote(CharSequence text) {
    json.append('"');
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (c < ' ') {
        json.append("\\u00").append(HexFormat.of().toHexDigits((byte) c));
      } else if (c == '"' || c == '\\') {
        json.append('\\').append(c);
      } else {
        json.append(c);
      }
    }
    json.append('"');
  }
}
