package io.shardflux.r2dbc;

import java.util.concurrent.atomic.AtomicBoolean;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * The mapped rows of a statement on one shard. Immutable and thread-safe; runs once for each
 * subscription.
 *
 * @param <T> what a row is mapped to
 */
public final class RowsSpec<T> {

  private final Flux<T> rows;
  private final String sql;

  RowsSpec(Flux<T> rows, String sql) {
    this.rows = rows;
    this.sql = sql;
  }

  /** The row, or empty; a second one is an error, {@link TooManyRowsException}. */
  public Mono<T> one() {
    return Mono.defer(
        () -> {
          AtomicBoolean seen = new AtomicBoolean();
          return rows.<T>handle(
                  (row, sink) -> {
                    if (seen.getAndSet(true)) {
                      sink.error(new TooManyRowsException(sql));
                    } else {
                      sink.next(row);
                    }
                  })
              .singleOrEmpty();
        });
  }

  /**
   * The first row, or empty; the rest is cancelled, so that a {@code LIMIT 1} in the statement is
   * cheaper.
   */
  public Mono<T> first() {
    return rows.next();
  }

  /** All rows, as they come; back-pressure reaches the server. */
  public Flux<T> all() {
    return rows;
  }
}
