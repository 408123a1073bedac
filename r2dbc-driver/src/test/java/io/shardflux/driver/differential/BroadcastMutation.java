package io.shardflux.driver.differential;

import io.shardflux.sql.merge.Plan;
import io.shardflux.sql.statement.ShardSql;
import java.util.List;
import java.util.function.UnaryOperator;

/**
 * Ways to be wrong about a join whose smaller side is sent to shards, to see that a test notices.
 */
enum BroadcastMutation implements UnaryOperator<Plan> {
  SENT_SIDE_OF_AN_OUTER_JOIN_KEPT {
    @Override
    String planned(String statement) {
      return statement.startsWith("SELECT a.")
          ? statement.replace(" LEFT JOIN ", " JOIN ")
          : statement;
    }

    @Override
    String sent(String sql) {
      return sql.replaceFirst("(`_shardflux_g0` AS `a`) JOIN ", "$1 LEFT JOIN ");
    }
  },
  SENT_ROW_TWICE {
    @Override
    String sent(String sql) {
      return sql.replace("SELECT * FROM JSON_TABLE(", "SELECT j.* FROM JSON_TABLE(")
          .replace(" AS j)", " AS j, (SELECT 1 AS one UNION ALL SELECT 2) AS two)");
    }
  },
  SENT_ROWS_CUT {
    @Override
    String sent(String sql) {
      return sql.replace(" AS j)", " AS j LIMIT 3)");
    }
  },
  SENT_VALUE_NULL {
    @Override
    String sent(String sql) {
      return sql.replace("PATH '$[1]'", "PATH '$[99]'");
    }
  },
  SHARD_LEFT_OUT {
    @Override
    String sent(String sql) {
      return sql;
    }

    @Override
    List<Plan.Part> parts(List<Plan.Part> parts) {
      return parts.subList(1, parts.size());
    }
  };

  abstract String sent(String sql);

  /** The statement that is planned in place of another. */
  String planned(String statement) {
    return statement;
  }

  List<Plan.Part> parts(List<Plan.Part> parts) {
    return parts;
  }

  @Override
  public Plan apply(Plan plan) {
    return plan instanceof Plan.Scatter scatter
        ? new Plan.Scatter(
            parts(scatter.parts().stream().map(this::part).toList()),
            scatter.merge(),
            scatter.columns())
        : new Plan.Direct(part(((Plan.Direct) plan).part()));
  }

  private Plan.Part part(Plan.Part part) {
    ShardSql sql = part.sql();
    return new Plan.Part(
        part.shard(), new ShardSql(sent(sql.text()), sql.markers(), sql.sources()));
  }
}
