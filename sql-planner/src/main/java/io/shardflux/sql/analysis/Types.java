package io.shardflux.sql.analysis;

import io.shardflux.router.Internal;
import io.shardflux.sql.schema.Scope;
import io.shardflux.sql.schema.SqlType;
import io.shardflux.sql.syntax.Expr;
import io.shardflux.sql.syntax.Functions;
import java.time.LocalDate;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** The types of expressions, as far as their order goes. Not thread-safe. */
@Internal
public final class Types {

  private static final Pattern CHARSET = Pattern.compile("(?:CHARACTER SET|CHARSET) (\\w+)");

  /** Operators that give no binary string, so that a chain of them needn't be looked through. */
  private static final Set<String> COUNTING =
      Set.of("&", "|", "^", "~", "<<", ">>", "+", "-", "*", "/", "%", "DIV", "MOD");

  /** Functions with a window that give whole numbers. */
  private static final Set<String> COUNTING_ROWS =
      Set.of("ROW_NUMBER", "RANK", "DENSE_RANK", "NTILE", "COUNT");

  private final IdentityHashMap<Expr.Subquery, SqlType> values = new IdentityHashMap<>();

  /** Takes the type of a subquery's value. */
  void put(Expr.Subquery subquery, SqlType type) {
    values.put(subquery, type);
  }

  /** The type of an expression in a select. */
  public SqlType of(Expr expr, Block block) {
    Expr bare = expr.bare();
    if (bare instanceof Expr.Name name) {
      Scope.Column column = block.scope().find(name);
      if (column != null) {
        return column.type();
      }
      Expr aliased = block.select().items().aliased(name);
      return aliased == null || aliased == bare ? SqlType.NONE : of(aliased, block);
    }
    if (bare instanceof Expr.Literal literal) {
      return type(literal);
    }
    if (bare instanceof Expr.Marker) {
      return SqlType.MARKER;
    }
    if (bare instanceof Expr.In) {
      return SqlType.NUMBER;
    }
    if (bare instanceof Expr.Subquery subquery) {
      return values.getOrDefault(subquery, SqlType.NUMBER);
    }
    if (bare instanceof Expr.Op op) {
      return type(op, block);
    }
    return bare instanceof Expr.Call call ? type(call, block) : SqlType.NONE;
  }

  private static SqlType type(Expr.Literal literal) {
    if (!literal.known()) {
      return SqlType.NONE;
    }
    Object value = literal.value();
    if (value == null) {
      return SqlType.NULL;
    }
    if (value instanceof String) {
      return SqlType.LITERAL;
    }
    if (value instanceof Number || value instanceof Boolean) {
      return SqlType.NUMBER;
    }
    return value instanceof LocalDate ? SqlType.DATE : SqlType.DATE_TIME;
  }

  private SqlType type(Expr.Op op, Block block) {
    String operator = op.operator();
    if (operator.startsWith("COLLATE ")) {
      return new SqlType(SqlType.Kind.TEXT, operator.substring("COLLATE ".length()));
    }
    if (operator.startsWith("CAST ")) {
      return cast(operator.substring("CAST ".length()));
    }
    if (operator.startsWith("CONVERT USING ")) {
      return converted(operator.substring("CONVERT USING ".length()));
    }
    return switch (operator) {
      case "CASE" ->
          SqlType.choice(
              op.children().get(1).children().stream().map(each -> of(each, block)).toList());
      case "BINARY" -> SqlType.BINARY;
      case "->>" -> SqlType.TEXT;
      case "->", "WHEN", "BASE WHEN", "THEN", "THEN ELSE" -> SqlType.NONE;
      case "+", "-" -> shifted(op) == null ? SqlType.NUMBER : moment(op, block);
      // Of binary strings MySQL makes a binary string, MariaDB a number.
      case "&", "|", "^", "~", "<<", ">>" ->
          op.children().stream().anyMatch(each -> isBinary(each, block))
              ? SqlType.NONE
              : SqlType.NUMBER;
      default -> SqlType.NUMBER;
    };
  }

  /** The type of a character set, by the collation that a server takes where none is named. */
  private static SqlType converted(String charset) {
    return switch (charset) {
      case "binary" -> SqlType.BINARY;
      case "utf8mb4", "utf8mb3", "utf8", "ucs2", "utf16", "utf32", "ascii", "latin1" ->
          SqlType.TEXT;
      default -> SqlType.NONE;
    };
  }

