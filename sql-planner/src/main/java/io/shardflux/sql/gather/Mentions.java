package io.shardflux.sql.gather;

import io.shardflux.router.TableRule;
import io.shardflux.sql.schema.Schema;
import io.shardflux.sql.syntax.Expr;
import io.shardflux.sql.syntax.Functions;
import io.shardflux.sql.syntax.Query;
import io.shardflux.sql.syntax.SelectItems;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Finds the tables that a query mentions, and what it may need of them. Not thread-safe. */
final class Mentions {

  /** Functions that see how a document was stored, which a text does not tell. */
  private static final Set<String> STORED = Set.of("JSON_TYPE", "JSON_STORAGE_SIZE");

  /** Functions of an index, or of a default, which a temporary table does not have. */
  private static final Set<String> OF_TABLES = Set.of("MATCH", "DEFAULT", "VALUES", "VALUE");

  /**
   * A mention.
   *
   * @param starred whether all of its columns may be needed
   * @param conditions the conditions that its rows must satisfy to matter
   */
  record Found(Query.Table table, boolean starred, List<Expr> conditions) {}

  /** A name of {@code WITH} in the place where it is seen. */
  private record Names(@Nullable Names outer, Query.@Nullable Cte cte) {

    static final Names NONE = new Names(null, null);

    Query.@Nullable Cte find(String name) {
      for (Names at = this; at != null; at = at.outer) {
        if (at.cte != null && at.cte.name().equalsIgnoreCase(name)) {
          return at.cte;
        }
      }
      return null;
    }

    Names with(Query.Cte another) {
      return new Names(this, another);
    }
  }

  private final Schema schema;
  private final List<Found> all = new ArrayList<>();
  private final List<Query.Item> items = new ArrayList<>();
  private final Set<String> columns = new HashSet<>();
  private final Set<String> copies = new HashSet<>();
  private final IdentityHashMap<Query.Cte, Integer> named = new IdentityHashMap<>();
  private final Set<Query.Cte> gathered = Collections.newSetFromMap(new IdentityHashMap<>());
  private int usesOfGathered;
  private boolean impossible;
  private boolean looksAtStored;
  private boolean reopened;

  Mentions(Schema schema) {
    this.schema = schema;
  }

  /** Takes a query; false if one server with temporary tables would answer it otherwise. */
  boolean take(Query query) {
    query(query, Names.NONE);
    return !impossible;
  }

  List<Found> all() {
    return all;
  }

  /** The items of all select lists. */
  List<Query.Item> items() {
    return items;
  }

  /** Tells whether a column of that name may be needed. */
  boolean needs(String column) {
    return columns.contains(SelectItems.key(column));
  }

  /** The tables that each server has. */
  Set<String> copies() {
    return copies;
  }

  boolean looksAtStored() {
    return looksAtStored;
  }

  /** Tells whether a table would be opened more than once. */
  boolean reopened() {
    return reopened;
  }

  private void query(Query query, Names outer) {
    impossible |= query.locks();
    Names names = outer;
    for (Query.Cte cte : query.ctes()) {
      int before = all.size();
      int uses = usesOfGathered;
      query(cte.query(), cte.recursive() ? names.with(cte) : names);
      names = names.with(cte);
      named.put(cte, 0);
      if (all.size() > before || usesOfGathered > uses) {
        gathered.add(cte);
      }
    }
    for (Query.Branch branch : query.branches()) {
      if (branch.body() instanceof Query.Nested nested) {
        query(nested.query(), names);
      } else {
        select((Query.Select) branch.body(), names);
      }
    }
    for (Query.OrderItem item : query.order()) {
      visit(item.expr(), names);
    }
  }

  private void select(Query.Select select, Names names) {
    List<Query.From> flat = Sources.flat(select.from());
    Set<Query.Table> queries = Collections.newSetFromMap(new IdentityHashMap<>());
    for (Query.From source : flat) {
      if (source instanceof Query.Table table && names.find(table.name()) != null) {
        queries.add(table);
      }
    }
    Sources sources = new Sources(schema, flat, queries);
    List<Expr> where = select.where() == null ? List.of() : select.where().conjuncts();
    for (Query.From from : select.from()) {
      from(from, where, select, sources, names);
    }
    for (Query.Item item : select.items()) {
      items.add(item);
      if (item.expr() != null) {
        visit(item.expr(), names);
      }
    }
    visitAll(select.where() == null ? List.of() : List.of(select.where()), names);
    visitAll(select.group(), names);
    visitAll(select.having() == null ? List.of() : List.of(select.having()), names);
  }

  private void visitAll(List<Expr> exprs, Names names) {
    exprs.forEach(expr -> visit(expr, names));
  }

  /**
   * Takes a source.
   *
   * @param conditions those that each of its rows must satisfy to matter
   */
  private void from(
      Query.From from, List<Expr> conditions, Query.Select select, Sources sources, Names names) {
    if (from instanceof Query.Derived derived) {
      query(derived.query(), names);
    } else if (from instanceof Query.Join join) {
      List<Expr> on = join.on() == null ? List.of() : join.on().conjuncts();
      List<Expr> both = new ArrayList<>(conditions);
      both.addAll(on);
      // A row that an outer join keeps matters whatever ON says; a condition behind the join sees
      // NULLs in place of a row that would be left out.
      boolean inner = join.kind() == Query.Join.Kind.INNER;
      boolean keepsLeft = join.kind() == Query.Join.Kind.LEFT;
      from(join.left(), inner ? both : keepsLeft ? conditions : on, select, sources, names);
      from(join.right(), inner ? both : keepsLeft ? on : conditions, select, sources, names);
      if (join.on() != null) {
        visit(join.on(), names);
      }
      join.using().forEach(column -> columns.add(SelectItems.key(column)));
    } else {
      table((Query.Table) from, conditions, select, sources, names);
    }
  }

  private void table(
      Query.Table table, List<Expr> conditions, Query.Select select, Sources sources, Names names) {
    Query.Cte cte = names.find(table.name());
    if (cte != null) {
      named(cte);
      return;
    }
    TableRule rule = schema.topology().tables().get(table.name());
    if (rule == null || schema.columns(table.name()).isEmpty()) {
      impossible = true;
    } else if (rule instanceof TableRule.Reference) {
      copies.add(table.name());
    } else {
      boolean starred =
          select.items().stream()
              .anyMatch(
                  item ->
                      item.isStar()
                          && (item.table() == null || item.table().equals(table.alias())));
      impossible |= schema.catalog().isMixed(table.name());
      all.add(new Found(table, starred, sources.own(table, conditions)));
    }
  }

  private void named(Query.Cte cte) {
    Integer times = named.get(cte);
    // Inside itself it is a table of the server's own.
    if (times != null && gathered.contains(cte)) {
      named.put(cte, times + 1);
      usesOfGathered++;
      reopened |= times > 0;
    }
  }

  private void visit(Expr expr, Names names) {
    expr.walk(
        each -> {
          if (each instanceof Expr.Name name) {
            columns.add(SelectItems.key(name.column()));
          } else if (each instanceof Expr.Subquery subquery) {
            query(subquery.query(), names);
          } else if (each instanceof Expr.Variable) {
            impossible = true;
          } else if (each instanceof Expr.Call call) {
            call(call.name());
          }
          return true;
        });
  }

  private void call(String name) {
    impossible |=
        !Functions.isKnown(name) || Functions.SESSION.contains(name) || OF_TABLES.contains(name);
    looksAtStored |= STORED.contains(name);
  }
}
