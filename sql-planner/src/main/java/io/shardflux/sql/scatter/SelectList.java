package io.shardflux.sql.scatter;

import io.shardflux.sql.analysis.Equivalence;
import io.shardflux.sql.analysis.ExprIndex;
import io.shardflux.sql.schema.Scope;
import io.shardflux.sql.statement.RefusalCode;
import io.shardflux.sql.statement.RefusedSqlException;
import io.shardflux.sql.syntax.Expr;
import io.shardflux.sql.syntax.Query;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** The items of a select, and what the names and positions of other clauses mean by them. */
final class SelectList {

  private final Query.Select select;
  private final Scope scope;
  private final Equivalence equivalence;
  private final ExprIndex index;
  private @Nullable ExprIndex columnIndex;
  private final boolean starred;

  SelectList(Query.Select select, Scope scope, Equivalence equivalence) {
    this.select = select;
    this.scope = scope;
    this.equivalence = equivalence;
    this.index = new ExprIndex(equivalence);
    this.starred = select.isStarred();
    if (!starred) {
      select.items().forEach(item -> index.add(item.value().bare()));
    }
  }

  /** Tells whether positions in the list are not those of the answer's columns. */
  boolean isStarred() {
    return starred;
  }

  /** All its columns, those of stars too. */
  List<Expr> columns() {
    return starred
        ? starredColumns()
        : select.items().stream().map(item -> item.value().bare()).toList();
  }

  /**
   * The meaning of an item of {@code ORDER BY}: an item of the list by position or name, or itself.
   */
  Expr meant(Expr expr) {
    Expr bare = expr.bare();
    if (starred && bare instanceof Expr.Literal literal && literal.value() instanceof Long at) {
      List<Expr> columns = starredColumns();
      if (at < 1 || at > columns.size()) {
        throw new RefusedSqlException(RefusalCode.UNKNOWN_COLUMN, "position " + at);
      }
      return columns.get((int) (at - 1));
    }
    int item = named(expr);
    return item >= 0 ? select.items().get(item).value().bare() : bare;
  }

  /** The index of the item that an item of {@code ORDER BY} is by position or name, or -1. */
  int named(Expr expr) {
    Expr bare = expr.bare();
    if (bare instanceof Expr.Literal literal && literal.value() instanceof Long position) {
      if (starred) {
        return -1;
      }
      select.at(position);
      return (int) (position - 1);
    }
    return bare instanceof Expr.Name name ? select.items().named(name) : -1;
  }

  /** The index of the item that is the same expression, or -1. */
  int indexOf(Expr expr) {
    return index.indexOf(expr);
  }

  /** Tells whether the expression is the same as one of the columns, including those of stars. */
  boolean isColumn(Expr expr) {
    if (!starred) {
      return indexOf(expr) >= 0;
    }
    if (columnIndex == null) {
      columnIndex = new ExprIndex(equivalence, columns());
    }
    return columnIndex.indexOf(expr) >= 0;
  }

  /** The names of the columns, as far as they are known; null if there is no star. */
  @Nullable List<String> starredNames() {
    if (!starred) {
      return null;
    }
    List<String> names = new ArrayList<>();
    for (Query.Item item : select.items()) {
      if (item.isStar()) {
        starred(item).forEach(column -> names.add(column.column()));
      } else {
        names.add(Objects.requireNonNullElse(item.name(), ""));
      }
    }
    return names;
  }

  private List<Expr> starredColumns() {
    List<Expr> columns = new ArrayList<>();
    for (Query.Item item : select.items()) {
      if (item.expr() != null) {
        columns.add(item.expr().bare());
        continue;
      }
      columns.addAll(starred(item));
    }
    return columns;
  }

  private List<Expr.Name> starred(Query.Item star) {
    String table = star.table();
    return table == null ? scope.starred() : scope.starred(table);
  }
}
