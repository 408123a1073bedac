package io.shardflux.r2dbc.live;

import io.r2dbc.spi.Connection;
import io.shardflux.r2dbc.scatter.Reach;
import io.shardflux.r2dbc.statement.Binds;
import io.shardflux.r2dbc.statement.BoundStatement;
import io.shardflux.r2dbc.statement.Dialect;
import io.shardflux.r2dbc.statement.SqlTemplate;
import io.shardflux.r2dbc.statement.Work;
import io.shardflux.router.Internal;
import io.shardflux.router.ShardKey;
import java.util.List;
import java.util.function.BiFunction;
import reactor.core.publisher.Flux;

/**
 * A statement for several shards.
 *
 * @param reach the shards
 * @param counting whether it gives the numbers of rows that it changed
 * @param execution its use of a connection
 */
@Internal
public record ScatterStatement<T>(
    Reach reach,
    SqlTemplate sql,
    Binds binds,
    Work.Terms terms,
    boolean counting,
    Sending<T> execution) {

  /** The work of one of its statements with a connection. */
  public interface Sending<T> {
    Flux<T> on(BoundStatement statement, Connection connection, Dialect dialect);
  }

  /** Whether it may write. */
  boolean writes() {
    return terms.write() || !sql.reads();
  }

  /** The work on one shard. */
  Work<T> work(List<BoundStatement> statements) {
    return Work.of(sql, terms, inTurn(statements)).streamed(sql, statements.size());
  }

  /** The work on one shard by a text of its own with the same markers. */
  Work<T> with(SqlTemplate other) {
    return Work.of(other, terms, inTurn(List.of(BoundStatement.of(other, binds))))
        .streamed(other, 1);
  }

  /** The work for some keys of one shard, which one statement can be of. */
  Work<T> workFor(List<ShardKey> keys) {
    Work<T> work = work(List.of(Reach.Keys.statement(sql, binds, keys)));
    return counting ? work.asCounting() : work;
  }

  private BiFunction<Connection, Dialect, Flux<T>> inTurn(List<BoundStatement> statements) {
    if (statements.size() == 1) {
      BoundStatement only = statements.get(0);
      return (connection, dialect) -> execution.on(only, connection, dialect);
    }
    return (connection, dialect) ->
        Flux.fromIterable(statements)
            .concatMap(statement -> execution.on(statement, connection, dialect));
  }
}
