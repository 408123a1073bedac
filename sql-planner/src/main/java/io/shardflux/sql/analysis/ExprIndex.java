package io.shardflux.sql.analysis;

import io.shardflux.router.Internal;
import io.shardflux.sql.syntax.Expr;
import io.shardflux.sql.syntax.SelectItems;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/** Expressions of one select, found by what is the same. Not thread-safe. */
@Internal
public final class ExprIndex {

  /** The number of an expression's parts that are looked at to tell it from most others. */
  private static final int LOOKED_AT = 32;

  private final Equivalence equivalence;
  private final List<Expr> all = new ArrayList<>();
  private final Map<Integer, List<Integer>> byLook = new HashMap<>();

  public ExprIndex(Equivalence equivalence) {
    this.equivalence = equivalence;
  }

  public ExprIndex(Equivalence equivalence, List<Expr> exprs) {
    this(equivalence);
    exprs.forEach(this::add);
  }

  public void add(Expr expr) {
    byLook.computeIfAbsent(look(expr), look -> new ArrayList<>(1)).add(all.size());
    all.add(expr);
  }

  /** The index of the first that is the same, or -1. */
  public int indexOf(Expr expr) {
    if (all.isEmpty()) {
      return -1;
    }
    for (int index : byLook.getOrDefault(look(expr), List.of())) {
      if (equivalence.same(all.get(index), expr)) {
        return index;
      }
    }
    return -1;
  }

  /** A number that is the same for expressions that are the same. */
  private static int look(Expr expr) {
    int[] seen = {0, 0};
    expr.any(
        each -> {
          if (!(each instanceof Expr.Paren)) {
            seen[0] = 31 * seen[0] + own(each);
            seen[1]++;
          }
          return seen[1] == LOOKED_AT;
        });
    return seen[0];
  }

  private static int own(Expr expr) {
    if (expr instanceof Expr.Name name) {
      return SelectItems.key(name.column()).hashCode();
    }
    if (expr instanceof Expr.Literal literal) {
      return Objects.hashCode(literal.value());
    }
    if (expr instanceof Expr.Marker marker) {
      return marker.index();
    }
    if (expr instanceof Expr.Op op) {
      return op.operator().hashCode();
    }
    return expr instanceof Expr.Call call ? call.name().hashCode() : expr.children().size();
  }
}
