package io.shardflux.sql;

import java.util.List;

/** What the rows of an answer are grouped or told apart by. */
record Groups(List<Expr> all, Scope scope, Equivalence equivalence) {

  Groups {
    all.forEach(SortKeys::checkDetermined);
  }

  boolean isEmpty() {
    return all.isEmpty();
  }

  /** The index of the group that an expression is, or -1. */
  int indexOf(Expr expr) {
    for (int i = 0; i < all.size(); i++) {
      if (equivalence.same(all.get(i), expr)) {
        return i;
      }
    }
    return -1;
  }

  /** Refuses an expression whose value may differ within a group. */
  void checkGrouped(Expr expr) {
    Expr bare = expr.bare();
    if (indexOf(bare) >= 0) {
      return;
    }
    if (bare instanceof Expr.Name name) {
      if (!isDetermined(name)) {
        throw notGrouped(name.column());
      }
      return;
    }
    if (bare instanceof Expr.Subquery || bare instanceof Expr.Variable) {
      throw notGrouped("a query");
    }
    bare.children().forEach(this::checkGrouped);
  }

  /** Whether a reference table's row is told by the columns that are grouped by. */
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
