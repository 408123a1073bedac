package io.shardflux.sql.analysis;

import io.shardflux.sql.keys.Colocation;
import io.shardflux.sql.schema.Digits;
import io.shardflux.sql.schema.Scope;
import io.shardflux.sql.schema.SqlType;
import io.shardflux.sql.statement.RefusalCode;
import io.shardflux.sql.statement.RefusedSqlException;
import io.shardflux.sql.syntax.Expr;
import io.shardflux.sql.syntax.Query;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The columns that a select gives to the query that it is a part of, and whether it can do so shard
 * by shard.
 */
record Projection(Block block, Types types, Colocation colocation) {

  Relation relation() {
    List<Scope.Column> columns = columns();
    RefusedSqlException refusal = block.refusal() != null ? block.refusal() : whole(columns);
    if (refusal != null) {
      columns = columns.stream().map(Scope.Column::withoutKey).toList();
    }
    return new Relation(columns, block.rows(), block.refusal(), refusal);
  }

  /** The reason why a select's result isn't that of the shards together, null if it is. */
  private @Nullable RefusedSqlException whole(List<Scope.Column> columns) {
    Query.Select select = block.select();
    if (block.rows().isEmpty()) {
      return null;
    }
    if (select.hasWindow() && !hasWindowsOfKeys(select)) {
      return new RefusedSqlException(RefusalCode.WINDOW, "a window function inside the statement");
    }
    if (select.rollup()
        || (select.isGrouped() && !colocation.holdKey(block.groupedKeys(), block.rows()))) {
      return new RefusedSqlException(
          RefusalCode.CROSS_SHARD_SUBQUERY, "groups inside the statement, not by the key");
    }
    if (select.distinct() && !colocation.holdKey(Scope.Column.certainKeys(columns), block.rows())) {
      return new RefusedSqlException(
          RefusalCode.CROSS_SHARD_SUBQUERY, "DISTINCT inside the statement, without the key");
    }
    return null;
  }

  private boolean hasWindowsOfKeys(Query.Select select) {
    return block.hasWindowsOfKeys(
        select.items().stream().map(Query.Item::expr).filter(Objects::nonNull), colocation);
  }

  private List<Scope.Column> columns() {
    List<Scope.Column> columns = new ArrayList<>();
    boolean stored = block.select().distinct() || block.select().isGrouped();
    for (Query.Item item : block.select().items()) {
      if (item.expr() == null) {
        columns.addAll(starred(item));
      } else {
        columns.add(column(item, item.expr(), stored));
      }
    }
    return columns;
  }

  private List<Scope.Column> starred(Query.Item item) {
    Scope scope = block.scope();
    String table = item.table();
    List<Expr.Name> names = table == null ? scope.starred() : scope.starred(table);
    List<Scope.Column> columns = new ArrayList<>();
    for (Expr.Name name : names) {
      columns.add(
          Objects.requireNonNull(Objects.requireNonNull(scope.sourceOf(name)).find(name.column())));
    }
    return columns;
  }

  private Scope.Column column(Query.Item item, Expr expr, boolean stored) {
    Expr bare = expr.bare();
    if (bare instanceof Expr.Name name) {
      Scope.Column column = block.scope().findHere(name);
      if (column != null) {
        return column.named(item.alias() == null ? name.column() : item.alias());
      }
    }
    SqlType type = types.of(expr, block);
    if (type.isNumber()) {
      Digits digits = new DigitReader(block, types).of(expr);
      type = type.with(stored ? digits.stored() : digits);
    }
    return new Scope.Column(item.alias() == null ? "" : item.alias(), type, true, -1);
  }
}
