package io.shardflux.r2dbc.statement;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Set;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SessionWordsTests {

  @ParameterizedTest
  @ValueSource(
      strings = {
        "SELECT 1",
        " select a, `b` FROM t WHERE id = ? AND (x IN (1, 2) OR NOT(y)) ORDER BY (a) LIMIT 3",
        "SELECT COUNT(*), MAX(a) FROM t JOIN u USING (id) GROUP BY b HAVING(COUNT(*) > 1)",
        "SELECT '@v := GET_LOCK(1)', \"f(\", `@v` FROM t -- f(1) @v\n WHERE a = 'it''s \\' @x'",
        "SELECT /* SET @a = f(1) */ 1 # @v",
        "SELECT /*+ MAX_EXECUTION_TIME(100) */ a FROM t",
        "(SELECT a FROM t) UNION ALL (SELECT b FROM u) ORDER BY 1",
        "SELECT @@sql_mode, @@SESSION.time_zone, VERSION()",
        "SELECT a FROM t FOR UPDATE",
        "SELECT CAST(a AS DECIMAL(10,2)), CONVERT(b USING utf8mb4), EXTRACT(YEAR FROM c) FROM t",
        "SELECT ROW_NUMBER() OVER (PARTITION BY a ORDER BY b) FROM t",
        "SELECT d.x FROM (SELECT a FROM t) AS d(x)",
        "SELECT d.x FROM (SELECT a FROM t) d(x)",
        "WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c), e(m) AS (SELECT 1)"
            + " SELECT IFNULL(n, 1) FROM c",
        "INSERT INTO users (id, name) VALUES (:id, UPPER(:name))",
        "INSERT INTO users(id, name) VALUES (?, ?) ON DUPLICATE KEY UPDATE name = VALUES(name)",
        "INSERT INTO `a`.`users`(`id`) SELECT id FROM users",
        "INSERT INTO users VALUES (1, 2) AS fresh(a, b) ON DUPLICATE KEY UPDATE name = fresh.b",
        "REPLACE INTO t() VALUES ()",
        "UPDATE t PARTITION (p0) SET a = COALESCE(?, a) WHERE id IN (?)",
        "DELETE FROM t USE INDEX (i) WHERE id BETWEEN(1) AND (2)",
        "EXPLAIN FORMAT=TRADITIONAL SELECT * FROM `t`",
        "DO SLEEP(0)",
        "SELECT 1;",
        "SELECT next, value FROM previous",
      })
  void aPlainStatementLeavesNothing(String sql) {
    assertThat(SqlTemplate.of(sql).touching()).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "SET autocommit = 0",
        "/* c */ SET NAMES gbk",
        "-- c\nUSE other",
        "/*!50000 SET autocommit = 0 */",
        "SELECT 1 /*!, @v := 1 */",
        "SELECT 1 /*M!, @v := 1 */",
        "SELECT @v := 1",
        "SELECT @v:=1",
        "SELECT @`v` := 1",
        "SELECT @@@v",
        "(SELECT 1 INTO @v)",
        "((SELECT f(1)))",
        "WITH c AS (SELECT 1) SELECT f(1) FROM c",
        "WITH c AS (SELECT f(1)) SELECT 1 FROM c",
        "WITH c AS (SELECT 1), d AS (SELECT 1) SELECT 1, f(1) FROM c",
        "EXPLAIN SELECT @v := 1",
        "EXPLAIN ANALYZE SELECT f(1)",
        "EXPLAIN t",
        "DO GET_LOCK('a', 1)",
        "SELECT get_lock('a', 1)",
        "SELECT GET_LOCK /* c */ ('a', 1)",
        "SELECT RELEASE_LOCK('a'), RELEASE_ALL_LOCKS(), IS_USED_LOCK('a')",
        "SELECT LAST_INSERT_ID(5)",
        "SELECT f(1)",
        "SELECT f (1)",
        "SELECT f\n-- c\n(1)",
        "SELECT `f`(1)",
        "SELECT \"f\"(1)",
        "SELECT `concat`(1)",
        "SELECT db.concat(1)",
        "SELECT db . concat (1)",
        "SELECT a$concat(1)",
        "SELECT concat$(1)",
        "SELECT concat$1(1)",
        "SELECT concat\u20ac (1)",
        "SELECT \u017fleep(1)",
        "SELECT \u2003concat(1)",
        "SELECT 2concat(1)",
        "SELECT 1 --\u2003@v := 1",
        "SELECT 1 -- \0, @v := 1",
        "INSERT INTO t VALUES (f(1))",
        "INSERT INTO t (a) SELECT f(1)",
        "INSERT INTO t SET a = f(1)",
        "INSERT INTO t (a) VALUES (1) ON DUPLICATE KEY UPDATE a = f(1)",
        "UPDATE t SET a = f(1)",
        "DELETE FROM t WHERE a = f(1)",
        "REPLACE INTO t VALUES (1) RETURNING f(1)",
        "SELECT NEXTVAL(s)",
        "SELECT s.nextval",
        "SELECT NEXT VALUE FOR s",
        "SELECT 1; SET @v = 1",
        "SELECT 1;(SELECT 2)",
        "CALL p()",
        "PREPARE s FROM 'SELECT 1'",
        "HANDLER t OPEN",
        "LOCK TABLES t READ",
        "CREATE TEMPORARY TABLE t (a INT)",
        "BEGIN",
        "START TRANSACTION",
        "SHOW VARIABLES",
        ";",
      })
  void whatMayLeaveSomethingIsTold(String sql) {
    assertThat(SqlTemplate.of(sql).touching()).containsExactlyInAnyOrder(Dialect.values());
  }

  @ParameterizedTest
  @ValueSource(strings = {"SELECT UUID_TO_BIN(?)", "SELECT * FROM t, LATERAL (SELECT 1) d"})
  void anotherServersOwnFunctionMayBeAUsersHere(String sql) {
    assertThat(SqlTemplate.of(sql).touching()).isEqualTo(Set.of(Dialect.MARIADB));
  }
}
