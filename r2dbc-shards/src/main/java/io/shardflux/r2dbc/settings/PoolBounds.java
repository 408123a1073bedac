package io.shardflux.r2dbc.settings;

import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.r2dbc.statement.RowsSpec;
import io.shardflux.router.Internal;
import java.time.Duration;

/**
 * The bounds of one shard's connection pool. Immutable; start from {@link #defaults()}.
 *
 * @param maxSize connections at most (default 10, from 1)
 * @param minIdle connections kept open when idle, and opened by {@link ShardRouter#warmUp()}
 *     (default 1, up to maxSize)
 * @param maxPending callers that may wait for a connection; one more is refused at once (default
 *     1,000, from 1)
 * @param streams connections that may serve results without a bound on rows at once, so that slow
 *     readers leave some to others (default half of maxSize and at least 1, from 1 to maxSize).
 *     Such a result is that of a read without {@code LIMIT} that is {@linkplain RowsSpec#all()
 *     streamed} from a shard by name or from all shards, unless it is {@linkplain
 *     StatementSpec#bounded() said to be short}. More of them wait as for a connection, for {@link
 *     Timeouts#acquire()} and {@code maxPending} at once, and then fail with {@link
 *     ShardUnavailableException}
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
    int streams,
    Duration connectTimeout,
    Duration rollbackTimeout,
    Duration maxIdleTime,
    Duration maxLifetime) {

  private static final PoolBounds DEFAULTS =
      new PoolBounds(
          10,
          1,
          1_000,
          5,
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
    check(streams >= 1 && streams <= maxSize, "streams", streams, "from 1 to max-size, " + maxSize);
    checkPositive("connect-timeout", connectTimeout);
    checkPositive("rollback-timeout", rollbackTimeout);
    checkPositive("max-idle-time", maxIdleTime);
    checkPositive("max-lifetime", maxLifetime);
  }

  /**
   * Bounds with streams on half of the connections.
   *
   * @throws IllegalArgumentException if a number or a time is out of its bounds
   */
  public PoolBounds(
      int maxSize,
      int minIdle,
      int maxPending,
      Duration connectTimeout,
      Duration rollbackTimeout,
      Duration maxIdleTime,
      Duration maxLifetime) {
    this(
        maxSize,
        minIdle,
        maxPending,
        half(maxSize),
        connectTimeout,
        rollbackTimeout,
        maxIdleTime,
        maxLifetime);
  }

  /** The defaults stated above. */
  public static PoolBounds defaults() {
    return DEFAULTS;
  }

  /**
   * These bounds with another maximum; {@code minIdle} is lowered to it where it is above, and
   * {@code streams} is half of it.
   */
  public PoolBounds withMaxSize(int size) {
    return new PoolBounds(
        size,
        Math.min(minIdle, Math.max(size, 0)),
        maxPending,
        half(size),
        connectTimeout,
        rollbackTimeout,
        maxIdleTime,
        maxLifetime);
  }

  /** These bounds with another queue length. */
  public PoolBounds withMaxPending(int pending) {
    return new PoolBounds(
        maxSize,
        minIdle,
        pending,
        streams,
        connectTimeout,
        rollbackTimeout,
        maxIdleTime,
        maxLifetime);
  }

  /** These bounds with another number of streams. */
  public PoolBounds withStreams(int number) {
    return new PoolBounds(
        maxSize,
        minIdle,
        maxPending,
        number,
        connectTimeout,
        rollbackTimeout,
        maxIdleTime,
        maxLifetime);
  }

  /** These bounds with another time to open a connection. */
  public PoolBounds withConnectTimeout(Duration timeout) {
    return new PoolBounds(
        maxSize, minIdle, maxPending, streams, timeout, rollbackTimeout, maxIdleTime, maxLifetime);
  }

  @Internal
  public static int half(int maxSize) {
    return Math.max(1, maxSize / 2);
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
