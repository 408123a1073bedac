package io.shardflux.sql;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.shardflux.router.KeyColumn;
import io.shardflux.router.KeyRange;
import io.shardflux.router.KeyType;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardKey;
import io.shardflux.router.ShardingStrategy;
import io.shardflux.router.TableRule;
import io.shardflux.router.Topology;
import io.shardflux.sql.merge.Merge;
import io.shardflux.sql.merge.Plan;
import io.shardflux.sql.schema.Catalog;
import io.shardflux.sql.statement.Binds;
import io.shardflux.sql.statement.Hints;
import io.shardflux.sql.statement.PlannerOptions;
import io.shardflux.sql.statement.RefusalCode;
import io.shardflux.sql.statement.RefusedSqlException;
import io.shardflux.sql.statement.Routing;
import io.shardflux.sql.statement.StatementKind;
import java.math.BigInteger;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Faults that were found by comparing answers with those of one database. */
class ComparedWithOneDatabaseTests {

  private static final ShardId A = ShardId.of("a");
  private static final ShardId B = ShardId.of("b");

  private static final Topology TOPOLOGY =
      Topology.builder()
          .shard(A)
          .shard(B)
          .strategy("by_id", ShardingStrategy.hash(List.of(A, B)))
          .strategy(
              "by_word",
              ShardingStrategy.range(Map.of(KeyRange.below("h"), A, KeyRange.from("h"), B)))
          .table(new TableRule.Sharded("customers", List.of(KeyColumn.integer("id")), "by_id"))
          .table(new TableRule.Sharded("orders", List.of(KeyColumn.integer("customer")), "by_id"))
          .table(new TableRule.Sharded("words", List.of(KeyColumn.text("word")), "by_word"))
          .build();

  private static final Catalog CATALOG =
      Catalog.of(
          Map.of(
              "customers",
              List.of(key("id", "bigint", null), column("name", "varchar(9)")),
              "orders",
              List.of(
                  key("customer", "bigint", null),
                  key("number", "int", null),
                  column("note", "varchar(9)"),
                  new Catalog.Column(
                      "placed", "datetime", true, null, false, Catalog.Filling.GIVEN),
                  column("status", "enum('z','a')")),
              "words",
              List.of(key("word", "varchar(9)", "utf8mb4_bin"), column("uses", "varchar(9)"))));

  private static Catalog.Column key(String name, String type, @Nullable String collation) {
    return new Catalog.Column(name, type, false, collation, true, Catalog.Filling.GIVEN);
  }

  private static Catalog.Column column(String name, String type) {
    return new Catalog.Column(name, type, true, "utf8mb4_general_ci", false, Catalog.Filling.GIVEN);
  }

  private static Prepared prepare(String sql) {
    return SqlPlanner.of(PlannerOptions.defaults()).prepare(sql, CATALOG, TOPOLOGY);
  }

  private static Routing route(String sql, Binds binds) {
    return prepare(sql).route(binds, Hints.NONE);
  }

  private static Merge merge(String sql) {
    return merge(sql, Binds.of());
  }

