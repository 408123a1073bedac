package io.shardflux.sql;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.shardflux.sql.merge.Fold;
import io.shardflux.sql.merge.Merge;
import io.shardflux.sql.merge.Plan;
import io.shardflux.sql.statement.Binds;
import io.shardflux.sql.statement.Hints;
import io.shardflux.sql.statement.PlannerOptions;
import io.shardflux.sql.statement.ShardSql;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ScatterTests {

  private static final String PADDING =
      "WEIGHT_STRING(CONVERT(' ' USING utf8mb4) COLLATE utf8mb4_general_ci)";

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '~',
      value = {
        "SELECT id FROM users | SELECT id FROM users",
        "SELECT id FROM users ORDER BY id DESC LIMIT 2 OFFSET 3 | SELECT id FROM users ORDER BY id"
            + " DESC LIMIT 5",
        "SELECT id FROM users ORDER BY id LIMIT 3, 2 | SELECT id FROM users ORDER BY id LIMIT 5",
        "SELECT id FROM users LIMIT 3, 18446744073709551615 | SELECT id FROM users",
        "SELECT id FROM users ORDER BY age | SELECT id, age FROM users ORDER BY age",
        "SELECT id FROM users ORDER BY nick | SELECT id, WEIGHT_STRING(nick) FROM users ORDER BY"
            + " nick",
        "SELECT name FROM users ORDER BY 1 | SELECT name, $, WEIGHT_STRING(name) FROM users ORDER"
            + " BY 1",
        "SELECT id FROM users ORDER BY flag, kind, created | SELECT id, (flag) + 0, (kind) + 0,"
            + " (created) + 0.0 FROM users ORDER BY flag, kind, created",
        "SELECT id FROM users ORDER BY HEX(name COLLATE big5_chinese_ci), - -9223372036854775808 |"
            + " SELECT id, IF(CONCAT(LEFT(HEX(name COLLATE big5_chinese_ci), 0), 'a') ="
            + " CONCAT(LEFT(HEX(name COLLATE big5_chinese_ci), 0), 'a '),"
            + " WEIGHT_STRING(CONCAT(LEFT(HEX(name COLLATE big5_chinese_ci), 0), ' ')), NULL),"
            + " WEIGHT_STRING(HEX(name COLLATE big5_chinese_ci)), - -9223372036854775808 FROM users"
            + " ORDER BY HEX(name COLLATE big5_chinese_ci), - -9223372036854775808",
        "SELECT id FROM users ORDER BY raw | SELECT id, WEIGHT_STRING(raw) FROM users ORDER BY raw",
        "SELECT * FROM users ORDER BY id | SELECT *, id FROM users ORDER BY id",
        "SELECT id + 1 AS z FROM users ORDER BY z * 2 | SELECT id + 1 AS z, (id + 1) * 2 FROM users"
            + " ORDER BY z * 2",
        "SELECT id name FROM users ORDER BY name | SELECT id name FROM users ORDER BY name",
        "SELECT age IN (1) FROM users ORDER BY age NOT IN (1) | SELECT age IN (1), age NOT IN (1)"
            + " FROM users ORDER BY age NOT IN (1)",
        "SELECT name LIKE 'a' FROM users ORDER BY name NOT LIKE 'a' | SELECT name LIKE 'a', name"
            + " NOT LIKE 'a' FROM users ORDER BY name NOT LIKE 'a'",
        "SELECT created + INTERVAL 1 DAY FROM users ORDER BY created + INTERVAL 1 YEAR | SELECT"
            + " created + INTERVAL 1 DAY, (created + INTERVAL 1 YEAR) + 0.0 FROM users ORDER BY"
            + " created + INTERVAL 1 YEAR",
        "SELECT id, data->>'$.a' FROM users GROUP BY id, data->>'$.a' | SELECT id, data->>'$.a'"
            + " FROM users GROUP BY id, data->>'$.a'",
        "SELECT CAST(score AS DECIMAL(5, 2)) FROM users ORDER BY CAST(score AS DECIMAL(5,1)) |"
            + " SELECT CAST(score AS DECIMAL(5, 2)), CAST(score AS DECIMAL(5,1)) FROM users ORDER"
            + " BY CAST(score AS DECIMAL(5,1))",
        "SELECT CASE age WHEN 1 THEN 2 ELSE 3 END FROM users ORDER BY CASE WHEN age THEN 2 WHEN 1"
            + " THEN 3 END | SELECT CASE age WHEN 1 THEN 2 ELSE 3 END, CASE WHEN age THEN 2 WHEN 1"
            + " THEN 3 END FROM users ORDER BY CASE WHEN age THEN 2 WHEN 1 THEN 3 END",
        "SELECT -age AS age, COUNT(*) FROM users GROUP BY age | SELECT -age AS age, COUNT(*),"
            + " `users`.`age` FROM users GROUP BY `users`.`age` ORDER BY `users`.`age`",
        "SELECT DISTINCT -age AS age FROM users | SELECT -age AS age FROM users GROUP BY"
            + " -`users`.`age` ORDER BY -`users`.`age`",
        "SELECT u.age FROM users u ORDER BY age | SELECT u.age FROM users u ORDER BY age",
        "SELECT DISTINCT age FROM users ORDER BY age DESC LIMIT 3 | SELECT age FROM users GROUP BY"
            + " age ORDER BY age DESC LIMIT 3",
        "SELECT DISTINCT id, age FROM users | SELECT id, age FROM users GROUP BY id, age ORDER BY"
            + " id, age",
        "SELECT DISTINCT age, COUNT(*) FROM users GROUP BY age ORDER BY SUM(score) | SELECT age,"
            + " COUNT(*), SUM(score) FROM users GROUP BY age ORDER BY age",
        "SELECT DISTINCT age x FROM users GROUP BY id, x ORDER BY x + 1 | SELECT age x, MIN((age) +"
            + " 1) FROM users GROUP BY id, x",
        "SELECT id, SUM(score) s FROM users GROUP BY id ORDER BY -s | SELECT id, SUM(score) s,"
            + " -(SUM(score)) FROM users GROUP BY id ORDER BY -s",
        "SELECT COUNT( * ) FROM users | SELECT COUNT( * ) FROM users",
        "SELECT AVG(age) FROM users | SELECT AVG(age), SUM(age), COUNT(age) FROM users",
        "SELECT MAX(created) FROM users | SELECT MAX(created), (MAX(created)) + 0.0 FROM users",
        "SELECT MIN(kind) FROM users | SELECT MIN(kind), $, WEIGHT_STRING(MIN(kind)) FROM users",
        "SELECT age, COUNT(*) FROM users GROUP BY age ORDER BY age DESC LIMIT 3 | SELECT age,"
            + " COUNT(*) FROM users GROUP BY age ORDER BY age DESC LIMIT 3",
        "SELECT age, COUNT(*) FROM users GROUP BY age ORDER BY COUNT(*) LIMIT 3 | SELECT age,"
            + " COUNT(*) FROM users GROUP BY age ORDER BY age",
        "SELECT COUNT(*) c FROM users GROUP BY age HAVING c > 1 AND age < 9 | SELECT COUNT(*) c,"
            + " age FROM users GROUP BY age HAVING (age < 9) ORDER BY age",
        "SELECT age DIV 10 d, SUM(age) FROM users GROUP BY d | SELECT age DIV 10 d, SUM(age) FROM"
            + " users GROUP BY age DIV 10 ORDER BY age DIV 10",
        "SELECT age + 1, COUNT(*) FROM users GROUP BY 1 | SELECT age + 1, COUNT(*) FROM users GROUP"
            + " BY age + 1 ORDER BY age + 1",
        "SELECT COUNT(DISTINCT age) FROM users | SELECT COUNT(DISTINCT age), age FROM users GROUP"
            + " BY age",
        "SELECT COUNT(DISTINCT id, age) FROM users | SELECT COUNT(DISTINCT id, age) FROM users",
        "SELECT id, GROUP_CONCAT(name) FROM users GROUP BY id HAVING MAX(name) > 'x' ORDER BY 2"
            + " LIMIT 1 | SELECT id, GROUP_CONCAT(name), $, WEIGHT_STRING(GROUP_CONCAT(name)) FROM"
            + " users GROUP BY id HAVING MAX(name) > 'x' ORDER BY 2 LIMIT 1",
        "SELECT u.id FROM users u JOIN countries c ON c.code = u.country | SELECT u.id FROM users u"
            + " JOIN countries c ON c.code = u.country",
        "SELECT c.code, c.title FROM users u JOIN countries c ON c.code = u.country GROUP BY c.code"
            + " | SELECT c.code, c.title, $, WEIGHT_STRING(c.code) FROM users u JOIN countries c ON"
            + " c.code = u.country GROUP BY c.code ORDER BY c.code",
        "SELECT id FROM users UNION ALL SELECT user_id FROM orders LIMIT 2 | SELECT id FROM users"
            + " UNION ALL SELECT user_id FROM orders LIMIT 2",
        "SELECT 1, 1, id FROM users UNION ALL (SELECT id, age, 2 FROM users) | SELECT 1, 1, id FROM"
            + " users UNION ALL (SELECT id, age, 2 FROM users)",
        "SELECT age FROM users UNION SELECT age FROM users ORDER BY age | SELECT `age` FROM (SELECT"
            + " age FROM users UNION ALL SELECT age FROM users) AS shardflux GROUP BY `age` ORDER"
            + " BY `age`",
        "SELECT id -- c | SELECT id",
      })
  void sendsToEachShard(String sql, String expected) {
    String text = sql.endsWith("-- c") ? sql + "\n FROM users # end" : sql;
    String wanted = sql.endsWith("-- c") ? "SELECT id FROM users" : expected;
    assertThat(Shop.shardSql(text)).isEqualTo(wanted.replace("$,", PADDING + ","));
  }

  private static ShardSql.Source users(ShardSql.Way way, int start, int end) {
    return new ShardSql.Source("users", "users", way, start, end);
  }

  @Test
  void addsBoundLimits() {
    Plan.Scatter plan = Shop.scatter("SELECT id FROM users LIMIT ? OFFSET ?", 5, 10L);
    assertThat(plan.parts().get(0).sql())
        .isEqualTo(
            new ShardSql(
                "SELECT id FROM users LIMIT 15",
                List.of(),
                List.of(users(ShardSql.Way.WHERE, 20, 20))));
    assertThat(plan.merge()).hasToString("shard by shard; offset 10; limit 5");
  }

  @Test
  void keepsTheMarkersOfCopiedExpressions() {
    Plan.Scatter plan =
        Shop.scatter(
            "SELECT name FROM users WHERE age > ? ORDER BY age * :f, id LIMIT :n", 1, 2, 3);
    assertThat(plan.parts().get(0).sql())
        .isEqualTo(
            new ShardSql(
                "SELECT name, age * ?, id FROM users WHERE age > ? ORDER BY age * ?, id LIMIT 3",
                List.of(1, 0, 1),
                List.of(users(ShardSql.Way.CONDITION, 42, 49))));
    plan = Shop.scatter("SELECT age + ? AS z FROM users WHERE id > ? ORDER BY z * 2", 1, 2);
    assertThat(plan.parts().get(0).sql())
        .isEqualTo(
            new ShardSql(
                "SELECT age + ? AS z, (age + ?) * 2 FROM users WHERE id > ? ORDER BY z * 2",
                List.of(0, 0, 1),
                List.of(users(ShardSql.Way.CONDITION, 52, 58))));
  }

  @Test
  void mergesInOrder() {
    Merge merge = Shop.scatter("SELECT id, age FROM users ORDER BY age DESC, id").merge();
    assertThat(merge.passes()).isTrue();
    assertThat(merge.maxRows()).isZero();
    assertThat(merge.order()).isNotNull();
    assertThat(merge.order().compare(new Object[] {1L, 5}, new Object[] {2L, 4})).isNegative();
    assertThat(merge.order().compare(new Object[] {1L, null}, new Object[] {2L, 4})).isPositive();
    assertThat(merge.order().compare(new Object[] {1L, 4}, new Object[] {2L, 4})).isNegative();
  }

  @Test
  void comparesTextByWeightAndPadding() {
    Merge merge = Shop.scatter("SELECT name FROM users ORDER BY name").merge();
    byte[] space = {0, 0x20};
    Object[] a = {"a", space, new byte[] {0, 0x41}};
    Object[] padded = {"A ", space, new byte[] {0, 0x41, 0, 0x20}};
    Object[] tab = {"a\t", space, new byte[] {0, 0x41, 0, 9}};
    Object[] none = {null, space, null};
    assertThat(merge.hidden()).isEqualTo(2);
    assertThat(merge.order()).isNotNull();
    assertThat(merge.order().compare(a, padded)).isZero();
    assertThat(merge.order().compare(tab, a)).isNegative();
    assertThat(merge.order().compare(none, tab)).isNegative();
  }

  @Test
  void refusesToHoldMoreThanItMay() {
    SqlPlanner planner =
        SqlPlanner.of(PlannerOptions.builder().maxMergedRows(2).maxOffset(10).build());
    Prepared prepared =
        planner.prepare(
            "SELECT age, COUNT(*) FROM users GROUP BY age ORDER BY 2", Shop.CATALOG, Shop.TOPOLOGY);
    Plan plan = prepared.plan(Binds.NONE, Hints.NONE, List.of(Shop.A, Shop.B));
    Fold fold = ((Plan.Scatter) plan).merge().begin();
    for (int age = 0; age < 3; age++) {
      assertThat(fold.next(new Object[] {age, 1L}, row -> {})).isTrue();
    }
    assertThatThrownBy(() -> fold.end(row -> {})).hasMessageStartingWith("TOO_MANY_MERGED_ROWS");
  }
}
