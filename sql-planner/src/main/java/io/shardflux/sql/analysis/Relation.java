package io.shardflux.sql.analysis;

import io.shardflux.router.Internal;
import io.shardflux.sql.keys.Rows;
import io.shardflux.sql.schema.Scope;
import io.shardflux.sql.statement.RefusalCode;
import io.shardflux.sql.statement.RefusedSqlException;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The result that a query gives to the statement that it is a part of.
 *
 * @param rows the mentions of sharded and pinned tables in it, however deep
 * @param rowsRefusal the reason why the rows that it selects from can't be had shard by shard, null
 *     if they can
 * @param refusal the reason why its own rows aren't those of the shards together, null if they are
 */
@Internal
public record Relation(
    List<Scope.Column> columns,
    List<Rows> rows,
    @Nullable RefusedSqlException rowsRefusal,
    @Nullable RefusedSqlException refusal) {

  /**
   * This relation with a limit to its rows. A condition from outside of it chooses among the rows
   * that the limit left, so that it says nothing of where to look for them.
   */
  Relation limited() {
    RefusedSqlException limit =
        refusal == null
            ? new RefusedSqlException(
                RefusalCode.CROSS_SHARD_SUBQUERY, "a LIMIT inside the statement")
            : refusal;
    List<Scope.Column> keyless = columns.stream().map(Scope.Column::withoutKey).toList();
    return new Relation(keyless, rows, rowsRefusal, limit);
  }
}
