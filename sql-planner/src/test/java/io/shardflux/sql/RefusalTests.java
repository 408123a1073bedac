package io.shardflux.sql;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.shardflux.sql.merge.Plan;
import io.shardflux.sql.statement.Binds;
import io.shardflux.sql.statement.Hints;
import io.shardflux.sql.statement.PlannerOptions;
import io.shardflux.sql.statement.RefusalCode;
import io.shardflux.sql.statement.RefusedSqlException;
import io.shardflux.sql.statement.Routing;
import io.shardflux.sql.statement.ShardSql;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RefusalTests {

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '~',
      value = {
        "SYNTAX | SELECT FROM users",
        "SYNTAX | SELECT * FROM users WHERE id = 'x",
        "SYNTAX | SELECT * INTO OUTFILE 'f' FROM users",
        "SYNTAX | WITH RECURSIVE w AS (SELECT 1) SELECT * FROM w",
        "SYNTAX | SELEC 1",
        "SYNTAX | INSRT INTO users VALUES (1)",
        "SYNTAX | SELECT * FROM users NATURAL JOIN (SELECT age + 1 FROM users) u",
        "SEVERAL_STATEMENTS | SELECT 1; DROP TABLE users",
        "EXECUTABLE_COMMENT | SELECT /*!50000 1 */ 2",
        "EXECUTABLE_COMMENT | SELECT /*M! 1 */ 2",
        "EXECUTABLE_COMMENT | SELECT /*+ SET_VAR(sql_mode='') */ 2",
        "EXECUTABLE_COMMENT | SELECT /*+ QB_NAME(`*/ id FROM users WHERE id = 1 -- `) */ id FROM"
            + " users",
        "HINT | /* shardflux: shards=a */ SELECT 1",
        "HINT | /* shardflux: timeout=1h */ SELECT 1",
        "HINT | /* shardflux: shard=a, shard=b */ SELECT 1",
        "HINT | /* shardflux: key=x */ SELECT * FROM users",
        "UNKNOWN_TABLE | CREATE TABLE x (id INT)",
        "STATEMENT | CREATE VIEW x AS SELECT 1",
        "STATEMENT | VALUES ROW(1, 2)",
        "TRANSACTION_CONTROL | START TRANSACTION",
        "UNKNOWN_TABLE | SELECT * FROM nope",
        "UNKNOWN_TABLE | SELECT * FROM information_schema.tables",
        "UNKNOWN_COLUMN | SELECT nope FROM users",
        "UNKNOWN_COLUMN | SELECT x.id FROM users",
        "UNKNOWN_COLUMN | SELECT id FROM users u JOIN orders o ON u.id = o.user_id",
        "AMBIGUOUS_NAME | SELECT id AS x, age AS x FROM users ORDER BY x + 1",
        "FUNCTION | SELECT my_function(id) FROM users WHERE id = 1",
        "FUNCTION | SELECT LOAD_FILE('x')",
        "NON_DETERMINISTIC | SELECT id FROM users ORDER BY RAND()",
        "NON_DETERMINISTIC | INSERT INTO countries VALUES ('DE', UUID())",
        "NON_DETERMINISTIC | UPDATE countries SET title = NOW()",
        "NON_DETERMINISTIC | INSERT INTO cities (title) VALUES ('x')",
        "NON_DETERMINISTIC | INSERT INTO cities VALUES (1, 'x'), (DEFAULT, 'y')",
        "NON_DETERMINISTIC | INSERT INTO cities VALUES (1, 'x'), (0, 'y')",
        "NON_DETERMINISTIC | REPLACE INTO cities VALUES (1 + 1, 'x')",
        "NON_DETERMINISTIC | INSERT INTO cities SELECT NULL, code FROM countries",
        "KEY_COLLATION | SELECT * FROM names WHERE name = 'x'",
        "KEY_COLLATION | INSERT INTO names VALUES ('x')",
        "KEY_MISSING | INSERT INTO users (name) VALUES ('x')",
        "KEY_MISSING | INSERT INTO users (id) VALUES (1 + 1)",
        "KEY_MISSING | INSERT INTO users (id) VALUES (NULL)",
        "KEY_MISSING | INSERT INTO users (id) VALUES (DEFAULT)",
        "KEY_MISSING | INSERT INTO docs VALUES ('x', 1)",
        "KEY_MISSING | INSERT INTO docs VALUES ('x', 1, 'y'), ('x', 1)",
        "KEY_VALUE | INSERT INTO users (id) VALUES (1.5)",
        "KEY_VALUE | INSERT IGNORE INTO users (id) VALUES (9223372036854775808)",
        "KEY_VALUE | INSERT IGNORE INTO docs (tenant, id) VALUES ('123456789012345678901', 1)",
        "KEY_VALUE | INSERT INTO docs (tenant, id) VALUES ('x ', 1)",
        "KEY_VALUE | INSERT INTO docs (tenant, id) VALUES (5, 1)",
        "KEY_UPDATE | UPDATE users SET id = 2 WHERE id = 1",
        "KEY_UPDATE | INSERT INTO users (id) VALUES (1) ON DUPLICATE KEY UPDATE id = 2",
        "KEY_UPDATE | UPDATE users SET id = 1 WHERE id IN (1, 2)",
        "KEY_UPDATE | UPDATE users SET id = 1",
        "KEY_UPDATE | UPDATE users SET id = age WHERE id = 1",
        "KEY_UPDATE | UPDATE users SET id = id + 0 WHERE id = 1",
        "KEY_UPDATE | UPDATE users SET id = DEFAULT WHERE id = 1",
        "KEY_UPDATE | UPDATE users SET id = NULL WHERE id = 1",
        "KEY_UPDATE | UPDATE users SET id = 1 WHERE id = 1 OR age = 1",
        "KEY_UPDATE | UPDATE users u JOIN orders o ON o.user_id = u.id SET u.id = 1 WHERE u.id = 1",
        "KEY_UPDATE | UPDATE docs SET tenant = 'x' WHERE tenant = 'x'",
        "KEY_UPDATE | UPDATE docs SET tenant = 'x', id = 2 WHERE tenant = 'x' AND id = 1",
        "KEY_VALUE | UPDATE users SET id = 1.5 WHERE id = 1",
        "KEY_UPDATE | INSERT INTO users (id) VALUES (1), (2) ON DUPLICATE KEY UPDATE id = 1",
        "KEY_UPDATE | INSERT INTO users (id, age) VALUES (1, 2) ON DUPLICATE KEY UPDATE id ="
            + " VALUES(age)",
        "KEY_UPDATE | INSERT INTO users (id) VALUES (1) ON DUPLICATE KEY UPDATE id ="
            + " VALUES(id) + 0",
        "KEY_UPDATE | INSERT INTO users (id, age) VALUES (1, 2) AS new (a, b) ON DUPLICATE KEY"
            + " UPDATE id = b",
        "KEY_UPDATE | INSERT INTO users (id, age) VALUES (1, 2) AS new ON DUPLICATE KEY UPDATE"
            + " id = new.age",
        "KEY_UPDATE | UPDATE visits SET n = 2 WHERE slot = 1",
        "KEY_UPDATE | INSERT INTO visits VALUES (1, 1) ON DUPLICATE KEY UPDATE n = 2",
        "CROSS_SHARD_JOIN | SELECT * FROM users u JOIN orders o ON o.id = u.id",
        "CROSS_SHARD_JOIN | SELECT * FROM users u JOIN events e ON e.at = u.id",
        "CROSS_SHARD_JOIN | SELECT * FROM users u JOIN config c ON c.k = u.name",
        "CROSS_SHARD_JOIN | SELECT * FROM countries c LEFT JOIN users u ON u.country = c.code",
        "CROSS_SHARD_JOIN | SELECT * FROM docs a JOIN docs b ON a.tenant = b.tenant",
        "CROSS_SHARD_JOIN | SELECT * FROM users a, users c WHERE NOT EXISTS (SELECT 1 FROM orders b"
            + " WHERE b.user_id = c.id AND b.user_id = a.id)",
        "CROSS_SHARD_JOIN | SELECT a.id FROM users a LEFT JOIN users b ON a.id = b.id LEFT JOIN"
            + " orders o ON a.id = b.id",
        "CROSS_SHARD_JOIN | SELECT (SELECT COUNT(*) FROM orders) FROM users",
        "CROSS_SHARD_JOIN | SELECT * FROM users WHERE age IN (SELECT user_id FROM orders)",
        "CROSS_SHARD_JOIN | SELECT * FROM users a WHERE a.age IN (SELECT b.id FROM users b WHERE"
            + " b.id = a.id UNION ALL SELECT user_id FROM orders)",
        "CROSS_SHARD_SUBQUERY | SELECT * FROM countries WHERE code IN (SELECT country FROM users)",
        "CROSS_SHARD_SUBQUERY | SELECT * FROM countries c JOIN countries d ON c.code = d.code AND"
            + " c.code IN (SELECT country FROM users)",
        "CROSS_SHARD_SUBQUERY | SELECT * FROM countries c LEFT JOIN countries d ON c.code = d.code"
            + " AND EXISTS (SELECT 1 FROM users)",
        "CROSS_SHARD_SUBQUERY | SELECT * FROM (SELECT id FROM users LIMIT 3) x",
        "CROSS_SHARD_SUBQUERY | SELECT * FROM (SELECT age, COUNT(*) FROM users GROUP BY age) x",
        "CROSS_SHARD_SUBQUERY | SELECT * FROM (SELECT DISTINCT age FROM users) x",
        "CROSS_SHARD_SUBQUERY | SELECT (SELECT MAX(d.x) FROM (SELECT o.total x FROM orders o WHERE"
            + " o.user_id = u.id) d) FROM users u",
        "UNKNOWN_COLUMN | SELECT 1 FROM users u, (SELECT o.total FROM orders o WHERE o.user_id ="
            + " u.id) d",
        "UNKNOWN_COLUMN | WITH d AS (SELECT total x FROM orders WHERE user_id = u.id) SELECT"
            + " (SELECT MAX(x) FROM d) FROM users u",
        "SET_OPERATION | SELECT id FROM users UNION ALL SELECT at FROM events",
        "SET_OPERATION | SELECT id FROM users EXCEPT SELECT id FROM orders",
        "AGGREGATE | SELECT GROUP_CONCAT(name) FROM users",
        "AGGREGATE | SELECT age, COUNT(*) FROM users GROUP BY age WITH ROLLUP",
        "AGGREGATE | SELECT 1 FROM users ORDER BY COUNT(*)",
        "AGGREGATE | SELECT * FROM (SELECT 1 AS x FROM users ORDER BY SUM(age)) d",
        "AGGREGATE | SELECT (SELECT COUNT(u.id)) FROM users u",
        "AGGREGATE | SELECT (SELECT SUM(u.age) + 1) FROM users u WHERE u.age > 1",
        "AGGREGATE | SELECT age, SUM(score) AS s FROM users GROUP BY age HAVING s > AVG(s)",
        "AGGREGATE | SELECT age, (SUM(score)) s FROM users GROUP BY age HAVING IFNULL(s, MAX(s +"
            + " 1)) > 1",
        "AGGREGATE | SELECT age, COUNT(DISTINCT score) s FROM users GROUP BY age ORDER BY -MAX(s)",
        "AGGREGATE | SELECT id, 1 + SUM(score) s FROM users GROUP BY id HAVING COUNT(s) > 0",
        "AGGREGATE | SELECT COUNT(*) n FROM users HAVING COUNT(n) > 1",
        "AGGREGATE | SELECT SUM(AVG(score)) FROM users GROUP BY id",
        "AGGREGATE | SELECT * FROM (SELECT id, SUM(score) s FROM users GROUP BY id HAVING MAX(s) >"
            + " 1) d",
        "AMBIGUOUS_NAME | SELECT age x, SUM(score) x FROM users GROUP BY age HAVING x > 1",
        "AMBIGUOUS_NAME | SELECT id x, age x FROM users ORDER BY x",
        "AMBIGUOUS_NAME | SELECT age, score AS age FROM users ORDER BY age + 1",
        "AGGREGATE_EXPRESSION | SELECT ROUND(AVG(age)) FROM users",
        "AGGREGATE_EXPRESSION | SELECT age, MAX(id) AS m FROM users GROUP BY age ORDER BY m + 1",
        "AGGREGATE_EXPRESSION | SELECT IFNULL(AVG(age), SUM(score)) FROM users",
        "HAVING | SELECT age FROM users GROUP BY age HAVING MAX(name) > 'x'",
        "NOT_GROUPED | SELECT name, COUNT(*) FROM users",
        "NOT_GROUPED | SELECT name, COUNT(*) FROM users GROUP BY age",
        "NOT_GROUPED | SELECT DISTINCT name FROM users ORDER BY age",
        "NOT_GROUPED | SELECT DISTINCT age FROM users GROUP BY age, id ORDER BY id LIMIT 2",
        "NOT_GROUPED | SELECT DISTINCT age FROM users GROUP BY age, score ORDER BY score",
        "NOT_GROUPED | SELECT DISTINCT age FROM users GROUP BY age, score ORDER BY age + score",
        "NOT_GROUPED | SELECT DISTINCT COUNT(*) FROM users GROUP BY age ORDER BY SUM(score)",
        "NOT_GROUPED | SELECT DISTINCT age x, score age FROM users GROUP BY age, score ORDER BY"
            + " COUNT(*)",
        "NOT_GROUPED | SELECT DISTINCT age x, MAX(id) age FROM users GROUP BY age ORDER BY"
            + " COUNT(*)",
        "NOT_GROUPED | SELECT DISTINCT age + 1 FROM users GROUP BY age ORDER BY age",
        "NOT_GROUPED | SELECT DISTINCT age x FROM users GROUP BY id, x HAVING x > 1 ORDER BY x,"
            + " -id",
        "NOT_GROUPED | SELECT DISTINCT age FROM users GROUP BY id, age ORDER BY (SELECT users.id)",
        "NOT_GROUPED | (SELECT DISTINCT age FROM users GROUP BY age, id ORDER BY id)",
        "WINDOW | SELECT ROW_NUMBER() OVER (ORDER BY age) FROM users",
        "UNSORTABLE | SELECT data FROM users ORDER BY data",
        "UNSORTABLE | SELECT id FROM users ORDER BY COALESCE(name, nick)",
        "UNSORTABLE | SELECT id FROM users ORDER BY name COLLATE big5_chinese_ci",
        "UNSORTABLE | SELECT name COLLATE latin2_czech_cs n, COUNT(*) FROM users GROUP BY n",
        "UNSORTABLE | SELECT COUNT(DISTINCT LOWER(name COLLATE gb18030_chinese_ci)) FROM users",
        "UNSORTABLE | SELECT MAX(COALESCE(name COLLATE utf8mb4_nopad_bin, CAST(age AS CHAR))) FROM"
            + " users",
        "UNSORTABLE | SELECT DISTINCT CONVERT(name USING big5) FROM users",
        "UNSORTABLE | SELECT DISTINCT CAST(name AS CHAR(3) CHARACTER SET tis620) FROM users",
        "UNSORTABLE | SELECT name COLLATE some_new_ci n FROM users UNION SELECT 'x' FROM users",
        "CROSS_SHARD_SUBQUERY | (SELECT id FROM users WHERE id = 1) UNION ALL (SELECT id FROM users"
            + " WHERE id = 1) ORDER BY IF((SELECT COUNT(*) FROM orders) > 1, id, -id)",
        "CROSS_SHARD_SUBQUERY | (SELECT id FROM users WHERE id = 1) ORDER BY (SELECT MAX(age) FROM"
            + " users)",
        "SCATTERED_LOCK | SELECT * FROM users FOR UPDATE",
        "SCATTERED_LOCK | SELECT * FROM countries FOR SHARE",
        "SCATTER_FORBIDDEN | /* shardflux: scatter=false */ SELECT * FROM users",
        "SCATTERED_WRITE | UPDATE users SET age = 1",
        "SCATTERED_WRITE | DELETE FROM users WHERE id > 5",
        "SCATTERED_WRITE | DELETE FROM users WHERE id IN (1, 2, 3, 4) OR age = 1",
        "SCATTERED_WRITE | UPDATE events SET what = 'x' WHERE at BETWEEN 50 AND 150",
        "SCATTERED_WRITE | UPDATE docs SET body = 'x' WHERE id IN (1, 2, 3, 4)",
        "SCATTERED_WRITE | /* shardflux: scatter-writes=false */ INSERT INTO users (id) VALUES (1),"
            + " (2), (3), (4)",
        "SCATTERED_WRITE | /* shardflux: scatter-writes=false */ DELETE FROM users WHERE id IN (1,"
            + " 2, 3, 4)",
        "SCATTERED_WRITE_FORM | /* shardflux: scatter-writes=true */ DELETE FROM users LIMIT 5",
        "SCATTERED_WRITE_FORM | INSERT INTO orders (user_id) SELECT id FROM users",
        "SCATTERED_WRITE_FORM | UPDATE countries SET title = 'x' LIMIT 1",
        "OFFSET_TOO_LARGE | SELECT * FROM users LIMIT 5 OFFSET 100001",
      })
  void refuses(RefusalCode code, String sql) {
    RefusedSqlException refusal =
        catchThrowableOfType(RefusedSqlException.class, () -> Shop.plan(sql));
    assertThat(refusal).isNotNull();
    assertThat(refusal.code()).isEqualTo(code);
    assertThat(refusal).hasMessageContaining(code.wayOut());
  }

  @Test
  void refusesWhatDependsOnTheSqlMode() {
    assertThatThrownBy(() -> Shop.plan("SELECT * FROM users WHERE id = 1 || 2"))
        .hasMessageStartingWith("SYNTAX");
  }

  @Test
  void refusesLimitsThatAreNoNumbers() {
    assertThatThrownBy(() -> Shop.plan("SELECT * FROM users LIMIT ?", -1))
        .hasMessageStartingWith("LIMIT_VALUE");
    assertThatThrownBy(() -> Shop.plan("SELECT * FROM users LIMIT ?", "5"))
        .hasMessageStartingWith("LIMIT_VALUE");
  }

  @Test
  void sendsWhatIsNotUnderstoodToTheShardThatAHintNames() {
    assertThat(Shop.plan("/* shardflux: shard=b */ ANALYZE TABLE users").parts())
        .containsExactly(new Plan.Part(Shop.B, new ShardSql("ANALYZE TABLE users", List.of())));
    Prepared prepared = Shop.prepare("SELECT my_function(id) FROM users");
    Hints hints = Hints.builder().shard(Shop.C).build();
    assertThat(prepared.route(Binds.NONE, hints)).isEqualTo(new Routing.On(Shop.C));
  }

  @Test
  void namesWhatDependsOnItsSession() {
    for (String sql :
        List.of("SELECT @x", "SET NAMES utf8mb4", "SELECT LAST_INSERT_ID()", "SELECT @@sql_mode")) {
      RefusedSqlException refusal = Shop.prepare(sql).sessionRefusal();
      assertThat(refusal).isNotNull();
      assertThat(refusal.code()).isEqualTo(RefusalCode.SESSION_STATE);
    }
    assertThat(Shop.prepare("SELECT 1").sessionRefusal()).isNull();
  }

  @Test
  void boundsTextAndNesting() {
    SqlPlanner planner =
        SqlPlanner.of(PlannerOptions.builder().maxLength(100).maxNesting(8).maxOffset(10).build());
    assertThatThrownBy(
            () -> planner.prepare("SELECT " + "1".repeat(94), Shop.CATALOG, Shop.TOPOLOGY))
        .hasMessage(
            "TOO_LARGE: text: 101 characters (expected: at most 100) ("
                + RefusalCode.TOO_LARGE.wayOut()
                + ")");
    assertThatThrownBy(
            () ->
                planner.prepare(
                    "SELECT " + "(".repeat(9) + 1 + ")".repeat(9), Shop.CATALOG, Shop.TOPOLOGY))
        .hasMessageStartingWith("TOO_LARGE");
    assertThatThrownBy(() -> Shop.prepare("SELECT " + "NOT ".repeat(5000) + "1"))
        .hasMessageStartingWith("TOO_LARGE");
  }

  @Test
  void keepsWhatItFoundByText() {
    SqlPlanner planner = SqlPlanner.of(PlannerOptions.defaults());
    String sql = "SELECT * FROM users";
    assertThat(planner.cached(sql, Shop.CATALOG, Shop.TOPOLOGY)).isNull();
    Prepared prepared = planner.prepare(sql, Shop.CATALOG, Shop.TOPOLOGY);
    assertThat(planner.cached(sql, Shop.CATALOG, Shop.TOPOLOGY)).isSameAs(prepared);
    assertThat(
            planner.cached(
                sql, Shop.CATALOG, Shop.TOPOLOGY.withShard(io.shardflux.router.ShardId.of("d"))))
        .isNull();
    assertThatThrownBy(() -> planner.prepare("SELECT 1; 2", Shop.CATALOG, Shop.TOPOLOGY))
        .isInstanceOf(RefusedSqlException.class);
    assertThatThrownBy(() -> planner.cached("SELECT 1; 2", Shop.CATALOG, Shop.TOPOLOGY))
        .isInstanceOf(RefusedSqlException.class);
  }
}
