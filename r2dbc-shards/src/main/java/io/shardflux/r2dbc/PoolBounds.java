package io.shardflux.r2dbc;

import java.time.Duration;

/**
 * The bounds of one shard's connection pool. Immutable; start from {@link #defaults()}.
 *
 * @param maxSize connections at most (default 10, from 1)
 * @param minIdle connections kept open when idle, and opened by {@link ShardRouter#warmUp()}
 *     (default 1, up to maxSize)
 * @param maxPending callers that may wait for a connection; one more is refused at once (default
 *     1,000, from 1)
 * @param connectTimeout how long opening a connection may take (default 3 s), and its login 1 s
 *     longer; the first one to a server may take 5 times as long; one that lay idle for longer is
 *     asked for an answer before it is lent
 * @param rollbackTimeout how long rolling back what a connection was given back with may take
 *     before it is closed instead (default 1 s)
 * @param maxIdleTime an idle connection above {@code minIdle} is closed after that time (default 10
 *     min)
 * @param maxLifetime a connection is closed at that age, once idle (default 30 min)
 */
public record PoolBounds(
    int maxSize,
    int minIdle,
    int maxPending,
    Duration connectTimeout,
    Duration rollbackTimeout,
    Duration maxIdleTime,
    Duration maxLifetime) {

  private static final PoolBounds DEFAULTS =
      new PoolBounds(
          10,
          1,
          1_000,
          Duration.ofSeconds(3),
          Duration.ofSeconds(1),
          Duration.ofMinutes(10),
          Duration.ofMinutes(30));

  /**
   * Checks every bound.
   *
   * @throws IllegalArgumentException if a number or a time is out of its bounds
   */
  public PoolBounds {
    check(maxSize >= 1, "max-size", maxSize, "at least 1");
    check(
        minIdle >= 0 && minIdle <= maxSize, "min-idle", minIdle, "from 0 to max-size, " + maxSize);
    check(maxPending >= 1, "max-pending", maxPending, "at least 1");
    checkPositive("connect-timeout", connectTimeout);
    checkPositive("rollback-timeout", rollbackTimeout);
    checkPositive("max-idle-time", maxIdleTime);
    checkPositive("max-lifetime", maxLifetime);
  }

  /** The defaults stated above. */
  public static PoolBounds defaults() {
    return DEFAULTS;
  }

  /** These bounds with another maximum; {@code minIdle} is lowered to it where it is above. */
  public PoolBounds withMaxSize(int size) {
    return new PoolBounds(
        size,
        Math.min(minIdle, Math.max(size, 0)),
        maxPending,
        connectTimeout,
        rollbackTimeout,
        maxIdleTime,
        maxLifetime);
  }

  /** These bounds with another queue length. */
  public PoolBounds withMaxPending(int pending) {
    return new PoolBounds(
        maxSize, minIdle, pending, connectTimeout, rollbackTimeout, maxIdleTime, maxLifetime);
  }

  /** These bounds with another time to open a connection. */
  public PoolBounds withConnectTimeout(Duration timeout) {
    return new PoolBounds(
        maxSize, minIdle, maxPending, timeout, rollbackTimeout, maxIdleTime, maxLifetime);
  }

  private static void checkPositive(String name, Duration time) {
    check(!time.isNegative() && !time.isZero(), name, time, "more than 0");
  }

  private static void check(boolean good, String name, Object value, String expected) {
    if (!good) {
      throw new IllegalArgumentException(
          "pool." + name + ": " + value + " (expected: " + expected + ")");
    }
  }
}
