package io.shardflux.sql.analysis;

import io.shardflux.router.Internal;
import io.shardflux.sql.keys.Rows;
import io.shardflux.sql.schema.Scope;
import io.shardflux.sql.statement.RefusedSqlException;
import io.shardflux.sql.syntax.Expr;
import io.shardflux.sql.syntax.Query;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The analysed properties of a select.
 *
 * @param rows the mentions of sharded and pinned tables in it, however deep
 * @param refusal the reason why the rows that it selects from can't be had shard by shard, null if
 *     they can
 */
@Internal
public record Block(
    Scope scope, Query.Select select, List<Rows> rows, @Nullable RefusedSqlException refusal) {

  /** The meaning of an item of {@code GROUP BY}: a column, otherwise an alias or a position. */
  public Expr grouped(Expr expr) {
    Expr bare = expr.bare();
    if (bare instanceof Expr.Literal literal && literal.value() instanceof Long position) {
      return select.at(position).bare();
    }
    if (bare instanceof Expr.Name name && name.table() == null && scope.findHere(name) == null) {
      Expr aliased = select.items().aliased(name);
      return aliased == null ? bare : aliased.bare();
    }
    return bare;
  }

  /** The key columns that it groups by, -1 for what is none. */
  public List<Integer> groupedKeys() {
    List<Integer> keys = new ArrayList<>();
    for (Expr expr : select.group()) {
      Scope.Column column = grouped(expr) instanceof Expr.Name name ? scope.findHere(name) : null;
      keys.add(column == null ? -1 : column.certainKey());
    }
    return keys;
  }
}
