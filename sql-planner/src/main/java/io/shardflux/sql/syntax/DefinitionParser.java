package io.shardflux.sql.syntax;

import io.shardflux.sql.statement.RefusalCode;
import io.shardflux.sql.statement.RefusedSqlException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Reads which tables a definition is of. What it says of them is left to the server. */
final class DefinitionParser extends Parser {

  private final List<String> tables = new ArrayList<>();

  DefinitionParser(SqlText text) {
    super(text);
  }

  /** The definition; null if it is a statement of another kind. */
  static Statement.@Nullable Definition parse(SqlText text) {
    DefinitionParser parser = new DefinitionParser(text);
    String verb = parser.upper();
    parser.next();
    boolean known =
        switch (verb) {
          case "CREATE" -> parser.create();
          case "ALTER" -> parser.alter();
          case "DROP" -> parser.drop();
          case "TRUNCATE" -> parser.truncate();
          case "RENAME" -> parser.rename();
          default -> false;
        };
    return known ? new Statement.Definition(verb, List.copyOf(parser.tables)) : null;
  }

  private boolean create() {
    if (skip("TABLE")) {
      skip("IF", "NOT", "EXISTS");
      table();
      if (skip("LIKE") || skip("(", "LIKE")) {
        table();
      }
      while (token().kind() != Token.Kind.END) {
        if (isAny("SELECT", "VALUES", "WITH") && !isSequence("WITH", "PARSER")) {
          throw new RefusedSqlException(
              RefusalCode.STATEMENT,
              "CREATE TABLE of a query's rows",
              "create the table first, and fill it by INSERT");
        }
        next();
      }
      return true;
    }
    while (isAny("UNIQUE", "FULLTEXT", "SPATIAL", "ONLINE", "OFFLINE")) {
      next();
    }
    return index();
  }

  private boolean alter() {
    while (isAny("ONLINE", "OFFLINE", "IGNORE")) {
      next();
    }
    if (!skip("TABLE")) {
      return false;
    }
    skip("IF", "EXISTS");
    table();
    int depth = 0;
    while (token().kind() != Token.Kind.END) {
      depth += is("(") ? 1 : is(")") ? -1 : 0;
      boolean renames = depth == 0 && skip("RENAME");
      if (renames && !isAny("COLUMN", "INDEX", "KEY")) {
        if (!skip("TO") && !skip("AS")) {
          skip("=");
        }
        table();
      } else if (depth == 0 && isAny("EXCHANGE", "TABLESPACE") && !renames) {
        throw new RefusedSqlException(RefusalCode.STATEMENT, "ALTER TABLE … " + upper());
      } else if (!renames) {
        next();
      }
    }
    return true;
  }

  private boolean drop() {
    while (isAny("ONLINE", "OFFLINE")) {
      next();
    }
    if (isAny("INDEX")) {
      return index();
    }
    if (!skip("TABLE") && !skip("TABLES")) {
      return false;
    }
    skip("IF", "EXISTS");
    tables();
    return true;
  }

  private boolean truncate() {
    skip("TABLE");
    table();
    return true;
  }

  private boolean rename() {
    if (!skip("TABLE") && !skip("TABLES")) {
      return false;
    }
    do {
      table();
      expect("TO");
      table();
    } while (skip(","));
    return true;
  }

  /** The table behind {@code INDEX name … ON}. */
  private boolean index() {
    if (!skip("INDEX")) {
      return false;
    }
    while (!is("ON") && token().kind() != Token.Kind.END) {
      next();
    }
    expect("ON");
    table();
    return true;
  }

  private void tables() {
    do {
      table();
    } while (skip(","));
  }

  private void table() {
    String name = name().value();
    if (is(".")) {
      throw new RefusedSqlException(
          RefusalCode.UNKNOWN_TABLE, "a table named with its schema: " + name);
    }
    tables.add(name);
  }
}
