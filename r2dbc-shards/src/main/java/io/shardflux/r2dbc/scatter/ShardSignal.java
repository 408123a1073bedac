package io.shardflux.r2dbc.scatter;

import io.shardflux.router.ShardId;
import java.time.Duration;
import java.util.Collections;
import java.util.LinkedHashSet;
import java.util.Set;

/**
 * One element of an answer from several shards: a row, the end of a shard, its failure, or last of
 * all the coverage.
 *
 * @param <T> the type of a row's value
 */
public sealed interface ShardSignal<T> {

  /**
   * A row.
   *
   * @param shard the shard that sent it
   * @param value the mapped value
   * @param <T> the value's type
   */
  record Row<T>(ShardId shard, T value) implements ShardSignal<T> {}

  /**
   * A shard that will send no more rows because it failed. The rows that it sent before are valid,
   * but not all.
   *
   * @param shard the shard
   * @param error the error, whose message names the shard
   * @param rowsBefore the number of rows that it had sent
   * @param <T> the type of a row's value
   */
  record Failed<T>(ShardId shard, Throwable error, long rowsBefore) implements ShardSignal<T> {}

  /**
   * A shard that sent all its rows.
   *
   * @param shard the shard
   * @param rows the number of its rows
   * @param elapsed from the subscription to the end, the consumer's own time included
   * @param <T> the type of a row's value
   */
  record Done<T>(ShardId shard, long rows, Duration elapsed) implements ShardSignal<T> {}

  /**
   * The last element: the shards that were asked, that answered whole, and that failed.
   *
   * @param asked every shard that was asked, or known to be down
   * @param answered the shards that sent all their rows
   * @param failed the shards that did not
   * @param rows the number of rows in all
   * @param <T> the type of a row's value
   */
  record Coverage<T>(Set<ShardId> asked, Set<ShardId> answered, Set<ShardId> failed, long rows)
      implements ShardSignal<T> {

    /**
     * Copies the sets, keeping their order.
     *
     * @param asked see {@link #asked()}
     * @param answered see {@link #answered()}
     * @param failed see {@link #failed()}
     * @param rows see {@link #rows()}
     */
    public Coverage {
      asked = Collections.unmodifiableSet(new LinkedHashSet<>(asked));
      answered = Collections.unmodifiableSet(new LinkedHashSet<>(answered));
      failed = Collections.unmodifiableSet(new LinkedHashSet<>(failed));
    }

    /** {@return whether every shard that was asked answered whole} */
    public boolean complete() {
      return failed.isEmpty();
    }
  }
}
