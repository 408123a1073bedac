package io.shardflux.sql.syntax;

import io.shardflux.sql.statement.PlannerOptions;
import java.lang.reflect.RecordComponent;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import net.sf.jsqlparser.expression.AnyComparisonExpression;
import net.sf.jsqlparser.expression.BinaryExpression;
import net.sf.jsqlparser.expression.Expression;
import net.sf.jsqlparser.expression.JsonExpression;
import net.sf.jsqlparser.expression.NotExpression;
import net.sf.jsqlparser.expression.SignedExpression;
import net.sf.jsqlparser.expression.operators.conditional.AndExpression;
import net.sf.jsqlparser.expression.operators.conditional.OrExpression;
import net.sf.jsqlparser.expression.operators.conditional.XorExpression;
import net.sf.jsqlparser.expression.operators.relational.Between;
import net.sf.jsqlparser.expression.operators.relational.InExpression;
import net.sf.jsqlparser.expression.operators.relational.IsNullExpression;
import net.sf.jsqlparser.expression.operators.relational.LikeExpression;
import net.sf.jsqlparser.expression.operators.relational.ParenthesedExpressionList;
import net.sf.jsqlparser.parser.AbstractJSqlParser.AdjacentStringLiterals;
import net.sf.jsqlparser.parser.AbstractJSqlParser.Dialect;
import net.sf.jsqlparser.parser.CCJSqlParserUtil;
import net.sf.jsqlparser.parser.ParseException;
import net.sf.jsqlparser.parser.TokenMgrException;
import net.sf.jsqlparser.schema.Column;
import net.sf.jsqlparser.statement.delete.Delete;
import net.sf.jsqlparser.statement.select.PlainSelect;
import net.sf.jsqlparser.statement.select.Select;
import net.sf.jsqlparser.statement.update.Update;
import net.sf.jsqlparser.statement.upsert.Upsert;
import net.sf.jsqlparser.util.TablesNamesFinder;
import org.jspecify.annotations.Nullable;

/**
 * A statement as a parser reads it.
 *
 * @param kind its verb
 * @param tables those that it names anywhere
 * @param where the condition of its outermost query, with parentheses as the tree has it and
 *     columns in backticks; empty if there is none
 */
record Reading(String kind, Set<String> tables, String where) {

  private static final Set<String> BINARY =
      Set.of(
          ("AND OR XOR = <=> < > <= >= <> LIKE REGEXP RLIKE + - * / DIV % | & << >> ^"
                  + " NOT_LIKE NOT_REGEXP NOT_RLIKE -> ->>")
              .split(" "));

  /** As this project's parser reads it. */
  static Reading ours(String sql) {
    Statement statement = StatementParser.parse(SqlText.read(sql, PlannerOptions.defaults()));
    Set<String> tables = new TreeSet<>();
    Set<String> ctes = new TreeSet<>();
    collect(statement, tables, ctes);
    tables.removeAll(ctes);
    return new Reading(kind(statement, sql), tables, new Ours(sql).shown(where(statement)));
  }

  /** As JSqlParser reads it, set to MySQL as far as it can be; null if it refuses it. */
  static @Nullable Reading theirs(String sql) {
    try {
      net.sf.jsqlparser.statement.Statement statement =
          CCJSqlParserUtil.newParser(sql)
              .withDialect(Dialect.MYSQL)
              .withAdjacentStringLiterals(AdjacentStringLiterals.WHITESPACE)
              .withAllowComplexParsing(false)
              .Statement();
      Set<String> tables =
          new TablesNamesFinder<Void>()
              .getTables(statement).stream()
                  .map(Reading::plain)
                  .filter(table -> !table.equals("dual"))
                  .collect(Collectors.toCollection(TreeSet::new));
      return new Reading(kind(statement), tables, Theirs.shown(where(statement)));
    } catch (ParseException | TokenMgrException e) {
      return null;
    }
  }

  private static String kind(Statement statement, String sql) {
    if (statement instanceof Statement.Read) {
      return "SELECT";
    }
    String verb = statement.getClass().getSimpleName().toUpperCase(Locale.ROOT);
    return verb.equals("INSERT") && plain(sql).contains("replace") ? "REPLACE" : verb;
  }

