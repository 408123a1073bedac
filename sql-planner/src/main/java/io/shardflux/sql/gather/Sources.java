package io.shardflux.sql.gather;

import io.shardflux.sql.schema.Catalog;
import io.shardflux.sql.schema.Schema;
import io.shardflux.sql.syntax.Effort;
import io.shardflux.sql.syntax.Expr;
import io.shardflux.sql.syntax.Functions;
import io.shardflux.sql.syntax.Query;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The sources of one select, and which conditions are of one of its tables alone.
 *
 * @param all its tables and derived tables
 * @param queries those of its tables that are names of {@code WITH}
 * @param effort what it takes to look names up
 */
record Sources(Schema schema, List<Query.From> all, Set<Query.Table> queries, Effort effort) {

  /** Functions whose value depends on more than their arguments, or on the table as it is. */
  private static final Set<String> BOUND = Set.of("MATCH", "DEFAULT", "VALUES", "VALUE");

  /** The sources that are no joins. */
  static List<Query.From> flat(List<Query.From> from) {
    List<Query.From> flat = new ArrayList<>();
    from.forEach(each -> add(each, flat));
    return flat;
  }

  private static void add(Query.From from, List<Query.From> flat) {
    if (from instanceof Query.Join join) {
      add(join.left(), flat);
      add(join.right(), flat);
    } else {
      flat.add(from);
    }
  }

  /** Those of some conditions that can be evaluated with the rows of the table alone. */
  List<Expr> own(Query.Table table, List<Expr> conditions) {
    return conditions.stream().filter(each -> isOwn(each, table)).toList();
  }

  private boolean isOwn(Expr condition, Query.Table table) {
    return condition.any(each -> each instanceof Expr.Name)
        && !condition.aggregates()
        && !condition.hasWindow()
        && !condition.any(each -> !isOwnPart(each, table));
  }

  /** Tells whether a part of an expression can be evaluated with the rows of a table alone. */
  boolean isOwnPart(Expr part, Query.Table table) {
    effort.spend(1);
    if (part instanceof Expr.Name name) {
      return isColumn(name, table);
    }
    if (part instanceof Expr.Call call) {
      return Functions.isKnown(call.name())
          && !BOUND.contains(call.name())
          && !Functions.SESSION.contains(call.name())
          && !Functions.RANDOM.contains(call.name())
          && !Functions.CLOCK.contains(call.name());
    }
    return !(part instanceof Expr.Subquery) && !(part instanceof Expr.Variable);
  }

  /** Tells whether a name is certainly a column of a table. */
  boolean isColumn(Expr.Name name, Query.Table table) {
    effort.spend(1);
    if (name.table() != null) {
      return name.table().equals(table.alias()) && has(table.name(), name.column());
    }
    if (!has(table.name(), name.column())) {
      return false;
    }
    effort.spend(all.size());
    return all.stream().allMatch(other -> other == table || lacks(other, name.column()));
  }

  private boolean lacks(Query.From other, String column) {
    return other instanceof Query.Table table
        && !queries.contains(table)
        && !schema.columns(table.name()).isEmpty()
        && !has(table.name(), column);
  }

  /** The column of a table, null if it has none of that name. */
  Catalog.@Nullable Column column(Query.Table table, String name) {
    return find(table.name(), name);
  }

  private boolean has(String table, String column) {
    return find(table, column) != null;
  }

  private Catalog.@Nullable Column find(String table, String column) {
    for (Catalog.Column each : schema.columns(table)) {
      if (each.name().equalsIgnoreCase(column)) {
        return each;
      }
    }
    return null;
  }
}
