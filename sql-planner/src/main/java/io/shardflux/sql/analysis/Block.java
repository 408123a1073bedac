package io.shardflux.sql.analysis;

import io.shardflux.router.Internal;
import io.shardflux.sql.keys.Colocation;
import io.shardflux.sql.keys.Rows;
import io.shardflux.sql.schema.Scope;
import io.shardflux.sql.statement.RefusedSqlException;
import io.shardflux.sql.syntax.Expr;
import io.shardflux.sql.syntax.Functions;
import io.shardflux.sql.syntax.Query;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
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
    return keys(select.group().stream().map(this::grouped).toList());
  }

  private List<Integer> keys(List<Expr> exprs) {
    List<Integer> keys = new ArrayList<>();
    for (Expr expr : exprs) {
      Scope.Column column = expr.bare() instanceof Expr.Name name ? scope.findHere(name) : null;
      keys.add(column == null ? -1 : column.certainKey());
    }
    return keys;
  }

  /**
   * Tells whether each function with a window sees rows of one shard alone, in some expressions.
   */
  public boolean hasWindowsOfKeys(Stream<Expr> exprs, Colocation colocation) {
    return exprs.noneMatch(
        expr -> expr.any(each -> each instanceof Expr.Call call && spreads(call, colocation)));
  }

  private boolean spreads(Expr.Call call, Colocation colocation) {
    if (!call.over()) {
      return Functions.isWindow(call.name());
    }
    Expr.Window window = (Expr.Window) call.children().get(call.children().size() - 1);
    return !colocation.holdKey(keys(partition(window)), rows);
  }

  /** The partition of a window, which may be that of the window that it begins with. */
  private List<Expr> partition(Expr.Window window) {
    Expr.Window from = window;
    for (int i = 0;
        from != null && from.partition().isEmpty() && i <= select.windows().size();
        i++) {
      from = named(from.base());
    }
    return from == null ? List.of() : from.partition();
  }

  private Expr.@Nullable Window named(@Nullable String name) {
    return select.windows().stream()
        .filter(each -> name != null && name.equalsIgnoreCase(each.name()))
        .findFirst()
        .orElse(null);
  }
}
