package io.shardflux.sql.syntax;

import io.shardflux.router.Internal;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A statement. */
@Internal
public sealed interface Statement {

  record Read(Query query) implements Statement {}

  /**
   * {@code INSERT} or {@code REPLACE}.
   *
   * @param ignoring whether it says {@code IGNORE}
   * @param columns the columns that are named; empty if none is
   * @param named whether there is a list of columns, which may be empty
   * @param namesAt the place of the list, or where it would stand behind the table's name
   * @param head up to and with {@code VALUES}
   * @param rows the rows; empty for a query
   * @param tail from behind the last row on
   * @param newRow the names of the row that was to be inserted, null if it has none
   */
  record Insert(
      boolean ignoring,
      Query.Table table,
      List<String> columns,
      boolean named,
      int namesAt,
      Span head,
      List<InsertedRow> rows,
      Span tail,
      @Nullable Query query,
      @Nullable NewRow newRow,
      List<Assignment> updates)
      implements Statement {}

  /** The names of {@code AS new (a, b)}; no column is named if there is no list. */
  record NewRow(String alias, List<String> columns) {}

  /** One row of {@code VALUES}, with its parentheses; a value is null for {@code DEFAULT}. */
  record InsertedRow(Span span, List<@Nullable Expr> values) {}

  record Assignment(Expr.Name column, @Nullable Expr value) {}

  /**
   * An update.
   *
   * @param set the assignments
   */
  record Update(Changed changed, List<Assignment> assignments, Span set) implements Statement {}

  /**
   * A delete.
   *
   * @param targets the tables that rows are deleted of, by their aliases
   */
  record Delete(Changed changed, List<String> targets) implements Statement {}

  /**
   * The rows that are changed.
   *
   * @param with the span of its {@code WITH}
   * @param ignoring whether it says {@code IGNORE}
   * @param sources the tables
   * @param condition what stands behind {@code WHERE}, null if there is none
   * @param end the end of that, or where it would stand
   */
  record Changed(
      @Nullable Span with,
      boolean ignoring,
      Span sources,
      List<Query.From> tables,
      @Nullable Expr where,
      @Nullable Span condition,
      int end,
      List<Query.OrderItem> order,
      boolean limited,
      List<Query.Cte> ctes) {

    /** Tells whether the rows are only the first of some order. */
    public boolean isFirst() {
      return limited || !order.isEmpty();
    }
  }

  /**
   * A definition of tables or their indexes.
   *
   * @param verb its first word
   * @param tables the tables, at least one
   * @param renamed pairs of these, each with the name that the first one gets
   * @param changed the columns, old and new, whose name or type it may change
   * @param converts whether it changes the character set of all columns
   */
  record Definition(
      String verb,
      List<String> tables,
      List<Renamed> renamed,
      List<String> changed,
      boolean converts)
      implements Statement {

    /** A table and the name that it gets. */
    public record Renamed(String from, String to) {}
  }

  /** A change of the session's state. */
  record Session() implements Statement {}
}
