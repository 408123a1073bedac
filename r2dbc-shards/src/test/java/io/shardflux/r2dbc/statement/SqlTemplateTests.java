package io.shardflux.r2dbc.statement;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.lang.ref.WeakReference;
import java.time.Duration;
import java.util.List;
import java.util.function.Function;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class SqlTemplateTests {

  @Test
  void namesBecomePositions() {
    SqlTemplate sql = SqlTemplate.of("SELECT :a, :b_2 FROM t WHERE x = :a");

    assertThat(sql.markers()).isEqualTo(List.of("a", "b_2", "a"));
    assertThat(sql.render()).isEqualTo("SELECT ?, ? FROM t WHERE x = ?");
  }

  @Test
  void positionsStay() {
    SqlTemplate sql = SqlTemplate.of("UPDATE t SET a = ? WHERE b = ?");

    assertThat(sql.markers()).isEqualTo(List.of("0", "1"));
    assertThat(sql.render()).isEqualTo(sql.text());
  }

  @Test
  void aMarkerGluedToAWordIsSetApart() {
    assertThat(SqlTemplate.of("SELECT 1 WHERE 1=?AND 2=?").render())
        .isEqualTo("SELECT 1 WHERE 1=? AND 2=?");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "SELECT ':a ?'",
        "SELECT 'it''s :a'",
        "SELECT \":a\", `b:c ?`",
        "SELECT 1 -- :a ?",
        "SELECT /* :a ? */ 1",
        "SELECT @x := 1",
        "SELECT '12:30:00', '☃:é'",
        "SELECT 'unclosed :a ?",
      })
  void markersInQuotesAndCommentsAreText(String text) {
    SqlTemplate sql = SqlTemplate.of(text);

    assertThat(sql.markers()).isEmpty();
    assertThat(sql.render()).isEqualTo(text);
  }

  /**
   * The driver takes an escaped quote for the end, and knows neither such comments nor their end.
   */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '~',
      value = {
        "SELECT 'isn\\'t it?', :a | SELECT 'isn''t it?', ?",
        "SELECT 'a\\\\', \"b\\\"?\", :a | SELECT 'a\\\\', \"b\"\"?\", ?",
        "SELECT 'a\\\\\\'?', \"b\\'?\", :a | SELECT 'a\\\\''?', \"b\\'?\", ?",
        "~SELECT 1 # isn't it? /* --\n, :a~ | ~SELECT 1 # isn t it  /    \n, ?~",
        "~SELECT 1 -- a\r?\n, :a~ | ~SELECT 1 -- a ?\n, ?~",
      })
  void theDriverSeesTheSameMarkers(String text, String sent) {
    SqlTemplate sql = SqlTemplate.of(text);

    assertThat(sql.markers()).isEqualTo(List.of("a"));
    assertThat(sql.render()).isEqualTo(sent);
    assertThat(sql.text()).isEqualTo(text);
  }

  @Test
  void twoDashesWithoutASpaceAreNoComment() {
    assertThat(SqlTemplate.of("SELECT 5--:a").markers()).isEqualTo(List.of("a"));
  }

  @Test
  void fewLongStatementsAreKept() {
    Function<String, SqlTemplate> kept = SqlTemplate.cached();
    List<WeakReference<SqlTemplate>> templates =
        IntStream.range(0, 64)
            .mapToObj(i -> "SELECT " + " ".repeat(500_000) + i)
            .map(sql -> new WeakReference<>(kept.apply(sql)))
            .toList();

    System.gc();

    assertThat(templates).filteredOn(template -> template.get() != null).hasSizeLessThan(16);
    assertThat(kept.apply("SELECT 1")).isSameAs(kept.apply("SELECT 1"));
  }

  @Test
  void aBacktickedNameHasNoEscapes() {
    assertThat(SqlTemplate.of("SELECT `a\\` = :a").markers()).isEqualTo(List.of("a"));
  }

  @Test
  void aListMarkerBecomesSoManyGroups() {
    SqlTemplate sql = SqlTemplate.of("SELECT * FROM t WHERE (a, b) IN (:keys) AND c = :c");

    assertThat(sql.render("keys", "(?,?)", 2))
        .isEqualTo("SELECT * FROM t WHERE (a, b) IN ((?,?),(?,?)) AND c = ?");
  }

  @Test
  void bothKindsOfMarkerAreRefused() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> SqlTemplate.of("SELECT :a, ?"))
        .withMessageContaining("both ? and :name markers (expected: one kind)");
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "  \n"})
  void anEmptyStatementIsRefused(String text) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> SqlTemplate.of(text))
        .withMessageStartingWith("sql: ");
  }

  @Test
  void bindsAreCheckedAgainstTheMarkers() {
    SqlTemplate sql = SqlTemplate.of("SELECT :a, :b");
    Binds one = Binds.NONE.with(sql, "a", 1);

    assertThatIllegalArgumentException()
        .isThrownBy(() -> one.with(sql, "c", 1))
        .withMessageContaining("bind: c (expected: one of [a, b])");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> one.with(sql, "a", 2))
        .withMessageContaining("bind: a, twice");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> one.check(sql, null))
        .withMessageContaining("bind: no value for b");
    one.with(sql, "b", null).check(sql, null);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "SELECT a FROM t WHERE id = :id",
        "  select a from t",
        "/* why */ SELECT a FROM t",
        "-- why\nSELECT a FROM t",
        "(SELECT a FROM t) UNION (SELECT b FROM u)",
        "WITH r AS (SELECT 1) SELECT * FROM r",
        "SELECT REPLACE(a, 'b', 'c') FROM t",
        "SELECT 'FOR UPDATE', `into`, \"@x\" FROM t -- INTO",
        "SELECT t.share, t.next, t.update FROM t",
        "SELECT 1 ; -- the end",
        "SELECT a FROM t WHERE b = ';' AND c = :update",
      })
  void readsAreKnownByTheirWords(String sql) {
    assertThat(SqlTemplate.of(sql).reads()).isTrue();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "INSERT INTO t VALUES (1)",
        "UPDATE t SET a = 1",
        "DELETE FROM t",
        "REPLACE INTO t VALUES (1)",
        "CALL p()",
        "DO SLEEP(1)",
        "SHOW STATUS",
        "SET @x = 1",
        "SELECT a FROM t FOR UPDATE",
        "SELECT a FROM t FOR SHARE",
        "SELECT a FROM t LOCK IN SHARE MODE",
        "SELECT a INTO @x FROM t",
        "SELECT a FROM t INTO OUTFILE '/tmp/x'",
        "SELECT @x := @x + 1",
        "SELECT @@port",
        "SELECT GET_LOCK('a', 1)",
        "SELECT LAST_INSERT_ID()",
        "SELECT NEXTVAL(s)",
        "SELECT NEXT VALUE FOR s",
        "SELECT s.nextval",
        "SELECT IS_FREE_LOCK('x')",
        "SELECT 1; DELETE FROM t",
        "SELECT 1;CALL change()",
        "VALUES (NEXTVAL(s))",
        "-- SELECT\nDELETE FROM t",
        "SELECT 1 /*! FOR UPDATE */",
        "SELECT 1 /*M! FOR UPDATE */",
        "WITH r AS (SELECT 1) UPDATE t SET a = 1",
        "WITH r AS (SELECT 1) DELETE FROM t",
      })
  void allElseIsAWrite(String sql) {
    assertThat(SqlTemplate.of(sql).reads()).isFalse();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "SELECT a FROM t|SELECT /*+ MAX_EXECUTION_TIME(1500) */ a FROM t",
        "select a from t|select /*+ MAX_EXECUTION_TIME(1500) */ a from t",
        "SELECT /*+ NO_ICP(t) */ a FROM t|SELECT /*+ NO_ICP(t) */ a FROM t",
        "(SELECT 1) UNION (SELECT 2)|(SELECT 1) UNION (SELECT 2)",
        "WITH r AS (SELECT 1) SELECT 2|WITH r AS (SELECT 1) SELECT 2",
        "UPDATE t SET a = 1|UPDATE t SET a = 1",
      })
  void mysqlIsToldItsBoundByAHint(String sql, String bounded) {
    assertThat(Dialect.MYSQL.bounded(SqlTemplate.of(sql), sql, Duration.ofMillis(1500)))
        .isEqualTo(bounded);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "SELECT a FROM t|SET STATEMENT max_statement_time=1.5 FOR SELECT a FROM t",
        "DELETE FROM t|SET STATEMENT max_statement_time=1.5 FOR DELETE FROM t",
        "CREATE TABLE t (a INT)|CREATE TABLE t (a INT)",
        "CALL p()|CALL p()",
      })
  void mariadbIsToldItsBoundByAPrefix(String sql, String bounded) {
    assertThat(Dialect.MARIADB.bounded(SqlTemplate.of(sql), sql, Duration.ofMillis(1500)))
        .isEqualTo(bounded);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "SELECT a FROM t LIMIT 5",
        "SELECT a FROM t LIMIT 999999 OFFSET 7",
        "select a from t where b = (select max(b) from t) limit ?, ?",
        "SELECT a FROM t UNION ALL SELECT a FROM u LIMIT :n",
        "WITH r AS (SELECT 1) SELECT * FROM r LIMIT 1",
        "SELECT a FROM t FETCH FIRST 5 ROWS ONLY",
        "SELECT COUNT(*) FROM t",
        "SELECT 1 + sum(a), min(b) FROM t WHERE c IN (SELECT c FROM u)",
        "SELECT 1",
        "SELECT ? + 1 AS `FROM`",
        "INSERT INTO t (a) SELECT a FROM u",
        "SHOW TABLES",
      })
  void hasFewRows(String sql) {
    assertThat(SqlTemplate.of(sql).bounded()).isTrue();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "SELECT a FROM t",
        "(SELECT a FROM t)",
        "TABLE t",
        "CALL p()",
        "SELECT a FROM (SELECT a FROM t LIMIT 5) d, u",
        "(SELECT a FROM t LIMIT 5) UNION ALL (SELECT a FROM u)",
        "WITH r AS (SELECT 1 LIMIT 1) SELECT * FROM r, t",
        "SELECT a FROM t LIMIT 18446744073709551615 OFFSET 5",
        "SELECT a FROM t LIMIT 5, 18446744073709551615",
        "SELECT `limit`, t.limit FROM t -- LIMIT 5",
        "SELECT a, 'LIMIT 5' FROM t",
        "SELECT COUNT(*) FROM t GROUP BY a",
        "SELECT COUNT(*) OVER () FROM t",
        "SELECT COUNT(*) FROM t UNION ALL SELECT a FROM u",
        "SELECT (SELECT COUNT(*) FROM u) FROM t",
        "SELECT count FROM t",
        "SELECT a FROM t ORDER BY COUNT(*)",
        "SELECT 1 /*! FROM t */",
      })
  void mayHaveManyRows(String sql) {
    assertThat(SqlTemplate.of(sql).bounded()).isFalse();
  }

  @Test
  void aConditionOfOwnRowsIsTrueAndGivesWayToAnother() {
    SqlTemplate sql =
        SqlTemplate.of(
            "SELECT :a,':owned(x)' FROM users u, `my``Orders` -- :owned(y)\n"
                + "WHERE :owned( users u )AND :b=1 AND:owned(orders)");

    assertThat(sql.markers()).isEqualTo(List.of("a", "b"));
    assertThat(sql.render())
        .isEqualTo(
            "SELECT ?,':owned(x)' FROM users u, `my``Orders` -- :owned(y)\n"
                + "WHERE (TRUE)AND ?=1 AND(TRUE)");
    assertThat(sql.owned().stream().map(Owned::table)).containsExactly("users", "orders");
    assertThat(sql.owned().stream().map(Owned::qualifier)).containsExactly("`u`", "`orders`");
    SqlTemplate other = sql.owning(owned -> "(" + owned.qualifier() + ".`id`=7)");
    assertThat(other.markers()).isEqualTo(sql.markers());
    assertThat(other.render()).contains("WHERE (`u`.`id`=7)AND ?=1 AND(`orders`.`id`=7)");
  }

  @Test
  void aConditionOfOwnRowsIsNoMarkerOfEitherKind() {
    SqlTemplate sql = SqlTemplate.of("SELECT 1 FROM t WHERE :owned(t) AND a = ?");

    assertThat(sql.markers()).isEqualTo(List.of("0"));
    assertThat(SqlTemplate.of("SELECT :owned, :owned(1)").markers())
        .isEqualTo(List.of("owned", "owned"));
  }

  @Test
  void namesOfTablesAreFoundInWordsAndQuotedNamesAlone() {
    SqlTemplate sql =
        SqlTemplate.of(
            "SELECT 'orders' FROM Users JOIN db.`items` /* notes */ WHERE tags1 = :lists");

    assertThat(sql.naming(List.of("users", "items", "orders", "notes", "tags", "lists")))
        .containsExactlyInAnyOrder("users", "items");
  }
}
