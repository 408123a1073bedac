package io.shardflux.r2dbc;

import io.shardflux.r2dbc.scatter.ShardSignal;
import java.util.Comparator;
import reactor.core.publisher.Flux;

/**
 * The mapped rows of several shards. Immutable and thread-safe; runs once for each subscription.
 * Back-pressure reaches every shard, with at most 256 rows of each on their way; a cancel ends all.
 *
 * @param <T> what a row is mapped to
 */
public interface ScatterRows<T> {

  /**
   * Merges rows in an order in which every shard's statement must give them already, by an {@code
   * ORDER BY} that sorts as the comparator does. Holds at most 256 rows of each shard; the slowest
   * shard sets the pace. Over a set of keys it errors with {@link IllegalArgumentException} where a
   * shard has more than 1,000 of them, which take several statements.
   */
  ScatterRows<T> orderedBy(Comparator<? super T> comparator);

  /**
   * Rows as they come, each shard's end or failure, and always one {@link ShardSignal.Coverage} as
   * the last element.
   */
  Flux<ShardSignal<T>> signals();

  /**
   * The bare rows; never those of some shards alone: the first failed shard's error is the
   * stream's, whatever the policy.
   */
  Flux<T> rows();
}
