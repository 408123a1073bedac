package io.shardflux.sql.scatter;

import io.shardflux.sql.statement.ShardSql;
import io.shardflux.sql.syntax.Fragment;
import io.shardflux.sql.syntax.Query;
import io.shardflux.sql.syntax.RowPlace;
import io.shardflux.sql.syntax.SqlText;
import io.shardflux.sql.syntax.SqlWriter;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The text of a select that a shard is sent, except for the limit.
 *
 * @param hidden the columns beyond the answer's own
 * @param having null if there is none
 */
record ShardSelect(
    Query query,
    Query.Select select,
    List<Fragment> hidden,
    List<Fragment> groups,
    @Nullable Fragment having,
    List<Fragment> order) {

  /**
   * Writes it.
   *
   * @param places those of the tables whose rows it takes
   */
  ShardSql write(SqlText text, List<RowPlace> places) {
    SqlWriter sql = new SqlWriter(text, places);
    if (query.with() != null) {
      sql.add(query.with()).add(" ");
    }
    sql.add("SELECT ").addItems(select.itemsSpan());
    hidden.forEach(column -> sql.add(", ").add(column));
    if (select.sources() != null) {
      sql.add(" ").add(select.sources());
    }
    add(sql, " GROUP BY ", groups);
    if (having != null) {
      sql.add(" HAVING ").add(having);
    }
    add(
        sql,
        " WINDOW ",
        select.windows().stream().map(window -> Fragment.of(window.span())).toList());
    add(sql, " ORDER BY ", order);
    return sql.done();
  }

  private static void add(SqlWriter sql, String clause, List<Fragment> items) {
    if (!items.isEmpty()) {
      sql.add(clause).add(Fragment.joined(items, ", "));
    }
  }
}
