package io.shardflux.sql.scatter;

import io.shardflux.router.Internal;
import io.shardflux.sql.analysis.Analysis;
import io.shardflux.sql.analysis.Place;
import io.shardflux.sql.merge.Merge;
import io.shardflux.sql.schema.Schema;
import io.shardflux.sql.schema.Scope;
import io.shardflux.sql.statement.PlannerOptions;
import io.shardflux.sql.statement.RefusalCode;
import io.shardflux.sql.statement.RefusedSqlException;
import io.shardflux.sql.statement.ShardSql;
import io.shardflux.sql.syntax.Expr;
import io.shardflux.sql.syntax.Fragment;
import io.shardflux.sql.syntax.Query;
import io.shardflux.sql.syntax.RowPlace;
import io.shardflux.sql.syntax.SelectItems;
import io.shardflux.sql.syntax.Span;
import io.shardflux.sql.syntax.SqlText;
import io.shardflux.sql.syntax.SqlWriter;
import io.shardflux.sql.syntax.Statement;
import io.shardflux.sql.syntax.StatementParser;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Plans a set operation, mostly as a select from all rows of its parts. */
@Internal
public record UnionRewrite(SqlText text, Schema schema, PlannerOptions options) {

  /** The name of the query that has all rows. */
  private static final String ALL = "shardflux";

  /** The beginning of its columns' names, which no table has: an order by them means no alias. */
  private static final String COLUMN = "_shardflux_c";

  /** The longest name that servers take for a column. */
  private static final int LONGEST_NAME = 256;

  /**
   * A text that stands for another.
   *
   * @param union where the set operation begins in it
   */
  private record Rewritten(String sql, int union) {}

  public ScatterQuery plan(Query query, List<Scope.Column> columns) {
    if (query.branches().size() == 1) {
      return plan(new Rewritten(nested(query), -1), columns);
    }
    boolean distinct = isDistinct(query);
    List<Query.Branch> copied = copied(query);
    boolean mixed = !copied.isEmpty() && copied.size() < query.branches().size();
    ScatterQuery first = plan(query, columns, distinct, List.of());
    return mixed ? first.others(plan(query, columns, distinct, copied)) : first;
  }

  /** Plans it without the rows of some branches. */
  private ScatterQuery plan(
      Query query, List<Scope.Column> columns, boolean distinct, List<Query.Branch> without) {
    return !distinct && query.order().isEmpty()
        ? united(query, without)
        : plan(select(query, columns, distinct, without), columns);
  }

  /** The branches whose rows each shard has. */
  private List<Query.Branch> copied(Query query) {
    return query.branches().stream().filter(branch -> isCopied(query, branch)).toList();
  }

  private boolean isCopied(Query query, Query.Branch branch) {
    Query.Branch alone = new Query.Branch(null, branch.body());
    Query only =
        new Query(
            branch.body().span(),
            query.with(),
            query.ctes(),
            List.of(alone),
            List.of(),
            null,
            false);
    return new Analysis(schema, text).query(only, Place.outermost()).rows().isEmpty();
  }

  /** A query in parentheses, with the order and limit behind them. */
  private String nested(Query query) {
    Query inner = ((Query.Nested) query.branches().get(0).body()).query();
    if (query.order().isEmpty() && query.limit() == null && query.with() == null) {
      return of(inner.span());
    }
    if (inner.limit() != null || inner.with() != null) {
      throw new RefusedSqlException(
          RefusalCode.SET_OPERATION, "a limit in parentheses, and an order or a limit behind them");
    }
    boolean ordered = !query.order().isEmpty();
    if (ordered
        && inner.order().stream().anyMatch(item -> item.expr().any(UnionRewrite::isBound))) {
      throw new RefusedSqlException(
          RefusalCode.SET_OPERATION, "an order by a bound value in parentheses");
    }
    StringBuilder sql = new StringBuilder();
    with(query, sql);
    branches(inner, List.of(), false, sql);
    ordered(ordered ? query : inner, query.limit(), sql);
    return sql.toString();
  }

  private static boolean isBound(Expr expr) {
    return expr instanceof Expr.Marker || expr instanceof Expr.Subquery;
  }

  /** All rows of the branches in any order: each shard unites its own, and none is looked at. */
  private ScatterQuery united(Query query, List<Query.Branch> without) {
    Query unlimited =
        new Query(
            query.span(), query.with(), query.ctes(), query.branches(), List.of(), null, false);
    Analysis analysis = new Analysis(schema, text, query.span().start());
    RefusedSqlException refusal = analysis.query(unlimited, Place.outermost()).refusal();
    if (refusal != null) {
      throw refusal;
    }
    ShardSql sql = branches(query, without, analysis.sources());
    return ScatterQuery.of(query, sql, Merge.Shape.NONE, false);
  }

  private ShardSql branches(Query query, List<Query.Branch> without, List<RowPlace> places) {
    SqlWriter sql = new SqlWriter(text, places);
    if (query.with() != null) {
      sql.add(query.with()).add(" ");
    }
    for (Query.Branch branch : query.branches()) {
      boolean left = without.contains(branch);
      sql.add(branch.operator() == null ? "" : " UNION ALL ")
          .add(left ? "(" : "")
          .add(branch.body().span())
          .add(left ? " LIMIT 0)" : "");
    }
    return sql.done();
  }

  /** Tells whether equal rows count once; refused if they do in some branches and not in others. */
  private static boolean isDistinct(Query query) {
    boolean distinct = false;
    for (Query.Branch branch : query.branches()) {
      String operator = branch.operator() == null ? "UNION ALL" : branch.operator();
      if (!operator.startsWith("UNION") || (distinct && operator.equals("UNION ALL"))) {
        throw new RefusedSqlException(RefusalCode.SET_OPERATION, operator);
      }
      distinct |= operator.equals("UNION");
    }
    return distinct;
  }

