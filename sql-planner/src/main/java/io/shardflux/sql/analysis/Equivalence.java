package io.shardflux.sql.analysis;

import io.shardflux.router.Internal;
import io.shardflux.sql.schema.Scope;
import io.shardflux.sql.syntax.Expr;
import io.shardflux.sql.syntax.Functions;
import io.shardflux.sql.syntax.SqlText;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** Tells whether expressions of one select are the same, however they are written. */
@Internal
public record Equivalence(SqlText text, Scope scope) {

  public boolean same(Expr a, Expr b) {
    List<Expr> pairs = children(a, b);
    return pairs != null && samePairs(pairs);
  }

  /**
   * Compares each two expressions that follow one another. It is not recursive, because chains may
   * be long.
   */
  private boolean samePairs(List<Expr> pairs) {
    if (pairs.isEmpty()) {
      return true;
    }
    Deque<Expr> next = new ArrayDeque<>(pairs);
    while (!next.isEmpty()) {
      List<Expr> more = children(next.pop(), next.pop());
      if (more == null) {
        return false;
      }
      for (int i = more.size() - 1; i >= 0; i--) {
        next.push(more.get(i));
      }
    }
    return true;
  }

  /**
   * The parts that must be the same for both expressions to be the same, two by two; null if the
   * expressions differ.
   */
  private @Nullable List<Expr> children(Expr a, Expr b) {
    Expr x = a.bare();
    Expr y = b.bare();
    if (x instanceof Expr.Name name && y instanceof Expr.Name other) {
      return sameColumn(name, other) ? List.of() : null;
    }
    if (x instanceof Expr.Literal literal && y instanceof Expr.Literal other) {
      boolean same =
          literal.known() && other.known() && Objects.equals(literal.value(), other.value());
      return same ? List.of() : null;
    }
    if (x instanceof Expr.Marker marker && y instanceof Expr.Marker other) {
      return marker.index() == other.index() ? List.of() : null;
    }
    return operands(x, y);
  }

  private boolean sameColumn(Expr.Name a, Expr.Name b) {
    Scope.Source source = scope.sourceOf(a);
    return source != null
        && source.equals(scope.sourceOf(b))
        && a.column().equalsIgnoreCase(b.column());
  }

  private @Nullable List<Expr> operands(Expr x, Expr y) {
    boolean alike =
        (x instanceof Expr.Op a && y instanceof Expr.Op b && a.operator().equals(b.operator()))
            || (x instanceof Expr.Call c
                && y instanceof Expr.Call d
                && c.name().equals(d.name())
                && c.distinct() == d.distinct()
                && c.over() == d.over()
                && isSameText(c, d))
            || (x instanceof Expr.In e && y instanceof Expr.In f && e.negated() == f.negated())
            || (x instanceof Expr.Window && y instanceof Expr.Window && isSameText(x, y))
            || (x instanceof Expr.Row && y instanceof Expr.Row);
    if (!alike || x.children().size() != y.children().size()) {
      return null;
    }
    List<Expr> pairs = new ArrayList<>(2 * x.children().size());
    for (int i = 0; i < x.children().size(); i++) {
      pairs.add(x.children().get(i));
      pairs.add(y.children().get(i));
    }
    return pairs;
  }

  /** Units and types inside a function's parentheses are in its text alone. */
  private boolean isSameText(Expr.Call a, Expr.Call b) {
    boolean plain = a.name().equals("COUNT") || Functions.MERGED.contains(a.name());
    return plain || isSameText((Expr) a, b);
  }

  private boolean isSameText(Expr a, Expr b) {
    return isSameText(a.span().of(text.text()), b.span().of(text.text()));
  }

  /** But for the spaces, and for capitals. */
  private static boolean isSameText(String a, String b) {
    int i = 0;
    int j = 0;
    while (true) {
      i = afterSpace(a, i);
      j = afterSpace(b, j);
      if (i == a.length() || j == b.length()) {
        return i == a.length() && j == b.length();
      }
      if (!a.regionMatches(true, i++, b, j++, 1)) {
        return false;
      }
    }
  }

  private static int afterSpace(String text, int from) {
    int at = from;
    while (at < text.length() && (text.charAt(at) == ' ' || isControl(text.charAt(at)))) {
      at++;
    }
    return at;
  }

  private static boolean isControl(char c) {
    return c >= '\t' && c <= '\r';
  }
}
