package io.shardflux.sql.keys;

import io.shardflux.router.Internal;
import io.shardflux.sql.statement.Binds;
import io.shardflux.sql.syntax.Expr;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntUnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * The part of a condition that is about key columns, which are numbered. The part about other
 * columns is left out, so that this condition is true at least where the whole condition is.
 */
@Internal
public sealed interface KeyCondition {

  /** Says nothing. */
  record Any() implements KeyCondition {}

  /** Is never true. */
  record Never() implements KeyCondition {}

  record And(List<KeyCondition> all) implements KeyCondition {}

  record Or(List<KeyCondition> any) implements KeyCondition {}

  /**
   * The columns have one of these rows of values.
   *
   * @param rows each with a {@code Literal} or a {@code Marker} for each column
   * @param stored whether the values are written, not looked for
   */
  record Points(List<Integer> columns, List<List<Expr>> rows, boolean stored)
      implements KeyCondition {}

  /**
   * The column compares with a value.
   *
   * @param operator one of {@code < <= > >=}
   */
  record Bound(int column, String operator, Expr value) implements KeyCondition {}

  /** The column is from one value to another, both of them inside. */
  record Between(int column, Expr low, Expr high) implements KeyCondition {}

  static KeyCondition and(List<KeyCondition> conditions) {
    List<KeyCondition> all = new ArrayList<>();
    for (KeyCondition condition : conditions) {
      if (condition instanceof Never) {
        return new Never();
      }
      if (condition instanceof And and) {
        all.addAll(and.all());
      } else if (!(condition instanceof Any)) {
        all.add(condition);
      }
    }
    return all.isEmpty() ? new Any() : all.size() == 1 ? all.get(0) : new And(all);
  }

  static KeyCondition or(List<KeyCondition> conditions) {
    List<KeyCondition> any = new ArrayList<>();
    for (KeyCondition condition : conditions) {
      if (condition instanceof Any) {
        return new Any();
      }
      if (!(condition instanceof Never)) {
        any.add(condition);
      }
    }
    return any.isEmpty() ? new Never() : any.size() == 1 ? any.get(0) : new Or(any);
  }

  /** This condition over other columns. The part about columns that become -1 is left out. */
  default KeyCondition over(IntUnaryOperator columns) {
    if (this instanceof And and) {
      return and(and.all().stream().map(each -> each.over(columns)).toList());
    }
    if (this instanceof Or or) {
      return or(or.any().stream().map(each -> each.over(columns)).toList());
    }
    if (this instanceof Bound bound) {
      int column = columns.applyAsInt(bound.column());
      return column < 0 ? new Any() : new Bound(column, bound.operator(), bound.value());
    }
    if (this instanceof Between between) {
      int column = columns.applyAsInt(between.column());
      return column < 0 ? new Any() : new Between(column, between.low(), between.high());
    }
    return this instanceof Points points ? over(points, columns) : this;
  }

  private static KeyCondition over(Points points, IntUnaryOperator columns) {
    List<Integer> kept = new ArrayList<>();
    List<Integer> targets = new ArrayList<>();
    for (int i = 0; i < points.columns().size(); i++) {
      int column = columns.applyAsInt(points.columns().get(i));
      if (column >= 0) {
        kept.add(i);
        targets.add(column);
      }
    }
    if (kept.isEmpty()) {
      return new Any();
    }
    List<List<Expr>> rows =
        points.rows().stream().map(row -> kept.stream().map(row::get).toList()).toList();
    return new Points(targets, rows, points.stored());
  }

  /** The literal's or the marker's value. */
  static @Nullable Object value(Expr expr, Binds binds) {
    if (expr instanceof Expr.Marker marker) {
      return binds.get(marker.index());
    }
    Expr.Literal literal = (Expr.Literal) expr;
    return literal.isKeyValue() ? literal.value() : KeyValue.UNKNOWN;
  }
}
