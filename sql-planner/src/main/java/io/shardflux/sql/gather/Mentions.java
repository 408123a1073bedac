package io.shardflux.sql.gather;

import io.shardflux.router.TableRule;
import io.shardflux.sql.schema.Schema;
import io.shardflux.sql.syntax.Effort;
import io.shardflux.sql.syntax.Expr;
import io.shardflux.sql.syntax.Fragment;
import io.shardflux.sql.syntax.Functions;
import io.shardflux.sql.syntax.Query;
import io.shardflux.sql.syntax.SelectItems;
import io.shardflux.sql.syntax.SqlText;
import io.shardflux.sql.syntax.SqlWriter;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Finds the tables that a query mentions, what it may need of them, and how its text names
 * temporary tables in their place. Not thread-safe.
 */
final class Mentions {

  /** The longest name that servers take for a column. */
  static final int LONGEST_NAME = 256;

  /** The mentions at most; as many tables are joined by servers. */
  private static final int MOST = 61;

  /** Names of the column that tells a temporary table's rows apart. */
  private static final Set<String> HIDDEN = Set.of("_rowid", TemporaryTable.ROW);

  /** Functions that see how a document was stored, which a text does not tell. */
  private static final Set<String> STORED = Set.of("JSON_TYPE", "JSON_STORAGE_SIZE");

  /** Functions that put a value into a document as the type of its column says. */
  private static final Set<String> EMBEDDING =
      Set.of(
          "JSON_ARRAY",
          "JSON_ARRAYAGG",
          "JSON_ARRAY_APPEND",
          "JSON_ARRAY_INSERT",
          "JSON_INSERT",
          "JSON_OBJECT",
          "JSON_OBJECTAGG",
          "JSON_REPLACE",
          "JSON_SET");

  /** Functions of an index, or of a default, which a temporary table does not have. */
  static final Set<String> OF_TABLES = Set.of("MATCH", "DEFAULT", "VALUES", "VALUE");

  /**
   * A mention.
   *
   * @param starred whether all of its columns may be needed
   * @param conditions the conditions that its rows must satisfy to matter
   */
  record Found(Query.Table table, boolean starred, List<Expr> conditions) {}

  private final SqlText text;
  private final Schema schema;
  private final Effort effort;
  private final List<Found> all = new ArrayList<>();
  private final List<Integer> same = new ArrayList<>();
  private final List<Links.Link> links = new ArrayList<>();
  private final Set<String> columns = new HashSet<>();
  private final Set<String> groupedAliases = new HashSet<>();
  private final Set<String> copies = new HashSet<>();
  private int copied;
  private List<SqlWriter.Edit> edits = new ArrayList<>();
  private @Nullable Links around;
  private int definitions;
  private int random;
  private boolean impossible;
  private boolean looksAtStored;
  private boolean embeds;

  Mentions(SqlText text, Schema schema) {
    this.text = text;
    this.schema = schema;
    this.effort = new Effort(text);
  }

  /** Takes a query; false if one server with temporary tables would answer it otherwise. */
  boolean take(Query query) {
    query(query, null);
    return !impossible && HIDDEN.stream().noneMatch(columns::contains);
  }

  List<Found> all() {
    return all;
  }

  /** The mention whose rows a mention has: of another copy of its query, or itself. */
  int same(int mention) {
    return same.get(mention);
  }

  /** The columns by which rows of one mention matter only if another has rows to them. */
  List<Links.Link> links() {
    return links;
  }

  /** Tells whether each mention alone can be replaced, and all else be left as it is. */
  boolean isReplaceable() {
    return edits.size() == all.size();
  }

  /** The edits by which the text is one of temporary tables. */
  List<SqlWriter.Edit> edits() {
    return edits;
  }

  /** Tells whether a column of that name may be needed. */
  boolean needs(String column) {
    return columns.contains(SelectItems.key(column));
  }

  /** The names of all columns in the text, each as {@link SelectItems#key}. */
  Set<String> columns() {
    return columns;
  }

  /** Tells whether a query with groups gives an item the name of a mention's column. */
  boolean hasNamesOfTwo() {
    return all.stream()
        .flatMap(found -> schema.columns(found.table().name()).stream())
        .anyMatch(column -> groupedAliases.contains(SelectItems.key(column.name())));
  }

  /** The tables that each server has. */
  Set<String> copies() {
    return copies;
  }

  boolean looksAtStored() {
    return looksAtStored;
  }

  /** Tells whether values may become parts of documents. */
  boolean embeds() {
    return embeds;
  }

