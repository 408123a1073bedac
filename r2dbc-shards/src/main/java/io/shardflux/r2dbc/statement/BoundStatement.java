package io.shardflux.r2dbc.statement;

import io.r2dbc.spi.Connection;
import io.r2dbc.spi.Result;
import io.r2dbc.spi.Row;
import io.r2dbc.spi.RowMetadata;
import io.r2dbc.spi.Statement;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.router.Internal;
import java.util.List;
import java.util.function.BiFunction;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Flux;

/**
 * A statement with its values, ready to run on a connection.
 *
 * @param driverSql its text with {@code ?} alone
 * @param sql the template that text was made from
 * @param binds the values of its markers
 * @param listMarker the marker that stands for several values, or null
 * @param listValues those values
 */
@Internal
public record BoundStatement(
    String driverSql,
    SqlTemplate sql,
    Binds binds,
    @Nullable String listMarker,
    List<Object> listValues) {

  public static BoundStatement of(SqlTemplate sql, Binds binds) {
    binds.check(sql, null);
    return new BoundStatement(sql.render(), sql, binds, null, List.of());
  }

  /**
   * This statement, which the server ends itself where the router does not; see {@link Dialect}.
   */
  public BoundStatement bounded(Dialect dialect, Timeouts timeouts) {
    return new BoundStatement(
        dialect.bounded(sql, driverSql, timeouts), sql, binds, listMarker, listValues);
  }

  public <T> Flux<T> rows(Connection connection, BiFunction<Row, RowMetadata, T> mapping) {
    return results(connection, UnaryOperator.identity()).concatMap(result -> result.map(mapping));
  }

  public Flux<Long> rowsUpdated(Connection connection) {
    return results(connection, UnaryOperator.identity())
        .concatMap(Result::getRowsUpdated)
        .reduce(0L, Long::sum)
        .flux();
  }

  Flux<Result> results(Connection connection, UnaryOperator<Statement> settings) {
    Statement statement = connection.createStatement(driverSql);
    binds.apply(statement, sql, listMarker, listValues);
    return Flux.from(settings.apply(statement).execute());
  }
}
