package io.shardflux.driver;

import io.r2dbc.spi.Result;
import io.r2dbc.spi.Row;
import io.r2dbc.spi.RowMetadata;
import io.shardflux.r2dbc.StatementSpec;
import java.util.function.BiFunction;
import java.util.function.UnaryOperator;
import reactor.core.publisher.Flux;

/**
 * The rows of one shard, just as its driver gives them.
 *
 * @param statement for that shard
 */
record DirectSource(StatementSpec statement) implements Source {

  @Override
  public <T> Flux<T> rows(BiFunction<Row, RowMetadata, ? extends T> mapping) {
    return statement.<T>map(mapping::apply).all();
  }

  @Override
  public Flux<Long> updates() {
    return statement.results(UnaryOperator.identity(), Result::getRowsUpdated);
  }
}
