package io.shardflux.r2dbc.settings;

import io.shardflux.router.Internal;
import java.time.Duration;

/** Refuses settings that are out of their bounds, by their names in the document. */
@Internal
public final class Bounds {

  /** The longest time that a setting may be. */
  static final Duration LONGEST = Duration.ofDays(365);

  private static final Duration SHORTEST = Duration.ofMillis(1);

  private Bounds() {}

  /** Refuses a number that is below the least or above the most. */
  public static void checkNumber(String name, int value, int least, int most) {
    check(value >= least && value <= most, name, value, "from " + least + " to " + most);
  }

  /** Refuses a time that is below 1 ms or above 365 days. */
  public static void checkTime(String name, Duration value) {
    checkTime(name, value, SHORTEST);
  }

  /** Refuses a time that is below the least or above 365 days. */
  static void checkTime(String name, Duration value, Duration least) {
    checkTime(name, value, least, LONGEST, "365 days");
  }

  /** Refuses a time that is below 1 ms or above the most. */
  static void checkTime(String name, Duration value, Duration most, String shownMost) {
    checkTime(name, value, SHORTEST, most, shownMost);
  }

  private static void checkTime(
      String name, Duration value, Duration least, Duration most, String shownMost) {
    check(
        value.compareTo(least) >= 0 && value.compareTo(most) <= 0,
        name,
        value,
        "from " + least.toMillis() + " ms to " + shownMost);
  }

  static void check(boolean good, String name, Object value, String expected) {
    if (!good) {
      throw new IllegalArgumentException(name + ": " + value + " (expected: " + expected + ")");
    }
  }
}
