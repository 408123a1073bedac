package io.shardflux.sql.syntax;

import io.shardflux.sql.statement.RefusalCode;
import io.shardflux.sql.statement.RefusedSqlException;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Parses queries. */
abstract class QueryParser extends ExprParser {

  private static final Set<String> SELECT_OPTIONS =
      Set.of(
          "ALL",
          "HIGH_PRIORITY",
          "STRAIGHT_JOIN",
          "SQL_SMALL_RESULT",
          "SQL_BIG_RESULT",
          "SQL_BUFFER_RESULT",
          "SQL_NO_CACHE");

  /** The number of tables that servers join at most. */
  private static final int MOST_TABLES = 61;

  /** True once a query was read that locks rows. */
  private boolean locks;

  /** The tables of the FROM that is being read. */
  private int tables;

  /** The items without an alias that name a column with its database. */
  final List<Span> unnamed = new ArrayList<>();

  /** The names of queries, in lower case. */
  final Set<String> queries = new HashSet<>();

  QueryParser(SqlText text) {
    super(text);
  }

  @Override
  final Query query() {
    enter();
    int start = start();
    List<Query.Cte> ctes = is("WITH") ? with() : List.of();
    Query query = query(start, ctes.isEmpty() ? null : since(start), ctes);
    leave();
    return query;
  }

  final List<Query.Cte> with() {
    expect("WITH");
    boolean recursive = skip("RECURSIVE");
    List<Query.Cte> ctes = new ArrayList<>();
    do {
      int start = start();
      String name = name().value();
      queries.add(name.toLowerCase(Locale.ROOT));
      List<String> columns = is("(") ? names() : List.of();
      expect("AS", "(");
      Query query = query();
      expect(")");
      ctes.add(new Query.Cte(since(start), name, columns, query, recursive));
    } while (skip(","));
    return ctes;
  }

  final Query query(int start, @Nullable Span with, List<Query.Cte> ctes) {
    List<Query.Branch> branches = new ArrayList<>();
    branches.add(new Query.Branch(null, body()));
    while (isAny("UNION", "INTERSECT", "EXCEPT")) {
      String operator = upper();
      next();
      boolean all = skip("ALL");
      if (!all) {
        skip("DISTINCT");
      }
      branches.add(new Query.Branch(operator + (all ? " ALL" : ""), body()));
    }
    List<Query.OrderItem> order = isSequence("ORDER", "BY") ? order() : List.of();
    Query.Limit limit = is("LIMIT") ? limit() : null;
    takeLocks();
    return new Query(since(start), with, ctes, branches, order, limit, locks);
  }

  private void takeLocks() {
    while (isSequence("FOR", "UPDATE")
        || isSequence("FOR", "SHARE")
        || isSequence("LOCK", "IN", "SHARE", "MODE")) {
      locks = true;
      if (skip("LOCK", "IN", "SHARE", "MODE")) {
        continue;
      }
      next();
      next();
      if (skip("OF")) {
        do {
          name();
        } while (skip(","));
      }
      if (!skip("NOWAIT") && !skip("SKIP", "LOCKED") && skip("WAIT")) {
        next();
      }
    }
  }

  private Query.Body body() {
    int start = start();
    if (skip("(")) {
      Query nested = query();
      expect(")");
      return new Query.Nested(since(start), nested);
    }
    return select();
  }

  private Query.Select select() {
    int around = tables;
    tables = 0;
    int start = start();
    expect("SELECT");
    boolean distinct = isDistinct();
    int itemsStart = start();
    SelectItems items = new SelectItems(items());
    Span itemsSpan = since(itemsStart);
    int sourcesStart = start();
    boolean sourced = skip("FROM");
    List<Query.From> from = sourced && !skip("DUAL") ? from() : List.of();
    boolean conditional = skip("WHERE");
    int whereStart = start();
    Expr where = conditional ? expr() : null;
    Span condition = where == null ? null : since(whereStart);
    Span sources = sourced || where != null ? since(sourcesStart) : null;
    List<Expr> group = skip("GROUP", "BY") ? exprs() : List.of();
    boolean rollup = !group.isEmpty() && skip("WITH", "ROLLUP");
    Expr having = skip("HAVING") ? expr() : null;
    List<Expr.Window> windows = skip("WINDOW") ? windows() : List.of();
    tables = around;
    return new Query.Select(
        since(start),
        distinct,
        items,
        itemsSpan,
        sources,
        from,
        where,
        condition,
        group,
        rollup,
        having,
        windows);
  }

  private List<Expr.Window> windows() {
    List<Expr.Window> all = new ArrayList<>();
    do {
      int start = start();
      String name = name().value();
      expect("AS");
      if (!is("(")) {
        throw unexpected();
      }
      all.add(window(start, name));
    } while (skip(","));
    return all;
  }

  private boolean isDistinct() {
    boolean distinct = false;
    while (isOption() || isAny("DISTINCT", "DISTINCTROW")) {
      distinct |= isAny("DISTINCT", "DISTINCTROW");
      next();
    }
    return distinct;
  }

  private boolean isOption() {
    return token().kind() == Token.Kind.WORD && SELECT_OPTIONS.contains(upper());
  }

  private List<Query.Item> items() {
    List<Query.Item> items = new ArrayList<>();
    do {
      items.add(item(items.isEmpty()));
    } while (skip(","));
    return items;
  }

