package io.shardflux.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import io.shardflux.benchmarks.Contender.Way;
import io.shardflux.benchmarks.Report.Ratio;
import io.shardflux.benchmarks.Report.SmallHeap;
import io.shardflux.benchmarks.Task.Act;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class ReportTests {

  private static final Task READS = new Task(Act.READ, 64, Duration.ofSeconds(1), 1_000, 0);

  private final Report report =
      Report.of(
          Map.of("server", "MySQL 9"),
          List.of(
              Result.of(
                  READS,
                  Way.BY_HAND,
                  List.of(figures(1_000, 20), figures(4_000, 40), figures(2_000, 30))),
              Result.of(READS, Way.ROUTER, List.of(figures(3_000, 33), figures(1_000, 27)))),
          List.of(new SmallHeap("64m", Act.STREAM, 1_000_000, 250_000, 21.04)),
          List.of(new Lookup("hash", 20, 0.5, 0), new Lookup("ringOf1000", 300, 1, 0)),
          new Measured(
              List.of(new Measured.OneFigure("copy", 1_234.56, "rows/s")),
              List.of(new Ratio("moves: a / b", 3))),
          new Measured(
              List.of(new Measured.OneFigure("join", 1.5, "ms")),
              List.of(new Ratio("joins: a / b", 4))),
          new Measured(
              List.of(new Measured.OneFigure("two shards", 900, "/s")),
              List.of(new Ratio("transactions: a / b", 5))));

  @Test
  void mediansAndSpreadsAreThoseOfTheRounds() {
    assertThat(report.results().get(0).perSecond()).isEqualTo(new Spread(2_000, 1_000, 4_000));
    assertThat(report.results().get(1).perSecond()).isEqualTo(new Spread(2_000, 1_000, 3_000));
  }

  @Test
  void ratiosAreOfMediansAndOnlyOfWhatWasMeasured() {
    assertThat(report.ratios())
        .containsExactly(
            new Ratio("read by key, 64: throughput, router / by hand", 1),
            new Ratio("read by key, 64: CPU, router / by hand", 1),
            new Ratio("lookup hash: time / 40 ns", 0.5),
            new Ratio("lookup ringOf1000: time / 150 ns", 2),
            new Ratio("moves: a / b", 3),
            new Ratio("joins: a / b", 4),
            new Ratio("transactions: a / b", 5));
  }

  @Test
  void theTableHasALineForEach() {
    assertThat(report.table().replaceAll(" +", " "))
        .contains("server MySQL 9\n")
        .contains("read by key, 64 by hand 2,000 1,000 - 4,000 30.00 512 150 900 12.0\n")
        .contains("all rows as they come, -Xmx64m 1,000,000 250,000 21.0\n")
        .contains("join 1.50 ms\n")
        .contains("two shards 900.00 /s\n")
        .contains("ringOf1000 300.0 1.0 0.0\n")
        .contains("lookup hash: time / 40 ns 0.50\n");
  }

  @Test
  void theJsonHasEveryFigure() {
    JsonNode json = JsonMapper.shared().readTree(report.json());
    assertThat(json.at("/setting/server").asString()).isEqualTo("MySQL 9");
    assertThat(json.at("/results/0/way").asString()).isEqualTo("by hand");
    assertThat(json.at("/results/0/cpuMicros/max").asDouble()).isEqualTo(40);
    assertThat(json.at("/results/0/rounds/1/operations").asLong()).isEqualTo(4_000);
    assertThat(json.at("/smallHeaps/0/heapMib").asDouble()).isEqualTo(21.04);
    assertThat(json.at("/lookups/1/nanos").asDouble()).isEqualTo(300);
    assertThat(json.at("/ratios/2/value").asDouble()).isEqualTo(0.5);
  }

  private static Figures figures(long operations, double cpuMicros) {
    return new Figures(operations, 1, cpuMicros, 512, 150, 900, 12);
  }
}
