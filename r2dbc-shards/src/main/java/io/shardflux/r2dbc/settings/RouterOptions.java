package io.shardflux.r2dbc.settings;

import io.micrometer.observation.ObservationRegistry;
import io.shardflux.router.Internal;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * The options of every shard of a router.
 *
 * @param pool the bounds of a pool that has none of its own
 * @param timeouts the times of a statement that has none of its own
 * @param breaker when a server counts as down
 * @param reads the options of reads
 * @param slowStatement the time from which on a statement is logged, from 1 ms to 365 days; null if
 *     none is
 * @param observations the registry in which each attempt at a server is observed
 * @param transactions which shards one transaction may write
 * @param shared the topology that the router shares with others, or null if it has its own
 */
@Internal
public record RouterOptions(
    PoolOptions pool,
    Timeouts timeouts,
    BreakerOptions breaker,
    ReadOptions reads,
    @Nullable Duration slowStatement,
    ObservationRegistry observations,
    TransactionOptions transactions,
    @Nullable SharedTopology shared) {

  public RouterOptions {
    if (slowStatement != null) {
      Bounds.checkTime("slow-statement", slowStatement);
    }
  }

  public static RouterOptions defaults() {
    return new RouterOptions(
        PoolOptions.defaults(),
        Timeouts.defaults(),
        BreakerOptions.defaults(),
        ReadOptions.defaults(),
        null,
        ObservationRegistry.NOOP,
        TransactionOptions.defaults(),
        null);
  }

  public RouterOptions with(PoolOptions other) {
    return new RouterOptions(
        other, timeouts, breaker, reads, slowStatement, observations, transactions, shared);
  }

  public RouterOptions with(Timeouts other) {
    return new RouterOptions(
        pool, other, breaker, reads, slowStatement, observations, transactions, shared);
  }

  public RouterOptions with(BreakerOptions other) {
    return new RouterOptions(
        pool, timeouts, other, reads, slowStatement, observations, transactions, shared);
  }

  public RouterOptions with(ReadOptions other) {
    return new RouterOptions(
        pool, timeouts, breaker, other, slowStatement, observations, transactions, shared);
  }

  /**
   * These options with another time from which on statements are logged.
   *
   * @throws IllegalArgumentException if it is out of its bounds
   */
  public RouterOptions withSlowStatement(Duration other) {
    return new RouterOptions(
        pool, timeouts, breaker, reads, other, observations, transactions, shared);
  }

  public RouterOptions with(ObservationRegistry other) {
    return new RouterOptions(
        pool, timeouts, breaker, reads, slowStatement, other, transactions, shared);
  }

  public RouterOptions with(SharedTopology other) {
    return new RouterOptions(
        pool, timeouts, breaker, reads, slowStatement, observations, transactions, other);
  }

  public RouterOptions with(TransactionOptions other) {
    return new RouterOptions(
        pool, timeouts, breaker, reads, slowStatement, observations, other, shared);
  }
}
