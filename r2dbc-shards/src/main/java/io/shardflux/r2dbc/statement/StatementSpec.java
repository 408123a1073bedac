package io.shardflux.r2dbc.statement;

import io.r2dbc.spi.Result;
import io.r2dbc.spi.Row;
import io.r2dbc.spi.RowMetadata;
import io.r2dbc.spi.Statement;
import io.shardflux.r2dbc.failure.TooManyRowsException;
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
   * @param name the marker's name, without the colon
   * @param value a value that the driver can encode; null is NULL
   * @return the statement with the value; this one stays as it is
   * @throws IllegalArgumentException if there is no such marker, or it has a value
   */
  StatementSpec bind(String name, @Nullable Object value);

  /**
   * Binds a value, or NULL, to the {@code ?} at a position from 0.
   *
   * @param position from 0, in the order of the text
   * @param value a value that the driver can encode; null is NULL
   * @return the statement with the value; this one stays as it is
   * @throws IllegalArgumentException if there is no such marker, or it has a value
   */
  StatementSpec bind(int position, @Nullable Object value);

  /**
   * Holds the statement to other times than the router's.
   *
   * @param other the times of the statement
   * @return the statement with these times
   */
  StatementSpec timeouts(Timeouts other);

  /**
   * Sends a read to another server than the router would; see {@link ReadOptions}.
   *
   * @param preference the server to read from
   * @return the statement with this preference
   */
  StatementSpec prefer(ReadPreference preference);

  /**
   * Marks the statement as a write, though it looks like a read: a {@code SELECT} of a function
   * that changes something. It then goes to the primary, and once.
   *
   * @return the statement, marked
   */
  StatementSpec write();

  /**
   * Marks the rows as few although the text has no {@code LIMIT}, so that the statement is none of
   * the {@linkplain PoolOptions#streams() streams}. A statement by a key needs no mark.
   *
   * @return the statement, marked
   */
  StatementSpec bounded();

  /**
   * Maps each row. The mapping is called on an event loop; it must not block and must not return
   * null.
   *
   * @param <T> the type that rows are mapped to
   * @param mapping maps a row; must not keep it
   * @return the mapped rows, read in one of several ways
   * @throws IllegalArgumentException if a marker has no value
   */
  <T> Rows<T> map(BiFunction<Row, RowMetadata, T> mapping);

  /**
   * Runs the statement for its effect, and gives the number of rows that it changed. MySQL does not
   * count a row that already had the wanted values.
   *
   * @return the number of changed rows; never empty
   * @throws IllegalArgumentException if a marker has no value
   */
  Mono<Long> rowsUpdated();

  /**
   * Consumes the driver's own results. They must be consumed within the publisher that the function
   * returns. A read is retried only if nothing came of it.
   *
   * @param <T> the type that the consumer gives
   * @param settings further settings of the driver's statement, such as {@link
   *     Statement#returnGeneratedValues}; its values are bound already
   * @param consumer consumes one result of the driver
   * @return what the consumer gave for each result
   * @throws IllegalArgumentException if a marker has no value
   */
  <T> Flux<T> results(
      UnaryOperator<Statement> settings, Function<? super Result, ? extends Publisher<T>> consumer);

  /**
   * The mapped rows of a statement on one shard. Immutable and thread-safe; runs once for each
   * subscription.
   *
   * @param <T> the type of a mapped row
   */
  interface Rows<T> {

    /** {@return the row, or empty} A second row is an error, {@link TooManyRowsException}. */
    Mono<T> one();

    /**
     * {@return the first row, or empty} The rest is cancelled, so a {@code LIMIT 1} in the
     * statement is cheaper.
     */
    Mono<T> first();

    /** {@return all rows, as they come; back-pressure reaches the server} */
    Flux<T> all();
  }
}