  private static String kind(net.sf.jsqlparser.statement.Statement statement) {
    if (statement instanceof Select) {
      return "SELECT";
    }
    return statement instanceof Upsert upsert
        ? upsert.getUpsertType().name()
        : statement.getClass().getSimpleName().toUpperCase(Locale.ROOT);
  }

  private static void collect(@Nullable Object node, Set<String> tables, Set<String> ctes) {
    if (node instanceof Query.Table table) {
      tables.add(plain(table.name()));
    } else if (node instanceof Collection<?> nodes) {
      nodes.forEach(each -> collect(each, tables, ctes));
    } else if (node instanceof Record parts) {
      if (node instanceof Query.Cte cte) {
        ctes.add(plain(cte.name()));
      }
      for (RecordComponent part : node.getClass().getRecordComponents()) {
        collect(value(parts, part), tables, ctes);
      }
    }
  }

  private static @Nullable Object value(Record parts, RecordComponent part) {
    try {
      part.getAccessor().setAccessible(true);
      return part.getAccessor().invoke(parts);
    } catch (ReflectiveOperationException e) {
      throw new LinkageError(e.getMessage(), e);
    }
  }

  private static @Nullable Expr where(Statement statement) {
    if (statement instanceof Statement.Read read && read.query().select() != null) {
      return Objects.requireNonNull(read.query().select()).where();
    }
    if (statement instanceof Statement.Update update) {
      return update.changed().where();
    }
    return statement instanceof Statement.Delete delete ? delete.changed().where() : null;
  }

  private static @Nullable Expression where(net.sf.jsqlparser.statement.Statement statement) {
    if (statement instanceof PlainSelect select) {
      return select.getWhere();
    }
    if (statement instanceof Update update) {
      return update.getWhere();
    }
    return statement instanceof Delete delete ? delete.getWhere() : null;
  }

  /** A piece of text in which only its tokens count; strings side by side are one. */
  private static String plain(String text) {
    return text.replaceAll("'\\s+'", "").replaceAll("[\\s`]+", "").toLowerCase(Locale.ROOT);
  }

  private static String column(@Nullable String table, String name) {
    return (table == null ? "" : "`" + plain(table) + "`.") + "`" + plain(name) + "`";
  }

  private record Ours(String sql) {

    String shown(@Nullable Expr expr) {
      return expr == null ? "" : show(expr);
    }

    private String show(Expr expr) {
      Expr bare = expr.bare();
      if (bare instanceof Expr.Name name) {
        return column(name.table(), name.column());
      }
      if (bare instanceof Expr.In in) {
        String values = in.values().stream().map(this::show).collect(Collectors.joining(","));
        return in(show(in.left()), in.negated(), "(" + values + ")");
      }
      if (bare instanceof Expr.Subquery subquery && subquery.left() != null) {
        return subquery.use() == Expr.Subquery.Use.QUANTIFIED ? text(bare) : inQuery(subquery);
      }
      return bare instanceof Expr.Op op ? operation(op) : text(bare);
    }

    private String inQuery(Expr.Subquery subquery) {
      return in(
          show(Objects.requireNonNull(subquery.left())),
          subquery.use() == Expr.Subquery.Use.NOT_IN,
          "(" + plain(subquery.query().span().of(sql)) + ")");
    }

    private String operation(Expr.Op op) {
      List<String> operands = op.children().stream().map(this::show).toList();
      if (BINARY.contains(op.operator().replace(' ', '_')) && operands.size() > 1) {
        String escape = operands.size() == 3 && op.operator().endsWith("LIKE") ? "ESCAPE" : null;
        return escape == null
            ? "(" + String.join(" " + op.operator() + " ", operands) + ")"
            : like(operands.get(0), op.operator(), operands.get(1), operands.get(2));
      }
      if (op.operator().endsWith("BETWEEN")) {
        return between(operands.get(0), op.operator(), operands.get(1), operands.get(2));
      }
      if (op.operator().startsWith("IS ") && op.operator().endsWith("NULL")) {
        return "(" + operands.get(0) + " " + op.operator() + ")";
      }
      boolean unary = Set.of("NOT", "!", "-", "~").contains(op.operator());
      return unary ? "(" + op.operator() + " " + operands.get(0) + ")" : text(op);
    }