  private void query(Query query, @Nullable Definition outer) {
    impossible |= query.locks();
    Definition seen = outer;
    List<Definition> own = new ArrayList<>();
    Map<String, Integer> list = new HashMap<>();
    query.ctes().forEach(cte -> list.put(SelectItems.key(cte.name()), list.size()));
    for (Query.Cte cte : query.ctes()) {
      seen = new Definition(cte, list, seen);
      own.add(seen);
    }
    for (Query.Branch branch : query.branches()) {
      if (branch.body() instanceof Query.Nested nested) {
        query(nested.query(), seen);
      } else {
        select((Query.Select) branch.body(), seen);
      }
    }
    Query.Select only = query.select();
    Links outside = around;
    // What it names is the select's before it.
    around = null;
    Set<String> aggregated = only == null ? Set.of() : aggregated(only);
    for (Query.OrderItem item : query.order()) {
      impossible |= item.expr().any(each -> isOfGroups(each, aggregated));
      visit(item.expr(), seen);
    }
    around = outside;
    for (int i = own.size() - 1; i >= 0; i--) {
      if (own.get(i).size() == 0) {
        copy(own.get(i), own.get(i).cte().name());
      }
    }
    own.forEach(each -> edits.addAll(each.edits()));
  }

  /** Reads a query of WITH once more, for a mention of its own. */
  private void copy(Definition definition, String name) {
    if (impossible) {
      return;
    }
    List<SqlWriter.Edit> outside = edits;
    int before = all.size();
    int chances = random;
    edits = definition.begin(name, before);
    if (definition.size() > 1) {
      copied += definition.cte().query().span().length();
      impossible |= copied > Gather.MOST_CHARACTERS;
    }
    alone(definition.cte().query(), definition.seen());
    edits = outside;
    // All copies have the same mentions in the same order.
    for (int i = before; i < all.size(); i++) {
      same.set(i, same.get(definition.first() + i - before));
    }
    definition.end(all.size() > before);
    // Each copy would have other random values.
    impossible |= definition.size() > 1 && random > chances;
  }

  /** Takes a query that sees no columns of the select that it stands in. */
  private void alone(Query query, @Nullable Definition seen) {
    Links outside = around;
    around = null;
    query(query, seen);
    around = outside;
  }

  private void select(Query.Select select, @Nullable Definition seen) {
    List<Query.From> flat = Sources.flat(select.from());
    Set<Query.Table> queries = Collections.newSetFromMap(new IdentityHashMap<>());
    for (Query.From source : flat) {
      if (source instanceof Query.Table table && Definition.find(seen, table.name()) != null) {
        queries.add(table);
      }
    }
    Set<String> aggregated = aggregated(select);
    impossible |=
        select.having() != null && select.having().any(each -> isOfGroups(each, aggregated));
    Sources sources = new Sources(schema, flat, queries, effort);
    Links outside = around;
    Links own = new Links(schema, sources, outside);
    around = own;
    List<Expr> where = select.where() == null ? List.of() : select.where().conjuncts();
    for (Query.From from : select.from()) {
      from(from, where, select, sources, seen);
    }
    links.addAll(own.found());
    select.items().forEach(item -> item(item, seen));
    if (!select.group().isEmpty() || select.having() != null) {
      select.items().stream()
          .filter(item -> item.alias() != null)
          .forEach(item -> groupedAliases.add(SelectItems.key(String.valueOf(item.alias()))));
    }
    visitAll(select.where() == null ? List.of() : List.of(select.where()), seen);
    visitAll(select.group(), seen);
    visitAll(select.windows(), seen);
    visitAll(select.having() == null ? List.of() : List.of(select.having()), seen);
    around = outside;
  }

  /**
   * Tells of an aggregate of an item's aggregate; MariaDB takes it, and computes it as it likes.
   */
  private static boolean isOfGroups(Expr expr, Set<String> aggregated) {
    return Functions.isAggregate(expr)
        && expr.any(
            part ->
                part instanceof Expr.Name name
                    && name.table() == null
                    && aggregated.contains(SelectItems.key(name.column())));
  }

  /** The aliases of the items that aggregate. */
  private static Set<String> aggregated(Query.Select select) {
    return select.items().stream()
        .filter(item -> item.expr() != null && item.alias() != null && item.expr().aggregates())
        .map(item -> SelectItems.key(String.valueOf(item.alias())))
        .collect(Collectors.toSet());
  }

  /** Takes an item; a server makes its name of its text, which may become another one. */
  private void item(Query.Item item, @Nullable Definition seen) {
    if (item.expr() == null) {
      return;
    }
    int before = edits.size();
    visit(item.expr(), seen);
    if (item.alias() == null && edits.size() > before) {
      String name = new SqlWriter(text).add(item.span()).done().text();
      if (name.length() <= LONGEST_NAME) {
        edits.add(SqlWriter.Edit.behind(item.span(), Fragment.of(Fragment.named(name))));
      }
    }
  }

