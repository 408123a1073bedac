package io.shardflux.r2dbc.insert;

import io.shardflux.router.ShardId;
import io.shardflux.router.ShardKey;
import org.jspecify.annotations.Nullable;

/**
 * A row on its way to its shard, or the reason why it can't go there. Immutable, except for its
 * values.
 */
final class InsertRow<T> {

  private static final @Nullable Object[] NO_VALUES = {};

  private final T row;
  private final @Nullable ShardKey key;
  private final @Nullable Object[] values;
  private final long bytes;
  private final @Nullable ShardId shard;
  private final long located;
  private final @Nullable Throwable refusal;
  private final int moves;

  private InsertRow(
      T row,
      @Nullable ShardKey key,
      @Nullable Object[] values,
      long bytes,
      @Nullable ShardId shard,
      long located,
      @Nullable Throwable refusal,
      int moves) {
    this.row = row;
    this.key = key;
    this.values = values;
    this.bytes = bytes;
    this.shard = shard;
    this.located = located;
    this.refusal = refusal;
    this.moves = moves;
  }

  /** A row whose shard must still be found. */
  static <T> InsertRow<T> of(T row, ShardKey key, @Nullable Object[] values, long bytes) {
    return new InsertRow<>(row, key, values, bytes, null, 0, null, 0);
  }

  /** A row that goes to no shard. */
  static <T> InsertRow<T> refused(T row, Throwable refusal) {
    return new InsertRow<>(row, null, NO_VALUES, 0, null, 0, refusal, 0);
  }

  /** This one, to be stored there, where it lies by the topology of that epoch. */
  InsertRow<T> on(ShardId found, long epoch) {
    return new InsertRow<>(row, key, values, bytes, found, epoch, null, moves);
  }

  /** This row, which must not be stored. */
  InsertRow<T> refused(Throwable why) {
    return new InsertRow<>(row, key, values, bytes, null, 0, why, moves);
  }

  /** This one, whose shard left. */
  InsertRow<T> moved() {
    return new InsertRow<>(row, key, values, bytes, null, 0, null, moves + 1);
  }

  T row() {
    return row;
  }

  @Nullable ShardKey key() {
    return key;
  }

  @Nullable Object[] values() {
    return values;
  }

  /** Its bytes in a statement at most; 0 if it has no values. */
  long bytes() {
    return bytes;
  }

  /** The shard that will store it, or null. */
  @Nullable ShardId shard() {
    return shard;
  }

  /** The epoch by which that is its shard. */
  long located() {
    return located;
  }

  /** The reason why it must not be stored, or null. */
  @Nullable Throwable refusal() {
    return refusal;
  }

  /** The number of shards that left under it. */
  int moves() {
    return moves;
  }
}
