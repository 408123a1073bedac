package io.shardflux.r2dbc.failure;

import io.r2dbc.spi.R2dbcTimeoutException;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.router.Internal;
import io.shardflux.router.ShardId;
import java.time.Duration;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Reports that a shard was late. The message names the shard, the bound and its value, the time
 * spent, the rows until then, and the statement without its bound values.
 */
public final class ShardTimeoutException extends R2dbcTimeoutException {

  private static final long serialVersionUID = 1L;
  private static final int SHOWN = 200;

  /** The bound that was met. */
  @Internal
  public enum Bound {
    /** Until a connection is there. */
    ACQUIRE(
        "no connection", "a connection", "raise pool.max-size or timeouts.acquire, or ask less"),
    /** Until the first row. */
    FIRST_ROW("no row", "a first row", "raise timeouts.first-row or make the statement cheaper"),
    /** From one row to the next, or to the end. */
    GAP(
        "no further row",
        "the next row or the end",
        "raise timeouts.gap or make the statement cheaper"),
    /** Until the end. */
    TOTAL("not at the end", "the end", "raise timeouts.total or make the statement cheaper");

    private final String what;
    private final String expected;
    private final String remedy;

    Bound(String what, String expected, String remedy) {
      this.what = what;
      this.expected = expected;
      this.remedy = remedy;
    }
  }

  /** The name of the late shard. */
  private final String shard;

  /** The bound that was met; null if the server itself ended the statement. */
  private final @Nullable Bound bound;

  /** The time that the shard had; null if the server itself ended the statement. */
  private final @Nullable Duration time;

  /**
   * An error of a shard that was late by the router's clock.
   *
   * @param shard the late shard
   * @param bound the bound that was met
   * @param time the time that the shard had
   * @param spent the time since the statement was asked for
   * @param rows the number of rows until then
   * @param statement the statement's text, with markers
   */
  @Internal
  public ShardTimeoutException(
      ShardId shard, Bound bound, Duration time, Duration spent, long rows, String statement) {
    super(shard + ": " + lateness(bound, time, spent, rows) + " in: " + shortened(statement));
    this.shard = shard.value();
    this.bound = bound;
    this.time = time;
  }

  /** The server itself ended a statement for its time. */
  ShardTimeoutException(ShardId shard, R2dbcTimeoutException cause) {
    super(
        shard + ": " + cause.getMessage(),
        cause.getSqlState(),
        cause.getErrorCode(),
        cause.getSql(),
        cause);
    this.shard = shard.value();
    this.bound = null;
    this.time = null;
  }

  /** {@return the late shard} */
  public ShardId shard() {
    return ShardId.of(shard);
  }

  /** Tells whether the shard was late with a connection, which says nothing against the server. */
  boolean acquiring() {
    return bound == Bound.ACQUIRE;
  }

  /** {@return the time that the shard had, by the router's clock} */
  @Internal
  public Duration time() {
    return Objects.requireNonNull(time, "ended by the server");
  }

  /**
   * {@return whether the shard had at least as long as these times allow}
   *
   * @param others the times to compare with
   */
  @Internal
  public boolean reached(Timeouts others) {
    if (bound == null || time == null) {
      return false;
    }
    Duration other =
        switch (bound) {
          case ACQUIRE -> others.acquire();
          case FIRST_ROW -> others.firstRow();
          case GAP -> others.gap();
          case TOTAL -> others.total();
        };
    return time.compareTo(other) >= 0;
  }

  private static String lateness(Bound bound, Duration time, Duration spent, long rows) {
    return bound.what
        + (rows == 0 ? "" : ", after " + rows + " rows,")
        + " within "
        + time.toMillis()
        + " ms (expected: "
        + bound.expected
        + " within that time, "
        + spent.toMillis()
        + " ms have passed; "
        + bound.remedy
        + ")";
  }

  /**
   * {@return the statement in one line and not too long} It has markers where values are bound.
   *
   * @param statement the statement's text
   */
  @Internal
  public static String shortened(String statement) {
    StringBuilder line = new StringBuilder(SHOWN);
    String text = statement.strip();
    for (int i = 0; i < text.length() && line.length() <= SHOWN; i++) {
      boolean space = isSpace(text.charAt(i));
      if (!space || !isSpace(text.charAt(i - 1))) {
        line.append(space ? ' ' : text.charAt(i));
      }
    }
    return line.length() <= SHOWN ? line.toString() : line.substring(0, SHOWN) + "…";
  }

  private static boolean isSpace(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
  }
}