  private Query.Item item(boolean first) {
    int start = start();
    if (is("*") && first) {
      next();
      return new Query.Item(since(start), null, null, null);
    }
    boolean schema = token().isName() && token(1).is(".") && token(3).is(".") && token(4).is("*");
    if (schema || (token().isName() && token(1).is(".") && token(2).is("*"))) {
      String table = schema ? tableName() : next().value();
      expect(".", "*");
      return new Query.Item(since(start), null, table, null);
    }
    int before = schemas().size();
    Expr expr = expr();
    String alias = alias();
    if (alias == null && schemas().size() > before && !(expr instanceof Expr.Name)) {
      unnamed.add(since(start));
    }
    return new Query.Item(since(start), expr, null, alias);
  }

  @Override
  final List<Query.OrderItem> order() {
    expect("ORDER", "BY");
    List<Query.OrderItem> items = new ArrayList<>();
    do {
      Expr expr = expr();
      boolean descending = skip("DESC");
      if (!descending) {
        skip("ASC");
      }
      items.add(new Query.OrderItem(expr, descending));
    } while (skip(","));
    return items;
  }

  final Query.Limit limit() {
    int start = start();
    expect("LIMIT");
    Expr first = limitValue();
    if (skip("OFFSET")) {
      Expr offset = limitValue();
      return new Query.Limit(since(start), first, offset);
    }
    if (skip(",")) {
      Expr count = limitValue();
      return new Query.Limit(since(start), count, first);
    }
    return new Query.Limit(since(start), first, null);
  }

  private Expr limitValue() {
    if (token().kind() != Token.Kind.NUMBER && token().kind() != Token.Kind.MARKER) {
      throw unexpected();
    }
    Expr value = expr();
    if (value instanceof Expr.Marker
        || (value instanceof Expr.Literal literal
            && (literal.value() instanceof Long || literal.value() instanceof BigInteger))) {
      return value;
    }
    throw unexpected();
  }

  final List<Query.From> from() {
    List<Query.From> tables = new ArrayList<>();
    do {
      tables.add(joined());
    } while (skip(","));
    return tables;
  }

  private Query.From joined() {
    Query.From left = source();
    while (true) {
      boolean natural = skip("NATURAL");
      Query.Join.Kind kind = joinKind();
      if (kind == null && !natural) {
        return left;
      }
      if (kind == null) {
        throw unexpected();
      }
      Query.From right = source();
      if (natural) {
        left = new Query.Join(kind, left, right, null, null, List.of(), true);
        continue;
      }
      boolean conditional = skip("ON");
      int onStart = start();
      Expr on = conditional ? expr() : null;
      Span condition = on == null ? null : since(onStart);
      List<String> using = on == null && skip("USING") ? names() : List.of();
      if (on == null && using.isEmpty() && kind != Query.Join.Kind.INNER) {
        throw unexpected();
      }
      left = new Query.Join(kind, left, right, on, condition, using, false);
    }
  }

  private Query.Join.@Nullable Kind joinKind() {
    if (skip("JOIN") || skip("INNER", "JOIN") || skip("CROSS", "JOIN") || skip("STRAIGHT_JOIN")) {
      return Query.Join.Kind.INNER;
    }
    if (skip("LEFT", "JOIN") || skip("LEFT", "OUTER", "JOIN")) {
      return Query.Join.Kind.LEFT;
    }
    if (skip("RIGHT", "JOIN") || skip("RIGHT", "OUTER", "JOIN")) {
      return Query.Join.Kind.RIGHT;
    }
    return null;
  }

  private Query.From source() {
    enter();
    if (++tables > MOST_TABLES) {
      throw new RefusedSqlException(
          RefusalCode.TOO_LARGE, "more than " + MOST_TABLES + " tables of one FROM");
    }
    try {
      if (is("(") && isQuery(token(1))) {
        next();
        Query query = query();
        expect(")");
        String alias = alias();
        if (alias == null) {
          throw unexpected();
        }
        List<String> columns = is("(") ? names() : List.of();
        return new Query.Derived(query, alias, columns);
      }
      if (skip("(")) {
        List<Query.From> tables = from();
        expect(")");
        Query.From all = tables.get(0);
        for (Query.From table : tables.subList(1, tables.size())) {
          all = new Query.Join(Query.Join.Kind.INNER, all, table, null, null, List.of(), false);
        }
        return all;
      }
      return table();
    } finally {
      leave();
    }
  }

  private Query.Table table() {
    int start = start();
    String name = plainTable().name();
    if (is("(")) {
      throw unexpected();
    }
    String alias = isAny("PARTITION", "SET", "VALUE") ? null : alias();
    indexHints();
    return new Query.Table(name, alias == null ? name : alias, since(start));
  }

  private void indexHints() {
    while (isAny("USE", "FORCE", "IGNORE")) {
      next();
      if (!skip("INDEX")) {
        expect("KEY");
      }
      if (skip("FOR")) {
        while (token().kind() == Token.Kind.WORD) {
          next();
        }
      }
      expect("(");
      while (!is(")")) {
        if (!token().isName() && !isAny(",", "PRIMARY")) {
          throw unexpected();
        }
        next();
      }
      next();
    }
  }

  final List<String> names() {
    expect("(");
    List<String> names = new ArrayList<>();
    do {
      names.add(name().value());
    } while (skip(","));
    expect(")");
    return names;
  }

  /** A table without an alias. */
  final Query.Table plainTable() {
    int start = start();
    String name = tableName();
    return new Query.Table(name, name, since(start));
  }

  /** A table's name, perhaps behind its database. */
  final String tableName() {
    Token first = name();
    if (!is(".")) {
      return first.value();
    }
    next();
    Token second = named(first);
    ofSchema(first, second);
    return second.value();
  }
}