  /**
   * The expression to which an interval is added or from which it is taken, null if there is none.
   */
  private static @Nullable Expr shifted(Expr.Op op) {
    List<Expr> operands = op.children();
    for (int i = 0; i < operands.size(); i++) {
      boolean interval =
          operands.get(i).bare() instanceof Expr.Op other
              && other.operator().startsWith("INTERVAL ");
      if (interval) {
        return operands.get(operands.size() - 1 - i).bare();
      }
    }
    return null;
  }

  /** The type of a moment and any number of intervals. */
  private SqlType moment(Expr.Op op, Block block) {
    Expr moment = op;
    while (moment instanceof Expr.Op other && (other.is("+") || other.is("-"))) {
      moment = shifted(other);
      if (moment == null) {
        return SqlType.TEXT;
      }
    }
    boolean temporal = moment != null && of(moment, block).isTemporal();
    return temporal ? SqlType.TEMPORAL : SqlType.TEXT;
  }

  private boolean isBinary(Expr operand, Block block) {
    boolean counts = operand.bare() instanceof Expr.Op op && COUNTING.contains(op.operator());
    return !counts && of(operand, block).equals(SqlType.BINARY);
  }

  private static SqlType cast(String type) {
    Matcher charset = CHARSET.matcher(type);
    if (charset.find()) {
      return converted(charset.group(1).toLowerCase(Locale.ROOT));
    }
    return switch (type.split(" ", 2)[0]) {
      case "SIGNED", "UNSIGNED", "INTEGER", "INT", "DECIMAL", "DOUBLE", "REAL" -> SqlType.NUMBER;
      case "FLOAT", "YEAR" -> new SqlType(SqlType.Kind.SMALL_NUMBER, null);
      case "DATE" -> SqlType.DATE;
      case "DATETIME" -> SqlType.DATE_TIME;
      case "TIME" -> SqlType.TIME;
      case "CHAR", "NCHAR" -> SqlType.TEXT;
      case "BINARY" -> SqlType.BINARY;
      default -> SqlType.NONE;
    };
  }

  private SqlType type(Expr.Call call, Block block) {
    return call.over()
        ? COUNTING_ROWS.contains(call.name()) ? SqlType.NUMBER : SqlType.NONE
        : type(call, call.children().stream().map(child -> of(child, block)).toList());
  }

  private static SqlType type(Expr.Call call, List<SqlType> arguments) {
    String name = call.name();
    if (name.equals("MIN") || name.equals("MAX")) {
      return arguments.get(0).extreme();
    }
    if (name.equals("ANY_VALUE")) {
      return arguments.get(0);
    }
    if (name.equals("GROUP_CONCAT")) {
      return SqlType.textOf(arguments);
    }
    if (Functions.OWN_TEXTS.contains(name)) {
      return SqlType.TEXT;
    }
    if (name.startsWith("JSON_") && Functions.AGGREGATES.contains(name)) {
      return SqlType.NONE;
    }
    if (name.equals("JSON_VALUE") && arguments.size() > 2) {
      return arguments.get(2);
    }
    if (Functions.CHOICES.contains(name)) {
      return SqlType.choice(arguments);
    }
    if (name.equals("IF") && arguments.size() == 3) {
      return SqlType.choice(arguments.subList(1, 3));
    }
    if (name.equals("NULLIF") && !arguments.isEmpty()) {
      return SqlType.choice(List.of(arguments.get(0), SqlType.NULL));
    }
    if (Functions.SHIFTS.contains(name)) {
      boolean temporal =
          !arguments.isEmpty()
              && arguments.get(name.equals("TIMESTAMPADD") ? arguments.size() - 1 : 0).isTemporal();
      return temporal ? SqlType.TEMPORAL : SqlType.TEXT;
    }
    if (name.equals("FROM_UNIXTIME")) {
      return arguments.size() == 1 ? SqlType.TEMPORAL : SqlType.TEXT;
    }
    if (Functions.NUMBERS.contains(name)
        || Functions.AGGREGATES.contains(name)
        || name.equals("UNIX_TIMESTAMP")
        || name.equals("RAND")) {
      return SqlType.NUMBER;
    }
    if (name.equals("YEAR")) {
      return new SqlType(SqlType.Kind.SMALL_NUMBER, null);
    }
    if (Functions.TEMPORALS.contains(name) || Functions.CLOCK.contains(name)) {
      return SqlType.TEMPORAL;
    }
    if (Functions.BINARIES.contains(name)) {
      return SqlType.BINARY;
    }
    return Functions.TEXTS.contains(name) ? SqlType.textOf(arguments) : SqlType.NONE;
  }
}
