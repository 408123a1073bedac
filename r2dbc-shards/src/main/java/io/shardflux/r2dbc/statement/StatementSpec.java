package io.shardflux.r2dbc.statement;

import io.r2dbc.spi.Result;
import io.r2dbc.spi.Row;
import io.r2dbc.spi.RowMetadata;
import io.r2dbc.spi.Statement;
import io.shardflux.r2dbc.settings.PoolOptions;
import io.shardflux.r2dbc.settings.ReadOptions;
import io.shardflux.r2dbc.settings.ReadPreference;
import io.shardflux.r2dbc.settings.Timeouts;
import java.util.function.BiFunction;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import org.reactivestreams.Publisher;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * A statement for one shard; each call gives a new one. Immutable and thread-safe; runs once for
 * each subscription.
 */
public interface StatementSpec {

  /**
   * Binds a value, or NULL, to every marker of that name.
   *
   * @throws IllegalArgumentException if there is no such marker, or it has a value
   */
  StatementSpec bind(String name, @Nullable Object value);

  /**
   * Binds a value, or NULL, to the {@code ?} at a position from 0.
   *
   * @throws IllegalArgumentException if there is no such marker, or it has a value
   */
  StatementSpec bind(int position, @Nullable Object value);

  /** Holds the statement to other times than the router's. */
  StatementSpec timeouts(Timeouts other);

  /** Sends a read to another server than the router would; see {@link ReadOptions}. */
  StatementSpec prefer(ReadPreference preference);

  /**
   * Marks the statement as a write, though it looks like a read: a {@code SELECT} of a function
   * that changes something. It then goes to the primary, and once.
   */
  StatementSpec write();

  /**
   * Marks the rows as few although the text has no {@code LIMIT}, so that the statement is none of
   * the {@linkplain PoolOptions#streams() streams}. A statement by a key needs no mark.
   */
  StatementSpec bounded();

  /**
   * Maps each row. The mapping is called on an event loop; it must not block and must not return
   * null.
   *
   * @throws IllegalArgumentException if a marker has no value
   */
  <T> RowsSpec<T> map(BiFunction<Row, RowMetadata, T> mapping);

  /**
   * Runs the statement for its effect, and gives the number of rows that it changed. MySQL does not
   * count a row that already had the wanted values.
   *
   * @throws IllegalArgumentException if a marker has no value
   */
  Mono<Long> rowsUpdated();

  /**
   * Consumes the driver's own results. They must be consumed within the publisher that the function
   * returns. A read is retried only if nothing came of it.
   *
   * @param settings further settings of the driver's statement, such as {@link
   *     Statement#returnGeneratedValues}; its values are bound already
   * @throws IllegalArgumentException if a marker has no value
   */
  <T> Flux<T> results(
      UnaryOperator<Statement> settings, Function<? super Result, ? extends Publisher<T>> consumer);
}
