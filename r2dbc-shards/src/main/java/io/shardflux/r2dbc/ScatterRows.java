package io.shardflux.r2dbc;

import io.shardflux.r2dbc.scatter.ShardSignal;
import java.util.Comparator;
import reactor.core.publisher.Flux;

/**
 * The mapped rows of several shards. Immutable and thread-safe; runs once for each subscription.
 * Back-pressure reaches every shard, with at most 256 rows of each under way. A cancel ends all.
 *
 * @param <T> the type of a mapped row
 */
public interface ScatterRows<T> {

  /**
   * Merges rows in order. Every shard's statement must already give its rows in that order, by an
   * {@code ORDER BY} that sorts as the comparator does. Holds at most 256 rows of each shard; the
   * slowest shard sets the pace. Over a set of keys it errors with {@link IllegalArgumentException}
   * if a shard has more than 1,000 of them, because these take several statements.
   *
   * @param comparator the order of the mapped rows
   * @return the rows, merged in that order
   */
  ScatterRows<T> orderedBy(Comparator<? super T> comparator);

  /**
   * {@return the rows as they come, each shard's end or failure, and always one {@link
   * ShardSignal.Coverage} as the last element}
   */
  Flux<ShardSignal<T>> signals();

  /**
   * {@return the bare rows of all shards} The first failed shard's error is the stream's error,
   * whatever the policy, so that the rows of some shards never look like those of all.
   */
  Flux<T> rows();
}
