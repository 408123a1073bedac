package io.shardflux.sql.keys;

import io.shardflux.router.Internal;
import io.shardflux.sql.schema.Scope;
import io.shardflux.sql.statement.RefusalCode;
import io.shardflux.sql.statement.RefusedSqlException;
import io.shardflux.sql.syntax.Expr;
import java.util.ArrayList;
import java.util.List;

/** Reads from a condition what it says about the values of key columns. */
@Internal
public record KeyConditionReader(Scope scope, Colocation colocation) {

  public KeyCondition read(Expr condition) {
    Expr bare = condition.bare();
    if (bare instanceof Expr.Literal literal) {
      return isTrue(literal) ? new KeyCondition.Any() : new KeyCondition.Never();
    }
    if (bare instanceof Expr.In in) {
      return in.negated() ? new KeyCondition.Any() : points(in.left(), in.values());
    }
    if (!(bare instanceof Expr.Op op)) {
      return new KeyCondition.Any();
    }
    List<Expr> operands = op.children();
    return switch (op.operator()) {
      case "AND" -> KeyCondition.and(operands.stream().map(this::read).toList());
      case "OR" -> KeyCondition.or(operands.stream().map(this::read).toList());
      case "=" -> equality(operands.get(0), operands.get(1));
      case "<", "<=", ">", ">=" -> bound(operands.get(0), op.operator(), operands.get(1));
      case "BETWEEN" -> between(operands.get(0), operands.get(1), operands.get(2));
      default -> new KeyCondition.Any();
    };
  }

  private static boolean isTrue(Expr.Literal literal) {
    Object value = literal.value();
    if (!literal.known() || value instanceof String) {
      return true;
    }
    return !(value == null || value.equals(false) || value.equals(0L));
  }

  private KeyCondition equality(Expr left, Expr right) {
    if (left.bare() instanceof Expr.Literal a
        && right.bare() instanceof Expr.Literal b
        && a.value() instanceof Long x
        && b.value() instanceof Long y) {
      return x.equals(y) ? new KeyCondition.Any() : new KeyCondition.Never();
    }
    KeyCondition points = points(left, List.of(right));
    return points instanceof KeyCondition.Any ? points(right, List.of(left)) : points;
  }

  private KeyCondition points(Expr left, List<Expr> rows) {
    List<Expr> columns = left.components();
    List<Integer> said = new ArrayList<>();
    for (int i = 0; i < columns.size(); i++) {
      if (scope.keyOf(columns.get(i)) >= 0) {
        said.add(i);
      }
    }
    List<List<Expr>> values = new ArrayList<>();
    for (Expr row : rows) {
      List<Expr> components = row.components();
      if (said.isEmpty() || components.size() != columns.size()) {
        return new KeyCondition.Any();
      }
      List<Expr> value = said.stream().map(i -> components.get(i).bare()).toList();
      if (!value.stream().allMatch(Expr::isConstant)) {
        return new KeyCondition.Any();
      }
      values.add(value);
    }
    List<Integer> keys = said.stream().map(i -> exactKeyOf(columns.get(i))).toList();
    return new KeyCondition.Points(keys, values, false);
  }

  /** Two bounds are one condition: the type and the collation of each count for both. */
  private KeyCondition between(Expr value, Expr low, Expr high) {
    return scope.keyOf(value) >= 0 && low.bare().isConstant() && high.bare().isConstant()
        ? new KeyCondition.Between(exactKeyOf(value), low.bare(), high.bare())
        : new KeyCondition.Any();
  }

  private KeyCondition bound(Expr left, String operator, Expr right) {
    if (scope.keyOf(left) >= 0 && right.bare().isConstant()) {
      return new KeyCondition.Bound(exactKeyOf(left), operator, right.bare());
    }
    if (scope.keyOf(right) >= 0 && left.bare().isConstant()) {
      String mirrored =
          operator.startsWith("<") ? operator.replace('<', '>') : operator.replace('>', '<');
      return new KeyCondition.Bound(exactKeyOf(right), mirrored, left.bare());
    }
    return new KeyCondition.Any();
  }

  private int exactKeyOf(Expr expr) {
    int key = scope.keyOf(expr);
    if (key >= 0 && !colocation.key(key).exact()) {
      throw new RefusedSqlException(
          RefusalCode.KEY_COLLATION,
          colocation.key(key) + ": " + colocation.key(key).column().collation());
    }
    return key;
  }
}
