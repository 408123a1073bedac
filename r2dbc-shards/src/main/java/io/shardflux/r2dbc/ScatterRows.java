package io.shardflux.r2dbc;

import io.shardflux.r2dbc.scatter.FailurePolicy;
import io.shardflux.r2dbc.scatter.ShardSignal;
import java.util.Comparator;
import java.util.function.BiFunction;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Flux;

/**
 * The mapped rows of several shards. Immutable and thread-safe; runs once for each subscription.
 * Back-pressure reaches every shard, with at most 256 rows of each on their way; a cancel ends all.
 *
 * @param <T> what a row is mapped to
 */
public final class ScatterRows<T> {

  private final BiFunction<FailurePolicy, @Nullable Comparator<? super T>, Flux<ShardSignal<T>>>
      run;
  private final FailurePolicy policy;
  private final @Nullable Comparator<? super T> order;

  ScatterRows(
      BiFunction<FailurePolicy, @Nullable Comparator<? super T>, Flux<ShardSignal<T>>> run,
      FailurePolicy policy,
      @Nullable Comparator<? super T> order) {
    this.run = run;
    this.policy = policy;
    this.order = order;
  }

  /**
   * Merges rows in an order in which every shard's statement must give them already, by an {@code
   * ORDER BY} that sorts as the comparator does. Holds at most 256 rows of each shard; the slowest
   * shard sets the pace. Over a set of keys it errors with {@link IllegalArgumentException} where a
   * shard has more than 1,000 of them, which take several statements.
   */
  public ScatterRows<T> orderedBy(Comparator<? super T> comparator) {
    return new ScatterRows<>(run, policy, comparator);
  }

  /**
   * Rows as they come, each shard's end or failure, and always one {@link ShardSignal.Coverage} as
   * the last element.
   */
  public Flux<ShardSignal<T>> signals() {
    return run.apply(policy, order);
  }

  /**
   * The bare rows; never those of some shards alone: the first failed shard's error is the
   * stream's, whatever the policy.
   */
  public Flux<T> rows() {
    return run.apply(FailurePolicy.failFast(), order)
        .handle(
            (signal, sink) -> {
              if (signal instanceof ShardSignal.Row<T> row) {
                sink.next(row.value());
              }
            });
  }
}
