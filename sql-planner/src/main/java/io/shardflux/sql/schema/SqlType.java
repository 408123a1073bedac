package io.shardflux.sql.schema;

import io.shardflux.router.Internal;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The type of an expression's values, as far as their order depends on it.
 *
 * @param collation of text; of temporal values it is the type; null where only the server knows it
 * @param digits the digits that are shown of its values as numbers
 */
@Internal
public record SqlType(Kind kind, @Nullable String collation, Digits digits) {

  /** A type whose shown digits depend only on its kind. */
  public SqlType(Kind kind, @Nullable String collation) {
    this(kind, collation, digits(kind));
  }

  private static Digits digits(Kind kind) {
    return switch (kind) {
      case NULL -> Digits.WHOLE;
      case TEMPORAL -> Digits.TEMPORAL;
      case MARKER -> Digits.MARKER;
      case NUMBER, SMALL_NUMBER, NONE -> Digits.UNKNOWN;
      default -> Digits.REAL;
    };
  }

  public enum Kind {
    /** Ordered as drivers give it. */
    NUMBER,
    /** Ordered by the number that {@code + 0} makes of it. */
    SMALL_NUMBER,
    TEMPORAL,
    /** Ordered by its index or bits, and text wherever it is an operand. */
    ENUM,
    TEXT,
    BINARY,
    NULL,
    /** Text in the statement, whose collation gives way to any column's. */
    LITERAL,
    /** A bound value. */
    MARKER,
    /** No order that could be merged by. */
    NONE
  }

  public static final SqlType NUMBER = new SqlType(Kind.NUMBER, null);
  public static final SqlType TEMPORAL = new SqlType(Kind.TEMPORAL, null);
  public static final SqlType DATE = new SqlType(Kind.TEMPORAL, "date");
  public static final SqlType DATE_TIME = new SqlType(Kind.TEMPORAL, "datetime");
  public static final SqlType TIME = new SqlType(Kind.TEMPORAL, "time");
  public static final SqlType TEXT = new SqlType(Kind.TEXT, null);
  public static final SqlType BINARY = new SqlType(Kind.BINARY, null);
  public static final SqlType NULL = new SqlType(Kind.NULL, null);
  public static final SqlType LITERAL = new SqlType(Kind.LITERAL, null);
  public static final SqlType MARKER = new SqlType(Kind.MARKER, null);
  public static final SqlType NONE = new SqlType(Kind.NONE, null);

  private static final Set<String> NUMBERS =
      Set.of("smallint", "mediumint", "int", "integer", "bigint", "decimal", "numeric", "double");
  private static final Set<String> SMALL_NUMBERS = Set.of("tinyint", "bit", "year", "float");
  private static final Map<String, SqlType> TEMPORALS =
      Map.of("date", DATE, "datetime", DATE_TIME, "timestamp", DATE_TIME, "time", TIME);

  public boolean isNumber() {
    return kind == Kind.NUMBER || kind == Kind.SMALL_NUMBER;
  }

  public static SqlType of(Catalog.Column column) {
    String name = name(column.type());
    if (NUMBERS.contains(name)) {
      return new SqlType(Kind.NUMBER, null, Digits.ofColumn(name, column.type()));
    }
    if (SMALL_NUMBERS.contains(name)) {
      return new SqlType(Kind.SMALL_NUMBER, null, Digits.ofColumn(name, column.type()));
    }
    SqlType temporal = TEMPORALS.get(name);
    if (temporal != null) {
      return temporal;
    }
    if (name.equals("enum") || name.equals("set")) {
      return new SqlType(Kind.ENUM, column.collation());
    }
    if (name.endsWith("char") || name.endsWith("text")) {
      return new SqlType(Kind.TEXT, collation(name, column));
    }
    return name.endsWith("binary") || name.endsWith("blob") ? BINARY : NONE;
  }

  /** A CHAR is compared with its padding even where its collation knows none. */
  private static @Nullable String collation(String type, Catalog.Column column) {
    String collation = column.collation();
    boolean odd = type.equals("char") && collation != null && collation.contains("_nopad_");
    return odd ? collation + " of CHAR" : collation;
  }

  /** Tells whether the weights of the texts tell their order, as far as the collation is known. */
  public boolean isMerged() {
    return collation == null || Collations.merges(collation);
  }

  private static String name(String type) {
    String lower = type.toLowerCase(Locale.ROOT);
    int end = 0;
    while (end < lower.length() && Character.isLetter(lower.charAt(end))) {
      end++;
    }
    return lower.substring(0, end);
  }

  /** The type of the one value that is chosen of several. */
  public static SqlType choice(List<SqlType> types) {
    SqlType choice = NULL;
    for (SqlType type : types) {
      choice = choice.or(type);
    }
    return choice;
  }

  private SqlType or(SqlType other) {
    if (kind == Kind.NULL || other.kind == Kind.NULL) {
      SqlType type = kind == Kind.NULL ? other : this;
      return type.kind == Kind.ENUM ? new SqlType(Kind.TEXT, type.collation) : type;
    }
    if (kind == Kind.NONE || other.kind == Kind.NONE) {
      return NONE;
    }
    if (kind == Kind.BINARY || other.kind == Kind.BINARY) {
      return kind == other.kind ? this : NONE;
    }
    if (isText() || other.isText()) {
      return isText() && other.isText() ? both(other) : text(other);
    }
    if (kind == Kind.TEMPORAL && other.kind == Kind.TEMPORAL) {
      // A date among date-times is another number than the date-time that it is shown as.
      return collation != null && equals(other) ? this : NONE;
    }
    if (isNumber() && other.isNumber()) {
      Kind number = kind == other.kind ? kind : Kind.SMALL_NUMBER;
      return new SqlType(number, null, Digits.choice(List.of(digits, other.digits)));
    }
    if (kind == other.kind) {
      return kind == Kind.MARKER ? NONE : this;
    }
    if (kind == Kind.LITERAL || other.kind == Kind.LITERAL) {
      return TEXT;
    }
    if (kind == Kind.MARKER || other.kind == Kind.MARKER) {
      return NONE;
    }
    return TEXT;
  }

  /** This type with what is known of its digits, if it is a number. */
  public SqlType with(Digits known) {
    return isNumber() ? new SqlType(kind, collation, known) : this;
  }

  private SqlType text(SqlType other) {
    return new SqlType(Kind.TEXT, isText() ? collation : other.collation);
  }

  /** The type of two texts. Texts of two known collations have none that could be asked for. */
  private SqlType both(SqlType other) {
    if (collation == null || other.collation == null) {
      return isMerged() && other.isMerged() ? TEXT : NONE;
    }
    return collation.equals(other.collation) ? new SqlType(Kind.TEXT, collation) : NONE;
  }

  public boolean isTemporal() {
    return kind == Kind.TEMPORAL;
  }

  private boolean isText() {
    return kind == Kind.TEXT || kind == Kind.ENUM;
  }

  /** The type of {@code MIN} and {@code MAX}. */
  public SqlType extreme() {
    return kind == Kind.ENUM ? new SqlType(Kind.TEXT, collation) : this;
  }

  /** The type that text functions make of it: text of its collation, if it is text. */
  public static SqlType textOf(List<SqlType> arguments) {
    SqlType text = LITERAL;
    for (SqlType type : arguments) {
      if (type.kind == Kind.BINARY) {
        return NONE;
      }
      if (type.isText()) {
        text = text.or(type);
      }
    }
    return text.kind == Kind.LITERAL ? TEXT : text;
  }
}
