package io.shardflux.r2dbc.statement;

import io.r2dbc.spi.Connection;
import io.r2dbc.spi.Result;
import io.r2dbc.spi.Row;
import io.r2dbc.spi.RowMetadata;
import io.r2dbc.spi.Statement;
import io.shardflux.r2dbc.settings.PoolBounds;
import io.shardflux.r2dbc.settings.ReadOptions;
import io.shardflux.r2dbc.settings.ReadPreference;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.router.Internal;
import java.util.List;
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
public final class StatementSpec {

  /** Where a statement is run. */
  @Internal
  public interface Place {
    <T> Flux<T> run(Work<T> work);
  }

  private final Place place;
  private final SqlTemplate sql;
  private final Bindings bindings;
  private final Work.Terms terms;

  @Internal
  public StatementSpec(Place place, SqlTemplate sql, Bindings bindings, Work.Terms terms) {
    this.place = place;
    this.sql = sql;
    this.bindings = bindings;
    this.terms = terms;
  }

  /**
   * Binds a value, or NULL, to every marker of that name.
   *
   * @throws IllegalArgumentException if there is no such marker, or it has a value
   */
  public StatementSpec bind(String name, @Nullable Object value) {
    return new StatementSpec(place, sql, bindings.with(sql, name, value), terms);
  }

  /**
   * Binds a value, or NULL, to the {@code ?} at a position from 0.
   *
   * @throws IllegalArgumentException if there is no such marker, or it has a value
   */
  public StatementSpec bind(int position, @Nullable Object value) {
    return bind(Integer.toString(position), value);
  }

  /**
   * Binds values, or NULLs, to all of its {@code ?} in their order; cheaper than one by one.
   *
   * @throws IllegalArgumentException if there are more or fewer {@code ?}, or one has a value
   */
  public StatementSpec bindAll(List<? extends @Nullable Object> values) {
    return new StatementSpec(place, sql, bindings.withAll(sql, values), terms);
  }

  /** Holds the statement to other times than the router's. */
  public StatementSpec timeouts(Timeouts other) {
    return new StatementSpec(place, sql, bindings, terms.with(other));
  }

  /** Sends a read to another server than the router would; see {@link ReadOptions}. */
  public StatementSpec prefer(ReadPreference preference) {
    return new StatementSpec(place, sql, bindings, terms.preferring(preference));
  }

  /**
   * Says that it writes, though it looks like a read: a {@code SELECT} of a function that changes
   * something. It then goes to the primary, and once.
   */
  public StatementSpec write() {
    return new StatementSpec(place, sql, bindings, terms.asWrite());
  }

  /**
   * Says that its rows are few though its text has no {@code LIMIT}, so that it is none of the
   * {@linkplain PoolBounds#streams() streams}. A statement by a key is so already.
   */
  public StatementSpec bounded() {
    return new StatementSpec(place, sql, bindings, terms.asBounded());
  }

  /**
   * What becomes of each row; called on an event loop, it must not block and must not return null.
   *
   * @throws IllegalArgumentException if a marker has no value
   */
  public <T> RowsSpec<T> map(BiFunction<Row, RowMetadata, T> mapping) {
    BoundStatement statement = BoundStatement.of(sql, bindings);
    return new RowsSpec<>(
        place.run(
            work((connection, dialect) -> statement.rows(connection, bound(dialect), mapping))),
        streamed((connection, dialect) -> statement.rows(connection, null, mapping)),
        sql.text());
  }

  /**
   * Runs it for its effect, and gives the number of rows it changed; MySQL does not count a row
   * that already was as wanted.
   *
   * @throws IllegalArgumentException if a marker has no value
   */
  public Mono<Long> rowsUpdated() {
    BoundStatement statement = BoundStatement.of(sql, bindings);
    return place
        .run(
            Work.of(
                sql,
                terms.asWrite(),
                (connection, dialect) -> statement.rowsUpdated(connection, bound(dialect))))
        .single();
  }

  /**
   * What becomes of the driver's own results. They are to be consumed within what the function
   * returns; a read is tried again only where nothing came of it.
   *
   * @param settings what else the driver's statement is told, such as {@link
   *     Statement#returnGeneratedValues}; its values are bound already
   * @throws IllegalArgumentException if a marker has no value
   */
  public <T> Flux<T> results(
      UnaryOperator<Statement> settings,
      Function<? super Result, ? extends Publisher<T>> consumer) {
    BoundStatement statement = BoundStatement.of(sql, bindings);
    return streamed(
        (connection, dialect) -> statement.results(connection, null, settings).concatMap(consumer));
  }

  /** The same at another place. */
  @Internal
  public StatementSpec at(Place other) {
    return new StatementSpec(other, sql, bindings, terms);
  }

  private <T> Flux<T> streamed(BiFunction<Connection, Dialect, Flux<T>> execution) {
    return place.run(work(execution).streamed(sql, 1));
  }

  private <T> Work<T> work(BiFunction<Connection, Dialect, Flux<T>> execution) {
    return Work.of(sql, terms, execution);
  }

  private ServerBound bound(Dialect dialect) {
    return ServerBound.behind(terms.timeouts(), dialect);
  }
}
