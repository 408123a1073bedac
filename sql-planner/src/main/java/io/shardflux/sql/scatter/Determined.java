package io.shardflux.sql.scatter;

import io.shardflux.sql.analysis.Block;
import io.shardflux.sql.analysis.Types;
import io.shardflux.sql.schema.Scope;
import io.shardflux.sql.schema.SqlType;
import io.shardflux.sql.syntax.Expr;
import io.shardflux.sql.syntax.Query;
import io.shardflux.sql.syntax.SelectItems;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The columns that have one value in each group: grouped ones, those that a condition makes equal
 * to a constant or to another such column, and all columns of a table whose key is among these. Not
 * thread-safe.
 */
final class Determined {

  private final Block block;
  private final Types types;
  private final Set<String> known = new HashSet<>();

  Determined(Block block, Types types, List<Expr> groups) {
    this.block = block;
    this.types = types;
    groups.forEach(this::add);
    List<Expr> conditions = new ArrayList<>();
    List<Query.Join> outer = new ArrayList<>();
    if (block.select().where() != null) {
      conditions.addAll(block.select().where().conjuncts());
    }
    block.select().from().forEach(from -> collect(from, conditions, outer));
    int before;
    do {
      before = known.size();
      conditions.forEach(condition -> takeEqual(condition, null));
      outer.forEach(this::takeJoined);
      block.scope().sources().forEach(this::takeKeyed);
    } while (known.size() > before);
  }

  boolean has(Expr.Name name) {
    String column = column(name);
    return column != null && known.contains(column);
  }

  /**
   * The conditions that all rows satisfy, and the joins that may have no row of their right side.
   */
  private static void collect(Query.From from, List<Expr> conditions, List<Query.Join> outer) {
    if (from instanceof Query.Join join) {
      if (join.kind() != Query.Join.Kind.RIGHT) {
        collect(join.left(), conditions, outer);
      }
      if (join.kind() != Query.Join.Kind.LEFT) {
        collect(join.right(), conditions, outer);
      }
      if (join.on() != null && join.kind() == Query.Join.Kind.INNER) {
        conditions.addAll(join.on().conjuncts());
      } else if (join.kind() == Query.Join.Kind.LEFT && join.right() instanceof Query.Table) {
        outer.add(join);
      }
    }
  }

  private void add(Expr expr) {
    String column = expr.bare() instanceof Expr.Name name ? column(name) : null;
    if (column != null) {
      known.add(column);
    }
  }

  private @Nullable String column(Expr.Name name) {
    if (block.scope().findHere(name) == null) {
      return null;
    }
    Scope.Source source = block.scope().sourceOf(name);
    return source == null ? null : column(source, name.column());
  }

  private static String column(Scope.Source source, String column) {
    return source.alias() + "." + SelectItems.key(column);
  }

  /**
   * Takes a column that is equal to a known value.
   *
   * @param of whose column it must be, null if any may be
   */
  private void takeEqual(Expr condition, Scope.@Nullable Source of) {
    if (condition.bare() instanceof Expr.Op op && op.is("=")) {
      Expr left = op.children().get(0).bare();
      Expr right = op.children().get(1).bare();
      takeEqual(left, right, of);
      takeEqual(right, left, of);
    }
  }

  private void takeEqual(Expr one, Expr other, Scope.@Nullable Source of) {
    boolean fits =
        one instanceof Expr.Name name
            && (of == null || of.equals(block.scope().sourceOf(name)))
            && (other instanceof Expr.Name value
                ? has(value) && isLike(one, other)
                : other.isConstant() && isExact(one, other));
    if (fits) {
      add(one);
    }
  }

  private boolean isLike(Expr one, Expr other) {
    SqlType type = types.of(one, block);
    SqlType otherType = types.of(other, block);
    return type.kind() == otherType.kind()
        && (type.isNumber()
            || (type.collation() != null && type.collation().equals(otherType.collation())));
  }

  /** Different texts are equal to one number. */
  private boolean isExact(Expr column, Expr constant) {
    return types.of(column, block).isNumber()
        || (constant instanceof Expr.Literal literal && literal.value() instanceof String)
        || constant instanceof Expr.Marker;
  }

  /** Takes the columns of a table that is joined by known values alone. */
  private void takeJoined(Query.Join join) {
    Query.Table table = (Query.Table) join.right();
    Scope.Source source =
        block.scope().sources().stream()
            .filter(each -> each.alias().equals(table.alias()))
            .findFirst()
            .orElse(null);
    if (join.on() != null && source != null && !join.on().any(each -> isOther(each, source))) {
      join.on().conjuncts().forEach(condition -> takeEqual(condition, source));
    }
  }

  /** Tells whether an expression may differ in a group for the same row of a source. */
  private boolean isOther(Expr expr, Scope.Source source) {
    return expr instanceof Expr.Subquery
        || expr instanceof Expr.Variable
        || expr.isRandom()
        || (expr instanceof Expr.Name name
            && !source.equals(block.scope().sourceOf(name))
            && !has(name));
  }

  private void takeKeyed(Scope.Source source) {
    for (List<Scope.Column> key : source.unique()) {
      if (key.stream().allMatch(column -> known.contains(column(source, column.name())))) {
        source.columns().forEach(column -> known.add(column(source, column.name())));
      }
    }
  }
}
