package io.shardflux.r2dbc.settings;

import java.time.Duration;

/**
 * Says when a server counts as down and is asked no more. It counts as down at once when none of
 * its open connections works and none can be opened. After a late statement or a lost connection
 * the router looks at the server; it counts as a failure only if the server answers nothing. These
 * do not count: an answer of the server, even an error; a cancel by the caller before a row; and a
 * time of the caller's own that is shorter than the router's.
 *
 * @param window the number of last statements that are looked at (default 20, from 1 to 10,000)
 * @param minCalls the number of statements there must be before their share counts (default 10,
 *     from 1 to {@code window})
 * @param failureRate the share of failures, in percent, at which the server is down (default 50,
 *     from 1 to 100)
 * @param probeInterval the time from a failed probe to the next one; statements come back with the
 *     first probe that gets through (default 250 ms, from 10 ms to 365 days)
 */
public record BreakerOptions(int window, int minCalls, int failureRate, Duration probeInterval) {

  private static final int MAX_WINDOW = 10_000;
  private static final Duration MIN_INTERVAL = Duration.ofMillis(10);
  private static final BreakerOptions DEFAULTS =
      new BreakerOptions(20, 10, 50, Duration.ofMillis(250));

  /**
   * Checks every bound.
   *
   * @param window see {@link #window()}
   * @param minCalls see {@link #minCalls()}
   * @param failureRate see {@link #failureRate()}
   * @param probeInterval see {@link #probeInterval()}
   * @throws IllegalArgumentException if one is out of its bounds
   */
  public BreakerOptions {
    Bounds.checkNumber("breaker.window", window, 1, MAX_WINDOW);
    Bounds.checkNumber("breaker.min-calls", minCalls, 1, window);
    Bounds.checkNumber("breaker.failure-rate", failureRate, 1, 100);
    Bounds.checkTime("breaker.probe-interval", probeInterval, MIN_INTERVAL);
  }

  /** {@return the defaults stated above} */
  public static BreakerOptions defaults() {
    return DEFAULTS;
  }
}
