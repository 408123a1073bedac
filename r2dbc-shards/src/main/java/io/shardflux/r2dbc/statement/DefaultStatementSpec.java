package io.shardflux.r2dbc.statement;

import io.r2dbc.spi.Connection;
import io.r2dbc.spi.Result;
import io.r2dbc.spi.Row;
import io.r2dbc.spi.RowMetadata;
import io.r2dbc.spi.Statement;
import io.shardflux.r2dbc.failure.TooManyRowsException;
import io.shardflux.r2dbc.settings.ReadPreference;
import io.shardflux.r2dbc.settings.Timeouts;
import java.util.function.BiFunction;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import org.reactivestreams.Publisher;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** A statement with what was said of it so far, and where it will run. */
final class DefaultStatementSpec implements StatementSpec {

  private final Work.Target target;
  private final SqlTemplate sql;
  private final Binds binds;
  private final Work.Terms terms;

  DefaultStatementSpec(Work.Target target, SqlTemplate sql, Binds binds, Work.Terms terms) {
    this.target = target;
    this.sql = sql;
    this.binds = binds;
    this.terms = terms;
  }

  @Override
  public StatementSpec bind(String name, @Nullable Object value) {
    return bound(binds.with(sql, name, value));
  }

  @Override
  public StatementSpec bind(int position, @Nullable Object value) {
    return bind(Integer.toString(position), value);
  }

  private StatementSpec bound(Binds values) {
    return new DefaultStatementSpec(target, sql, values, terms);
  }

  @Override
  public StatementSpec timeouts(Timeouts other) {
    return on(terms.with(other));
  }

  @Override
  public StatementSpec prefer(ReadPreference preference) {
    return on(terms.preferring(preference));
  }

  @Override
  public StatementSpec write() {
    return on(terms.asWrite());
  }

  @Override
  public StatementSpec bounded() {
    return on(terms.asBounded());
  }

  private StatementSpec on(Work.Terms other) {
    return new DefaultStatementSpec(target, sql, binds, other);
  }

  /** This statement for another target. */
  StatementSpec at(Work.Target other) {
    return new DefaultStatementSpec(other, sql, binds, terms);
  }

  @Override
  public <T> Rows<T> map(BiFunction<Row, RowMetadata, T> mapping) {
    return new MappedRows<>(BoundStatement.of(sql, binds), mapping);
  }

  @Override
  public Mono<Long> rowsUpdated() {
    BoundStatement statement = BoundStatement.of(sql, binds);
    return target
        .run(
            Work.of(
                    sql,
                    terms.asWrite(),
                    (connection, dialect) ->
                        statement.bounded(dialect, terms.timeouts()).rowsUpdated(connection))
                .asCounting())
        .single();
  }

  @Override
  public <T> Flux<T> results(
      UnaryOperator<Statement> settings,
      Function<? super Result, ? extends Publisher<T>> consumer) {
    BoundStatement statement = BoundStatement.of(sql, binds);
    return streamed(
        (connection, dialect) -> statement.results(connection, settings).concatMap(consumer));
  }

  private <T> Flux<T> streamed(BiFunction<Connection, Dialect, Flux<T>> execution) {
    return target.run(Work.of(sql, terms, execution).streamed(sql, 1));
  }

  /** The statement's rows, for a caller that consumes them at once or one that may be slow. */
  private final class MappedRows<T> implements Rows<T> {

    private final BoundStatement statement;
    private final BiFunction<Row, RowMetadata, T> mapping;

    MappedRows(BoundStatement statement, BiFunction<Row, RowMetadata, T> mapping) {
      this.statement = statement;
      this.mapping = mapping;
    }

    @Override
    public Mono<T> one() {
      return whole()
          .reduce(
              (row, second) -> {
                throw new TooManyRowsException(sql.text());
              });
    }

    @Override
    public Mono<T> first() {
      return whole().next();
    }

    @Override
    public Flux<T> all() {
      return streamed((connection, dialect) -> statement.rows(connection, mapping));
    }

    private Flux<T> whole() {
      return target.run(
          Work.of(
              sql,
              terms,
              (connection, dialect) ->
                  statement.bounded(dialect, terms.timeouts()).rows(connection, mapping)));
    }
  }
}
