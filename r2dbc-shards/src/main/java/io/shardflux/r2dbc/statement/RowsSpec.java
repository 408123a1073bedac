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
public final class RowsSpec<T> {

  private final Flux<T> whole;
  private final Flux<T> streamed;
  private final String sql;

  /**
   * Rows of a statement.
   *
   * @param whole for who takes all at once
   * @param streamed for who may take his time
   */
  RowsSpec(Flux<T> whole, Flux<T> streamed, String sql) {
    this.whole = whole;
    this.streamed = streamed;
    this.sql = sql;
  }

  /** The row, or empty; a second one is an error, {@link TooManyRowsException}. */
  public Mono<T> one() {
    return whole.reduce(
        (row, second) -> {
          throw new TooManyRowsException(sql);
        });
  }

  /**
   * The first row, or empty; the rest is cancelled, so that a {@code LIMIT 1} in the statement is
   * cheaper.
   */
  public Mono<T> first() {
    return whole.next();
  }

  /** All rows, as they come; back-pressure reaches the server. */
  public Flux<T> all() {
    return streamed;
  }
}
