package io.shardflux.sql.analysis;

import io.shardflux.sql.keys.Colocation;
import io.shardflux.sql.keys.Rows;
import io.shardflux.sql.schema.Scope;
import io.shardflux.sql.syntax.Expr;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The equalities in the conditions of one select that make key columns one class. Not thread-safe.
 */
final class JoinEqualities {

  private final Scope scope;
  private final Colocation colocation;

  /** Key columns from this number on are of this select, those before of what it is inside. */
  private final int mark;

  private final List<Correlation> correlations = new ArrayList<>();

  JoinEqualities(Scope scope, Colocation colocation) {
    this.scope = scope;
    this.colocation = colocation;
    this.mark = colocation.size();
  }

  /** A key column of this select that is equal to one of a query around it. */
  private record Correlation(int inner, int outer) {}

  /**
   * Takes a condition.
   *
   * @param matched the tables that an outer join's condition is about, null if all rows satisfy it
   */
  void take(Expr condition, @Nullable List<Rows> matched) {
    if (!(condition instanceof Expr.Op op) || !op.is("=")) {
      return;
    }
    List<Expr> left = op.children().get(0).components();
    List<Expr> right = op.children().get(1).components();
    for (int i = 0; i < left.size() && left.size() == right.size(); i++) {
      int a = scope.keyOf(left.get(i));
      int b = scope.keyOf(right.get(i));
      if (a >= 0 && b >= 0 && (matched == null || isOf(matched, a) || isOf(matched, b))) {
        equal(a, b);
      }
    }
  }

  private static boolean isOf(List<Rows> matched, int key) {
    return matched.stream().anyMatch(mention -> mention.keys().contains(key));
  }

  private void equal(int a, int b) {
    if (Math.min(a, b) >= mark) {
      colocation.unite(a, b);
    } else if (Math.max(a, b) >= mark) {
      correlations.add(new Correlation(Math.max(a, b), Math.min(a, b)));
    }
  }

  /** Ties this select to those around it, once all is known of how its own tables are joined. */
  void attach() {
    correlations.forEach(
        correlation -> colocation.attach(correlation.inner(), correlation.outer(), mark));
  }
}
