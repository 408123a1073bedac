package io.shardflux.driver.failure;

import io.shardflux.r2dbc.scatter.ShardSignal;
import io.shardflux.r2dbc.spi.ShardScatter;
import io.shardflux.router.Internal;
import io.shardflux.router.ShardId;
import java.util.LinkedHashMap;
import java.util.Map;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.publisher.SynchronousSink;

/**
 * The shards that failed in one run of a statement that may go on without them. There are none
 * where a failure ends the statement.
 */
@Internal
public final class FailedShards {

  private final Map<ShardId, Throwable> errors = new LinkedHashMap<>();
  private int asked;

  /** The rows alone. If every shard failed, they end with one error of all failures. */
  public <T> Flux<T> rows(Flux<ShardSignal<T>> signals) {
    return signals.handle(this::take);
  }

  private <T> void take(ShardSignal<T> signal, SynchronousSink<T> sink) {
    if (signal instanceof ShardSignal.Row<T> row) {
      sink.next(row.value());
    } else if (signal instanceof ShardSignal.Failed<T> failed) {
      errors.put(failed.shard(), failed.error());
    } else if (signal instanceof ShardSignal.Coverage<T> coverage) {
      asked = coverage.asked().size();
      if (!errors.isEmpty() && errors.size() == asked) {
        sink.error(ShardScatter.together(errors, asked));
      }
    }
  }

  /**
   * The end of an answer: an error if it lacks some shards' rows by permission, otherwise nothing.
   */
  public <T> Mono<T> tag() {
    return Mono.defer(
        () ->
            errors.isEmpty()
                ? Mono.empty()
                : Mono.error(new MissingShardsException(errors, asked)));
  }

  /** The errors so far, in the order in which they came. */
  public Map<ShardId, Throwable> errors() {
    return errors;
  }
}
