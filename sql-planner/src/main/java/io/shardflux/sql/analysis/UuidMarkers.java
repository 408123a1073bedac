package io.shardflux.sql.analysis;

import io.shardflux.router.Internal;
import io.shardflux.router.UuidOrder;
import io.shardflux.sql.keys.Colocation;
import io.shardflux.sql.schema.KeyPart;
import io.shardflux.sql.schema.Scope;
import io.shardflux.sql.syntax.Expr;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The markers that stand for a value of a key column that holds UUIDs as bytes. Not thread-safe.
 */
@Internal
public final class UuidMarkers {

  private static final Set<String> COMPARISONS =
      Set.of("=", "<=>", "<>", "!=", "<", "<=", ">", ">=", "BETWEEN", "NOT BETWEEN");

  private final Colocation colocation;
  private final Map<Integer, UuidOrder> orders = new HashMap<>();

  UuidMarkers(Colocation colocation) {
    this.colocation = colocation;
  }

  /** The markers by their index, each with the order of its bytes. */
  public Map<Integer, UuidOrder> orders() {
    return Map.copyOf(orders);
  }

  /** Takes a comparison. */
  void look(Expr expr, Scope scope) {
    if (expr instanceof Expr.In in) {
      in.values().forEach(value -> compare(in.left(), value, scope));
    } else if (expr instanceof Expr.Op op && COMPARISONS.contains(op.operator())) {
      List<Expr> operands = op.children();
      operands.stream().skip(1).forEach(other -> compare(operands.get(0), other, scope));
    }
  }

  private void compare(Expr left, Expr right, Scope scope) {
    List<Expr> some = left.components();
    List<Expr> others = right.components();
    for (int i = 0; i < some.size() && some.size() == others.size(); i++) {
      pair(some.get(i), others.get(i), scope);
      pair(others.get(i), some.get(i), scope);
    }
  }

  private void pair(Expr column, Expr value, Scope scope) {
    int key = value.bare() instanceof Expr.Marker ? scope.keyOf(column) : -1;
    if (key >= 0) {
      pair(colocation.key(key), value);
    }
  }

  /** Takes a value of a key column. */
  public void pair(KeyPart part, Expr value) {
    UuidOrder order = part.uuid();
    if (order != null && value.bare() instanceof Expr.Marker marker) {
      orders.put(marker.index(), order);
    }
  }
}
