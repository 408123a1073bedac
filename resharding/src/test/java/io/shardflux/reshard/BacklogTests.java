package io.shardflux.reshard;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import org.junit.jupiter.api.Test;

class BacklogTests {

  private static final Duration SECOND = Duration.ofSeconds(1);

  private long now = 5;
  private final Backlog backlog =
      new Backlog(new MoveWatch.Limits(0, 100, Duration.ofSeconds(10)), () -> now);

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
}
