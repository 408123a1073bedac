package io.shardflux.sql.schema;

import io.shardflux.router.Internal;
import io.shardflux.sql.statement.ValueKind;
import io.shardflux.sql.syntax.SelectItems;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Columns whose values compare as the columns do once they are bound.
 *
 * @param kind what the values are read as
 * @param collation that of texts; null for numbers
 */
@Internal
public record Bindable(ValueKind kind, @Nullable String collation) {

  private static final Set<String> INTEGERS =
      Set.of("tinyint", "smallint", "mediumint", "int", "bigint");
  private static final Set<String> TEXTS =
      Set.of("char", "varchar", "tinytext", "text", "mediumtext", "longtext");

  /** The character sets of which any session can say all characters. */
  private static final Set<String> CHARSETS = Set.of("utf8mb4", "utf8mb3", "utf8", "ascii");

  /** How a column's values may be bound; null where a bound one might compare otherwise. */
  public static @Nullable Bindable of(Catalog.Column column) {
    String type = type(column);
    if (INTEGERS.contains(type)) {
      return new Bindable(ValueKind.WHOLE, null);
    }
    if (type.equals("decimal")) {
      return new Bindable(ValueKind.DECIMAL, null);
    }
    String collation = column.collation();
    boolean said =
        collation != null
            && TEXTS.contains(type)
            && !collation.contains("_nopad_")
            && CHARSETS.contains(collation.split("_", 2)[0]);
    return said ? new Bindable(ValueKind.TEXT, collation) : null;
  }

  /** Tells whether a bound value of this column compares with another as this column does. */
  public boolean comparesWith(Bindable other) {
    return kind == ValueKind.TEXT
        ? collation != null && collation.equals(other.collation)
        : other.kind != ValueKind.TEXT;
  }

  /** The name of a column's type, in small letters. */
  public static String type(Catalog.Column column) {
    String type = column.type();
    int end = 0;
    while (end < type.length() && Character.isLetter(type.charAt(end))) {
      end++;
    }
    return SelectItems.key(type.substring(0, end));
  }

  /** Tells whether a number is never below zero. */
  public static boolean isUnsigned(Catalog.Column column) {
    String type = SelectItems.key(column.type());
    return type.contains("unsigned") || type.contains("zerofill");
  }
}
