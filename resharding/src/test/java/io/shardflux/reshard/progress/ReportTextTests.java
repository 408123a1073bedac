package io.shardflux.reshard.progress;

import static org.assertj.core.api.Assertions.assertThat;

import io.shardflux.reshard.progress.MoveProgress.Holder;
import io.shardflux.reshard.progress.MoveProgress.Report;
import io.shardflux.reshard.progress.MoveProgress.Wait;
import java.time.Duration;
import java.time.Instant;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;

class ReportTextTests {

  private static final Holder HOLDER =
      new Holder(17, "app,\n=", "10.0.0.5:4711", Duration.ofMillis(63_250));

  @Test
  void readsWhatWasWritten() {
    Report report =
        new Report(
            0.25,
            5_000,
            17,
            Duration.ofMinutes(3),
            "lag: 10.0.0.2:3306 is 7 s behind",
            List.of("lag of é: a\nb=c", "x"),
            new Wait(Instant.ofEpochMilli(1_234), "open transactions on a", List.of(HOLDER)),
            "since é");

    assertThat(ReportText.parse(ReportText.of(report))).isEqualTo(report);
    assertThat(ReportText.of(report)).isASCII();
  }

  @Test
  void readsTheEmptiest() {
    assertThat(ReportText.parse("")).isEqualTo(Report.of(0));
    assertThat(ReportText.parse(ReportText.of(Report.of(1)))).isEqualTo(Report.of(1));
  }

  @Test
  void passesOverWhatANewerRouterTells() {
    assertThat(ReportText.parse("done=0.5\nmood=good\nbare")).isEqualTo(Report.of(0.5));
  }

  @Test
  void hasRoomInItsColumn() {
    Report report =
        new Report(0.5, 1, 1, null, "x", Collections.nCopies(1_000, "y".repeat(100)), null, null);

    assertThat(ReportText.parse(ReportText.of(report))).isEqualTo(Report.of(0.5));
  }
}
