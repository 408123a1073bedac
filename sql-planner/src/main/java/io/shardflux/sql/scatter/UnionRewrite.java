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
import io.shardflux.sql.syntax.Fragment;
import io.shardflux.sql.syntax.Query;
import io.shardflux.sql.syntax.RowPlace;
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

/** Plans a set operation, mostly as a select from all rows of its parts. */
@Internal
public record UnionRewrite(SqlText text, Schema schema, PlannerOptions options) {

  public ScatterQuery plan(Query query, List<Scope.Column> columns) {
    if (query.branches().size() == 1 && query.order().isEmpty() && query.limit() == null) {
      Query.Nested nested = (Query.Nested) query.branches().get(0).body();
      return rewritten(of(nested.query().span()));
    }
    boolean distinct = isDistinct(query);
    if (!distinct && query.order().isEmpty()) {
      return united(query);
    }
    checkNames(columns);
    return rewritten(select(query, columns, distinct));
  }

  /** All rows of the branches in any order: each shard unites its own, and none is looked at. */
  private ScatterQuery united(Query query) {
    Query unlimited =
        new Query(
            query.span(), query.with(), query.ctes(), query.branches(), List.of(), null, false);
    Analysis analysis = new Analysis(schema, text);
    RefusedSqlException refusal = analysis.query(unlimited, Place.outermost()).refusal();
    if (refusal != null) {
      throw refusal;
    }
    return ScatterQuery.of(query, branches(query, analysis.sources()), Merge.Shape.NONE, false);
  }

  private ShardSql branches(Query query, List<RowPlace> places) {
    SqlWriter sql = new SqlWriter(text, places);
    if (query.with() != null) {
      sql.add(query.with()).add(" ");
    }
    for (Query.Branch branch : query.branches()) {
      sql.add(branch.operator() == null ? "" : " UNION ALL ").add(branch.body().span());
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

  private String select(Query query, List<Scope.Column> columns, boolean distinct) {
    StringBuilder sql = new StringBuilder();
    if (query.with() != null) {
      sql.append(of(query.with())).append(' ');
    }
    sql.append(distinct ? "SELECT DISTINCT " : "SELECT ").append(names(columns)).append(" FROM (");
    for (Query.Branch branch : query.branches()) {
      sql.append(branch.operator() == null ? "" : " UNION ALL ").append(of(branch.body().span()));
    }
    sql.append(") AS shardflux");
    for (int i = 0; i < query.order().size(); i++) {
      Query.OrderItem item = query.order().get(i);
      sql.append(i == 0 ? " ORDER BY " : ", ")
          .append(of(item.expr().span()))
          .append(item.direction());
    }
    if (query.limit() != null) {
      sql.append(' ').append(of(query.limit().span()));
    }
    return sql.toString();
  }

  private String of(Span span) {
    return span.of(text.text());
  }

  /** The columns of a derived table have different names. */
  private static void checkNames(List<Scope.Column> columns) {
    Set<String> names = new HashSet<>();
    for (Scope.Column column : columns) {
      if (!column.name().isEmpty() && !names.add(column.name().toLowerCase(Locale.ROOT))) {
        throw new RefusedSqlException(
            RefusalCode.SET_OPERATION,
            "two columns named " + column.name() + ": give one an alias");
      }
    }
  }

  private static String names(List<Scope.Column> columns) {
    List<String> names = new ArrayList<>();
    for (Scope.Column column : columns) {
      if (column.name().isEmpty()) {
        throw new RefusedSqlException(
            RefusalCode.SET_OPERATION, "a column without a name of its own: give it an alias");
      }
      names.add(Fragment.quoted(column.name()));
    }
    return String.join(", ", names);
  }

  private ScatterQuery rewritten(String sql) {
    SqlText rewritten = SqlText.read(sql, options);
    Query query = ((Statement.Read) StatementParser.parse(rewritten)).query();
    Query.Select select = query.select();
    if (select == null) {
      throw new RefusedSqlException(RefusalCode.SET_OPERATION, "set operations in parentheses");
    }
    Analysis analysis = new Analysis(schema, rewritten);
    return new ScatterPlanner(rewritten, query, analysis, analysis.select(query, select)).plan();
  }
}
