package io.shardflux.r2dbc.settings;

import io.shardflux.router.Internal;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * The times that a shard may take. They are counted for each shard and only while rows are wanted:
 * a slow consumer never makes a shard late.
 *
 * @param acquire the time to a connection (default 5 s, from 1 ms to {@code total})
 * @param firstRow the time to the first row, or to the end if there is no row, from the
 *     subscription on and with the wait for a connection (default 10 s, from 1 ms to {@code total})
 * @param gap the time from one row to the next, or to the end; noticed up to a quarter later
 *     (default 10 s, from 1 ms to {@code total})
 * @param total the time to the end (default 60 s, from 1 ms to 365 days, and at least each of the
 *     others). A statement whose answer is taken whole, by {@code one()}, {@code first()} or {@code
 *     rowsUpdated()}, is also ended by the server itself, 5 s later, where the server can: MariaDB
 *     any read or change of rows, MySQL a statement that begins with {@code SELECT}
 */
public record Timeouts(Duration acquire, Duration firstRow, Duration gap, Duration total) {

  private static final Timeouts DEFAULTS =
      new Timeouts(
          Duration.ofSeconds(5),
          Duration.ofSeconds(10),
          Duration.ofSeconds(10),
          Duration.ofSeconds(60));

  /**
   * Checks all times.
   *
   * @param acquire see {@link #acquire()}
   * @param firstRow see {@link #firstRow()}
   * @param gap see {@link #gap()}
   * @param total see {@link #total()}
   * @throws IllegalArgumentException if a time is below 1 ms, or above {@code total}, or that above
   *     365 days
   */
  public Timeouts {
    Bounds.checkTime("timeouts.total", total);
    String most = "timeouts.total, " + total;
    Bounds.checkTime("timeouts.acquire", acquire, total, most);
    Bounds.checkTime("timeouts.first-row", firstRow, total, most);
    Bounds.checkTime("timeouts.gap", gap, total, most);
  }

  /** {@return the defaults stated above} */
  public static Timeouts defaults() {
    return DEFAULTS;
  }

  /**
   * One bound for all times.
   *
   * @param total the time for each bound, from 1 ms to 365 days
   * @return times that are all {@code total}
   */
  public static Timeouts of(Duration total) {
    return new Timeouts(total, total, total, total);
  }

  /**
   * {@return these times with another time to a connection}
   *
   * @param time see {@link #acquire()}
   */
  public Timeouts withAcquire(Duration time) {
    return new Timeouts(time, firstRow, gap, total);
  }

  /**
   * {@return these times with another time to the first row}
   *
   * @param time see {@link #firstRow()}
   */
  public Timeouts withFirstRow(Duration time) {
    return new Timeouts(acquire, time, gap, total);
  }

  /**
   * {@return these times with another time from row to row}
   *
   * @param time see {@link #gap()}
   */
  public Timeouts withGap(Duration time) {
    return new Timeouts(acquire, firstRow, time, total);
  }

  /**
   * {@return these times with another time to the end} The other times are lowered to it where they
   * are above.
   *
   * @param time see {@link #total()}
   */
  public Timeouts withTotal(Duration time) {
    return new Timeouts(shorter(acquire, time), shorter(firstRow, time), shorter(gap, time), time);
  }

  /**
   * {@return the remaining times after that time, or null if a first row would be late already}
   *
   * @param elapsed the time that has passed since the statement was asked for
   */
  @Nullable
  @Internal
  public Timeouts after(Duration elapsed) {
    Duration left = firstRow.minus(elapsed);
    return left.toMillis() < 1
        ? null
        : new Timeouts(
            shorter(acquire, left), left, shorter(gap, total.minus(elapsed)), total.minus(elapsed));
  }

  private static Duration shorter(Duration one, Duration other) {
    return one.compareTo(other) < 0 ? one : other;
  }
}
