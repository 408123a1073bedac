package io.shardflux.r2dbc;

import io.shardflux.router.ShardId;
import org.jspecify.annotations.Nullable;

/**
 * How a shard is doing, at one moment. Carries no credential.
 *
 * @param id the shard
 * @param host its server's host, empty where its options name none
 * @param port its server's port, 0 where its options name none
 * @param status whether it is asked
 * @param load statements under way per connection of the pool's maximum; above 1 callers wait
 * @param rowCount the exact rows of the table asked for; null if none was asked for, or the shard
 *     did not answer
 * @param pool its connections
 */
public record ShardStatistics(
    ShardId id,
    String host,
    int port,
    Status status,
    double load,
    @Nullable Long rowCount,
    Pool pool) {

  /** Whether a shard is asked. */
  public enum Status {
    /** It is asked. */
    ACTIVE,
    /** It could not be connected to; until it can be, statements for it fail at once. */
    DOWN
  }

  /**
   * A pool's connections.
   *
   * @param acquired in use
   * @param idle open and free
   * @param pending callers that wait for one
   * @param maxSize how many there may be
   */
  public record Pool(int acquired, int idle, int pending, int maxSize) {}
}
