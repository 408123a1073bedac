package io.shardflux.sql.merge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.shardflux.sql.Shop;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class FoldTests {

  private static List<@Nullable Object> row(@Nullable Object... values) {
    return Arrays.asList(values);
  }

  private static BigDecimal decimal(String value) {
    return new BigDecimal(value);
  }

  /** The visible part of the answer to a statement for rows that come in the merge's order. */
  @SafeVarargs
  private static List<List<@Nullable Object>> fold(String sql, List<@Nullable Object>... rows) {
    List<List<@Nullable Object>> all = new ArrayList<>();
    for (List<@Nullable Object> row : rows) {
      all.add(row);
    }
    return fold(Shop.scatter(sql).merge(), all);
  }

  private static List<List<@Nullable Object>> fold(Merge merge, List<List<@Nullable Object>> rows) {
    List<List<@Nullable Object>> answer = new ArrayList<>();
    Fold fold = merge.begin();
    boolean more = true;
    for (List<@Nullable Object> row : rows) {
      more = more && fold.next(row.toArray(), each -> answer.add(visible(merge, each)));
    }
    if (more) {
      fold.end(each -> answer.add(visible(merge, each)));
    }
    return answer;
  }

  private static List<@Nullable Object> visible(Merge merge, @Nullable Object[] row) {
    List<@Nullable Object> visible = new ArrayList<>();
    for (int i = 0; i < row.length - merge.hidden(); i++) {
      visible.add(row[i]);
    }
    return visible;
  }

  @Test
  void addsCountsAndSums() {
    assertThat(
            fold(
                "SELECT COUNT(*), SUM(balance), SUM(score) FROM users",
                row(2L, decimal("1.50"), 0.5),
                row(0L, null, null),
                row(1L, decimal("2.25"), 0.25)))
        .containsExactly(Arrays.asList(3L, decimal("3.75"), 0.75));
  }

  @Test
  void givesOneRowOfNoRow() {
    assertThat(fold("SELECT COUNT(DISTINCT age) FROM users")).containsExactly(List.of(0L));
    assertThat(fold("SELECT SUM(DISTINCT age), COUNT(DISTINCT age) FROM users"))
        .containsExactly(Arrays.asList(null, 0L));
    assertThat(fold("SELECT age, COUNT(*) FROM users GROUP BY age")).isEmpty();
    assertThat(fold("SELECT COUNT(*) FROM users HAVING COUNT(*) > 5", row(2L), row(3L))).isEmpty();
    assertThat(fold("SELECT COUNT(*) FROM users HAVING COUNT(*) > 4", row(2L), row(3L)))
        .containsExactly(List.of(5L));
  }

  @Test
  void averagesBySumAndCount() {
    assertThat(
            fold(
                "SELECT AVG(age) FROM users",
                row(decimal("1.0000"), decimal("2"), 2L),
                row(null, null, 0L),
                row(decimal("3.0000"), decimal("3"), 1L)))
        .containsExactly(List.of(decimal("1.6667")));
    assertThat(fold("SELECT AVG(score) FROM users", row(1.0, 2.0, 2L), row(4.0, 4.0, 1L)))
        .containsExactly(List.of(2.0));
    assertThat(fold("SELECT AVG(age) FROM users", row(null, null, 0L), row(null, null, 0L)))
        .containsExactly(Arrays.asList((Object) null));
  }

  @Test
  void takesExtremesByWeight() {
    byte[] space = {0, 0x20};
    assertThat(
            fold(
                "SELECT MIN(name), MAX(age) FROM users",
                row("b", 3, space, new byte[] {0, 0x42}),
                row(null, null, space, null),
                row("A", 9, space, new byte[] {0, 0x41})))
        .containsExactly(List.of("A", 9));
  }

  @Test
  void groupsNeighbours() {
    assertThat(
            fold(
                "SELECT age, COUNT(*) FROM users GROUP BY age",
                row(null, 1L),
                row(null, 2L),
                row(1, 1L),
                row(2, 1L),
                row(2, 4L)))
        .containsExactly(Arrays.asList(null, 3L), List.of(1, 1L), List.of(2, 5L));
  }

  @Test
  void countsDistinctValuesOverShards() {
    assertThat(
            fold(
                "SELECT age, COUNT(DISTINCT score) FROM users GROUP BY age",
                row(1, 1L, 0.5),
                row(1, 1L, 0.5),
                row(1, 0L, null),
                row(1, 1L, 0.75),
                row(2, 1L, 0.5)))
        .containsExactly(List.of(1, 2L), List.of(2, 1L));
  }

  @Test
  void sortsGroupsByAggregates() {
    assertThat(
            fold(
                "SELECT age, COUNT(*) FROM users GROUP BY age ORDER BY 2 DESC, 1 LIMIT 2 OFFSET 1",
                row(1, 1L),
                row(2, 5L),
                row(3, 2L),
                row(3, 3L),
                row(4, 4L)))
        .containsExactly(List.of(3, 5L), List.of(4, 4L));
  }

  @Test
  void filtersGroupsByThreeValuedLogic() {
    String sql =
        "SELECT age FROM users GROUP BY age HAVING NOT (COUNT(*) > 2) OR SUM(balance) BETWEEN 5 AND"
            + " 6 OR SUM(balance) IS NULL AND COUNT(*) IN (3, 4)";
    assertThat(
            fold(
                sql,
                row(1, 2L, decimal("9")),
                row(2, 3L, decimal("5.5")),
                row(3, 3L, null),
                row(4, 5L, null),
                row(5, 5L, decimal("7"))))
        .containsExactly(List.of(1), List.of(2), List.of(3));
  }

  @Test
  void computesWithMoreDigitsThanItShows() {
    String sql = "SELECT SUM(age) / COUNT(*), SUM(age) / COUNT(*) * 100 FROM users";
    assertThat(fold(sql, row(null, null, decimal("1"), 3L)))
        .containsExactly(List.of(decimal("0.3333"), decimal("33.3333")));
  }

  /** An average is rounded before it is compared, or not, as servers like. */
  @Test
  void comparesAQuotientIfThatDoesNotHangOnItsRounding() {
    String sql = "SELECT COUNT(*) FROM users HAVING AVG(age) > ";
    List<List<@Nullable Object>> third = List.of(row(3L, decimal("1"), 3L));
    assertThat(fold(Shop.scatter(sql + "0.3332").merge(), third)).hasSize(1);
    assertThat(fold(Shop.scatter(sql + "0.3334").merge(), third)).isEmpty();
    Merge undecided = Shop.scatter(sql + "0.3333").merge();
    assertThatThrownBy(() -> fold(undecided, third)).hasMessageStartingWith("HAVING");
  }

  @Test
  void sumsOneValueAsMany() {
    assertThat(fold("SELECT SUM(DISTINCT age) FROM users", row(7, 7), row(7, 7)))
        .containsExactly(List.of(decimal("7")));
  }

  @Test
  void dividesAnAverageAsOneOfItsType() {
    assertThat(
            fold("SELECT AVG(age) / COUNT(*) FROM users", row(null, null, decimal("257"), 5L, 5L)))
        .containsExactly(List.of(decimal("10.28000000")));
  }

  @Test
  void averagesInDoublesWhereADoubleIsAdded() {
    assertThat(
            fold(
                "SELECT SUM(score) + AVG(balance) FROM users",
                row(null, 1.0, null, decimal("5.00"), 3L)))
        .containsExactly(List.of(1.0 + 5.0 / 3));
  }

  @Test
  void comparesWithBoundNumbersAlone() {
    String sql = "SELECT age FROM users GROUP BY age HAVING COUNT(*) >= ?";
    assertThat(fold(Shop.scatter(sql, 3).merge(), List.of(row(1, 2L), row(1, 1L), row(2, 2L))))
        .containsExactly(List.of(1));
    assertThatThrownBy(() -> fold(Shop.scatter(sql, "3").merge(), List.of(row(1, 2L))))
        .hasMessageStartingWith("HAVING");
  }

  @Test
  void stopsAtTheLimit() {
    Fold fold = Shop.scatter("SELECT id FROM users LIMIT 2 OFFSET 1").merge().begin();
    List<@Nullable Object> answer = new ArrayList<>();
    assertThat(fold.next(row(1).toArray(), row -> answer.add(row[0]))).isTrue();
    assertThat(fold.next(row(2).toArray(), row -> answer.add(row[0]))).isTrue();
    assertThat(fold.next(row(3).toArray(), row -> answer.add(row[0]))).isFalse();
    assertThat(answer).containsExactly(2, 3);
  }

  @Test
  void anyValueIsOfAShardThatHasOne() {
    assertThat(
            fold(
                "SELECT COUNT(*), ANY_VALUE(name) FROM users",
                row(0L, null),
                row(1L, "Ann"),
                row(0L, null)))
        .containsExactly(row(1L, "Ann"));
  }
}
