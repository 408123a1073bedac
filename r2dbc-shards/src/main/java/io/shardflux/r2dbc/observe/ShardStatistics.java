package io.shardflux.r2dbc.observe;

import io.shardflux.router.ShardId;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.function.ToDoubleFunction;
import org.jspecify.annotations.Nullable;

/**
 * The state of a shard at one moment. Carries no credential.
 *
 * @param id the shard
 * @param host its primary's host, empty where its options name none
 * @param port its primary's port, 0 where its options name none
 * @param status whether it is asked
 * @param load statements under way per connection of the primary's pool; above 1 callers wait
 * @param rowCount the rows of the table asked for, as {@link RowCountOptions} says; null if no
 *     table was asked for, or its rows are not known
 * @param pool the primary's connections
 * @param inFlight statements under way, on replicas too
 * @param latency of the primary's statements
 * @param errors failed statements since the start by kind, on replicas too: {@code timeout}, {@code
 *     unavailable} (no connection, or a lost one), {@code overloaded} (the queue was full), {@code
 *     rollback}, {@code constraint}, {@code grammar}, {@code permission} and {@code other}
 * @param kills statements that were ended on the servers since the start, on replicas too
 * @param breaker the primary's
 * @param replicas its replicas, as they were given
 */
public record ShardStatistics(
    ShardId id,
    String host,
    int port,
    Status status,
    double load,
    @Nullable Long rowCount,
    Pool pool,
    int inFlight,
    Latency latency,
    Map<String, Long> errors,
    long kills,
    Breaker breaker,
    List<Replica> replicas) {

  /**
   * Copies the mutable parts.
   *
   * @param id see {@link #id()}
   * @param host see {@link #host()}
   * @param port see {@link #port()}
   * @param status see {@link #status()}
   * @param load see {@link #load()}
   * @param rowCount see {@link #rowCount()}
   * @param pool see {@link #pool()}
   * @param inFlight see {@link #inFlight()}
   * @param latency see {@link #latency()}
   * @param errors see {@link #errors()}
   * @param kills see {@link #kills()}
   * @param breaker see {@link #breaker()}
   * @param replicas see {@link #replicas()}
   */
  public ShardStatistics {
    errors = Map.copyOf(errors);
    replicas = List.copyOf(replicas);
  }

  /** Says whether a shard is asked. */
  public enum Status {
    /** The shard is asked. */
    ACTIVE,
    /**
     * The shard is asked, but not all is well: one of its servers is out, opens no more
     * connections, or has half of the failure rate at which it would be down.
     */
    DEGRADED,
    /** None of the shard's servers is asked; statements for it fail at once. */
    DOWN,
    /** The shard takes no new statements, by {@code ShardOperations.drain}. */
    DRAINING
  }

  /**
   * A pool's connections.
   *
   * @param acquired in use
   * @param idle open and free
   * @param pending callers that wait for a connection, or for a place among the {@linkplain
   *     io.shardflux.r2dbc.settings.PoolOptions#streams() streams}
   * @param maxSize the maximum of connections
   */
  public record Pool(int acquired, int idle, int pending, int maxSize) {}

  /**
   * The time from subscription to the first row, or to the end if there is no row, over about the
   * last minute. It is exact within 1 %, and zero if there were no statements.
   *
   * @param count the number of statements
   * @param p50 half of them took no longer
   * @param p95 95 of 100 took no longer
   * @param p99 99 of 100 took no longer
   */
  public record Latency(long count, Duration p50, Duration p95, Duration p99) {}

  /**
   * A server's circuit breaker.
   *
   * @param state {@code CLOSED} (it is asked), {@code OPEN} (it is not) or {@code FORCED_OPEN} (it
   *     is not, by {@code ShardOperations.openBreaker})
   * @param failureRate the share of failures in percent, -1 where there were too few statements
   */
  public record Breaker(String state, double failureRate) {}

  /**
   * One replica of a shard.
   *
   * @param host its host
   * @param port its port
   * @param status {@code ACTIVE} if it may be asked, {@code DEGRADED} if it lags too far or its lag
   *     is not known, {@code DOWN} if its breaker is open
   * @param pool its connections
   * @param inFlight statements under way on it
   * @param latency of its statements
   * @param breaker its breaker
   * @param lag how far it is behind, as last reported; null if that is not known
   */
  public record Replica(
      String host,
      int port,
      Status status,
      Pool pool,
      int inFlight,
      Latency latency,
      Breaker breaker,
      @Nullable Duration lag) {}

  /**
   * The imbalance of shards: the largest over the mean, so that 1 is even and the number of shards
   * the worst; 0 where there is nothing.
   *
   * @param load of their loads
   * @param rows of their row counts, over the shards where they are known
   */
  public record Imbalance(double load, double rows) {}

  /**
   * {@return the imbalance of some shards}
   *
   * @param shards the statistics of the shards to compare
   */
  public static Imbalance imbalance(Collection<ShardStatistics> shards) {
    return new Imbalance(
        maxOverMean(shards, ShardStatistics::load),
        maxOverMean(
            shards.stream().filter(shard -> shard.rowCount() != null).toList(),
            shard -> shard.rowCount() == null ? 0 : shard.rowCount()));
  }

  private static double maxOverMean(
      Collection<ShardStatistics> shards, ToDoubleFunction<ShardStatistics> value) {
    double sum = shards.stream().mapToDouble(value).sum();
    double max = shards.stream().mapToDouble(value).max().orElse(0);
    return sum == 0 ? 0 : max * shards.size() / sum;
  }
}
