package io.shardflux.sql;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import io.shardflux.router.KeyColumn;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardingStrategy;
import io.shardflux.router.TableRule;
import io.shardflux.router.Topology;
import io.shardflux.sql.gather.Gather;
import io.shardflux.sql.schema.Catalog;
import io.shardflux.sql.schema.Catalog.Column;
import io.shardflux.sql.schema.Catalog.Filling;
import io.shardflux.sql.statement.Binds;
import io.shardflux.sql.statement.Hints;
import io.shardflux.sql.statement.PlannerOptions;
import io.shardflux.sql.statement.RefusedSqlException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Which rows one server is given, and what it is asked then. */
class GatherTests {

  private static final ShardId A = ShardId.of("a");
  private static final ShardId B = ShardId.of("b");

  private static final Topology TOPOLOGY =
      Topology.builder()
          .shard(A)
          .shard(B)
          .strategy("s", ShardingStrategy.modulo(List.of(A, B)))
          .table(new TableRule.Sharded("t", List.of(KeyColumn.integer("id")), "s"))
          .table(new TableRule.Sharded("u", List.of(KeyColumn.integer("owner")), "s"))
          .table(new TableRule.Reference("r"))
          .build();

  private static final Catalog CATALOG =
      Catalog.of(
          Map.of(
              "t",
              List.of(
                  column("id", "bigint", true),
                  column("x", "int", false),
                  column("y", "int", false)),
              "u",
              List.of(
                  column("no", "int", true),
                  column("owner", "bigint", false),
                  column("x", "int", false),
                  column("z", "varchar(9)", false)),
              "r",
              List.of(column("code", "int", true))));

  private static Column column(String name, String type, boolean primary) {
    return new Column(
        name,
        type,
        !primary,
        type.startsWith("varchar") ? "utf8mb4_bin" : null,
        primary,
        Filling.GIVEN);
  }

  private static @Nullable Gather gather(String sql) {
    Prepared prepared = SqlPlanner.of(PlannerOptions.defaults()).prepare(sql, CATALOG, TOPOLOGY);
    Object[] values = new Object[prepared.markers().size()];
    try {
      prepared.route(Binds.of(values), Hints.NONE);
      prepared.plan(Binds.of(values), Hints.NONE, List.of(A, B));
      throw new AssertionError("planned: " + sql);
    } catch (RefusedSqlException refusal) {
      return prepared.gather(refusal);
    }
  }

  private static Gather gathered(String sql) {
    Gather gather = gather(sql);
    assertThat(gather).as(sql).isNotNull();
    return java.util.Objects.requireNonNull(gather);
  }

