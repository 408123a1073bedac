package io.shardflux.r2dbc.ids;

import static org.assertj.core.api.Assertions.assertThat;

import io.hypersistence.tsid.TSID;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import org.junit.jupiter.api.Test;

class NodeLeaseTests {

  private static final long NOW = Instant.parse("2026-01-31T12:00:00Z").toEpochMilli();
  private static final long LEASE_NANOS = 30_000_000_000L;
  private static final long NANOS = Math.subtractExact(Long.MAX_VALUE, LEASE_NANOS / 2);
  private static final int PER_MILLI = 4_096;

  private final NodeLease lease = lease(NOW + 30_000);

  private static NodeLease lease(long usedUntil) {
    return new NodeLease(1_023, "holder", NOW, new NodeLease.Term(usedUntil, NANOS + LEASE_NANOS));
  }

  private long draw(long millis) {
    return lease.draw(millis, NANOS);
  }

  @Test
  void anIdIsTheTsidOfItsNodeAndMillisecond() {
    TSID made =
        TSID.Factory.builder()
            .withNode(1_023)
            .withClock(Clock.fixed(Instant.ofEpochMilli(NOW), ZoneOffset.UTC))
            .build()
            .generate();
    long id = draw(NOW);
    assertThat(id >>> 12).isEqualTo(made.toLong() >>> 12);
    assertThat(TSID.from(id).getInstant()).isEqualTo(Instant.ofEpochMilli(NOW));
    assertThat(TSID.from(TSID.from(id).toString()).toLong()).isEqualTo(id);
    assertThat(id & 0xfff).isZero();
  }

  @Test
  void idsArePositiveUntilTheEnd() {
    long id =
        new NodeLease(1_023, "holder", NodeLease.END, new NodeLease.Term(NodeLease.END, 1))
            .draw(NodeLease.END, 0);
    assertThat(id).isPositive();
    assertThat(TSID.from(id).getInstant()).isEqualTo(Instant.parse("2089-09-06T15:47:35.551Z"));
  }

  @Test
  void idsRiseWithinAMillisecondAndToTheNext() {
    long first = draw(NOW);
    assertThat(draw(NOW)).isEqualTo(first + 1);
    assertThat(draw(NOW)).isEqualTo(first + 2);
    assertThat(draw(NOW + 1)).isEqualTo(first + (1L << 22));
    // A small step back goes on from where it was.
    assertThat(draw(NOW - 3)).isEqualTo(first + (1L << 22) + 1);
  }

  @Test
  void moreThanAMillisecondHoldsRunAheadOfTheClockForTenAtMost() {
    long last = 0;
    for (int i = 0; i < 11 * PER_MILLI; i++) {
      long id = draw(NOW);
      assertThat(id).isGreaterThan(last);
      assertThat(TSID.from(id).getUnixMilliseconds()).isEqualTo(NOW + i / PER_MILLI);
      last = id;
    }
    assertThat(draw(NOW)).isEqualTo(NodeLease.AHEAD);
    assertThat(TSID.from(draw(NOW + 1)).getUnixMilliseconds()).isEqualTo(NOW + 11);
    assertThat(lease.seal()).isEqualTo(NOW + 11);
  }

  @Test
  void idsNeverGoBeyondWhatTheTableSays() {
    NodeLease lease = lease(NOW + 1);
    for (int i = 0; i < 2 * PER_MILLI; i++) {
      assertThat(lease.draw(NOW, NANOS)).isNotNegative();
    }
    assertThat(lease.draw(NOW, NANOS)).isEqualTo(NodeLease.OVER);
    assertThat(lease.draw(NOW + 2, NANOS)).isEqualTo(NodeLease.OVER);
    lease.extend(new NodeLease.Term(NOW + 2, NANOS + LEASE_NANOS));
    assertThat(TSID.from(lease.draw(NOW, NANOS)).getUnixMilliseconds()).isEqualTo(NOW + 2);
  }

  @Test
  void isOverAtItsEndAlsoWhereTheClockStandsStill() {
    // The nanoseconds overflow between.
    assertThat(lease.draw(NOW, NANOS + LEASE_NANOS - 1)).isNotNegative();
    assertThat(lease.draw(NOW, NANOS + LEASE_NANOS)).isEqualTo(NodeLease.OVER);
    lease.extend(new NodeLease.Term(NOW, NANOS + 2 * LEASE_NANOS));
    assertThat(lease.draw(NOW + 30_000, NANOS + LEASE_NANOS)).isNotNegative();
  }

  @Test
  void givesNoMoreOnceSealed() {
    draw(NOW + 5);
    assertThat(lease.seal()).isEqualTo(NOW + 5);
    assertThat(draw(NOW + 6)).isEqualTo(NodeLease.OVER);
    assertThat(lease(NOW).seal()).isEqualTo(NOW - 1);
  }
}
