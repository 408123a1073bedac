package io.shardflux.r2dbc.insert;

import io.shardflux.r2dbc.failure.ShardUnavailableException;
import io.shardflux.router.ShardId;

/**
 * The outcome of one row of {@link RowInserts}. Immutable.
 *
 * @param <T> the row
 */
public sealed interface InsertOutcome<T> {

  /** {@return the row, as it was given} */
  T row();

  /**
   * The server said that it has the row, and that it is committed.
   *
   * @param shard the shard that holds the row
   */
  record Stored<T>(T row, ShardId shard) implements InsertOutcome<T> {}

  /**
   * The row is certainly not stored.
   *
   * @param error {@link io.shardflux.router.UnroutableKeyException} if no shard holds its key,
   *     {@link IllegalArgumentException} if it can't be sent, the exception of a function of {@link
   *     io.shardflux.r2dbc.ShardRouter#inserts}, {@link ShardUnavailableException} or {@link
   *     io.shardflux.r2dbc.failure.ShardTimeoutException} if no server was asked, and otherwise the
   *     server's own error in its R2DBC category. An error that the row did not cause is shared by
   *     all rows that it met
   */
  record Refused<T>(T row, Throwable error) implements InsertOutcome<T> {}

  /**
   * It is unknown whether the row is stored: its connection was lost or the answer late, or the
   * server's answer does not prove it. It was not tried again.
   *
   * @param shard the shard that would hold the row
   * @param error the cause
   */
  record Unknown<T>(T row, ShardId shard, Throwable error) implements InsertOutcome<T> {}
}
