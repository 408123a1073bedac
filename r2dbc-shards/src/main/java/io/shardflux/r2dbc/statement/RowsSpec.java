package io.shardflux.r2dbc.statement;

import io.shardflux.r2dbc.failure.TooManyRowsException;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * The mapped rows of a statement on one shard. Immutable and thread-safe; runs once for each
 * subscription.
 *
 * @param <T> what a row is mapped to
 */
public interface RowsSpec<T> {

  /** The row, or empty; a second one is an error, {@link TooManyRowsException}. */
  Mono<T> one();

  /**
   * The first row, or empty; the rest is cancelled, so that a {@code LIMIT 1} in the statement is
   * cheaper.
   */
  Mono<T> first();

  /** All rows, as they come; back-pressure reaches the server. */
  Flux<T> all();
}
