package io.shardflux.sql.ahead;

import io.shardflux.sql.schema.Catalog;
import io.shardflux.sql.schema.Schema;
import io.shardflux.sql.syntax.Expr;
import io.shardflux.sql.syntax.Functions;
import io.shardflux.sql.syntax.Query;
import io.shardflux.sql.syntax.SelectItems;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The columns of one select's tables, and the types of its expressions as far as they are certain.
 *
 * @param select the select
 * @param tables its tables that are no names of {@code WITH}
 * @param joined the names that {@code USING} gives another meaning
 * @param natural whether it has a natural join
 */
record Columns(
    Schema schema,
    Query.Select select,
    List<Query.Table> tables,
    Set<String> joined,
    boolean natural) {

  private static final Set<String> INTEGERS =
      Set.of("tinyint", "smallint", "mediumint", "int", "bigint");
  private static final Set<String> REALS = Set.of("float", "double");
  private static final Set<String> TEXTS =
      Set.of("char", "varchar", "tinytext", "text", "mediumtext", "longtext");
  private static final Set<String> COMPUTING = Set.of("+", "-", "*", "/", "%", "DIV", "MOD");
  private static final Set<String> NUMBERS = Set.of("COUNT", "SUM", "AVG", "ABS", "MOD");
  private static final Set<String> CHARSETS = Set.of("utf8mb4", "utf8mb3", "utf8", "ascii");

  /** Of a select, where these names are those of {@code WITH}, in small letters. */
  static Columns of(Schema schema, Query.Select select, Set<String> names) {
    List<Query.Table> tables = new ArrayList<>();
    Set<String> joined = new HashSet<>();
    boolean natural = false;
    for (Query.From from : select.from()) {
      natural |= add(from, names, tables, joined);
    }
    return new Columns(schema, select, tables, joined, natural);
  }

  private static boolean add(
      Query.From from, Set<String> names, List<Query.Table> tables, Set<String> joined) {
    if (from instanceof Query.Join join) {
      join.using().forEach(column -> joined.add(SelectItems.key(column)));
      boolean left = add(join.left(), names, tables, joined);
      boolean right = add(join.right(), names, tables, joined);
      return join.natural() || left || right;
    }
    if (from instanceof Query.Table table && !names.contains(SelectItems.key(table.name()))) {
      tables.add(table);
    }
    return false;
  }

  /** The column of a name, null where that is not certain. */
  Catalog.@Nullable Column find(Expr.Name name) {
    String key = SelectItems.key(name.column());
    if (natural || joined.contains(key) || isAlias(name)) {
      return null;
    }
    Catalog.Column found = null;
    for (Query.Table table : tables) {
      if (name.table() == null || name.table().equals(table.alias())) {
        for (Catalog.Column column : schema.columns(table.name())) {
          if (column.name().equalsIgnoreCase(name.column())) {
            if (found != null) {
              return null;
            }
            found = column;
          }
        }
      }
    }
    return found;
  }

  private boolean isAlias(Expr.Name name) {
    return name.table() == null
        && select.items().stream()
            .anyMatch(item -> item.alias() != null && item.alias().equalsIgnoreCase(name.column()));
  }

  private static String type(Catalog.Column column) {
    int end = 0;
    String type = column.type();
    while (end < type.length() && Character.isLetter(type.charAt(end))) {
      end++;
    }
    return SelectItems.key(type.substring(0, end));
  }

  private static boolean isUnsigned(Catalog.Column column) {
    String type = SelectItems.key(column.type());
    return type.contains("unsigned") || type.contains("zerofill");
  }

  static boolean isInteger(Catalog.Column column) {
    return INTEGERS.contains(type(column));
  }

  static boolean isDecimal(Catalog.Column column) {
    return type(column).equals("decimal");
  }

  private static boolean isNumber(Catalog.Column column) {
    return isInteger(column) || isDecimal(column) || REALS.contains(type(column));
  }

  /** The collation of a text whose characters any session can say; null for anything else. */
  static @Nullable String collation(Catalog.Column column) {
    String collation = column.collation();
    boolean said =
        collation != null
            && TEXTS.contains(type(column))
            && !collation.contains("_nopad_")
            && CHARSETS.contains(collation.split("_", 2)[0]);
    return said ? collation : null;
  }

  /** Tells whether an expression is certainly a number, which compares with numbers as one. */
  boolean isNumber(Expr expr) {
    Expr bare = expr.bare();
    if (bare instanceof Expr.Name name) {
      Catalog.Column column = find(name);
      return column != null && isNumber(column);
    }
    if (bare instanceof Expr.Literal literal) {
      return literal.value() instanceof Number;
    }
    if (bare instanceof Expr.Op op) {
      return COMPUTING.contains(op.operator()) && op.children().stream().allMatch(this::isNumber);
    }
    return bare instanceof Expr.Call call
        && !call.over()
        && (call.name().equals("COUNT")
            || (NUMBERS.contains(call.name()) && call.children().stream().allMatch(this::isNumber))
            || (isExtreme(call) && isNumber(call.children().get(0))));
  }

  private static boolean isExtreme(Expr.Call call) {
    return (call.name().equals("MIN") || call.name().equals("MAX")) && call.children().size() == 1;
  }

  /** The column whose value an expression certainly is, or its least or largest value. */
  Catalog.@Nullable Column stored(Expr expr) {
    Expr bare = expr.bare();
    if (bare instanceof Expr.Call call && !call.over() && isExtreme(call)) {
      bare = call.children().get(0).bare();
    }
    return bare instanceof Expr.Name name ? find(name) : null;
  }

  /**
   * A value that can be bound in place of an expression.
   *
   * @param cast the type that makes a bound value one of the expression's type; null if there is
   *     none
   * @param collation of a text
   */
  record Value(Ahead.Kind kind, @Nullable String cast, @Nullable String collation) {}

  /** How the values of an expression can be bound; null where a bound one may not be the same. */
  @Nullable Value value(Expr expr) {
    Expr bare = expr.bare();
    if (bare instanceof Expr.Literal literal) {
      return literal.value() instanceof Long ? whole(false) : null;
    }
    if (bare instanceof Expr.Call call && !call.over() && call.name().equals("COUNT")) {
      return whole(false);
    }
    boolean sum = bare instanceof Expr.Call call && !call.over() && call.name().equals("SUM");
    if (sum) {
      List<Expr> arguments = bare.children();
      Catalog.Column summed =
          arguments.size() == 1 && arguments.get(0).bare() instanceof Expr.Name name
              ? find(name)
              : null;
      return summed == null ? null : sum(summed);
    }
    Catalog.Column column = stored(bare);
    if (column == null) {
      return null;
    }
    if (isInteger(column)) {
      return whole(isUnsigned(column));
    }
    if (isDecimal(column)) {
      return new Value(Ahead.Kind.DECIMAL, isUnsigned(column) ? null : column.type(), null);
    }
    String collation = collation(column);
    return collation == null ? null : new Value(Ahead.Kind.TEXT, null, collation);
  }

  private static Value whole(boolean unsigned) {
    return new Value(Ahead.Kind.WHOLE, unsigned ? "UNSIGNED" : "SIGNED", null);
  }

  private static @Nullable Value sum(Catalog.Column column) {
    if (isInteger(column)) {
      return new Value(Ahead.Kind.DECIMAL, "DECIMAL(42, 0)", null);
    }
    if (!isDecimal(column) || isUnsigned(column)) {
      return null;
    }
    int comma = column.type().indexOf(',');
    int end = column.type().indexOf(')');
    String scale = comma < 0 ? "0" : column.type().substring(comma + 1, end).trim();
    return new Value(Ahead.Kind.DECIMAL, "DECIMAL(65, " + scale + ")", null);
  }

  /** Tells whether values compare in place of a subquery as the subquery's own do. */
  boolean compares(Expr other, Value value) {
    if (value.kind() == Ahead.Kind.TEXT) {
      Catalog.Column column = other.bare() instanceof Expr.Name name ? find(name) : null;
      return column != null
          && value.collation() != null
          && value.collation().equals(collation(column));
    }
    return isNumber(other);
  }

  /** Tells whether an expression may differ each time it is computed. */
  static boolean isRandom(Expr expr) {
    return expr.any(
        each -> each instanceof Expr.Call call && Functions.RANDOM.contains(call.name()));
  }
}
