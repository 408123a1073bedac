package io.shardflux.sql;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.shardflux.sql.ahead.Ahead;
import io.shardflux.sql.statement.Binds;
import io.shardflux.sql.statement.Hints;
import io.shardflux.sql.statement.PlannerOptions;
import io.shardflux.sql.statement.RefusalCode;
import io.shardflux.sql.statement.RefusedSqlException;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Which subqueries run first, and how their values stand in the statement then. */
class AheadTests {

  private static @Nullable Ahead ahead(String sql, @Nullable Object... values) {
    Prepared prepared =
        SqlPlanner.of(PlannerOptions.defaults()).prepare(sql, Shop.CATALOG, Shop.TOPOLOGY);
    Binds binds = Binds.of(values);
    try {
      prepared.route(binds, Hints.NONE);
      prepared.plan(binds, Hints.NONE, List.of(Shop.A, Shop.B, Shop.C));
      throw new AssertionError("planned: " + sql);
    } catch (RefusedSqlException refusal) {
      return prepared.ahead(refusal);
    }
  }

  private static Ahead some(String sql, @Nullable Object... values) {
    return Objects.requireNonNull(ahead(sql, values), sql);
  }

  private static String bound(String sql, @Nullable Object... found) {
    Ahead ahead = some(sql);
    List<List<@Nullable Object>> all = new ArrayList<>();
    ahead.subqueries().forEach(each -> all.add(Arrays.asList(found)));
    Ahead.Bound bound = ahead.bound(Binds.NONE, all);
    return bound.sql() + " " + bound.values();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "id IN (SELECT id FROM orders) | id IN (?, ?, ?, ?, NULL) [1, 2, 3, 1]",
        "id NOT IN (SELECT id FROM orders) | id NOT IN (?, ?, ?, ?, NULL) [1, 2, 3, 1]",
        "age + 1 = ANY (SELECT id FROM orders) | age + 1 IN (?, ?, ?, ?, NULL) [1, 2, 3, 1]",
        "age <> ALL (SELECT id FROM orders) | age NOT IN (?, ?, ?, ?, NULL) [1, 2, 3, 1]",
        "age >= ALL (SELECT id FROM orders) | age >= ALL (SELECT `_shardflux_v`.* FROM (SELECT ?"
            + " UNION ALL SELECT ? UNION ALL SELECT NULL) AS `_shardflux_v`) [1, 3]",
        "age = (SELECT id FROM orders) | age = (SELECT ? UNION ALL SELECT ? UNION ALL SELECT ?"
            + " UNION ALL SELECT NULL) [1, 2, 3]",
        "EXISTS (SELECT 1 FROM orders) | (1 = 1) []",
      })
  void valuesStandInTheSubquerysPlace(String condition, String expected) {
    assertThat(bound("SELECT COUNT(*) FROM users WHERE " + condition, 1L, 2L, 3L, null))
        .isEqualTo("SELECT COUNT(*) FROM users WHERE " + expected);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "age IN (SELECT id FROM orders) | (1 = 0) []",
        "age NOT IN (SELECT id FROM orders) | (1 = 1) []",
        "age > ALL (SELECT id FROM orders) | age > ALL (SELECT NULL FROM DUAL WHERE 1 = 0) []",
        "age = (SELECT id FROM orders) | age = NULL []",
        "age + (SELECT MAX(id) FROM orders) > 1 | age + CAST(NULL AS SIGNED) > 1 []",
        "NOT EXISTS (SELECT 1 FROM orders) | NOT (1 = 0) []",
      })
  void noRowIsNoValue(String condition, String expected) {
    assertThat(bound("SELECT COUNT(*) FROM users WHERE " + condition))
        .isEqualTo("SELECT COUNT(*) FROM users WHERE " + expected);
  }

  @Test
  void aValueHasItsTypeAndItsName() {
    assertThat(
            bound("SELECT (SELECT SUM(total) FROM orders), id FROM users", new BigDecimal("1.5")))
        .isEqualTo(
            "SELECT CAST(? AS DECIMAL(65, 2)) AS `(SELECT SUM(total) FROM orders)`, id FROM users"
                + " [1.5]");
  }

  /** Bound and cast, an INT would be a BIGINT; compared, that does not matter. */
  @Test
  void aShorterIntegerIsBoundOnlyWhereItIsCompared() {
    assertThat(bound("SELECT id FROM users WHERE age + 1 > (SELECT MAX(age) FROM users)", 7L))
        .isEqualTo("SELECT id FROM users WHERE age + 1 > ? [7]");
    assertThat(bound("SELECT (SELECT MAX(id) FROM users) AS n, id FROM users", 7L))
        .isEqualTo("SELECT CAST(? AS SIGNED) AS n, id FROM users [7]");
    assertThat(ahead("SELECT (SELECT MAX(age) FROM users) AS n, id FROM users")).isNull();
  }

  @Test
  void markersStayWithTheirPart() {
    Ahead ahead =
        some(
            "SELECT id FROM users WHERE age > ? AND age IN (SELECT id FROM orders WHERE total ="
                + " ?) AND name = ?",
            1,
            3,
            4);
    assertThat(ahead.subqueries().get(0).sql().text())
        .isEqualTo("SELECT DISTINCT id FROM orders WHERE total = ? LIMIT ?");
    assertThat(ahead.subqueries().get(0).sql().markers()).containsExactly(1, 3);
    assertThat(ahead.bound(Binds.of(1, 3, 4), List.of(List.of(7L))).values())
        .containsExactly(1, 7L, 4);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "age IN (SELECT id FROM orders WHERE total > 1) | SELECT DISTINCT id FROM orders WHERE"
            + " total > 1 LIMIT ?",
        "age IN (SELECT MAX(id) FROM orders GROUP BY note) | SELECT MAX(id) FROM orders GROUP BY"
            + " note LIMIT ?",
        "EXISTS (SELECT * FROM orders) | SELECT * FROM orders LIMIT 1",
        "EXISTS (SELECT * FROM orders LIMIT 3, 2) | SELECT * FROM orders LIMIT 3, 2",
        "age > (SELECT MAX(id) FROM orders) | SELECT MAX(id) FROM orders LIMIT 2",
        "name IN (SELECT note FROM orders) | SELECT DISTINCT note FROM orders LIMIT ?",
        "age IN (SELECT id FROM orders WHERE id IN (SELECT at FROM events)) | SELECT DISTINCT id"
            + " FROM orders WHERE id IN (SELECT at FROM events) LIMIT ?",
      })
  void onlyRowsThatMatterAreAskedFor(String condition, String expected) {
    Ahead ahead = some("SELECT id FROM users WHERE " + condition);
    assertThat(ahead.subqueries()).hasSize(1);
    assertThat(ahead.subqueries().get(0).sql().text()).isEqualTo(expected);
  }

  /** A bound value might compare, or compute, otherwise than the subquery's own. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "created IN (SELECT id FROM orders)",
        "name IN (SELECT id FROM orders)",
        "age IN (SELECT note FROM orders)",
        "nick IN (SELECT note FROM orders)",
        "CONCAT(name, '') IN (SELECT note FROM orders)",
        "kind IN (SELECT note FROM orders)",
        "age = (SELECT AVG(total) FROM orders)",
        "age IN (SELECT score FROM users)",
        "created > (SELECT MAX(created) FROM users)",
        "(age, balance) IN (SELECT id, total FROM orders)",
        "age IN (SELECT o.id FROM orders o WHERE o.note = users.name)",
        "age IN (SELECT o.id FROM orders o WHERE o.id = age)",
        "age IN (SELECT id FROM orders WHERE total > RAND())",
        "age IN (SELECT id FROM orders WHERE note > NOW())",
        "LENGTH((SELECT MAX(note) FROM orders)) > 2",
      })
  void othersStayWhereTheyAre(String condition) {
    assertThat(ahead("SELECT id FROM users WHERE " + condition)).isNull();
  }

  /** Without a value nothing is left of the comparison, and it is what makes one row of all. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "SELECT SUM(age) IN (SELECT id FROM orders) FROM users",
        "SELECT COUNT(*) + 1 = ANY (SELECT id FROM orders) FROM users",
        "SELECT MAX(age) <> ALL (SELECT id FROM orders) FROM users",
        "SELECT 1 FROM users HAVING MAX(id) NOT IN (SELECT id FROM orders)",
        "SELECT 1 FROM users ORDER BY (MAX(id) IN (SELECT id FROM orders))",
      })
  void anAggregateStaysWithItsSubquery(String sql) {
    assertThat(ahead(sql)).isNull();
  }

  /** A list is filled up to a power of two, and a server takes 65,535 markers. */
  @Test
  void moreValuesThanAServerTakesAreGathered() {
    Ahead ahead = some("SELECT id FROM users WHERE age IN (SELECT id FROM orders)");
    List<Long> most = LongStream.range(0, 32_768).boxed().toList();
    assertThat(ahead.bound(Binds.NONE, List.of(most)).values()).hasSize(32_768);
    List<Long> more = LongStream.range(0, 32_769).boxed().toList();
    assertThatThrownBy(() -> ahead.bound(Binds.NONE, List.of(more)))
        .isInstanceOfSatisfying(
            RefusedSqlException.class,
            refused -> assertThat(refused.code()).isEqualTo(RefusalCode.TOO_MANY_GATHERED_ROWS));
  }

  @Test
  void aNameOfWithIsNoTable() {
    assertThat(
            ahead(
                "WITH orders AS (SELECT id FROM users) SELECT id FROM users WHERE age IN (SELECT id"
                    + " FROM orders)"))
        .isNull();
  }
}
