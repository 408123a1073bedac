package io.shardflux.r2dbc;

import java.time.Duration;

/**
 * How long a shard may take. Both are counted per shard from the subscription, waiting for a
 * connection included, and only while rows are wanted: a slow consumer never makes a shard late.
 *
 * @param firstRow the time to the first row, or to the end where there is none (default 10 s)
 * @param total the time to the end (default 60 s, at least {@code firstRow})
 */
public record Timeouts(Duration firstRow, Duration total) {

  private static final Timeouts DEFAULTS =
      new Timeouts(Duration.ofSeconds(10), Duration.ofSeconds(60));

  /**
   * Checks both times.
   *
   * @throws IllegalArgumentException if a time is not above 0, or {@code total} is below {@code
   *     firstRow}
   */
  public Timeouts {
    if (firstRow.isNegative() || firstRow.isZero()) {
      throw new IllegalArgumentException(
          "timeouts.first-row: " + firstRow + " (expected: more than 0)");
    }
    if (total.compareTo(firstRow) < 0) {
      throw new IllegalArgumentException(
          "timeouts.total: " + total + " (expected: at least first-row, " + firstRow + ")");
    }
  }

  /** The defaults stated above. */
  public static Timeouts defaults() {
    return DEFAULTS;
  }

  /** One bound for the first row and for the whole. */
  public static Timeouts of(Duration total) {
    return new Timeouts(total, total);
  }
}
