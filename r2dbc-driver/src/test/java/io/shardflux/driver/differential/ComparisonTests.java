package io.shardflux.driver.differential;

import static io.shardflux.driver.differential.Table.row;
import static org.assertj.core.api.Assertions.assertThat;

import io.shardflux.driver.differential.Answer.Changed;
import io.shardflux.driver.differential.Answer.Failed;
import io.shardflux.driver.differential.Answer.Rows;
import io.shardflux.driver.differential.Expected.Slice;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class ComparisonTests {

  private static final Expected BAG = Expected.bag(Map.of());
  private static final Expected LIST = Expected.total(Map.of());

  private final Comparison comparison =
      new Comparison(Map.of(Kind.GENERAL, Map.of("Ann", 1, "ann", 1, "Bob", 2)));

  @SafeVarargs
  private static Rows rows(List<@Nullable Object>... rows) {
    List<List<@Nullable Object>> all = new ArrayList<>();
    for (List<@Nullable Object> row : rows) {
      all.add(row);
    }
    return new Rows(List.of("a INT"), all);
  }

  @Test
  void aBagHasNoOrderButCounts() {
    Rows some = rows(row(1), row(2), row(2), row((Object) null));
    assertThat(comparison.difference(some, rows(row(2), row((Object) null), row(1), row(2)), BAG))
        .isNull();
    assertThat(comparison.difference(some, rows(row(1), row(1), row(2), row((Object) null)), BAG))
        .contains("not so often");
    assertThat(comparison.difference(some, rows(row(1), row(2), row(2)), BAG)).contains("4 rows");
  }

  @Test
  void aListHasAnOrder() {
    assertThat(comparison.difference(rows(row(1), row(2)), rows(row(1), row(2)), LIST)).isNull();
    assertThat(comparison.difference(rows(row(1), row(2)), rows(row(2), row(1)), LIST))
        .contains("row 0");
  }

  @Test
  void tiesComeInAnyOrder() {
    Expected byFirst = Expected.tied(List.of(0), Map.of());
    Rows some = rows(row(1, 7), row(1, 8), row(2, 9));
    assertThat(comparison.difference(some, rows(row(1, 8), row(1, 7), row(2, 9)), byFirst))
        .isNull();
    assertThat(comparison.difference(some, rows(row(2, 9), row(1, 7), row(1, 8)), byFirst))
        .isNotNull();
  }

  @Test
  void aSliceIsSomeOfTheRowsAndAllThatItMayBe() {
    Expected two = BAG.of(new Slice("", 1, 2));
    Rows all = rows(row(1), row(2), row(3), row(4));
    assertThat(comparison.difference(all, rows(row(4), row(1)), two)).isNull();
    assertThat(comparison.difference(all, rows(row(4)), two)).contains("2 rows of 4, sharded 1");
    assertThat(comparison.difference(all, rows(row(4), row(4)), two)).isNotNull();
    assertThat(comparison.difference(all, rows(row(4), row(5)), two)).isNotNull();
  }

  @Test
  void aSliceOfAnOrderHasTheKeysThatLieThere() {
    Expected second = Expected.tied(List.of(0), Map.of()).of(new Slice("", 1, 2));
    Rows all = rows(row(1, 7), row(1, 8), row(2, 9));
    assertThat(comparison.difference(all, rows(row(1, 7), row(2, 9)), second)).isNull();
    assertThat(comparison.difference(all, rows(row(1, 7), row(1, 8)), second)).isNotNull();
  }

  @Test
  void typesCountButForTheWidthOfAnInteger() {
    assertThat(comparison.difference(rows(row(1)), rows(row(1L)), BAG)).isNull();
    assertThat(comparison.difference(rows(row(1)), rows(row(1.0)), BAG)).isNotNull();
    assertThat(
            comparison.difference(
                rows(row(new BigDecimal("1.0"))), rows(row(new BigDecimal("1.00"))), BAG))
        .isNotNull();
    assertThat(comparison.difference(rows(row(1), row(2)), rows(row(1), row(2L)), BAG))
        .contains("some");
  }

  @Test
  void columnsCount() {
    assertThat(
            comparison.difference(
                new Rows(List.of("a INT class java.lang.Integer"), List.of(row(1))),
                new Rows(List.of("a BIGINT class java.lang.Long"), List.of(row(1L))),
                BAG))
        .isNull();
    assertThat(
            comparison.difference(rows(row(1)), new Rows(List.of("b INT"), List.of(row(1))), BAG))
        .contains("columns");
    assertThat(
            comparison.difference(
                rows(row(1)), new Rows(List.of("a DECIMAL"), List.of(row(1))), BAG))
        .contains("columns");
  }

  @Test
  void textOfAFoldedColumnIsEqualByItsCollation() {
    Expected folded = Expected.bag(Map.of(0, Kind.GENERAL));
    assertThat(comparison.difference(rows(row("Ann")), rows(row("ann")), folded)).isNull();
    assertThat(comparison.difference(rows(row("Ann")), rows(row("ann")), BAG)).isNotNull();
    assertThat(comparison.difference(rows(row("Ann")), rows(row("Bob")), folded)).isNotNull();
  }

  @Test
  void countsAndErrorsAreCompared() {
    assertThat(comparison.difference(new Changed(2), new Changed(2), null)).isNull();
    assertThat(comparison.difference(new Changed(2), new Changed(3), null)).isNotNull();
    assertThat(comparison.difference(new Failed(1062, "a"), new Failed(1062, "b"), null)).isNull();
    assertThat(comparison.difference(new Failed(1062, "a"), new Failed(1048, "b"), null))
        .isNotNull();
    assertThat(comparison.difference(new Failed(1062, "a"), new Changed(1), null)).isNotNull();
  }
}
