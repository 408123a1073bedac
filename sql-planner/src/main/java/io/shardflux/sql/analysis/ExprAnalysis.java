package io.shardflux.sql.analysis;

import io.shardflux.sql.keys.Rows;
import io.shardflux.sql.schema.Scope;
import io.shardflux.sql.schema.SqlType;
import io.shardflux.sql.statement.RefusalCode;
import io.shardflux.sql.statement.RefusedSqlException;
import io.shardflux.sql.syntax.Expr;
import io.shardflux.sql.syntax.Functions;
import io.shardflux.sql.syntax.Query;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Takes the expressions of one select: their functions, names and queries. Not thread-safe. */
final class ExprAnalysis {

  private final Analysis analysis;
  private final Scope scope;
  private final Place place;
  private final BlockRows rows;

  ExprAnalysis(Analysis analysis, Scope scope, Place place, BlockRows rows) {
    this.analysis = analysis;
    this.scope = scope;
    this.place = place;
    this.rows = rows;
  }

  /**
   * Checks the functions and names in an expression and takes its queries.
   *
   * @param aliases the select whose aliases may be meant, null if none may
   */
  void visit(Expr expr, Query.@Nullable Select aliases) {
    expr.walk(
        each -> {
          look(each, aliases);
          return true;
        });
  }

  private void look(Expr expr, Query.@Nullable Select aliases) {
    analysis.effort().spend(1);
    analysis.volatility().take(expr);
    analysis.uuids().look(expr, scope);
    if (Functions.isAggregate(expr)) {
      checkOwn(expr);
      expr.children().forEach(child -> checkNested(child, aliases));
    }
    if (expr instanceof Expr.Name name) {
      if ((aliases == null || aliases.items().named(name) < 0) && scope.find(name) == null) {
        throw new RefusedSqlException(
            RefusalCode.UNKNOWN_COLUMN,
            (name.table() == null ? "" : name.table() + ".") + name.column());
      }
    } else if (expr instanceof Expr.Subquery subquery) {
      take(subquery);
    }
  }

  /** Refuses an aggregate of the rows of a query further out, which it makes one group of. */
  private void checkOwn(Expr aggregate) {
    List<Expr.Name> names = new ArrayList<>();
    aggregate.walk(
        each -> {
          if (each instanceof Expr.Name name) {
            names.add(name);
          }
          return true;
        });
    if (!names.isEmpty() && names.stream().allMatch(this::isOuter)) {
      throw new RefusedSqlException(
          RefusalCode.AGGREGATE, "an aggregate of an outer query: " + names.get(0).column());
    }
  }

  /** Takes an aggregate of an aggregate, which some servers refuse and some answer at random. */
  private void checkNested(Expr operand, Query.@Nullable Select aliases) {
    operand.walk(
        each -> {
          Expr aliased =
              aliases != null && each instanceof Expr.Name name && scope.findHere(name) == null
                  ? aliases.items().aliased(name)
                  : null;
          if (Functions.isAggregate(each) || (aliased != null && aliased.aggregates())) {
            rows.refuse(
                new RefusedSqlException(
                    RefusalCode.AGGREGATE,
                    "an aggregate of " + each.description() + ", which is an aggregate itself"));
          }
          return true;
        });
  }

  private boolean isOuter(Expr.Name name) {
    return scope.findHere(name) == null && scope.find(name) != null;
  }

  private void take(Expr.Subquery subquery) {
    Rows.Zone own = new Rows.Zone(place.zone());
    int inner = analysis.colocation().size();
    Relation relation = analysis.query(subquery.query(), new Place(scope, own, place.names()));
    if (subquery.use() == Expr.Subquery.Use.VALUE) {
      SqlType type = relation.columns().get(0).type();
      analysis.types().put(subquery, type.kind() == SqlType.Kind.ENUM ? SqlType.NONE : type);
    }
    if (relation.rows().isEmpty()) {
      if (subquery.query().limit() != null
          && subquery.use() != Expr.Subquery.Use.EXISTS
          && analysis.usesReference()) {
        rows.refuse(
            new RefusedSqlException(
                RefusalCode.CROSS_SHARD_SUBQUERY, "a LIMIT inside the statement"));
      }
      return;
    }
    boolean in =
        subquery.use() == Expr.Subquery.Use.IN || subquery.use() == Expr.Subquery.Use.NOT_IN;
    if (in && subquery.left() != null && relation.refusal() == null) {
      uniteIn(subquery.left().components(), relation.columns(), inner);
    }
    rows.add(relation.rows());
    if (relation.rowsRefusal() != null) {
      rows.refuse(relation.rowsRefusal());
    }
  }

  /** A row is only looked for among those of its own shard, unless NULL makes the others count. */
  private void uniteIn(List<Expr> left, List<Scope.Column> right, int inner) {
    for (int i = 0; i < left.size() && left.size() == right.size(); i++) {
      Scope.Column column = left.get(i).bare() instanceof Expr.Name name ? scope.find(name) : null;
      if (column != null && !column.nullable() && !right.get(i).nullable()) {
        analysis.colocation().attach(right.get(i).key(), column.key(), inner);
      }
    }
  }
}
