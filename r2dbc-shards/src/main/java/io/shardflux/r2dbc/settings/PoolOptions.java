package io.shardflux.r2dbc.settings;

import io.shardflux.router.Internal;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * The bounds of one shard's connection pool. Immutable; made by a {@link #builder()}.
 *
 * @param maxSize the maximum of connections (default 10, from 1)
 * @param minIdle connections kept open when idle, and opened by {@code ShardRouter.warmUp()}
 *     (default 1, from 0 to {@code maxSize})
 * @param maxPending callers that may wait for a connection; one more is refused at once (default
 *     1,000, from 1)
 * @param streams connections that may serve results without a bound on rows at once, so that slow
 *     readers leave some connections to others (default half of {@code maxSize} and at least 1,
 *     from 1 to {@code maxSize}). Such a result is that of a read without {@code LIMIT} that is
 *     streamed from a shard by name or from all shards, unless it is {@linkplain
 *     io.shardflux.r2dbc.statement.StatementSpec#bounded() marked as short}. A stream beyond the
 *     limit waits as for a connection, for {@link Timeouts#acquire()} and with at most {@code
 *     maxPending} others, and then fails with {@link
 *     io.shardflux.r2dbc.failure.ShardUnavailableException}
 * @param connectTimeout the time that opening a connection may take (default 3 s, from 1 ms to 24
 *     days). Its login may take 1 s longer. The first connection to a server may take 5 times as
 *     long. A connection that lay idle for longer must answer before it is lent
 * @param rollbackTimeout the time that the rollback of what a user left open may take when a
 *     connection is given back; after it the connection is closed (default 1 s, from 1 ms to 365
 *     days)
 * @param maxIdleTime an idle connection above {@code minIdle} is closed after this time (default 10
 *     min, from 1 ms to 365 days)
 * @param maxLifetime a connection is closed at this age, once it is idle (default 30 min, from 1 ms
 *     to 365 days)
 */
public record PoolOptions(
    int maxSize,
    int minIdle,
    int maxPending,
    int streams,
    Duration connectTimeout,
    Duration rollbackTimeout,
    Duration maxIdleTime,
    Duration maxLifetime) {

  // Netty counts it in milliseconds, by an int.
  private static final Duration MAX_CONNECT_TIMEOUT = Duration.ofDays(24);
  private static final PoolOptions DEFAULTS = builder().build();

  /**
   * Checks every bound.
   *
   * @param maxSize see {@link #maxSize()}
   * @param minIdle see {@link #minIdle()}
   * @param maxPending see {@link #maxPending()}
   * @param streams see {@link #streams()}
   * @param connectTimeout see {@link #connectTimeout()}
   * @param rollbackTimeout see {@link #rollbackTimeout()}
   * @param maxIdleTime see {@link #maxIdleTime()}
   * @param maxLifetime see {@link #maxLifetime()}
   * @throws IllegalArgumentException if a number or a time is out of its bounds
   */
  public PoolOptions {
    check(maxSize >= 1, "max-size", maxSize, "at least 1");
    check(
        minIdle >= 0 && minIdle <= maxSize, "min-idle", minIdle, "from 0 to max-size, " + maxSize);
    check(maxPending >= 1, "max-pending", maxPending, "at least 1");
    check(streams >= 1 && streams <= maxSize, "streams", streams, "from 1 to max-size, " + maxSize);
    Bounds.checkTime("pool.connect-timeout", connectTimeout, MAX_CONNECT_TIMEOUT, "24 days");
    Bounds.checkTime("pool.rollback-timeout", rollbackTimeout);
    Bounds.checkTime("pool.max-idle-time", maxIdleTime);
    Bounds.checkTime("pool.max-lifetime", maxLifetime);
  }

  /** {@return the defaults stated above} */
  public static PoolOptions defaults() {
    return DEFAULTS;
  }

  /** {@return a builder of the defaults} */
  public static Builder builder() {
    return new Builder();
  }

  /**
   * {@return a builder of these options; {@code streams} that are half of {@code maxSize} remain
   * so}
   */
  public Builder toBuilder() {
    Builder builder =
        new Builder()
            .maxSize(maxSize)
            .minIdle(minIdle)
            .maxPending(maxPending)
            .connectTimeout(connectTimeout)
            .rollbackTimeout(rollbackTimeout)
            .maxIdleTime(maxIdleTime)
            .maxLifetime(maxLifetime);
    return streams == half(maxSize) ? builder : builder.streams(streams);
  }

  /**
   * {@return the streams that a pool may have where nothing else is said, at least 1}
   *
   * @param maxSize the number of connections
   */
  @Internal
  public static int half(int maxSize) {
    return Math.max(1, maxSize / 2);
  }

  private static void check(boolean good, String name, Object value, String expected) {
    Bounds.check(good, "pool." + name, value, expected);
  }

  /** Sets what differs from the defaults; {@link #build()} checks it. Not thread-safe. */
  public static final class Builder {

    private int maxSize = 10;
    private int minIdle = 1;
    private int maxPending = 1_000;
    private @Nullable Integer streams;
    private Duration connectTimeout = Duration.ofSeconds(3);
    private Duration rollbackTimeout = Duration.ofSeconds(1);
    private Duration maxIdleTime = Duration.ofMinutes(10);
    private Duration maxLifetime = Duration.ofMinutes(30);

    private Builder() {}

    /**
     * Sets {@link PoolOptions#maxSize()}.
     *
     * @param connections as {@link PoolOptions#maxSize()} says
     * @return this builder
     */
    public Builder maxSize(int connections) {
      maxSize = connections;
      return this;
    }

    /**
     * Sets {@link PoolOptions#minIdle()}.
     *
     * @param connections as {@link PoolOptions#minIdle()} says
     * @return this builder
     */
    public Builder minIdle(int connections) {
      minIdle = connections;
      return this;
    }

    /**
     * Sets {@link PoolOptions#maxPending()}.
     *
     * @param callers as {@link PoolOptions#maxPending()} says
     * @return this builder
     */
    public Builder maxPending(int callers) {
      maxPending = callers;
      return this;
    }

    /**
     * Sets {@link PoolOptions#streams()}, which otherwise is half of {@code maxSize}.
     *
     * @param connections as {@link PoolOptions#streams()} says
     * @return this builder
     */
    public Builder streams(int connections) {
      streams = connections;
      return this;
    }

    /**
     * Sets {@link PoolOptions#connectTimeout()}.
     *
     * @param time as {@link PoolOptions#connectTimeout()} says
     * @return this builder
     */
    public Builder connectTimeout(Duration time) {
      connectTimeout = time;
      return this;
    }

    /**
     * Sets {@link PoolOptions#rollbackTimeout()}.
     *
     * @param time as {@link PoolOptions#rollbackTimeout()} says
     * @return this builder
     */
    public Builder rollbackTimeout(Duration time) {
      rollbackTimeout = time;
      return this;
    }

    /**
     * Sets {@link PoolOptions#maxIdleTime()}.
     *
     * @param time as {@link PoolOptions#maxIdleTime()} says
     * @return this builder
     */
    public Builder maxIdleTime(Duration time) {
      maxIdleTime = time;
      return this;
    }

    /**
     * Sets {@link PoolOptions#maxLifetime()}.
     *
     * @param time as {@link PoolOptions#maxLifetime()} says
     * @return this builder
     */
    public Builder maxLifetime(Duration time) {
      maxLifetime = time;
      return this;
    }

    /**
     * {@return the options}
     *
     * @throws IllegalArgumentException if a number or a time is out of its bounds
     */
    public PoolOptions build() {
      return new PoolOptions(
          maxSize,
          minIdle,
          maxPending,
          streams == null ? half(maxSize) : streams,
          connectTimeout,
          rollbackTimeout,
          maxIdleTime,
          maxLifetime);
    }
  }
}
