package io.shardflux.sql.syntax;

import io.shardflux.router.Internal;
import io.shardflux.sql.statement.RefusalCode;
import io.shardflux.sql.statement.RefusedSqlException;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A query: one {@code SELECT}, or several by {@code UNION} and the like.
 *
 * @param with the span of its {@code WITH}
 * @param order the items of its last {@code ORDER BY}
 * @param locks whether it, or a query before its end, ends in {@code FOR UPDATE} or the like
 */
@Internal
public record Query(
    Span span,
    @Nullable Span with,
    List<Cte> ctes,
    List<Branch> branches,
    List<OrderItem> order,
    @Nullable Limit limit,
    boolean locks) {

  /** The only select, or null if it is a set operation. */
  @Nullable
  public Select select() {
    return branches.size() == 1 && branches.get(0).body() instanceof Select select ? select : null;
  }

  /**
   * A query of {@code WITH}.
   *
   * @param span from its name to the closing parenthesis
   */
  public record Cte(Span span, String name, List<String> columns, Query query, boolean recursive) {}

  /**
   * An operand of a set operation.
   *
   * @param operator joins it to those before it, such as {@code UNION ALL}; null for the first
   */
  public record Branch(@Nullable String operator, Body body) {}

  public sealed interface Body {
    Span span();
  }

  /** A query in parentheses. */
  public record Nested(Span span, Query query) implements Body {}

  /**
   * A select.
   *
   * @param itemsSpan the select list
   * @param sources from {@code FROM} to the end of {@code WHERE}
   * @param condition what stands behind {@code WHERE}, null if there is none
   * @param windows the windows that {@code WINDOW} names
   */
  public record Select(
      Span span,
      boolean distinct,
      SelectItems items,
      Span itemsSpan,
      @Nullable Span sources,
      List<From> from,
      @Nullable Expr where,
      @Nullable Span condition,
      List<Expr> group,
      boolean rollup,
      @Nullable Expr having,
      List<Expr.Window> windows)
      implements Body {

    public boolean isStarred() {
      return items.isStarred();
    }

    /** Tells whether there is a row even if no row satisfies the conditions. */
    public boolean givesOneRow() {
      return group.isEmpty() && isGrouped();
    }

    public boolean isGrouped() {
      return !group.isEmpty()
          || items.stream().anyMatch(item -> item.expr() != null && item.expr().aggregates())
          || (having != null && having.aggregates());
    }

    public boolean hasWindow() {
      return !windows.isEmpty()
          || items.stream().anyMatch(item -> item.expr() != null && item.expr().hasWindow());
    }

    /** The item at a position, from 1. */
    public Expr at(long position) {
      if (isStarred() || position < 1 || position > items.size()) {
        throw new RefusedSqlException(
            RefusalCode.UNKNOWN_COLUMN, "position " + position + " of the select list");
      }
      return items.get((int) position - 1).value();
    }
  }

  /**
   * An item of a select list.
   *
   * @param expr null for a star
   * @param table that of {@code t.*}
   */
  public record Item(
      Span span, @Nullable Expr expr, @Nullable String table, @Nullable String alias) {

    public boolean isStar() {
      return expr == null;
    }

    /** The expression of an item that is not a star. */
    public Expr value() {
      if (expr == null) {
        throw new IllegalStateException("a star");
      }
      return expr;
    }

    /** Its alias, or the column that it is; null if it has no name of its own. */
    @Nullable
    public String name() {
      return alias == null && expr != null && expr.bare() instanceof Expr.Name column
          ? column.column()
          : alias;
    }
  }

  public record OrderItem(Expr expr, boolean descending) {

    /** The words behind the expression. */
    public String direction() {
      return descending ? " DESC" : "";
    }
  }

  public record Limit(Span span, Expr count, @Nullable Expr offset) {}

  /** A source of rows. */
  public sealed interface From {}

  /**
   * A table.
   *
   * @param span its name, its alias and its index hints
   */
  public record Table(String name, String alias, Span span) implements From {}

  public record Derived(Query query, String alias, List<String> columns) implements From {}

  /**
   * A join.
   *
   * @param condition what stands behind {@code ON}, null if there is none
   * @param using the columns of {@code USING}
   * @param natural whether it is by all columns that both have
   */
  public record Join(
      Kind kind,
      From left,
      From right,
      @Nullable Expr on,
      @Nullable Span condition,
      List<String> using,
      boolean natural)
      implements From {

    public enum Kind {
      INNER,
      LEFT,
      RIGHT
    }
  }
}
