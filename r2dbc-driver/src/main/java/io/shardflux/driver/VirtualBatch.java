package io.shardflux.driver;

import io.r2dbc.spi.Batch;
import io.r2dbc.spi.Result;
import io.shardflux.driver.row.Arguments;
import java.util.ArrayList;
import java.util.List;
import reactor.core.publisher.Flux;

/**
 * Statements that run one after the other, each on its own shards. The rows of each are taken
 * before the next one runs.
 */
final class VirtualBatch implements Batch {

  private final VirtualConnection connection;
  private final List<String> statements = new ArrayList<>();

  VirtualBatch(VirtualConnection connection) {
    this.connection = connection;
  }

  @Override
  public Batch add(String sql) {
    Arguments.require(sql, "sql");
    statements.add(sql);
    return this;
  }

  @Override
  public Flux<? extends Result> execute() {
    List<String> all = List.copyOf(statements);
    return Flux.fromIterable(all)
        .concatMap(sql -> new VirtualStatement(connection, sql).executeWhole(), 1);
  }
}
