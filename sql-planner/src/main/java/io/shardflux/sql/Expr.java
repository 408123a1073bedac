package io.shardflux.sql;

import java.util.List;
import org.jspecify.annotations.Nullable;

/** An expression, as far as its meaning matters here; its text stays where it is. */
sealed interface Expr {

  Span span();

  /** The expressions right inside it. */
  List<Expr> children();

  /** This without the parentheses around it. */
  default Expr bare() {
    return this instanceof Paren paren ? paren.inner().bare() : this;
  }

  /** Whether it has one value, known or bound. */
  default boolean isConstant() {
    return this instanceof Literal || this instanceof Marker;
  }

  /** Whether there is an aggregate in it. */
  default boolean aggregates() {
    return Functions.isAggregate(this) || children().stream().anyMatch(Expr::aggregates);
  }

  default boolean hasWindow() {
    return (this instanceof Call call && (call.over() || Functions.WINDOW.contains(call.name())))
        || children().stream().anyMatch(Expr::hasWindow);
  }

  /** Whether its value may differ each time it is computed. */
  default boolean isRandom() {
    return (this instanceof Call call && Functions.RANDOM.contains(call.name()))
        || children().stream().anyMatch(Expr::isRandom);
  }

  /** How a refusal names it. */
  default String description() {
    return this instanceof Name name
        ? name.column()
        : this instanceof Call call ? call.name() + "(…)" : "an expression";
  }

  /** The conditions that hold together if this one does. */
  default List<Expr> conjuncts() {
    Expr bare = bare();
    return bare instanceof Op op && op.is("AND")
        ? op.children().stream().flatMap(child -> child.conjuncts().stream()).toList()
        : List.of(bare);
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
   *     String}, {@code Boolean}, a date or date-time; null for NULL
   * @param known whether {@code value} says all of it
   */
  record Literal(Span span, @Nullable Object value, boolean known) implements Expr {
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

  /** An operator, in upper case, or what else only has operands. */
  record Op(Span span, String operator, List<Expr> children) implements Expr {

    boolean is(String other) {
      return operator.equals(other);
    }
  }

  /** {@code IN} of a list; the first child is on the left. */
  record In(Span span, boolean negated, List<Expr> children) implements Expr {
    Expr left() {
      return children.get(0);
    }

    List<Expr> values() {
      return children.subList(1, children.size());
    }
  }

  /**
   * A function.
   *
   * @param name in upper case
   * @param over whether it has a window
   */
  record Call(Span span, String name, boolean distinct, boolean over, List<Expr> children)
      implements Expr {}

  /** A query for one value, for {@code EXISTS}, or with {@code left} for {@code IN}. */
  record Subquery(Span span, Use use, @Nullable Expr left, Query query) implements Expr {

    enum Use {
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
