package io.shardflux.driver.differential;

import io.shardflux.sql.ahead.Ahead;
import io.shardflux.sql.statement.ShardSql;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;

/** Ways to be wrong about subqueries that run first, to see that a test notices. */
enum FirstMutation implements UnaryOperator<Ahead> {
  NULL_LEFT_OUT {
    @Override
    ShardSql changed(ShardSql sql) {
      return new ShardSql(
          "SELECT v FROM (" + before(sql, " LIMIT ?") + ") m (v) WHERE v IS NOT NULL LIMIT ?",
          sql.markers());
    }
  },
  VALUE_DROPPED {
    @Override
    ShardSql changed(ShardSql sql) {
      return new ShardSql(
          "SELECT v FROM (" + before(sql, " LIMIT ?") + ") m (v) WHERE v > 1 OR v IS NULL LIMIT ?",
          sql.markers());
    }
  },
  BOUND_CUTS {
    @Override
    ShardSql changed(ShardSql sql) {
      return new ShardSql(
          before(sql, " LIMIT ?") + " LIMIT 2", sql.markers().subList(0, sql.markers().size() - 1));
    }
  },
  EMPTY_IS_NULL {
    @Override
    public Ahead apply(Ahead ahead) {
      List<Ahead.Piece> pieces = new ArrayList<>();
      for (Ahead.Piece piece : ahead.statement()) {
        pieces.add(
            piece instanceof Ahead.Values values && values.form() == Ahead.Form.NOT_IN
                ? new Ahead.Values(values.subquery(), Ahead.Form.IN, null, values.left())
                : piece);
      }
      return new Ahead(ahead.subqueries(), pieces);
    }
  };

  /** The changed text of a subquery whose values are a list. */
  ShardSql changed(ShardSql sql) {
    return sql;
  }

  static String before(ShardSql sql, String end) {
    return sql.text().substring(0, sql.text().length() - end.length());
  }

  @Override
  public Ahead apply(Ahead ahead) {
    List<Ahead.Subquery> subqueries = new ArrayList<>();
    for (Ahead.Subquery each : ahead.subqueries()) {
      subqueries.add(
          each.sql().text().endsWith(" LIMIT ?")
              ? new Ahead.Subquery(each.kind(), changed(each.sql()))
              : each);
    }
    return new Ahead(subqueries, ahead.statement());
  }
}
