package io.shardflux.r2dbc.insert;

import io.shardflux.r2dbc.failure.ShardUnavailableException;
import io.shardflux.router.ShardId;

/**
 * What became of one row of {@link RowInserts}. Immutable.
 *
 * @param <T> the row
 */
public sealed interface InsertOutcome<T> {

  /** The row, as it was given. */
  T row();

  /**
   * The server said that it has the row, and that it is committed.
   *
   * @param shard where it lies
   */
  record Stored<T>(T row, ShardId shard) implements InsertOutcome<T> {}

  /**
   * The row is not stored, which is certain.
   *
   * @param error why: {@link io.shardflux.router.UnroutableKeyException} where no shard holds its
   *     key, {@link IllegalArgumentException} where it can't be sent, what the functions of {@link
   *     ShardRouter#inserts} threw, {@link ShardUnavailableException} or {@link
   *     ShardTimeoutException} where no server was asked, and else the server's own error in its
   *     R2DBC category. One that is not the row's own doing is shared by all rows that it met
   */
  record Refused<T>(T row, Throwable error) implements InsertOutcome<T> {}

  /**
   * Whether the row is stored is not known: its connection was lost or the answer late, or what the
   * server answered does not prove it. Nothing tried it again.
   *
   * @param shard where it would lie
   * @param error what happened
   */
  record Unknown<T>(T row, ShardId shard, Throwable error) implements InsertOutcome<T> {}
}
