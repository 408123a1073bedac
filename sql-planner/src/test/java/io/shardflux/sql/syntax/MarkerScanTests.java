package io.shardflux.sql.syntax;

import static org.assertj.core.api.Assertions.assertThat;

import io.shardflux.sql.statement.PlannerOptions;
import io.shardflux.sql.statement.RefusedSqlException;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** The markers that are found without reading the whole text are those of the planner. */
class MarkerScanTests {

  private static final int TEXTS = 20_000;
  private static final int MOST_PIECES = 12;

  private static final List<String> PIECES =
      List.of(
          "?",
          "?",
          ":a",
          ":a",
          ":b1",
          ":é$_",
          ":1",
          ":",
          ":=",
          "::",
          "?c",
          "x:d",
          "'",
          "'?'",
          "'it''s ?'",
          "'\\'?'",
          "\"?\"",
          "\"\"\"?\"",
          "\"\\\"",
          "`?`",
          "`?\\`",
          "``",
          "N'?'",
          "x'4a'",
          "@'?'",
          "@v",
          "@@w",
          "/*?*/",
          "/* ' */",
          "/*/ ? */",
          "/*",
          "*/",
          "--",
          "-- ?\n",
          "--?",
          "--\n",
          "-",
          "#",
          "# '\n",
          "/",
          "\\",
          "\n",
          " ",
          ",",
          "1.5e3",
          ".5",
          "word",
          ";");

  private record Marker(@Nullable String name, int end) {}

  private static List<Marker> planners(String text) {
    SqlText read = SqlText.read(text, PlannerOptions.defaults());
    List<Marker> markers = new ArrayList<>();
    for (int place = 0; place < read.places(); place++) {
      markers.add(new Marker(read.markers().get(read.marker(place)), read.end(place)));
    }
    return markers;
  }

  private static List<Marker> scanned(String text, Random random) {
    MarkerScan scan = new MarkerScan(text);
    List<Marker> markers = new ArrayList<>();
    while (!scan.ended()) {
      int before = scan.at();
      if (scan.next(before + 1 + random.nextInt(5))) {
        markers.add(new Marker(scan.name(), scan.at()));
      }
      assertThat(scan.at()).as("goes on in %s", text).isGreaterThan(before);
    }
    assertThat(scan.next(Integer.MAX_VALUE)).isFalse();
    return markers;
  }

  @Test
  void theyAreThePlanners() {
    Random random = new Random(1);
    int compared = 0;
    for (int i = 0; i < TEXTS; i++) {
      StringBuilder text = new StringBuilder();
      for (int pieces = random.nextInt(MOST_PIECES); pieces >= 0; pieces--) {
        text.append(PIECES.get(random.nextInt(PIECES.size())));
      }
      String sql = text.toString();
      try {
        assertThat(scanned(sql, random)).as(sql).isEqualTo(planners(sql));
        compared++;
      } catch (RefusedSqlException notRun) {
        // A text that is refused has no markers.
      }
    }
    assertThat(compared).isGreaterThan(TEXTS / 10);
  }

  @Test
  void itReadsNoFurtherThanAsked() {
    MarkerScan scan = new MarkerScan("SELECT ?, :name, '" + "x".repeat(1_000) + "', ?");
    assertThat(scan.at()).isZero();
    assertThat(scan.next(Integer.MAX_VALUE)).isTrue();
    assertThat(scan.at()).isEqualTo("SELECT ?".length());
    assertThat(scan.name()).isNull();
    assertThat(scan.next(Integer.MAX_VALUE)).isTrue();
    assertThat(scan.at()).isEqualTo("SELECT ?, :name".length());
    assertThat(scan.name()).isEqualTo("name");
    assertThat(scan.next(scan.at() + 2)).isFalse();
    assertThat(scan.ended()).isFalse();
  }
}
