package io.shardflux.r2dbc;

import io.r2dbc.spi.Row;
import io.r2dbc.spi.RowMetadata;
import java.util.function.BiFunction;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * A statement for one shard; each call gives a new one. Immutable and thread-safe; runs once for
 * each subscription.
 */
public final class StatementSpec {

  private final ShardTarget target;
  private final SqlTemplate sql;
  private final Bindings bindings;
  private final Timeouts timeouts;

  StatementSpec(ShardTarget target, SqlTemplate sql, Bindings bindings, Timeouts timeouts) {
    this.target = target;
    this.sql = sql;
    this.bindings = bindings;
    this.timeouts = timeouts;
  }

  /**
   * Binds a value, or NULL, to every marker of that name.
   *
   * @throws IllegalArgumentException if there is no such marker, or it has a value
   */
  public StatementSpec bind(String name, @Nullable Object value) {
    return new StatementSpec(target, sql, bindings.with(sql, name, value), timeouts);
  }

  /**
   * Binds a value, or NULL, to the {@code ?} at a position from 0.
   *
   * @throws IllegalArgumentException if there is no such marker, or it has a value
   */
  public StatementSpec bind(int position, @Nullable Object value) {
    return bind(Integer.toString(position), value);
  }

  /** Holds the statement to other times than the router's. */
  public StatementSpec timeouts(Timeouts other) {
    return new StatementSpec(target, sql, bindings, other);
  }

  /**
   * What becomes of each row; called on an event loop, it must not block and must not return null.
   *
   * @throws IllegalArgumentException if a marker has no value
   */
  public <T> RowsSpec<T> map(BiFunction<Row, RowMetadata, T> mapping) {
    BoundStatement statement = BoundStatement.of(sql, bindings);
    Flux<T> rows = target.run(timeouts, connection -> statement.rows(connection, mapping));
    return new RowsSpec<>(rows, sql.text());
  }

  /**
   * Runs it for its effect, and gives the number of rows it changed; MySQL does not count a row
   * that already was as wanted.
   *
   * @throws IllegalArgumentException if a marker has no value
   */
  public Mono<Long> rowsUpdated() {
    BoundStatement statement = BoundStatement.of(sql, bindings);
    return target.run(timeouts, statement::rowsUpdated).single();
  }
}
