package io.shardflux.sql.ahead;

import io.shardflux.sql.schema.Bindable;
import io.shardflux.sql.schema.Catalog;
import io.shardflux.sql.schema.Schema;
import io.shardflux.sql.statement.ValueKind;
import io.shardflux.sql.syntax.Expr;
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

  private static final Set<String> REALS = Set.of("float", "double");
  private static final Set<String> COMPUTING = Set.of("+", "-", "*", "/", "%", "DIV", "MOD");
  private static final Set<String> NUMBERS = Set.of("COUNT", "SUM", "AVG", "ABS", "MOD");

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

  private static boolean isNumber(Catalog.Column column) {
    Bindable bindable = Bindable.of(column);
    return (bindable != null && bindable.kind() != ValueKind.TEXT)
        || REALS.contains(Bindable.type(column));
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
   */
  record Value(Bindable bindable, @Nullable String cast) {

    ValueKind kind() {
      return bindable.kind();
    }
  }

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
    Bindable bindable = Bindable.of(column);
    if (bindable == null) {
      return null;
    }
    return switch (bindable.kind()) {
      case WHOLE -> whole(column);
      case DECIMAL -> new Value(bindable, Bindable.isUnsigned(column) ? null : column.type());
      default -> new Value(bindable, null);
    };
  }

  private static Value whole(boolean unsigned) {
    return new Value(new Bindable(ValueKind.WHOLE, null), unsigned ? "UNSIGNED" : "SIGNED");
  }

  /** Only a {@code BIGINT} is one by a cast; others would be read as another type than theirs. */
  private static Value whole(Catalog.Column column) {
    String type = SelectItems.key(column.type());
    boolean castable = Bindable.type(column).equals("bigint") && !type.contains("zerofill");
    return castable
        ? whole(Bindable.isUnsigned(column))
        : new Value(new Bindable(ValueKind.WHOLE, null), null);
  }

  private static @Nullable Value sum(Catalog.Column column) {
    Bindable bindable = Bindable.of(column);
    if (bindable == null || bindable.kind() == ValueKind.TEXT) {
      return null;
    }
    if (bindable.kind() == ValueKind.WHOLE) {
      return new Value(new Bindable(ValueKind.DECIMAL, null), "DECIMAL(42, 0)");
    }
    if (Bindable.isUnsigned(column)) {
      return null;
    }
    int comma = column.type().indexOf(',');
    int end = column.type().indexOf(')');
    String scale = comma < 0 ? "0" : column.type().substring(comma + 1, end).trim();
    return new Value(bindable, "DECIMAL(65, " + scale + ")");
  }

  /** Tells whether values compare in place of a subquery as the subquery's own do. */
  boolean compares(Expr other, Value value) {
    if (value.kind() != ValueKind.TEXT) {
      return isNumber(other);
    }
    Catalog.Column column = other.bare() instanceof Expr.Name name ? find(name) : null;
    Bindable bindable = column == null ? null : Bindable.of(column);
    return bindable != null && value.bindable().comparesWith(bindable);
  }
}
