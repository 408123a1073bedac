package io.shardflux.sql.analysis;

import io.shardflux.router.Internal;
import io.shardflux.router.UuidOrder;
import io.shardflux.sql.keys.Colocation;
import io.shardflux.sql.schema.KeyPart;
import io.shardflux.sql.schema.Scope;
import io.shardflux.sql.schema.SqlType;
import io.shardflux.sql.syntax.Expr;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The markers that stand for a value of a key column that holds UUIDs as bytes. Not thread-safe.
 */
@Internal
public final class UuidMarkers {

  private static final Set<String> COMPARISONS =
      Set.of(
          "=",
          "<=>",
          "<>",
          "!=",
          "<",
          "<=",
          ">",
          ">=",
          "BETWEEN",
          "NOT BETWEEN",
          "LIKE",
          "NOT LIKE");

  /** Functions that take the text of a UUID, whatever they make of it. */
  private static final Set<String> OF_TEXTS =
      Set.of("UUID_TO_BIN", "IS_UUID", "UNHEX", "REPLACE", "CONCAT", "LOWER", "UPPER");

  private final Colocation colocation;
  private final Map<Integer, UuidOrder> orders = new HashMap<>();
  private final Set<Integer> texts = new HashSet<>();

  UuidMarkers(Colocation colocation) {
    this.colocation = colocation;
  }

  /** The markers by their index, each with the order of its bytes. */
  public Map<Integer, UuidOrder> orders() {
    return Map.copyOf(orders);
  }

  /** The markers of which a UUID is certainly wanted as text, unless they have an order. */
  public Set<Integer> texts() {
    return Set.copyOf(texts);
  }

  /** Takes a value that is wanted as text, with all that it is made of. */
  public void text(Expr value) {
    value.walk(
        each -> {
          if (each instanceof Expr.Marker marker) {
            texts.add(marker.index());
          }
          return true;
        });
  }

  /** Takes a comparison, or a function of texts. */
  void look(Expr expr, Scope scope) {
    if (expr instanceof Expr.In in) {
      in.values().forEach(value -> compare(in.left(), value, scope));
    } else if (expr instanceof Expr.Op op && COMPARISONS.contains(op.operator())) {
      List<Expr> operands = op.children();
      operands.stream().skip(1).forEach(other -> compare(operands.get(0), other, scope));
    } else if (expr instanceof Expr.Call call && OF_TEXTS.contains(call.name())) {
      call.children().stream()
          .filter(child -> child.bare() instanceof Expr.Marker)
          .forEach(this::text);
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

  private void pair(Expr expr, Expr value, Scope scope) {
    Scope.Column column =
        value.bare() instanceof Expr.Marker && expr.bare() instanceof Expr.Name name
            ? scope.find(name)
            : null;
    if (column == null) {
      return;
    }
    if (column.key() >= 0) {
      pair(colocation.key(column.key()), value);
    } else if (column.type().kind() != SqlType.Kind.BINARY) {
      text(value);
    }
  }

  /** Takes a value of a key column. */
  public void pair(KeyPart part, Expr value) {
    UuidOrder order = part.uuid();
    if (value.bare() instanceof Expr.Marker marker) {
      if (order == null) {
        texts.add(marker.index());
      } else {
        orders.put(marker.index(), order);
      }
    }
  }
}
