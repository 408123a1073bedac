package io.shardflux.sql.gather;

import io.shardflux.sql.schema.Bindable;
import io.shardflux.sql.schema.Catalog;
import io.shardflux.sql.schema.Schema;
import io.shardflux.sql.syntax.Expr;
import io.shardflux.sql.syntax.Query;
import io.shardflux.sql.syntax.SelectItems;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The columns by which the mentions of one select are joined with others: a row of the one matters
 * only if a row of the other has the same value. Not thread-safe.
 */
final class Links {

  /**
   * A link.
   *
   * @param mention the mention whose rows matter only so
   * @param column its column
   * @param other the mention that has the value
   * @param otherColumn the column of that
   */
  record Link(int mention, Catalog.Column column, int other, Catalog.Column otherColumn) {}

  /** A mention with the conditions that each of its rows must satisfy to matter. */
  private record Pending(Query.Table table, List<Expr> conditions) {}

  private final Schema schema;
  private final Sources sources;
  private final @Nullable Links outer;
  private final IdentityHashMap<Query.Table, Integer> mentions = new IdentityHashMap<>();
  private final Set<String> joined = new HashSet<>();
  private final List<Pending> pending = new ArrayList<>();
  private final List<Link> links = new ArrayList<>();

  /**
   * The links of a select.
   *
   * @param outer those of the select around it, whose columns it may name; null if there is none
   */
  Links(Schema schema, Sources sources, @Nullable Links outer) {
    this.schema = schema;
    this.sources = sources;
    this.outer = outer;
  }

  /** Takes a mention. */
  void add(Query.Table table, int mention, List<Expr> conditions) {
    mentions.put(table, mention);
    pending.add(new Pending(table, conditions));
  }

  /** Takes the columns of {@code USING}, and what rows they join. */
  void using(Query.Join join) {
    join.using().forEach(column -> joined.add(SelectItems.key(column)));
  }

  /** The links, once all mentions of the select are known. */
  List<Link> found() {
    for (Pending each : pending) {
      for (Expr condition : each.conditions()) {
        if (condition.bare() instanceof Expr.Op op && op.is("=")) {
          link(each.table(), op.children().get(0).bare(), op.children().get(1).bare());
          link(each.table(), op.children().get(1).bare(), op.children().get(0).bare());
        }
      }
    }
    return links;
  }

  private void link(Query.Table table, Expr own, Expr other) {
    if (!(own instanceof Expr.Name name)
        || !(other instanceof Expr.Name otherName)
        || !isOf(name, table)) {
      return;
    }
    Links at = this;
    Query.Table beside = tableOf(otherName);
    while (beside == null && at.outer != null && otherName.table() != null && at.lacks(otherName)) {
      at = at.outer;
      beside = at.tableOf(otherName);
    }
    Integer mention = mentions.get(table);
    Integer from = beside == null ? null : at.mentions.get(beside);
    if (mention != null && from != null && beside != null && !beside.equals(table)) {
      link(mention, column(table, name), from, column(beside, otherName));
    }
  }

  private void link(int mention, Catalog.Column column, int other, Catalog.Column otherColumn) {
    Bindable bindable = Bindable.of(column);
    Bindable beside = Bindable.of(otherColumn);
    if (bindable != null && beside != null && beside.comparesWith(bindable)) {
      links.add(new Link(mention, column, other, otherColumn));
    }
  }

  /** The table here that a name is certainly of, null if there is none. */
  private Query.@Nullable Table tableOf(Expr.Name name) {
    for (Query.Table table : mentions.keySet()) {
      if (isOf(name, table)) {
        return table;
      }
    }
    return null;
  }

  private boolean isOf(Expr.Name name, Query.Table table) {
    return (name.table() != null || !joined.contains(SelectItems.key(name.column())))
        && sources.isColumn(name, table);
  }

  /** Tells whether no source here has the table's name that is before a column's. */
  private boolean lacks(Expr.Name name) {
    return sources.all().stream()
        .noneMatch(
            from ->
                String.valueOf(
                        from instanceof Query.Table table
                            ? table.alias()
                            : ((Query.Derived) from).alias())
                    .equalsIgnoreCase(name.table()));
  }

  private Catalog.Column column(Query.Table table, Expr.Name name) {
    return schema.columns(table.name()).stream()
        .filter(column -> column.name().equalsIgnoreCase(name.column()))
        .findFirst()
        .orElseThrow();
  }
}
