package io.shardflux.sql.syntax;

import io.shardflux.router.Internal;
import io.shardflux.sql.statement.RefusalCode;
import io.shardflux.sql.statement.RefusedSqlException;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Parses one statement, of the kinds that change rows or give them. */
@Internal
public final class StatementParser extends QueryParser {

  private static final Set<String> TRANSACTION =
      Set.of("BEGIN", "START", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE", "XA");

  private static final Set<String> DEFINING =
      Set.of("CREATE", "ALTER", "DROP", "TRUNCATE", "RENAME");

  /** The first words of known statements that are not parsed here. */
  private static final Set<String> OTHERS =
      Set.of(
          "ALTER",
          "ANALYZE",
          "BACKUP",
          "BINLOG",
          "CACHE",
          "CALL",
          "CHANGE",
          "CHECK",
          "CHECKSUM",
          "CLONE",
          "CREATE",
          "DEALLOCATE",
          "DESC",
          "DESCRIBE",
          "DO",
          "DROP",
          "EXECUTE",
          "EXPLAIN",
          "FLUSH",
          "GET",
          "GRANT",
          "HANDLER",
          "HELP",
          "IMPORT",
          "INSTALL",
          "KILL",
          "LOAD",
          "OPTIMIZE",
          "PREPARE",
          "PURGE",
          "RENAME",
          "REPAIR",
          "RESET",
          "RESIGNAL",
          "RESTART",
          "REVOKE",
          "SHOW",
          "SHUTDOWN",
          "SIGNAL",
          "STOP",
          "TABLE",
          "TRUNCATE",
          "UNINSTALL",
          "VALUES");

  private StatementParser(SqlText text) {
    super(text);
  }

  /**
   * A text's statement.
   *
   * @param schemas the tables that it names with their database
   * @param unnamed the items whose name is their text, in which such a table is
   * @param queries the names that it gives to queries by {@code WITH}, in lower case
   */
  public record Parsed(
      Statement statement, List<SchemaName> schemas, List<Span> unnamed, Set<String> queries) {}

  /** The statement of a text without names of databases. */
  public static Statement parse(SqlText text) {
    Parsed parsed = parsed(text);
    if (!parsed.schemas().isEmpty()) {
      throw SqlText.unexpected(text.text(), parsed.schemas().get(0).span().start());
    }
    return parsed.statement();
  }

  /** The statement of a text. */
  public static Parsed parsed(SqlText text) {
    StatementParser parser = new StatementParser(text);
    if (parser.token().kind() == Token.Kind.WORD && DEFINING.contains(parser.upper())) {
      Statement definition = DefinitionParser.parse(text);
      if (definition != null) {
        return new Parsed(definition, List.of(), List.of(), Set.of());
      }
    }
    Statement statement = parser.statement();
    if (parser.token().kind() != Token.Kind.END) {
      throw parser.unexpected();
    }
    return new Parsed(statement, parser.schemas(), parser.unnamed, parser.queries);
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
      case "UPDATE" -> update(null, List.of());
      case "DELETE" -> delete(null, List.of());
      case "SET", "USE", "LOCK", "UNLOCK" -> session();
      default -> throw refused(verb);
    };
  }

