package io.shardflux.r2dbc;

import io.shardflux.r2dbc.scatter.FailurePolicy;
import io.shardflux.r2dbc.scatter.ShardSignal;
import java.util.Comparator;
import java.util.function.BiFunction;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Flux;

/** Rows of several shards with what was said of them so far. */
final class DefaultScatterRows<T> implements ScatterRows<T> {

  private final BiFunction<FailurePolicy, @Nullable Comparator<? super T>, Flux<ShardSignal<T>>>
      run;
  private final FailurePolicy policy;
  private final @Nullable Comparator<? super T> order;

  DefaultScatterRows(
      BiFunction<FailurePolicy, @Nullable Comparator<? super T>, Flux<ShardSignal<T>>> run,
      FailurePolicy policy,
      @Nullable Comparator<? super T> order) {
    this.run = run;
    this.policy = policy;
    this.order = order;
  }

  @Override
  public ScatterRows<T> orderedBy(Comparator<? super T> comparator) {
    return new DefaultScatterRows<>(run, policy, comparator);
  }

  @Override
  public Flux<ShardSignal<T>> signals() {
    return run.apply(policy, order);
  }

  @Override
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
