package io.shardflux.r2dbc.statement;

import io.shardflux.r2dbc.failure.TooManyRowsException;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** Rows of a statement on one shard, to be consumed at once or slowly. */
final class DefaultRowsSpec<T> implements RowsSpec<T> {

  private final Flux<T> whole;
  private final Flux<T> streamed;
  private final String sql;

  /**
   * Rows of a statement.
   *
   * @param whole rows for a caller that consumes the result at once
   * @param streamed rows for a caller that may consume slowly
   */
  DefaultRowsSpec(Flux<T> whole, Flux<T> streamed, String sql) {
    this.whole = whole;
    this.streamed = streamed;
    this.sql = sql;
  }

  @Override
  public Mono<T> one() {
    return whole.reduce(
        (row, second) -> {
          throw new TooManyRowsException(sql);
        });
  }

  @Override
  public Mono<T> first() {
    return whole.next();
  }

  @Override
  public Flux<T> all() {
    return streamed;
  }
}