  private RefusedSqlException refused(String verb) {
    if (TRANSACTION.contains(verb)) {
      return new RefusedSqlException(RefusalCode.TRANSACTION_CONTROL, verb);
    }
    return OTHERS.contains(verb)
        ? new RefusedSqlException(RefusalCode.STATEMENT, verb)
        : new RefusedSqlException(
            RefusalCode.SYNTAX, token().value() + ", which no statement begins with");
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
      return update(with, ctes);
    }
    if (is("DELETE")) {
      return delete(with, ctes);
    }
    return new Statement.Read(query(start, with, ctes));
  }

  private Statement insert() {
    int start = start();
    next();
    boolean ignoring = skipsIgnore("LOW_PRIORITY", "DELAYED", "HIGH_PRIORITY");
    skip("INTO");
    Query.Table table = plainTable();
    int namesAt = since(start).end();
    List<String> columns = List.of();
    boolean named = is("(") && !isQuery(token(1));
    if (named) {
      columns = columnNames();
    }
    if (skip("SET")) {
      return insertSet(start, ignoring, table, namesAt);
    }
    if (isQuery(token()) || is("(")) {
      Query query = query();
      return new Statement.Insert(
          ignoring,
          table,
          columns,
          named,
          namesAt,
          since(start),
          List.of(),
          since(start()),
          query,
          null,
          updates());
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
    Statement.NewRow newRow = newRow();
    List<Statement.Assignment> updates = updates();
    return new Statement.Insert(
        ignoring, table, columns, named, namesAt, head, rows, since(tail), null, newRow, updates);
  }

  /** Skips the words before a table; tells whether IGNORE is among them. */
  private boolean skipsIgnore(String... others) {
    boolean ignoring = false;
    while (is("IGNORE") || isAny(others)) {
      ignoring |= is("IGNORE");
      next();
    }
    return ignoring;
  }

  private Statement.@Nullable NewRow newRow() {
    if (!skip("AS")) {
      return null;
    }
    String alias = name().value();
    return new Statement.NewRow(alias, is("(") ? names() : List.of());
  }

  /** Column names, perhaps none. */
  private List<String> columnNames() {
    if (skip("(", ")")) {
      return List.of();
    }
    return names();
  }

  private Statement insertSet(int start, boolean ignoring, Query.Table table, int namesAt) {
    Span head = since(start);
    List<String> columns = new ArrayList<>();
    List<@Nullable Expr> values = new ArrayList<>();
    int rowStart = start();
    for (Statement.Assignment assignment : assignments()) {
      columns.add(assignment.column().column());
      values.add(assignment.value());
    }
    Span row = since(rowStart);
    Statement.NewRow newRow = newRow();
    List<Statement.Assignment> updates = updates();
    return new Statement.Insert(
        ignoring,
        table,
        columns,
        true,
        namesAt,
        head,
        List.of(new Statement.InsertedRow(row, values)),
        since(row.end()),
        null,
        newRow,
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
      Expr.Name column = columnName();
      expect("=");
      assignments.add(new Statement.Assignment(column, valueOrDefault()));
    } while (skip(","));
    return assignments;
  }

  private Statement update(@Nullable Span with, List<Query.Cte> ctes) {
    next();
    boolean ignoring = skipsIgnore("LOW_PRIORITY");
    int start = start();
    List<Query.From> tables = from();
    Span sources = since(start);
    expect("SET");
    int set = start();
    List<Statement.Assignment> assignments = assignments();
    Span assigned = since(set);
    return new Statement.Update(
        changed(with, ignoring, sources, tables, ctes), assignments, assigned);
  }

  private Statement delete(@Nullable Span with, List<Query.Cte> ctes) {
    next();
    boolean ignoring = skipsIgnore("LOW_PRIORITY", "QUICK");
    List<String> targets = new ArrayList<>();
    List<Query.From> tables;
    int start;
    if (skip("FROM")) {
      start = start();
      tables = from();
      if (skip("USING")) {
        tables.forEach(table -> targets.add(target(table)));
        start = start();
        tables = from();
      } else {
        targets.add(target(tables.get(0)));
        if (tables.size() > 1) {
          throw unexpected();
        }
      }
    } else {
      do {
        targets.add(token(1).is(".") && token(2).is("*") ? name().value() : tableName());
        if (skip(".")) {
          expect("*");
        }
      } while (skip(","));
      expect("FROM");
      start = start();
      tables = from();
    }
    return new Statement.Delete(changed(with, ignoring, since(start), tables, ctes), targets);
  }

  private Statement.Changed changed(
      @Nullable Span with,
      boolean ignoring,
      Span sources,
      List<Query.From> tables,
      List<Query.Cte> ctes) {
    int end = since(0).end();
    boolean conditional = skip("WHERE");
    int start = start();
    Expr where = conditional ? expr() : null;
    Span condition = where == null ? null : since(start);
    List<Query.OrderItem> order = isSequence("ORDER", "BY") ? order() : List.of();
    boolean limited = is("LIMIT");
    if (limited) {
      limit();
    }
    return new Statement.Changed(
        with, ignoring, sources, tables, where, condition, end, order, limited, ctes);
  }

  private String target(Query.From table) {
    if (table instanceof Query.Table plain) {
      return plain.alias();
    }
    throw unexpected();
  }
}
