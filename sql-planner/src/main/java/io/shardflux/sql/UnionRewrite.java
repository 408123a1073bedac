package io.shardflux.sql;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/** Plans a set operation as a select from all rows of its parts. */
record UnionRewrite(SqlText text, Schema schema, PlannerOptions options) {

  ScatterQuery plan(Query query, List<Scope.Column> columns) {
    if (query.branches().size() == 1 && query.order().isEmpty() && query.limit() == null) {
      Query.Nested nested = (Query.Nested) query.branches().get(0).body();
      return rewritten(nested.query().span().of(text.text()));
    }
    boolean distinct = false;
    for (Query.Branch branch : query.branches()) {
      String operator = branch.operator() == null ? "UNION ALL" : branch.operator();
      if (!operator.startsWith("UNION") || (distinct && operator.equals("UNION ALL"))) {
        throw new RefusedSqlException(RefusalCode.SET_OPERATION, operator);
      }
      distinct |= operator.equals("UNION");
    }
    checkNames(columns);
    StringBuilder sql = new StringBuilder();
    if (query.with() != null) {
      sql.append(query.with().of(text.text())).append(' ');
    }
    sql.append(distinct ? "SELECT DISTINCT " : "SELECT ")
        .append(distinct || !query.order().isEmpty() ? names(columns) : "*")
        .append(" FROM (");
    for (Query.Branch branch : query.branches()) {
      sql.append(branch.operator() == null ? "" : " UNION ALL ")
          .append(branch.body().span().of(text.text()));
    }
    sql.append(") AS shardflux");
    for (int i = 0; i < query.order().size(); i++) {
      Query.OrderItem item = query.order().get(i);
      sql.append(i == 0 ? " ORDER BY " : ", ")
          .append(item.expr().span().of(text.text()))
          .append(item.descending() ? " DESC" : "");
    }
    if (query.limit() != null) {
      sql.append(' ').append(query.limit().span().of(text.text()));
    }
    return rewritten(sql.toString());
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
      names.add("`" + column.name().replace("`", "``") + "`");
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
    Analysis rewrittenAnalysis = new Analysis(schema);
    return new ScatterPlanner(
            rewritten, query, rewrittenAnalysis, rewrittenAnalysis.select(query, select))
        .plan();
  }
}
