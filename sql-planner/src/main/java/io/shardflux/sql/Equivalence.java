package io.shardflux.sql;

import java.util.Objects;

/** Whether expressions of one select are the same, however they are written. */
record Equivalence(SqlText text, Scope scope) {

  boolean same(Expr a, Expr b) {
    Expr x = a.bare();
    Expr y = b.bare();
    if (x instanceof Expr.Name name && y instanceof Expr.Name other) {
      return sameColumn(name, other);
    }
    if (x instanceof Expr.Literal literal && y instanceof Expr.Literal other) {
      return literal.known() && other.known() && Objects.equals(literal.value(), other.value());
    }
    if (x instanceof Expr.Marker marker && y instanceof Expr.Marker other) {
      return marker.index() == other.index();
    }
    return sameOperation(x, y);
  }

  private boolean sameColumn(Expr.Name a, Expr.Name b) {
    Scope.Source source = scope.sourceOf(a);
    return source != null
        && source.equals(scope.sourceOf(b))
        && a.column().equalsIgnoreCase(b.column());
  }

  private boolean sameOperation(Expr x, Expr y) {
    boolean alike =
        (x instanceof Expr.Op a && y instanceof Expr.Op b && a.operator().equals(b.operator()))
            || (x instanceof Expr.Call c
                && y instanceof Expr.Call d
                && c.name().equals(d.name())
                && c.distinct() == d.distinct()
                && c.over() == d.over()
                && isSameText(c, d))
            || (x instanceof Expr.In e && y instanceof Expr.In f && e.negated() == f.negated())
            || (x instanceof Expr.Row && y instanceof Expr.Row);
    if (!alike || x.children().size() != y.children().size()) {
      return false;
    }
    for (int i = 0; i < x.children().size(); i++) {
      if (!same(x.children().get(i), y.children().get(i))) {
        return false;
      }
    }
    return true;
  }

  /** Units and types inside a function's parentheses are in its text alone. */
  private boolean isSameText(Expr.Call a, Expr.Call b) {
    boolean plain = a.name().equals("COUNT") || Functions.MERGED.contains(a.name());
    return plain
        || a.span()
            .of(text.text())
            .replaceAll("\\s+", "")
            .equalsIgnoreCase(b.span().of(text.text()).replaceAll("\\s+", ""));
  }
}
