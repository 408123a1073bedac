package io.shardflux.sql.scatter;

import io.shardflux.sql.analysis.Equivalence;
import io.shardflux.sql.analysis.ExprIndex;
import io.shardflux.sql.schema.Scope;
import io.shardflux.sql.statement.RefusalCode;
import io.shardflux.sql.statement.RefusedSqlException;
import io.shardflux.sql.syntax.Expr;
import io.shardflux.sql.syntax.Span;
import java.util.List;

/** The expressions by which the rows of an answer are grouped or told apart. */
final class Groups {

  private final List<Expr> all;
  private final Scope scope;
  private final ExprIndex index;

  Groups(List<Expr> all, Scope scope, Equivalence equivalence) {
    all.forEach(SortKeys::checkDetermined);
    this.all = all;
    this.scope = scope;
    this.index = new ExprIndex(equivalence, all);
  }

  List<Expr> all() {
    return all;
  }

  boolean isEmpty() {
    return all.isEmpty();
  }

  /** The index of the group that an expression is, or -1. */
  int indexOf(Expr expr) {
    return index.indexOf(expr);
  }

  /** Refuses an expression whose value may differ within a group. */
  void checkGrouped(Expr expr) {
    expr.walk(each -> each instanceof Expr.Paren || !isGrouped(each));
  }

  /**
   * Tells whether the expression itself has one value in a group; false if only its parts show
   * that.
   */
  private boolean isGrouped(Expr expr) {
    if (indexOf(expr) >= 0) {
      return true;
    }
    if (expr instanceof Expr.Name name && !isDetermined(name)) {
      throw notGrouped(name.column());
    }
    if (expr instanceof Expr.Subquery || expr instanceof Expr.Variable) {
      throw notGrouped("a query");
    }
    return false;
  }

  /** Tells whether the grouped columns determine a reference table's row. */
  boolean isDetermined(Expr.Name name) {
    Scope.Column column = scope.findHere(name);
    for (Scope.Source source : scope.sources()) {
      if (column != null && source.columns().contains(column) && !source.unique().isEmpty()) {
        return source.isNamed(name.table())
            && source.unique().stream().allMatch(unique -> isGroup(source, unique));
      }
    }
    return false;
  }

  private boolean isGroup(Scope.Source source, Scope.Column unique) {
    return indexOf(new Expr.Name(Span.NONE, source.alias(), unique.name())) >= 0;
  }

  static RefusedSqlException notGrouped(String what) {
    return new RefusedSqlException(RefusalCode.NOT_GROUPED, what);
  }
}
