package io.shardflux.sql.syntax;

import io.shardflux.router.Internal;
import io.shardflux.sql.statement.ShardSql.Way;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The place in a text for a condition of the rows of one of its tables. A row that does not satisfy
 * it must be as if it were not there: of a table that an outer join may have no row of, the
 * condition is in that join.
 *
 * @param span what is beside the condition, becomes a derived table, or is the column, or where
 *     {@code WHERE} goes
 */
@Internal
public record RowPlace(Query.Table table, Way way, Span span) {

  /**
   * The places of the tables of one {@code FROM}.
   *
   * @param where the condition of its {@code WHERE}, or null
   * @param end where a {@code WHERE} would stand
   */
  public static List<RowPlace> of(List<Query.From> from, @Nullable Span where, int end) {
    List<RowPlace> places = new ArrayList<>();
    Condition around =
        where == null
            ? new Condition(Way.WHERE, new Span(end, end))
            : new Condition(Way.CONDITION, where);
    from.forEach(each -> add(each, around, places));
    return places;
  }

  /** The same in a statement that changes rows, where a derived table is none to change. */
  public RowPlace ofChanged() {
    return way == Way.DERIVED ? new RowPlace(table, Way.NONE, span) : this;
  }

  private record Condition(Way way, Span span) {}

  /** Adds those of a source; a table without a condition around it becomes a derived one. */
  private static void add(Query.From from, @Nullable Condition around, List<RowPlace> places) {
    if (from instanceof Query.Table table) {
      places.add(
          around == null
              ? new RowPlace(table, Way.DERIVED, table.span())
              : new RowPlace(table, around.way(), around.span()));
    } else if (from instanceof Query.Join join) {
      Condition on =
          join.condition() == null ? null : new Condition(Way.CONDITION, join.condition());
      add(join.left(), join.kind() == Query.Join.Kind.RIGHT ? on : around, places);
      add(join.right(), join.kind() == Query.Join.Kind.LEFT ? on : around, places);
    }
  }
}
