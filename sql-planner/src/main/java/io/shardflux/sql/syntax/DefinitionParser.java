package io.shardflux.sql.syntax;

import io.shardflux.sql.statement.RefusalCode;
import io.shardflux.sql.statement.RefusedSqlException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Reads which tables a definition is of. What it says of them is left to the server. */
final class DefinitionParser extends Parser {

  private final List<String> tables = new ArrayList<>();
  private final List<Statement.Definition.Renamed> renamed = new ArrayList<>();
  private final List<String> changed = new ArrayList<>();
  private boolean converts;

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
    return known ? parser.definition(verb) : null;
  }

  private Statement.Definition definition(String verb) {
    return new Statement.Definition(
        verb, List.copyOf(tables), List.copyOf(renamed), List.copyOf(changed), converts);
  }

  private boolean create() {
    if (skip("TABLE")) {
      skip("IF", "NOT", "EXISTS");
      table();
      if (skip("LIKE") || skip("(", "LIKE")) {
        table();
      }
      while (token().kind() != Token.Kind.END) {
        if (isQuery()) {
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

  private boolean isQuery() {
    return isAny("SELECT", "TABLE")
        || (is("VALUES") && !isSequence("VALUES", "LESS") && !isSequence("VALUES", "IN"))
        || (is("WITH") && !isSequence("WITH", "PARSER"));
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
      if (depth > 0) {
        next();
      } else {
        action();
      }
    }
    return true;
  }

  /** Takes a part of what is altered, as long as it may be. */
  private void action() {
    if (skip("RENAME")) {
      renaming();
    } else if (skip("CHANGE")) {
      column();
      column();
    } else if (skip("MODIFY")) {
      column();
    } else if (skip("DROP")) {
      dropped();
    } else if (skip("CONVERT")) {
      converts = true;
    } else if (isAny("EXCHANGE", "TABLESPACE")) {
      throw new RefusedSqlException(RefusalCode.STATEMENT, "ALTER TABLE … " + upper());
    } else {
      next();
    }
  }

  private void renaming() {
    if (is("COLUMN")) {
      column();
      expect("TO");
      column();
    } else if (!isAny("INDEX", "KEY")) {
      if (!skip("TO") && !skip("AS")) {
        skip("=");
      }
      table();
      renamed.add(new Statement.Definition.Renamed(tables.get(0), tables.get(tables.size() - 1)));
    }
  }

  private void dropped() {
    if (!isAny(
        "INDEX",
        "KEY",
        "PRIMARY",
        "FOREIGN",
        "CHECK",
        "CONSTRAINT",
        "DEFAULT",
        "PARTITION",
        "PERIOD",
        "SYSTEM")) {
      column();
    }
  }

  private void column() {
    skip("COLUMN");
    skip("IF", "EXISTS");
    changed.add(next().value());
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
      int last = tables.size() - 1;
      renamed.add(new Statement.Definition.Renamed(tables.get(last - 1), tables.get(last)));
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