  /** A select from all rows: from a derived table, if its columns have different names. */
  private Rewritten select(
      Query query, List<Scope.Column> columns, boolean distinct, List<Query.Branch> without) {
    StringBuilder sql = new StringBuilder();
    with(query, sql);
    String select = distinct ? "SELECT DISTINCT " : "SELECT ";
    int union;
    if (hasNames(columns) && beginsPlainly(query)) {
      List<String> names = columns.stream().map(each -> Fragment.quoted(each.name())).toList();
      sql.append(select).append(String.join(", ", names)).append(" FROM (");
      union = sql.length();
      branches(query, without, distinct, sql);
      sql.append(") AS " + ALL);
    } else {
      List<String> numbered = new ArrayList<>();
      List<String> named = new ArrayList<>();
      for (int i = 0; i < columns.size(); i++) {
        numbered.add(COLUMN + i);
        named.add(COLUMN + i + " AS " + Fragment.quoted(name(query, columns, i)));
      }
      sql.append(query.with() == null ? "WITH " : ", ");
      sql.append(ALL + " (").append(String.join(", ", numbered)).append(") AS (");
      union = sql.length();
      branches(query, without, distinct, sql);
      sql.append(") ").append(select).append(String.join(", ", named)).append(" FROM " + ALL);
    }
    ordered(query, query.limit(), sql);
    return new Rewritten(sql.toString(), union);
  }

  private void with(Query query, StringBuilder sql) {
    if (query.with() != null) {
      sql.append(of(query.with())).append(' ');
    }
  }

  /**
   * Appends the branches.
   *
   * @param distinct whether equal rows count once at the end, so that they may do so before
   */
  private void branches(
      Query query, List<Query.Branch> without, boolean distinct, StringBuilder sql) {
    for (Query.Branch branch : query.branches()) {
      String operator = branch.operator();
      sql.append(operator == null ? "" : distinct ? " UNION ALL " : " " + operator + " ");
      if (without.contains(branch)) {
        sql.append('(').append(of(branch.body().span())).append(" LIMIT 0)");
      } else if (distinct && branch.body() instanceof Query.Select select && select.distinct()) {
        Span items = select.itemsSpan();
        sql.append("SELECT ").append(of(new Span(items.start(), select.span().end())));
      } else {
        sql.append(of(bare(branch.body()).span()));
      }
    }
  }

  /** Tells whether a derived table may begin with the first branch, in parentheses or not. */
  private boolean beginsPlainly(Query query) {
    Query.Branch first = query.branches().get(0);
    return bare(first.body()) instanceof Query.Select && !isCopied(query, first);
  }

  /** A select without the parentheses around it, which a table in FROM can't begin with. */
  private static Query.Body bare(Query.Body body) {
    Query.Body bare = body;
    while (bare instanceof Query.Nested nested && isPlain(nested.query())) {
      bare = nested.query().branches().get(0).body();
    }
    return bare;
  }

  private static boolean isPlain(Query query) {
    return query.branches().size() == 1
        && query.with() == null
        && query.order().isEmpty()
        && query.limit() == null;
  }

  private void ordered(Query order, Query.@Nullable Limit limit, StringBuilder sql) {
    for (int i = 0; i < order.order().size(); i++) {
      Query.OrderItem item = order.order().get(i);
      sql.append(i == 0 ? " ORDER BY " : ", ")
          .append(of(item.expr().span()))
          .append(item.direction());
    }
    if (limit != null) {
      sql.append(' ').append(of(limit.span()));
    }
  }

  private String of(Span span) {
    return span.of(text.text());
  }

  /** Tells whether the columns have different names of their own, as a derived table's must. */
  private static boolean hasNames(List<Scope.Column> columns) {
    Set<String> names = new HashSet<>();
    return columns.stream()
        .allMatch(
            column ->
                !column.name().isEmpty() && names.add(column.name().toLowerCase(Locale.ROOT)));
  }

  /** The name that a server gives a column; it makes one of the text where there is none. */
  private String name(Query query, List<Scope.Column> columns, int index) {
    String own = columns.get(index).name();
    SelectItems items = first(query).items();
    if (!own.isEmpty()) {
      return own;
    }
    boolean known = items.size() == columns.size() && items.get(index).expr() != null;
    if (known
        && !(items.get(index).value().bare() instanceof Expr.Literal literal
            && literal.value() instanceof String)) {
      String name = new SqlWriter(text).add(items.get(index).span()).done().text();
      if (name.length() <= LONGEST_NAME) {
        return name;
      }
    }
    throw new RefusedSqlException(
        RefusalCode.SET_OPERATION, "a column without a name of its own: give it an alias");
  }

  private static Query.Select first(Query query) {
    Query.Body first = query.branches().get(0).body();
    while (first instanceof Query.Nested nested) {
      first = nested.query().branches().get(0).body();
    }
    return (Query.Select) first;
  }

  private ScatterQuery plan(Rewritten rewritten, List<Scope.Column> columns) {
    SqlText read = SqlText.read(rewritten.sql(), options);
    Query query = ((Statement.Read) StatementParser.parse(read)).query();
    Query.Select select = query.select();
    if (select == null) {
      return new UnionRewrite(read, schema, options).plan(query, columns);
    }
    Analysis analysis = new Analysis(schema, read, rewritten.union());
    return new ScatterPlanner(read, query, analysis, analysis.select(query, select), false).plan();
  }
}
