package io.shardflux.sql;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.shardflux.router.KeyColumn;
import io.shardflux.router.KeyRange;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardKey;
import io.shardflux.router.ShardingStrategy;
import io.shardflux.router.TableRule;
import io.shardflux.router.Topology;
import java.math.BigInteger;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What was found by comparing answers with those of one database. */
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
                  new Catalog.Column("placed", "datetime", true, null, false, false),
                  column("status", "enum('z','a')")),
              "words",
              List.of(key("word", "varchar(9)", "utf8mb4_bin"), column("uses", "varchar(9)"))));

  private static Catalog.Column key(String name, String type, @Nullable String collation) {
    return new Catalog.Column(name, type, false, collation, true, false);
  }

  private static Catalog.Column column(String name, String type) {
    return new Catalog.Column(name, type, true, "utf8mb4_general_ci", false, false);
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
  void aUnionWithTwoColumnsOfOneNameIsAnsweredByOneShard() {
    String union =
        "SELECT uses, uses FROM words WHERE word = 'a' UNION ALL SELECT uses, uses FROM words"
            + " WHERE word = 'a'";
    assertThat(prepare(union).plan(Binds.of(), Hints.NONE, List.of(A)))
        .isInstanceOf(Plan.Direct.class);
    assertThatThrownBy(() -> merge(union))
        .isInstanceOfSatisfying(
            RefusedSqlException.class,
            refused -> assertThat(refused.code()).isEqualTo(RefusalCode.SET_OPERATION));
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
}