  private static Merge merge(String sql, Binds binds) {
    return ((Plan.Scatter) prepare(sql).plan(binds, Hints.NONE, List.of(A, B))).merge();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "0 AND 'c'",
        "'a' AND 7",
        "'a' COLLATE utf8mb4_general_ci AND 'c'",
        "'a' AND 'c' COLLATE utf8mb4_general_ci",
        "uses AND 'c'"
      })
  void aBoundOfAnotherTypeOrCollationChangesHowTheOtherIsCompared(String bounds) {
    assertThat(route("SELECT uses FROM words WHERE word BETWEEN " + bounds, Binds.of()))
        .isInstanceOf(Routing.Everywhere.class);
  }

  @Test
  void soDoesABoundOneOfAnotherType() {
    String sql = "SELECT uses FROM words WHERE word BETWEEN ? AND ?";
    assertThat(route(sql, Binds.of(0, "c"))).isInstanceOf(Routing.Everywhere.class);
    assertThat(route(sql, Binds.of("a", "c"))).isInstanceOf(Routing.Ranges.class);
    assertThat(route(sql, Binds.of("a", null))).isInstanceOf(Routing.Nowhere.class);
  }

  /** NULL, for the customers without orders, is on each. */
  @Test
  void theKeyOfAnOuterJoinedTableIsNoProofOfOneShard() {
    String from = " FROM customers c LEFT JOIN orders o ON o.customer = c.id GROUP BY ";
    assertThat(merge("SELECT o.customer, COUNT(*)" + from + "o.customer"))
        .hasToString("merge by 1; group by 1; count into 2");
    assertThat(merge("SELECT c.id, COUNT(*)" + from + "c.id")).hasToString("as they come");
  }

  @Test
  void aKeyIsCountedOnceWhereAnotherDistinctSplitsItsGroups() {
    assertThat(merge("SELECT COUNT(DISTINCT customer) FROM orders"))
        .hasToString("as they come; one group; count into 1");
    assertThat(merge("SELECT COUNT(DISTINCT customer), COUNT(DISTINCT number) FROM orders"))
        .asString()
        .contains("count_distinct into 1; count_distinct into 2");
    assertThat(merge("SELECT COUNT(DISTINCT customer) FROM orders HAVING COUNT(DISTINCT note) > 1"))
        .asString()
        .contains("count_distinct into 1");
  }

  @Test
  void theLargestOfAnEnumHasNoOneOrder() {
    assertThatThrownBy(
            () -> merge("SELECT note FROM orders GROUP BY note ORDER BY MAX(status), note"))
        .isInstanceOfSatisfying(
            RefusedSqlException.class,
            refused -> assertThat(refused.code()).isEqualTo(RefusalCode.UNSORTABLE));
  }

  @Test
  void anOrderedUnionMayHaveTwoColumnsOfOneName() {
    String union =
        "SELECT uses, uses FROM words WHERE word = 'a' UNION ALL SELECT uses, uses FROM words"
            + " WHERE word = 'a'";
    assertThat(merge(union)).hasToString("as they come");
    assertThat(prepare(union + " ORDER BY 1").plan(Binds.of(), Hints.NONE, List.of(A)))
        .isInstanceOf(Plan.Direct.class);
    assertThat(merge(union + " ORDER BY 1")).hasToString("merge by h2");
  }

  @Test
  void aUnionThatNoShardsCouldMergeGoesByItsKeysAllTheSame() {
    String select = "SELECT name FROM customers WHERE id = ";
    assertThat(route(select + "5 UNION " + select + "5", Binds.of()))
        .isEqualTo(new Routing.Keys("customers", List.of(ShardKey.of(5))));
    assertThat(route(select + "5 UNION " + select + "6", Binds.of()))
        .isEqualTo(new Routing.Keys("customers", List.of(ShardKey.of(5), ShardKey.of(6))));
    assertThat(route(select + "5 UNION SELECT name FROM customers", Binds.of()))
        .isInstanceOf(Routing.Everywhere.class);
  }

  @Test
  void aLimitMayBeABigInteger() {
    assertThat(merge("SELECT uses FROM words LIMIT ?", Binds.of(BigInteger.TWO)).limit())
        .isEqualTo(2);
    assertThatThrownBy(
            () ->
                merge(
                    "SELECT uses FROM words LIMIT ?",
                    Binds.of(BigInteger.ONE.shiftLeft(Long.SIZE))))
        .isInstanceOf(RefusedSqlException.class);
  }

  @Test
  void anAggregateOfAnyTypeMayBeNull() {
    assertThat(merge("SELECT uses FROM words GROUP BY uses HAVING MIN(word) IS NOT NULL"))
        .asString()
        .contains("having");
  }

  @Test
  void aYearIsANumber() {
    assertThat(merge("SELECT note FROM orders GROUP BY note HAVING MAX(YEAR(placed)) > 2000"))
        .asString()
        .contains("having");
  }

  @Test
  void aTextThatLooksLikeAnOptionIsSelected() {
    assertThat(Shop.shardSql("SELECT 'all' id FROM users")).isEqualTo("SELECT 'all' id FROM users");
    assertThat(Shop.shardSql("SELECT `all` FROM (SELECT id AS `all` FROM users) d"))
        .startsWith("SELECT `all` FROM");
  }

  @Test
  void aPathIsAPartOfItsExpression() {
    assertThat(Shop.shardSql("SELECT id FROM users ORDER BY data->>'$.n'"))
        .contains("WEIGHT_STRING(data->>'$.n')");
  }

  @Test
  void intervalIsAFunctionToo() {
    assertThat(Shop.shardSql("SELECT INTERVAL(age, 0, 1) AS x FROM users WHERE age > 0"))
        .isEqualTo("SELECT INTERVAL(age, 0, 1) AS x FROM users WHERE age > 0");
    assertThat(Shop.shardSql("SELECT COUNT(*), INTERVAL(age, 0, 1) AS x FROM users GROUP BY age"))
        .endsWith("GROUP BY age ORDER BY age");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "(SELECT id FROM users FOR UPDATE)",
        "SELECT * FROM (SELECT id FROM users FOR SHARE) d",
        "SELECT id FROM users WHERE id IN (SELECT user_id FROM orders FOR UPDATE)",
        "(SELECT code FROM countries FOR UPDATE)"
      })
  void aLockInsideIsALock(String sql) {
    Prepared prepared = Shop.prepare(sql);
    assertThat(prepared.kind()).isEqualTo(StatementKind.LOCKING_READ);
    assertThatThrownBy(() -> Shop.plan(sql)).hasMessageStartingWith("SCATTERED_LOCK");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "SELECT u.id FROM users u JOIN (SELECT COUNT(*) AS n FROM countries WHERE 1 = 0) d",
        "SELECT u.id FROM users u, (SELECT MAX(code) AS n FROM countries WHERE FALSE) d",
        "SELECT u.id FROM users u, (SELECT COUNT(*) AS n WHERE NULL) d",
        "SELECT u.id FROM users u, (SELECT COUNT(*) AS n FROM countries WHERE 1 = 0"
            + " UNION ALL SELECT COUNT(*) FROM countries WHERE 1 = 0) d",
        "WITH d AS (SELECT COUNT(*) AS n FROM countries WHERE NULL) SELECT u.id FROM users u, d"
      })
  void aCountOfNoRowsIsARow(String sql) {
    assertThat(Shop.route(sql)).isInstanceOf(Routing.Everywhere.class);
  }

  @Test
  void aCountOfNoRowsIsInsertedByItsKey() {
    assertThat(
            Shop.route(
                "INSERT INTO orders (user_id, id) SELECT 8, COUNT(*) FROM orders WHERE 1 = 0"))
        .isEqualTo(new Routing.Keys("orders", List.of(ShardKey.of(8L))));
  }

  @Test
  void aDateAmongDateTimesIsNotOrderedByItsNumber() {
    assertThatThrownBy(
            () -> Shop.plan("SELECT IF(age, created, DATE'2020-01-01') AS x FROM users ORDER BY x"))
        .hasMessageStartingWith("UNSORTABLE");
    assertThat(Shop.shardSql("SELECT id FROM users ORDER BY COALESCE(created, NULL)"))
        .contains("(COALESCE(created, NULL)) + 0");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "JSON_VALUE(data, '$.n' RETURNING JSON)",
        "JSON_KEYS(data)",
        "CHAR(age USING utf8mb4)",
        "raw & raw"
      })
  void whatIsNoTextIsNotOrderedAsText(String expression) {
    assertThatThrownBy(() -> Shop.plan("SELECT id FROM users ORDER BY " + expression))
        .hasMessageStartingWith("UNSORTABLE");
  }

  @Test
  void aNumberTakenFromJsonIsOrderedAsANumber() {
    assertThat(
            Shop.shardSql(
                "SELECT DISTINCT JSON_VALUE(data, '$.n' RETURNING DECIMAL(5, 2)) FROM users"))
        .doesNotContain("WEIGHT_STRING");
  }

  @Test
  void theLargestOfBitsIsComputedWithAsANumber() {
    Catalog.Column id =
        new Catalog.Column("id", "bigint", false, null, true, Catalog.Filling.GIVEN);
    Catalog.Column bits =
        new Catalog.Column("bits", "bit(8)", true, null, false, Catalog.Filling.GIVEN);
    Catalog catalog = Catalog.of(Map.of("customers", List.of(id, bits)));
    Prepared prepared =
        SqlPlanner.of(PlannerOptions.defaults())
            .prepare("SELECT MAX(bits) + 1 FROM customers", catalog, TOPOLOGY);
    Plan plan = prepared.plan(Binds.of(), Hints.NONE, List.of(A, B));
    assertThat(plan.parts().get(0).sql().text()).contains("(MAX(bits)) + 0");
  }

  private static Object routedBy(
      String columnType, KeyType type, @Nullable String collation, String sql) {
    Catalog.Column key =
        new Catalog.Column("k", columnType, false, collation, true, Catalog.Filling.GIVEN);
    Topology topology =
        Topology.builder()
            .shard(A)
            .shard(B)
            .strategy("by_k", ShardingStrategy.hash(List.of(A, B)))
            .table(new TableRule.Sharded("t", List.of(new KeyColumn("k", type)), "by_k"))
            .build();
    return SqlPlanner.of(PlannerOptions.defaults())
        .prepare(sql, Catalog.of(Map.of("t", List.of(key))), topology)
        .route(Binds.of(), Hints.NONE);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '~',
      value = {
        "int | INTEGER | | 2147483648",
        "int unsigned | INTEGER | | -1",
        "tinyint(4) | INTEGER | | 128",
        "bigint(20) | INTEGER | | 9223372036854775808",
        "char(6) | TEXT | utf8mb4_0900_bin | 'a '",
        "varchar(3) | TEXT | utf8mb4_bin | 'abcd'",
        "varchar(9) | TEXT | latin1_bin | '日'",
        "varchar(9) | TEXT | utf8mb3_bin | '😀'",
        "binary(6) | TEXT | | 'abc'",
        "varbinary(3) | TEXT | | 'abcd'",
        "datetime(3) | DATETIME | | '2025-12-31 23:59:59.9995'",
        "datetime | DATETIME | | '2026-02-30 00:00:00'"
      })
  void aKeyThatTheColumnWouldChangeIsNotInserted(
      String columnType, KeyType type, @Nullable String collation, String value) {
    assertThatThrownBy(
            () ->
                routedBy(
                    columnType, type, collation, "INSERT IGNORE INTO t (k) VALUES (" + value + ")"))
        .hasMessageStartingWith("KEY_VALUE");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '~',
      value = {
        "int unsigned | INTEGER | | 4294967295",
        "tinyint | INTEGER | | -128",
        "bigint unsigned | INTEGER | | 18446744073709551615",
        "char(6) | TEXT | utf8mb4_0900_bin | 'a'",
        "varchar(3) | TEXT | utf8mb4_bin | '日本語'",
        "varchar(9) | TEXT | latin1_bin | '€é'",
        "binary(3) | TEXT | | 'abc'",
        "datetime(3) | DATETIME | | '2025-12-31 23:59:59.999'"
      })
  void aKeyThatTheColumnHoldsIsInserted(
      String columnType, KeyType type, @Nullable String collation, String value) {
    assertThat(routedBy(columnType, type, collation, "INSERT INTO t (k) VALUES (" + value + ")"))
        .isInstanceOf(Routing.Rows.class);
  }

  @Test
  void aDateTimeThatIsRoundedPrunesNothing() {
    assertThat(
            routedBy(
                "datetime(3)",
                KeyType.DATETIME,
                null,
                "SELECT k FROM t WHERE k = '2025-12-31 23:59:59.9995'"))
        .isInstanceOf(Routing.Everywhere.class);
  }

  @Test
  void aCharacterSetOfAnotherOrderPrunesNoRange() {
    assertThat(routedBy("varchar(9)", KeyType.TEXT, "latin1_bin", "SELECT k FROM t WHERE k < 'é'"))
        .isInstanceOf(Routing.Everywhere.class);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '~',
      value = {"varchar(9) | INTEGER", "enum('a') | TEXT", "datetime | DATE", "int | TEXT"})
  void aKeyOfAnotherTypeThanItsColumnIsRefused(String columnType, KeyType type) {
    assertThatThrownBy(
            () -> routedBy(columnType, type, "utf8mb4_bin", "SELECT k FROM t WHERE k = 1"))
        .hasMessageStartingWith("KEY_COLLATION");
  }
}
