package io.shardflux.r2dbc.scatter;

import io.shardflux.router.ShardId;
import java.time.Duration;
import java.util.Collections;
import java.util.LinkedHashSet;
import java.util.Set;

/**
 * One element of an answer from several shards: a row, the end of a shard, its failure, or last of
 * all what was covered.
 *
 * @param <T> the type of a row's value
 */
public sealed interface ShardSignal<T> {

  /**
   * A row.
   *
   * @param shard where it is from
   * @param value what the mapping made of it
   * @param <T> the value's type
   */
  record Row<T>(ShardId shard, T value) implements ShardSignal<T> {}

  /**
   * A shard that will send no more rows because it failed; those it sent before are valid but not
   * all.
   *
   * @param shard the shard
   * @param error why, its message names the shard
   * @param rowsBefore how many rows it had sent
   * @param <T> the type of a row's value
   */
  record Failed<T>(ShardId shard, Throwable error, long rowsBefore) implements ShardSignal<T> {}

  /**
   * A shard that sent all its rows.
   *
   * @param shard the shard
   * @param rows how many
   * @param elapsed from the subscription to the end, the consumer's own time included
   * @param <T> the type of a row's value
   */
  record Done<T>(ShardId shard, long rows, Duration elapsed) implements ShardSignal<T> {}

  /**
   * The last element: who was asked, who answered whole, and who failed.
   *
   * @param asked every shard that was asked, or known to be down
   * @param answered those that sent all their rows
   * @param failed those that did not
   * @param rows how many rows came in all
   * @param <T> the type of a row's value
   */
  record Coverage<T>(Set<ShardId> asked, Set<ShardId> answered, Set<ShardId> failed, long rows)
      implements ShardSignal<T> {

    /** Copies the sets, keeping their order. */
    public Coverage {
      asked = Collections.unmodifiableSet(new LinkedHashSet<>(asked));
      answered = Collections.unmodifiableSet(new LinkedHashSet<>(answered));
      failed = Collections.unmodifiableSet(new LinkedHashSet<>(failed));
    }

    /** Whether every shard that was asked answered whole. */
    public boolean complete() {
      return failed.isEmpty();
    }
  }
}
