package io.shardflux.reshard.watch;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.time.Instant;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class BacklogTests {

  private static final Duration SECOND = Duration.ofSeconds(1);

  private long now = 5;
  private final Backlog backlog =
      new Backlog(new LoadLimits(0, 100, Duration.ofSeconds(10)), () -> now);

  /** Looks each second, of which each sees so many more. */
  private void seconds(int count, long from, long more) {
    for (int i = 0; i < count; i++) {
      now += SECOND.toNanos();
      backlog.seen(from + i * more);
    }
  }

  @Test
  void fallsBehindWhereMoreAndMoreWait() {
    seconds(10, 101, 1);
    assertThat(backlog.behind()).isNull();
    assertThat(backlog.time()).isZero();
    seconds(1, 111, 0);
    assertThat(backlog.behind()).contains(": 111 wait, then 101 (expected: fewer than 100 soon");
    assertThat(backlog.time()).isEqualTo(Duration.ofSeconds(10));
    seconds(20, 112, 0);
    assertThat(backlog.time()).isEqualTo(Duration.ofSeconds(30));
  }

  @Test
  void doesNotWhereThereAreFewOrFewer() {
    seconds(30, 71, 1);
    assertThat(backlog.behind()).isNull();
    seconds(60, 5_000, -1);
    assertThat(backlog.behind()).isNull();
    seconds(60, 4_000, 0);
    assertThat(backlog.behind()).isNull();
  }

  /** Another router may own the job by now. */
  @Test
  void goesOnFromWhereAFormerOwnerWas() {
    Instant since = Instant.now().minusSeconds(60);
    backlog.goesOn(since);
    assertThat(backlog.behind()).isNull();
    assertThat(backlog.since()).isEqualTo(since);
    seconds(1, 500, 0);
    assertThat(backlog.behind()).contains("since " + since);
    assertThat(backlog.time()).isBetween(Duration.ofSeconds(60), Duration.ofSeconds(120));
    seconds(1, 100, 0);
    assertThat(backlog.behind()).isNull();
    backlog.goesOn(since);
    seconds(1, 50, 0);
    seconds(1, 500, 0);
    assertThat(backlog.behind()).isNull();
  }

  @Test
  void catchesUp() {
    seconds(12, 1_000, 10);
    assertThat(backlog.behind()).isNotNull();
    seconds(5, 500, -10);
    assertThat(backlog.behind()).isNotNull();
    seconds(1, 100, 0);
    assertThat(backlog.behind()).isNull();
    assertThat(backlog.time()).isZero();
    seconds(10, 1_000, 10);
    assertThat(backlog.behind()).isNull();
    seconds(1, 1_100, 10);
    assertThat(backlog.behind()).isNotNull();
  }

  /** Many may wait for long, as behind a pause or a burst; that they are caught up with counts. */
  @ParameterizedTest
  @ValueSource(longs = {1, 7, 1_000})
  void catchesUpWhereFewerAndFewerWait(long less) {
    seconds(12, 1_000_000, 10);
    assertThat(backlog.behind()).isNotNull();
    seconds(30, 1_000_000 - less, -less);
    assertThat(backlog.behind()).isNull();
    seconds(600, 1_000_000 - 31 * less, -less);
    assertThat(backlog.behind()).isNull();
    assertThat(backlog.time()).isZero();
    seconds(11, 1_000_000, 1);
    assertThat(backlog.behind()).isNotNull();
    assertThat(backlog.time()).isLessThanOrEqualTo(Duration.ofSeconds(20));
  }

  /** As many that wait on and on are not caught up with, whether or not they vary a little. */
  @ParameterizedTest
  @ValueSource(longs = {0, 1, 50})
  void doesNotCatchUpWhereAsManyWait(long varying) {
    seconds(12, 1_000, 10);
    LongStream.range(0, 300).forEach(i -> seconds(1, 2_000 + i % 7 * varying, 0));
    assertThat(backlog.behind()).isNotNull();
    assertThat(backlog.time()).isGreaterThanOrEqualTo(Duration.ofMinutes(5));
  }
}