    private String text(Expr expr) {
      return plain(expr.span().of(sql));
    }
  }

  private static final class Theirs {

    private Theirs() {}

    static String shown(@Nullable Expression expr) {
      return expr == null ? "" : show(expr);
    }

    private static String show(Expression expr) {
      if (expr instanceof ParenthesedExpressionList<?> list && list.size() == 1) {
        return show(list.get(0));
      }
      if (expr instanceof Column column) {
        return column(
            column.getTable() == null ? null : column.getTable().getName(), column.getColumnName());
      }
      if (expr instanceof NotExpression not) {
        String operator = not.isExclamationMark() ? "!" : "NOT";
        return "(" + operator + " " + show(not.getExpression()) + ")";
      }
      if (expr instanceof SignedExpression signed && signed.getSign() != '+') {
        boolean literal = plain(signed.toString()).matches("-[0-9.]+(e[0-9]+)?");
        return literal
            ? plain(signed.toString())
            : "(" + signed.getSign() + " " + show(signed.getExpression()) + ")";
      }
      if (expr instanceof IsNullExpression isNull) {
        String operator = isNull.isNot() ? " IS NOT NULL)" : " IS NULL)";
        return "(" + show(isNull.getLeftExpression()) + operator;
      }
      if (expr instanceof Between between) {
        return between(
            show(between.getLeftExpression()),
            between.isNot() ? "NOT BETWEEN" : "BETWEEN",
            show(between.getBetweenExpressionStart()),
            show(between.getBetweenExpressionEnd()));
      }
      if (expr instanceof InExpression in) {
        return in(show(in.getLeftExpression()), in.isNot(), list(in.getRightExpression()));
      }
      if (expr instanceof JsonExpression json && json.getIdentList().size() == 1) {
        Map.Entry<Expression, String> path = json.getIdent(0);
        String column = show(json.getExpression());
        return "(" + column + " " + path.getValue() + " " + show(path.getKey()) + ")";
      }
      return expr instanceof BinaryExpression binary
              && !(binary.getRightExpression() instanceof AnyComparisonExpression)
          ? binary(binary)
          : plain(expr.toString());
    }

    private static String list(Expression values) {
      return values instanceof ParenthesedExpressionList<?> list
          ? "(" + list.stream().map(Theirs::show).collect(Collectors.joining(",")) + ")"
          : plain(values.toString());
    }

    private static String binary(BinaryExpression binary) {
      if (binary instanceof LikeExpression like) {
        String operator = (like.isNot() ? "NOT " : "") + like.getLikeKeyWord();
        String left = show(like.getLeftExpression());
        String right = show(like.getRightExpression());
        return like.getEscape() == null
            ? "(" + left + " " + operator + " " + right + ")"
            : like(left, operator, right, show(like.getEscape()));
      }
      String operator = operator(binary);
      List<String> operands = new ArrayList<>();
      Expression left = binary;
      while (left instanceof BinaryExpression chained && chained.getClass() == binary.getClass()) {
        operands.add(0, show(chained.getRightExpression()));
        left = chained.getLeftExpression();
        if (!isChain(binary)) {
          break;
        }
      }
      operands.add(0, show(left));
      return "(" + String.join(" " + operator + " ", operands) + ")";
    }

    /** As {@code a AND b AND c} is one in ours. */
    private static boolean isChain(BinaryExpression binary) {
      return binary instanceof AndExpression
          || binary instanceof OrExpression
          || binary instanceof XorExpression;
    }

    private static String operator(BinaryExpression binary) {
      String operator = binary.getStringExpression();
      return binary instanceof AndExpression ? "AND" : operator.equals("!=") ? "<>" : operator;
    }
  }

  private static String in(String left, boolean negated, String values) {
    return "(" + left + (negated ? " NOT IN " : " IN ") + values + ")";
  }

  private static String between(String left, String operator, String low, String high) {
    return "(" + left + " " + operator + " " + low + " AND " + high + ")";
  }

  private static String like(String left, String operator, String pattern, String escape) {
    return "(" + left + " " + operator + " " + pattern + " ESCAPE " + escape + ")";
  }
}