  private void visitAll(List<? extends Expr> exprs, @Nullable Definition seen) {
    exprs.forEach(expr -> visit(expr, seen));
  }

  /**
   * Takes a source.
   *
   * @param conditions those that each of its rows must satisfy to matter
   */
  private void from(
      Query.From from,
      List<Expr> conditions,
      Query.Select select,
      Sources sources,
      @Nullable Definition seen) {
    if (from instanceof Query.Derived derived) {
      alone(derived.query(), seen);
    } else if (from instanceof Query.Join join) {
      List<Expr> on = join.on() == null ? List.of() : join.on().conjuncts();
      List<Expr> both = new ArrayList<>(conditions);
      both.addAll(on);
      // A row that an outer join keeps matters whatever ON says; a condition behind the join sees
      // NULLs in place of a row that would be left out.
      boolean inner = join.kind() == Query.Join.Kind.INNER;
      boolean keepsLeft = join.kind() == Query.Join.Kind.LEFT;
      from(join.left(), inner ? both : keepsLeft ? conditions : on, select, sources, seen);
      from(join.right(), inner ? both : keepsLeft ? on : conditions, select, sources, seen);
      if (join.on() != null) {
        visit(join.on(), seen);
      }
      join.using().forEach(column -> columns.add(SelectItems.key(column)));
      if (around != null) {
        around.using(join);
      }
    } else {
      table((Query.Table) from, conditions, select, sources, seen);
    }
  }

  private void table(
      Query.Table table,
      List<Expr> conditions,
      Query.Select select,
      Sources sources,
      @Nullable Definition seen) {
    effort.spend(1 + Definition.depth(seen));
    impossible |= Definition.isLater(seen, table.name());
    Definition definition = Definition.find(seen, table.name());
    if (definition != null) {
      named(table, definition);
      return;
    }
    impossible |= Definition.isLike(seen, table.name());
    TableRule rule = schema.topology().tables().get(table.name());
    if (rule == null || schema.columns(table.name()).isEmpty()) {
      impossible = true;
    } else if (rule instanceof TableRule.Reference) {
      copies.add(table.name());
    } else {
      impossible |= schema.catalog().isMixed(table.name()) || all.size() == MOST;
      edits.add(replaced(table, Gather.PREFIX + all.size()));
      if (around != null && select.from().stream().noneMatch(Mentions::isNatural)) {
        around.add(table, all.size(), conditions);
      }
      same.add(all.size());
      all.add(new Found(table, isStarred(table, select), sources.own(table, conditions)));
    }
  }

  private static boolean isStarred(Query.Table table, Query.Select select) {
    return select.from().stream().anyMatch(Mentions::isNatural)
        || select.items().stream()
            .anyMatch(
                item ->
                    item.isStar()
                        && (item.table() == null || item.table().equalsIgnoreCase(table.alias())));
  }

  /** Tells whether all columns matter by their names. */
  private static boolean isNatural(Query.From from) {
    return from instanceof Query.Join join
        && (join.natural() || isNatural(join.left()) || isNatural(join.right()));
  }

  private static SqlWriter.Edit replaced(Query.Table table, String name) {
    return new SqlWriter.Edit(
        table.span(), Fragment.of(Fragment.quoted(name) + " AS " + Fragment.quoted(table.alias())));
  }

  /** Takes a mention of a query of WITH; inside itself it is a table of the server's own. */
  private void named(Query.Table table, Definition definition) {
    int copy = definition.open();
    if (copy < 0) {
      if (definition.size() == 0) {
        copy(definition, definition.cte().name());
      } else if (definition.gathered()) {
        copy(definition, Gather.PREFIX + "w" + definitions++);
      }
      copy = definition.gathered() ? definition.size() - 1 : 0;
    }
    if (copy > 0) {
      edits.add(replaced(table, definition.name(copy)));
    }
  }

  private void visit(Expr expr, @Nullable Definition seen) {
    expr.walk(
        each -> {
          effort.spend(1);
          if (each instanceof Expr.Name name) {
            columns.add(SelectItems.key(name.column()));
          } else if (each instanceof Expr.Subquery subquery) {
            query(subquery.query(), seen);
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
    embeds |= EMBEDDING.contains(name);
    // SYSDATE is the moment of each call.
    random += Functions.RANDOM.contains(name) || name.equals("SYSDATE") ? 1 : 0;
  }
}
