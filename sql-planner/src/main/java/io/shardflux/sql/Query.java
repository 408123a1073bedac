package io.shardflux.sql;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A query: one {@code SELECT}, or several by {@code UNION} and the like.
 *
 * @param with the span of its {@code WITH}
 * @param order the items of its last {@code ORDER BY}
 * @param locks whether it ends in {@code FOR UPDATE} or the like
 */
record Query(
    Span span,
    @Nullable Span with,
    List<Cte> ctes,
    List<Branch> branches,
    List<OrderItem> order,
    @Nullable Limit limit,
    boolean locks) {

  /** The only select, or null if it is a set operation. */
  @Nullable Select select() {
    return branches.size() == 1 && branches.get(0).body() instanceof Select select ? select : null;
  }

  record Cte(String name, List<String> columns, Query query, boolean recursive) {}

  /**
   * One operand of a set operation.
   *
   * @param operator how it joins those before it, such as {@code UNION ALL}; null of the first
   */
  record Branch(@Nullable String operator, Body body) {}

  sealed interface Body {
    Span span();
  }

  /** A query in parentheses. */
  record Nested(Span span, Query query) implements Body {}

  /**
   * One select.
   *
   * @param itemsSpan the select list
   * @param sources from {@code FROM} to the end of {@code WHERE}
   */
  record Select(
      Span span,
      boolean distinct,
      List<Item> items,
      Span itemsSpan,
      @Nullable Span sources,
      List<From> from,
      @Nullable Expr where,
      List<Expr> group,
      boolean rollup,
      @Nullable Expr having,
      boolean windows)
      implements Body {}

  /**
   * An item of a select list.
   *
   * @param expr null for a star
   * @param table that of {@code t.*}
   */
  record Item(Span span, @Nullable Expr expr, @Nullable String table, @Nullable String alias) {

    boolean isStar() {
      return expr == null;
    }
  }

  record OrderItem(Expr expr, boolean descending) {}

  record Limit(Span span, Expr count, @Nullable Expr offset) {}

  /** What rows come from. */
  sealed interface From {}

  record Table(Span span, String name, String alias) implements From {}

  record Derived(Span span, Query query, String alias, List<String> columns) implements From {}

  /**
   * A join.
   *
   * @param using the columns of {@code USING}
   */
  record Join(Kind kind, From left, From right, @Nullable Expr on, List<String> using)
      implements From {

    enum Kind {
      INNER,
      LEFT,
      RIGHT
    }
  }
}