  /** The conditions that go along with each mention. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "t a JOIN u b ON a.x = b.x AND b.no > 1 WHERE a.y = 2 | (a.y = 2) | (b.no > 1)",
        "t a LEFT JOIN u b ON a.x = b.x AND b.no > 1 AND a.y = 3 WHERE a.y = 2 | (a.y = 2) | (b.no"
            + " > 1)",
        "t a LEFT JOIN u b ON a.x = b.x WHERE b.no IS NULL | | ",
        "t a RIGHT JOIN u b ON a.x = b.x AND b.no > 1 AND a.y = 3 WHERE b.no = 2 AND a.y = 4 | (a.y"
            + " = 3) | (b.no = 2)",
        "t a LEFT JOIN (u b JOIN r c ON b.no = 5 AND b.x = c.code) ON a.x = b.x AND b.z = 'q' WHERE"
            + " y = 1 | (y = 1) | (b.z = 'q') AND (b.no = 5)",
        "t a, u b WHERE a.x = b.x AND (a.y = 1 OR b.no = 2) AND z = 'q' AND y = 4 | (y = 4) | (z ="
            + " 'q')",
        "t a JOIN u b ON a.x = b.x WHERE a.y = RAND() AND b.no < NOW() AND a.y IN (SELECT code FROM"
            + " r) | | ",
      })
  void onlyWhatIsOfATableAloneGoesAlong(
      String from, @Nullable String first, @Nullable String second) {
    Gather gather = gathered("SELECT COUNT(*) FROM " + from);
    assertThat(conditions(gather, 0)).isEqualTo(first == null ? "" : first);
    assertThat(conditions(gather, 1)).isEqualTo(second == null ? "" : second);
  }

  private static String conditions(Gather gather, int mention) {
    String sql = gather.mentions().get(mention).rows().text();
    int where = sql.indexOf(" WHERE ");
    return where < 0 ? "" : sql.substring(where + 7, sql.lastIndexOf(" LIMIT ?"));
  }

  /** The columns by which mentions cut each other's rows down, in the order of the mentions. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "t a JOIN u b ON a.x = b.x | x like 1.x; x like 0.x",
        "t a LEFT JOIN u b ON a.x = b.x AND a.y = b.no | ; x like 0.x, no like 0.y",
        "t a RIGHT JOIN u b ON b.x = a.y | y like 1.x; ",
        "t a LEFT JOIN u b ON a.x = b.x WHERE a.y = b.no | y like 1.no; x like 0.x",
        "t a, u b WHERE a.x = b.no AND b.x = y | x like 1.no, y like 1.x; no like 0.x, x like 0.y",
        "t a JOIN u b ON a.x = b.z OR a.y = b.x | ; ",
        "t a JOIN u b ON a.x + 1 = b.x AND a.y = b.z AND a.x <=> b.x | ; ",
        "t a JOIN u b USING (x) | ; ",
        "t a JOIN u b USING (x) WHERE a.y = b.x AND x = b.no | y like 1.x; x like 0.y",
        "t a JOIN r c ON a.x = c.code JOIN u b ON b.no > c.code | ; ",
        "t a WHERE EXISTS (SELECT 1 FROM u b WHERE b.x = a.x AND a.y = b.no) | ; x like 0.x, no"
            + " like 0.y",
        "t a WHERE NOT EXISTS (SELECT 1 FROM u a WHERE a.x = a.no) AND y > (SELECT COUNT(*) FROM u"
            + " WHERE z > a.y) | ; ; ",
        "t a JOIN (SELECT b.x FROM u b LIMIT 3) d ON d.x = a.x | ; ",
        "t a WHERE EXISTS (SELECT 1 FROM t c GROUP BY c.x ORDER BY (SELECT MAX(b.no) FROM u b WHERE"
            + " b.x = a.x)) AND y = (SELECT COUNT(*) FROM u) | ; ; ; ",
      })
  void rowsMatterThatOthersHaveRowsTo(String from, @Nullable String expected) {
    Gather gather = gathered("SELECT COUNT(*) FROM " + from);
    String links =
        String.join(
            "; ",
            gather.mentions().stream()
                .map(
                    mention ->
                        String.join(
                            ", ",
                            mention.links().stream()
                                .map(
                                    link ->
                                        link.column()
                                            + " like "
                                            + link.mention()
                                            + "."
                                            + gather
                                                .mentions()
                                                .get(link.mention())
                                                .joinColumns()
                                                .get(link.joinColumn())
                                                .column())
                                .toList()))
                .toList());
    assertThat(links.strip()).isEqualTo(expected == null ? "" : expected);
  }

  @Test
  void valuesOfOthersStandBesideTheConditions() {
    Gather gather = gathered("SELECT a.y FROM t a JOIN u b ON a.x = b.x AND b.no > ?");
    assertThat(gather.mentions().get(1).rows(List.of(new Gather.Filter("x", 2))))
        .satisfies(
            rows -> {
              assertThat(rows.text())
                  .endsWith(
                      ", `b`.`x` AS k0 FROM `u` AS `b` WHERE (b.no > ?) AND `b`.`x` IN (?, ?) LIMIT"
                          + " ?");
              assertThat(rows.markers()).containsExactly(0, 2, 3, 1);
            });
    assertThat(gather.mentions().get(0).rows(List.of(new Gather.Filter("x", 1))).text())
        .endsWith(" FROM `t` AS `a` WHERE `a`.`x` IN (?) LIMIT ?");
    assertThat(gather.mentions().get(0).rows(List.of()).text())
        .isEqualTo(gather.mentions().get(0).rows().text());
  }

  @Test
  void columnsAreThoseThatTheTextNames() {
    assertThat(names("SELECT a.x, COUNT(*) OVER () FROM t a WHERE Y > 1", 0)).isEqualTo("x y");
    assertThat(names("SELECT COUNT(*) FROM t a JOIN u b ON b.no > 0", 0)).isEqualTo("id");
    assertThat(names("SELECT b.*, a.y FROM t a JOIN u b ON b.z = a.y", 0)).isEqualTo("y");
    assertThat(names("SELECT b.*, a.y FROM t a JOIN u b ON b.z = a.y", 1))
        .isEqualTo("no owner x z");
    assertThat(names("SELECT 1 FROM t NATURAL JOIN u", 0)).isEqualTo("id x y");
    assertThat(names("SELECT COUNT(*) FROM t JOIN (SELECT * FROM u LIMIT 3) d USING (x)", 1))
        .isEqualTo("no owner x z");
  }

  private static String names(String sql, int mention) {
    return String.join(
        " ", gathered(sql).mentions().get(mention).columns().stream().map(Column::name).toList());
  }

  @Test
  void aKeyIsDeclaredThatTellsTheRowsOfAllShardsApart() {
    Gather gather = gathered("SELECT a.id, b.no, COUNT(*) OVER () FROM t a JOIN u b ON a.x = b.x");
    assertThat(gather.mentions().get(0).create())
        .isEqualTo(
            "CREATE TEMPORARY TABLE `_shardflux_g0` (`id` bigint NOT NULL, `x` int NULL, PRIMARY"
                + " KEY (`id`)) ENGINE=InnoDB");
    assertThat(gather.mentions().get(1).create()).contains("`_shardflux_row`");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "WITH d AS (SELECT x FROM t ORDER BY x LIMIT 2) SELECT * FROM d | WITH d AS (SELECT x FROM"
            + " `_shardflux_g0` AS `t` ORDER BY x LIMIT 2) SELECT * FROM d",
        "WITH d (n) AS (SELECT x FROM t WHERE y = :a LIMIT 2) SELECT * FROM d e JOIN d WHERE e.n ="
            + " :b | WITH d (n) AS (SELECT x FROM `_shardflux_g0` AS `t` WHERE y = ? LIMIT 2),"
            + " `_shardflux_gw0` (`n`) AS (SELECT x FROM `_shardflux_g1` AS `t` WHERE y = ? LIMIT"
            + " 2) SELECT * FROM d e JOIN `_shardflux_gw0` AS `d` WHERE e.n = ?",
        "WITH d AS (SELECT x FROM t), e AS (SELECT x FROM d LIMIT 2) SELECT COUNT(*) FROM e JOIN e"
            + " f | WITH d AS (SELECT x FROM `_shardflux_g0` AS `t`), `_shardflux_gw1` AS (SELECT x"
            + " FROM `_shardflux_g1` AS `t`), e AS (SELECT x FROM d LIMIT 2), `_shardflux_gw0` AS"
            + " (SELECT x FROM `_shardflux_gw1` AS `d` LIMIT 2) SELECT COUNT(*) FROM e JOIN"
            + " `_shardflux_gw0` AS `f`",
        "WITH RECURSIVE n AS (SELECT MIN(id) AS i FROM t UNION ALL SELECT i + 1 FROM n WHERE i < 3)"
            + " SELECT * FROM n JOIN n m | WITH RECURSIVE n AS (SELECT MIN(id) AS i FROM"
            + " `_shardflux_g0` AS `t` UNION ALL SELECT i + 1 FROM n WHERE i < 3),"
            + " `_shardflux_gw0` AS (SELECT MIN(id) AS i FROM `_shardflux_g1` AS `t` UNION ALL"
            + " SELECT i + 1 FROM `_shardflux_gw0` AS `n` WHERE i < 3) SELECT * FROM n JOIN"
            + " `_shardflux_gw0` AS `m`",
        "SELECT (SELECT MAX(x) FROM u), y FROM t USE INDEX (p) | SELECT (SELECT MAX(x) FROM"
            + " `_shardflux_g1` AS `u`) AS `(SELECT MAX(x) FROM u)`, y FROM `_shardflux_g0` AS `t`",
      })
  void tablesAreNamedOnceEach(String sql, String expected) {
    assertThat(gathered(sql).statement().text()).isEqualTo(expected);
  }

  @Test
  void markersAreThoseOfTheText() {
    Gather gather =
        gathered(
            "WITH d AS (SELECT x FROM t WHERE y = :a LIMIT 2) SELECT :b, e.x FROM d e JOIN d ON d.x"
                + " > :a");
    assertThat(gather.statement().markers()).containsExactly(0, 0, 1, 0);
    assertThat(gather.mentions().get(1).rows().markers()).containsExactly(0, 2);
  }

  /** Whose rows each mention has. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "WITH d AS (SELECT x FROM t LIMIT 2) SELECT COUNT(*) FROM d JOIN d e JOIN t | 0 0 2",
        "WITH d AS (SELECT x FROM t), e AS (SELECT d.x FROM u JOIN d LIMIT 2) SELECT COUNT(*) FROM e"
            + " JOIN e f JOIN d | 0 1 0 1 1",
        "WITH d AS (SELECT x FROM t), e AS (SELECT d.x FROM d JOIN d f JOIN u LIMIT 2) SELECT"
            + " COUNT(*) FROM e JOIN e f | 0 0 2 0 0 2",
        "SELECT COUNT(*) FROM t JOIN t e ON t.x < e.x | 0 1",
      })
  void copiesOfAQueryHaveTheSameRows(String sql, String expected) {
    assertThat(
            String.join(
                " ",
                gathered(sql).mentions().stream()
                    .map(mention -> String.valueOf(mention.same()))
                    .toList()))
        .isEqualTo(expected);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "SELECT COUNT(*) OVER (), CONNECTION_ID() FROM t",
        "SELECT COUNT(*) OVER () FROM t WHERE MATCH (x) AGAINST ('q')",
        "SELECT COUNT(*) OVER (), DEFAULT(x) FROM t",
        "SELECT COUNT(*) OVER () FROM t FOR UPDATE",
        "SELECT DISTINCT x, SUM(1) AS s FROM t GROUP BY x HAVING MAX(s) >= s",
        "SELECT x, STDDEV(y) AS s FROM t GROUP BY x ORDER BY MAX(s), x",
        "WITH d AS (SELECT x, RAND() AS q FROM t) SELECT COUNT(*) OVER () FROM d JOIN d e ON d.q ="
            + " e.q",
        "WITH d AS (SELECT x, SYSDATE(6) AS q FROM t) SELECT COUNT(*) OVER () FROM d JOIN d e ON"
            + " d.q = e.q",
        "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 3) SELECT"
            + " t.x, t._ROWID FROM t JOIN n ON n.i = t.x",
        "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 3) SELECT"
            + " t.x FROM t JOIN n ON n.i = t.x WHERE _shardflux_row = 1",
        "WITH RECURSIVE a AS (SELECT x FROM t), t AS (SELECT 5 AS x) SELECT * FROM a JOIN u",
        "WITH RECURSIVE a AS (SELECT x FROM (SELECT x FROM T) d), t AS (SELECT 5 AS x) SELECT * FROM"
            + " a JOIN u",
        "WITH t AS (SELECT 4 AS x) SELECT * FROM u JOIN (WITH RECURSIVE a AS (SELECT x FROM t), t AS"
            + " (SELECT 5 AS x) SELECT * FROM a) d",
      })
  void whatOneServerWouldAnswerOtherwiseIsRefused(String sql) {
    assertThat(gather(sql)).isNull();
  }

  @Test
  void aStarOfATableInOtherCapitalsHasAllColumns() {
    // By what servers are set to, it is the table's.
    assertThat(names("SELECT T.*, COUNT(*) OVER () FROM t", 0)).isEqualTo("id x y");
    assertThat(names("SELECT e.*, COUNT(*) OVER () FROM t E JOIN u", 1)).isEqualTo("no");
  }

  @Test
  void manyMentionsAreRefused() {
    String mention = ", (SELECT MAX(x) FROM u)";
    assertThat(gathered("SELECT COUNT(*) OVER ()" + mention.repeat(60) + " FROM t").mentions())
        .hasSize(61);
    assertThat(gather("SELECT COUNT(*) OVER ()" + mention.repeat(61) + " FROM t")).isNull();
    assertThat(
            gather(
                "WITH a AS (SELECT MAX(x) AS m FROM t), b AS (SELECT MAX(x) AS m FROM u) SELECT 1"
                    + ", (SELECT m FROM a)".repeat(64)
                    + ", (SELECT m FROM b)"))
        .isNull();
  }

  @Test
  void textsThatWouldGrowTooLongAreRefused() {
    String some = "y IN (1" + ", 1".repeat(200_000) + ")";
    String named = "WITH a AS (SELECT x FROM t WHERE " + some + " LIMIT 5) SELECT COUNT(*) FROM a";
    assertThat(gathered(named).statement().text().length()).isGreaterThan(600_000);
    assertThat(gather(named + " JOIN a b ON a.x = b.x")).isNull();
    assertThat(
            gather(
                "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 3), "
                    + named.substring("WITH ".length())
                    + " JOIN a b".repeat(50)
                    + " JOIN n"))
        .isNull();
  }

  /** The time to plan is in proportion to the text. */
  @Test
  void namesInAggregatesAreLookedUpAtOnce() {
    StringBuilder items = new StringBuilder("SELECT STDDEV(x) AS s");
    for (int i = 0; i < 20_000; i++) {
      items.append(", 1 k").append(i);
    }
    String sql = items + " FROM t HAVING COUNT(DISTINCT x" + ", y".repeat(40_000) + ") > 0";
    assertTimeoutPreemptively(Duration.ofSeconds(6), () -> assertThat(gather(sql)).isNotNull());
  }

  @Test
  void conditionsOfManyTablesAreNotLookedAtForLong() {
    StringBuilder sql = new StringBuilder("SELECT COUNT(*) FROM t a0");
    for (int i = 1; i < 61; i++) {
      sql.append(" JOIN t a").append(i);
    }
    sql.append(" WHERE a0.x = a1.y").append(" AND a59.x = a60.y".repeat(40_000));
    assertTimeoutPreemptively(
        Duration.ofSeconds(6), () -> assertThat(gather(sql.toString())).isNull());
  }

  @Test
  void queriesOfWithAreNotLookedUpForLong() {
    StringBuilder sql = new StringBuilder("WITH RECURSIVE a AS (SELECT x FROM t)");
    for (int i = 0; i < 4_000; i++) {
      sql.append(", a").append(i).append(" AS (SELECT 1)");
    }
    sql.append(" SELECT x FROM a").append(" UNION ALL SELECT 1 FROM a0".repeat(4_000));
    assertThat(gather(sql.toString())).isNull();
  }
}
