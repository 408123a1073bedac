package io.shardflux.sql;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Parses one statement, of the kinds that change rows or give them. */
final class StatementParser extends ExprParser {

  private static final Set<String> TRANSACTION =
      Set.of("BEGIN", "START", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE", "XA");
  private static final Set<String> SELECT_OPTIONS =
      Set.of(
          "ALL",
          "HIGH_PRIORITY",
          "STRAIGHT_JOIN",
          "SQL_SMALL_RESULT",
          "SQL_BIG_RESULT",
          "SQL_BUFFER_RESULT",
          "SQL_NO_CACHE");

  private StatementParser(SqlText text) {
    super(text);
  }

  static Statement parse(SqlText text) {
    StatementParser parser = new StatementParser(text);
    Statement statement = parser.statement();
    if (parser.token().kind() != Token.Kind.END) {
      throw parser.unexpected();
    }
    return statement;
  }

  private Statement statement() {
    if (is("(") || isQuery(token())) {
      return withOrRead();
    }
    if (token().kind() != Token.Kind.WORD) {
      throw unexpected();
    }
    String verb = upper();
    return switch (verb) {
      case "INSERT", "REPLACE" -> insert();
      case "UPDATE" -> update(List.of());
      case "DELETE" -> delete(List.of());
      case "SET", "USE", "LOCK", "UNLOCK" -> session();
      default ->
          throw new RefusedSqlException(
              TRANSACTION.contains(verb) ? RefusalCode.TRANSACTION_CONTROL : RefusalCode.STATEMENT,
              verb);
    };
  }

  private Statement session() {
    while (token().kind() != Token.Kind.END) {
      next();
    }
    return new Statement.Session();
  }

  private Statement withOrRead() {
    if (!is("WITH")) {
      return new Statement.Read(query());
    }
    int start = start();
    List<Query.Cte> ctes = with();
    Span with = since(start);
    if (is("UPDATE")) {
      return update(ctes);
    }
    if (is("DELETE")) {
      return delete(ctes);
    }
    return new Statement.Read(query(start, with, ctes));
  }

  @Override
  Query query() {
    enter();
    int start = start();
    List<Query.Cte> ctes = is("WITH") ? with() : List.of();
    Query query = query(start, ctes.isEmpty() ? null : since(start), ctes);
    leave();
    return query;
  }

  private List<Query.Cte> with() {
    expect("WITH");
    boolean recursive = skip("RECURSIVE");
    List<Query.Cte> ctes = new ArrayList<>();
    do {
      String name = name().value();
      List<String> columns = is("(") ? names() : List.of();
      expect("AS", "(");
      ctes.add(new Query.Cte(name, columns, query(), recursive));
      expect(")");
    } while (skip(","));
    return ctes;
  }

  private Query query(int start, @Nullable Span with, List<Query.Cte> ctes) {
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
    boolean locks = locks();
    return new Query(since(start), with, ctes, branches, order, limit, locks);
  }

  private boolean locks() {
    boolean locks = false;
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
    return locks;
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
    int start = start();
    expect("SELECT");
    boolean distinct = false;
    while (SELECT_OPTIONS.contains(upper()) || isAny("DISTINCT", "DISTINCTROW")) {
      distinct |= isAny("DISTINCT", "DISTINCTROW");
      next();
    }
    int itemsStart = start();
    List<Query.Item> items = new ArrayList<>();
    do {
      items.add(item(items.isEmpty()));
    } while (skip(","));
    Span itemsSpan = since(itemsStart);
    int sourcesStart = start();
    List<Query.From> from = new ArrayList<>();
    Expr where = null;
    Span sources = null;
    if (skip("FROM")) {
      if (!skip("DUAL")) {
        from = from();
      }
      where = skip("WHERE") ? expr() : null;
      sources = since(sourcesStart);
    } else if (skip("WHERE")) {
      where = expr();
      sources = since(sourcesStart);
    }
    List<Expr> group = List.of();
    boolean rollup = false;
    if (skip("GROUP", "BY")) {
      group = exprs();
      rollup = skip("WITH", "ROLLUP");
    }
    Expr having = skip("HAVING") ? expr() : null;
    if (skip("WINDOW")) {
      throw new RefusedSqlException(RefusalCode.SYNTAX, "a WINDOW clause");
    }
    return new Query.Select(
        since(start), distinct, items, itemsSpan, sources, from, where, group, rollup, having);
  }

  private Query.Item item(boolean first) {
    int start = start();
    if (is("*") && first) {
      next();
      return new Query.Item(since(start), null, null, null);
    }
    if (token().isName() && token(1).is(".") && token(2).is("*")) {
      String table = next().value();
      next();
      next();
      return new Query.Item(since(start), null, table, null);
    }
    Expr expr = expr();
    String alias = alias();
    return new Query.Item(since(start), expr, null, alias);
  }

  @Override
  List<Query.OrderItem> order() {
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

  private Query.Limit limit() {
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
        || (value instanceof Expr.Literal literal && literal.value() instanceof Long)) {
      return value;
    }
    throw unexpected();
  }

  private List<Query.From> from() {
    List<Query.From> tables = new ArrayList<>();
    do {
      tables.add(joined());
    } while (skip(","));
    return tables;
  }

  private Query.From joined() {
    Query.From left = source();
    while (true) {
      Query.Join.Kind kind = joinKind();
      if (kind == null) {
        return left;
      }
      Query.From right = source();
      Expr on = skip("ON") ? expr() : null;
      List<String> using = on == null && skip("USING") ? names() : List.of();
      if (on == null && using.isEmpty() && kind != Query.Join.Kind.INNER) {
        throw unexpected();
      }
      left = new Query.Join(kind, left, right, on, using);
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
    try {
      int start = start();
      if (is("(") && isQuery(token(1))) {
        next();
        Query query = query();
        expect(")");
        String alias = alias();
        if (alias == null) {
          throw unexpected();
        }
        List<String> columns = is("(") ? names() : List.of();
        return new Query.Derived(since(start), query, alias, columns);
      }
      if (skip("(")) {
        List<Query.From> tables = from();
        expect(")");
        Query.From all = tables.get(0);
        for (Query.From table : tables.subList(1, tables.size())) {
          all = new Query.Join(Query.Join.Kind.INNER, all, table, null, List.of());
        }
        return all;
      }
      Query.Table table = table();
      indexHints();
      return table;
    } finally {
      leave();
    }
  }

  private Query.Table table() {
    int start = start();
    String name = name().value();
    if (is(".")) {
      throw new RefusedSqlException(
          RefusalCode.UNKNOWN_TABLE, name + ".…: a table named with its schema");
    }
    if (is("(")) {
      throw unexpected();
    }
    Span span = since(start);
    String alias = isAny("PARTITION", "SET", "VALUE") ? null : alias();
    return new Query.Table(span, name, alias == null ? name : alias);
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

  private List<String> names() {
    expect("(");
    List<String> names = new ArrayList<>();
    do {
      names.add(name().value());
    } while (skip(","));
    expect(")");
    return names;
  }

  private Statement insert() {
    int start = start();
    next();
    while (isAny("LOW_PRIORITY", "DELAYED", "HIGH_PRIORITY", "IGNORE")) {
      next();
    }
    skip("INTO");
    Query.Table table = plainTable();
    List<String> columns = List.of();
    if (is("(") && !isQuery(token(1))) {
      columns = columnNames();
    }
    if (skip("SET")) {
      return insertSet(start, table);
    }
    if (isQuery(token()) || is("(")) {
      Query query = query();
      return new Statement.Insert(
          table, columns, since(start), List.of(), since(start()), query, updates());
    }
    if (!skip("VALUES")) {
      expect("VALUE");
    }
    Span head = since(start);
    List<Statement.InsertedRow> rows = new ArrayList<>();
    do {
      rows.add(insertedRow());
    } while (skip(","));
    int tail = rows.get(rows.size() - 1).span().end();
    if (skip("AS")) {
      name();
      if (is("(")) {
        names();
      }
    }
    List<Statement.Assignment> updates = updates();
    return new Statement.Insert(table, columns, head, rows, since(tail), null, updates);
  }

  private Query.Table plainTable() {
    int start = start();
    String name = name().value();
    if (is(".")) {
      throw new RefusedSqlException(
          RefusalCode.UNKNOWN_TABLE, name + ".…: a table named with its schema");
    }
    return new Query.Table(since(start), name, name);
  }

  /** Column names, perhaps none. */
  private List<String> columnNames() {
    if (skip("(", ")")) {
      return List.of();
    }
    return names();
  }

  private Statement insertSet(int start, Query.Table table) {
    Span head = since(start);
    List<String> columns = new ArrayList<>();
    List<@Nullable Expr> values = new ArrayList<>();
    int rowStart = start();
    for (Statement.Assignment assignment : assignments()) {
      columns.add(assignment.column().column());
      values.add(assignment.value());
    }
    Span row = since(rowStart);
    List<Statement.Assignment> updates = updates();
    return new Statement.Insert(
        table,
        columns,
        head,
        List.of(new Statement.InsertedRow(row, values)),
        since(row.end()),
        null,
        updates);
  }

  private Statement.InsertedRow insertedRow() {
    int start = start();
    skip("ROW");
    expect("(");
    List<@Nullable Expr> values = new ArrayList<>();
    if (!is(")")) {
      do {
        values.add(valueOrDefault());
      } while (skip(","));
    }
    expect(")");
    return new Statement.InsertedRow(since(start), values);
  }

  private @Nullable Expr valueOrDefault() {
    if (is("DEFAULT") && !token(1).is("(")) {
      next();
      return null;
    }
    return expr();
  }

  private List<Statement.Assignment> updates() {
    return skip("ON", "DUPLICATE", "KEY", "UPDATE") ? assignments() : List.of();
  }

  private List<Statement.Assignment> assignments() {
    List<Statement.Assignment> assignments = new ArrayList<>();
    do {
      int start = start();
      String first = name().value();
      String second = skip(".") ? name().value() : null;
      Expr.Name column =
          second == null
              ? new Expr.Name(since(start), null, first)
              : new Expr.Name(since(start), first, second);
      expect("=");
      assignments.add(new Statement.Assignment(column, valueOrDefault()));
    } while (skip(","));
    return assignments;
  }

  private Statement update(List<Query.Cte> ctes) {
    next();
    while (isAny("LOW_PRIORITY", "IGNORE")) {
      next();
    }
    List<Query.From> tables = from();
    expect("SET");
    List<Statement.Assignment> assignments = assignments();
    Expr where = skip("WHERE") ? expr() : null;
    List<Query.OrderItem> order = isSequence("ORDER", "BY") ? order() : List.of();
    boolean limited = is("LIMIT");
    if (limited) {
      limit();
    }
    return new Statement.Update(tables, assignments, where, limited, order, ctes);
  }

  private Statement delete(List<Query.Cte> ctes) {
    next();
    while (isAny("LOW_PRIORITY", "QUICK", "IGNORE")) {
      next();
    }
    List<String> targets = new ArrayList<>();
    List<Query.From> tables;
    if (skip("FROM")) {
      tables = from();
      if (skip("USING")) {
        tables.forEach(table -> targets.add(target(table)));
        tables = from();
      } else {
        targets.add(target(tables.get(0)));
        if (tables.size() > 1) {
          throw unexpected();
        }
      }
    } else {
      do {
        targets.add(name().value());
        if (skip(".")) {
          expect("*");
        }
      } while (skip(","));
      expect("FROM");
      tables = from();
    }
    Expr where = skip("WHERE") ? expr() : null;
    List<Query.OrderItem> order = isSequence("ORDER", "BY") ? order() : List.of();
    boolean limited = is("LIMIT");
    if (limited) {
      limit();
    }
    return new Statement.Delete(targets, tables, where, limited, order, ctes);
  }

  private String target(Query.From table) {
    if (table instanceof Query.Table plain) {
      return plain.alias();
    }
    throw unexpected();
  }
}
