package io.shardflux.driver;

import static io.shardflux.driver.DriverShards.BOUND;

import io.r2dbc.spi.Connection;
import io.r2dbc.spi.ConnectionFactory;
import io.r2dbc.spi.Result;
import io.r2dbc.spi.Statement;
import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.r2dbc.scatter.FailurePolicy;
import java.lang.reflect.Proxy;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import org.jspecify.annotations.Nullable;
import org.springframework.jdbc.core.JdbcTemplate;
import org.springframework.jdbc.core.PreparedStatementCallback;
import reactor.core.publisher.Flux;

/** The little of JDBC that the TestKit sets its tables up with: DDL on every shard, and inserts. */
final class ShardsJdbc extends JdbcTemplate {

  private final ShardRouter router;
  private final ConnectionFactory factory;

  ShardsJdbc(ShardRouter router, ConnectionFactory factory) {
    this.router = router;
    this.factory = factory;
  }

  @Override
  public void execute(String sql) {
    if (sql.startsWith("INSERT")) {
      run(sql, null);
    } else {
      router.onAll().sql(sql).onFailure(FailurePolicy.failFast()).rowsUpdated().blockLast(BOUND);
    }
  }

  @Override
  public <T extends @Nullable Object> T execute(String sql, PreparedStatementCallback<T> action) {
    @Nullable Object[] value = new Object[1];
    PreparedStatement statement =
        (PreparedStatement)
            Proxy.newProxyInstance(
                getClass().getClassLoader(),
                new Class<?>[] {PreparedStatement.class},
                (proxy, method, arguments) -> {
                  if (method.getName().equals("executeUpdate")) {
                    run(sql, value[0]);
                    return 1;
                  }
                  value[0] = arguments[1];
                  return null;
                });
    try {
      return action.doInPreparedStatement(statement);
    } catch (SQLException e) {
      throw new IllegalStateException(e);
    }
  }

  private void run(String sql, @Nullable Object value) {
    Flux.usingWhen(
            factory.create(),
            connection -> {
              Statement statement = connection.createStatement(sql);
              if (value != null) {
                statement.bind(0, value);
              }
              return Flux.from(statement.execute()).concatMap(Result::getRowsUpdated);
            },
            Connection::close)
        .blockLast(BOUND);
  }
}
