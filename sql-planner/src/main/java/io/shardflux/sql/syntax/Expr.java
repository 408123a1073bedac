package io.shardflux.sql.syntax;

import io.shardflux.router.Internal;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** An expression, as far as its meaning matters here; its text stays where it is. */
@Internal
public sealed interface Expr {

  Span span();

  /** The expressions right inside it. */
  List<Expr> children();

  /** This without the parentheses around it. */
  default Expr bare() {
    Expr bare = this;
    while (bare instanceof Paren paren) {
      bare = paren.inner();
    }
    return bare;
  }

  /**
   * Lets a function look at this expression and at all expressions inside it, each before those
   * inside it and from left to right. It is not recursive, because chains of operators are as deep
   * as they are long.
   *
   * @param into whether the expressions right inside one should be looked at as well
   */
  default void walk(Predicate<Expr> into) {
    if (!into.test(this) || children().isEmpty()) {
      return;
    }
    Deque<Expr> next = new ArrayDeque<>();
    push(children(), next);
    for (Expr expr = next.poll(); expr != null; expr = next.poll()) {
      if (into.test(expr)) {
        push(expr.children(), next);
      }
    }
  }

  private static void push(List<Expr> children, Deque<Expr> next) {
    for (int i = children.size() - 1; i >= 0; i--) {
      next.push(children.get(i));
    }
  }

  /** Tells whether this expression, or any expression inside it, is such. */
  default boolean any(Predicate<Expr> such) {
    if (such.test(this)) {
      return true;
    }
    if (children().isEmpty()) {
      return false;
    }
    Deque<Expr> next = new ArrayDeque<>();
    push(children(), next);
    for (Expr expr = next.poll(); expr != null; expr = next.poll()) {
      if (such.test(expr)) {
        return true;
      }
      push(expr.children(), next);
    }
    return false;
  }

  /** Tells whether the expression has one value, known or bound. */
  default boolean isConstant() {
    return this instanceof Literal || this instanceof Marker;
  }

  /** Tells whether there is an aggregate in the expression. */
  default boolean aggregates() {
    return any(Functions::isAggregate);
  }

  default boolean hasWindow() {
    return any(
        each ->
            each instanceof Call call && (call.over() || Functions.WINDOW.contains(call.name())));
  }

  /** Tells whether the value may differ each time it is computed. */
  default boolean isRandom() {
    return any(each -> each instanceof Call call && Functions.RANDOM.contains(call.name()));
  }

  /** The expression's name in a refusal. */
  default String description() {
    return this instanceof Name name
        ? name.column()
        : this instanceof Call call ? call.name() + "(…)" : "an expression";
  }

  /** The conditions that hold together if this one does. */
  default List<Expr> conjuncts() {
    List<Expr> conjuncts = new ArrayList<>();
    walk(
        each -> {
          boolean more = each instanceof Paren || (each instanceof Op op && op.is("AND"));
          if (!more) {
            conjuncts.add(each);
          }
          return more;
        });
    return conjuncts;
  }

  /** The components of a row value; a single value is one of itself. */
  default List<Expr> components() {
    return bare() instanceof Row row ? row.children() : List.of(bare());
  }

  record Paren(Span span, Expr inner) implements Expr {
    @Override
    public List<Expr> children() {
      return List.of(inner);
    }
  }

  record Name(Span span, @Nullable String table, String column) implements Expr {
    @Override
    public List<Expr> children() {
      return List.of();
    }
  }

  /**
   * A constant.
   *
   * @param value a {@code Long}, {@code BigInteger}, {@code BigDecimal}, {@code Double}, {@code
   *     String}, {@code Boolean}, a date or date-time, a {@code ByteBuffer} of hexadecimal digits,
   *     which are never known; null for NULL
   * @param known whether {@code value} says all of it
   */
  record Literal(Span span, @Nullable Object value, boolean known) implements Expr {

    /** Tells whether {@code value} says what a key column is compared with. */
    public boolean isKeyValue() {
      return known || value instanceof ByteBuffer;
    }

    @Override
    public List<Expr> children() {
      return List.of();
    }
  }

  record Marker(Span span, int index) implements Expr {
    @Override
    public List<Expr> children() {
      return List.of();
    }
  }

  /** A user's or the system's variable. */
  record Variable(Span span) implements Expr {
    @Override
    public List<Expr> children() {
      return List.of();
    }
  }

  /** A row value of two or more. */
  record Row(Span span, List<Expr> children) implements Expr {}

  /** An operator, in upper case, or another expression that only has operands. */
  record Op(Span span, String operator, List<Expr> children) implements Expr {

    public boolean is(String other) {
      return operator.equals(other);
    }
  }

  /** {@code IN} of a list; the first child is on the left. */
  record In(Span span, boolean negated, List<Expr> children) implements Expr {
    public Expr left() {
      return children.get(0);
    }

    public List<Expr> values() {
      return children.subList(1, children.size());
    }
  }

  /**
   * A function.
   *
   * @param name in upper case
   * @param over whether it has a window, which is its last child then
   */
  record Call(Span span, String name, boolean distinct, boolean over, List<Expr> children)
      implements Expr {}

  /**
   * The rows that a function with a window sees, or what {@code WINDOW} names.
   *
   * @param name its own name, null if it has none
   * @param base the name of the window that it begins with, null if it begins with none
   * @param partition the expressions of {@code PARTITION BY}
   * @param order those of {@code ORDER BY}
   */
  record Window(
      Span span,
      @Nullable String name,
      @Nullable String base,
      List<Expr> partition,
      List<Expr> order)
      implements Expr {

    @Override
    public List<Expr> children() {
      return Stream.concat(partition.stream(), order.stream()).toList();
    }
  }

  /** A query for one value, for {@code EXISTS}, or with {@code left} for {@code IN}. */
  record Subquery(Span span, Use use, @Nullable Expr left, Query query) implements Expr {

    public enum Use {
      VALUE,
      EXISTS,
      IN,
      NOT_IN,
      /** {@code ANY}, {@code SOME} or {@code ALL}. */
      QUANTIFIED
    }

    @Override
    public List<Expr> children() {
      return left == null ? List.of() : List.of(left);
    }
  }
}
