package io.shardflux.r2dbc.statement;

import io.shardflux.r2dbc.failure.TooManyRowsException;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * The mapped rows of a statement on one shard. Immutable and thread-safe; runs once for each
 * subscription.
 *
 * @param <T> the type of a mapped row
 */
public interface RowsSpec<T> {

  /** {@return the row, or empty} A second row is an error, {@link TooManyRowsException}. */
  Mono<T> one();

  /**
   * {@return the first row, or empty} The rest is cancelled, so a {@code LIMIT 1} in the statement
   * is cheaper.
   */
  Mono<T> first();

  /** {@return all rows, as they come; back-pressure reaches the server} */
  Flux<T> all();
}
