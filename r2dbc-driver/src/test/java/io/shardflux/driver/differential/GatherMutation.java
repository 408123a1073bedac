package io.shardflux.driver.differential;

import io.shardflux.sql.gather.Gather;
import io.shardflux.sql.gather.Gather.Mention;
import io.shardflux.sql.statement.ShardSql;
import io.shardflux.sql.statement.ValueKind;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;

/** Ways to be wrong about the rows that a server is given, to see that a test notices. */
enum GatherMutation implements UnaryOperator<Gather> {
  CONDITION_TURNED_ROUND {
    @Override
    String rows(String sql, int mention, String statement) {
      return sql.replaceFirst(" WHERE \\(", " WHERE NOT (");
    }
  },
  KEPT_SIDE_OF_AN_OUTER_JOIN_CUT {
    @Override
    String rows(String sql, int mention, String statement) {
      return mention == 0 && statement.contains(" LEFT JOIN ") ? only(sql, "a.score > 0") : sql;
    }
  },
  CONDITION_BEHIND_AN_OUTER_JOIN_ON_ITS_OTHER_SIDE {
    @Override
    String rows(String sql, int mention, String statement) {
      boolean nulls = statement.matches(".* LEFT JOIN .* WHERE .*\\bb\\.quantity IS NULL.*");
      return mention == 1 && nulls ? only(sql, "b.quantity IS NULL") : sql;
    }
  },
  NULL_LEFT_OUT_OF_NOT_IN {
    @Override
    String rows(String sql, int mention, String statement) {
      return mention == 1 && statement.contains(" NOT IN (SELECT b.quantity")
          ? only(sql, "b.quantity IS NOT NULL")
          : sql;
    }
  },
  ROW_TWICE {
    @Override
    String rows(String sql, int mention, String statement) {
      int end = sql.indexOf(" AS r");
      String literals = sql.substring("SELECT ".length(), end);
      return "SELECT CONCAT(" + literals + ", ',', " + literals + ")" + sql.substring(end);
    }
  },
  VALUE_DROPPED_FROM_THE_OTHERS_CONDITION {
    @Override
    String rows(String sql, int mention, String statement) {
      return sql.replaceFirst(
          ", (`[a-z]+`\\.`[a-z_]+`) AS k0", ", IF(CRC32($1) % 2 = 0, NULL, $1) AS k0");
    }
  },
  KEPT_SIDE_OF_AN_OUTER_JOIN_CUT_BY_THE_OTHER {
    @Override
    String rows(String sql, int mention, String statement) {
      return mention == 1 && applies(statement)
          ? sql.replaceFirst(" AS r( FROM|,)", " AS r, b.quantity AS k0$1")
          : sql;
    }

    @Override
    List<Gather.JoinColumn> joinColumns(Mention mention, int index, String statement) {
      return index == 1 && applies(statement)
          ? List.of(new Gather.JoinColumn("quantity", ValueKind.WHOLE))
          : mention.joinColumns();
    }

    @Override
    List<Gather.Link> links(Mention mention, int index, Gather gather) {
      if (index > 1 || !applies(gather.statement().text())) {
        return mention.links();
      }
      return index == 0 ? List.of(new Gather.Link("score", 1, 0)) : List.of();
    }

    private boolean applies(String statement) {
      return statement.contains(" LEFT JOIN ") && statement.contains("a.score = b.quantity");
    }
  },
  GROUPS_OF_SHARDS_NOT_ADDED {
    @Override
    String rows(String sql, int mention, String statement) {
      return sql;
    }

    @Override
    ShardSql statement(ShardSql sql) {
      return new ShardSql(sql.text().replace("COALESCE(SUM(`", "COALESCE(MAX(`"), sql.markers());
    }
  },
  BOUND_CUTS {
    @Override
    String rows(String sql, int mention, String statement) {
      return sql.replace(" LIMIT ?", " LIMIT 25");
    }

    @Override
    boolean limited() {
      return false;
    }
  };

  abstract String rows(String sql, int mention, String statement);

  boolean limited() {
    return true;
  }

  ShardSql statement(ShardSql sql) {
    return sql;
  }

  /** Tells whether it is wrong about joins by bound values. */
  boolean isOfJoins() {
    return this == VALUE_DROPPED_FROM_THE_OTHERS_CONDITION
        || this == KEPT_SIDE_OF_AN_OUTER_JOIN_CUT_BY_THE_OTHER;
  }

  List<Gather.JoinColumn> joinColumns(Mention mention, int index, String statement) {
    return mention.joinColumns();
  }

  List<Gather.Link> links(Mention mention, int index, Gather gather) {
    return mention.links();
  }

  @Override
  public Gather apply(Gather gather) {
    List<Mention> mentions = new ArrayList<>();
    for (Mention mention : gather.mentions()) {
      ShardSql rows = mention.rows();
      String sql = rows(rows.text(), mentions.size(), gather.statement().text());
      List<Integer> markers =
          limited() ? rows.markers() : rows.markers().subList(0, rows.markers().size() - 1);
      mentions.add(
          new Mention(
              mention.table(),
              mention.alias(),
              mention.temporary(),
              mention.same(),
              mention.columns(),
              mention.key(),
              mention.unique(),
              mention.keyed(),
              mention.grouped(),
              joinColumns(mention, mentions.size(), gather.statement().text()),
              links(mention, mentions.size(), gather),
              new ShardSql(sql, markers),
              mention.place()));
    }
    return new Gather(
        mentions,
        gather.copies(),
        gather.names(),
        statement(gather.statement()),
        gather.target(),
        gather.tablesOnly());
  }

  private static String only(String sql, String condition) {
    return sql.contains(" WHERE ")
        ? sql.replaceFirst(" WHERE ", " WHERE (" + condition + ") AND ")
        : sql.replace(" LIMIT ?", " WHERE (" + condition + ") LIMIT ?");
  }
}
