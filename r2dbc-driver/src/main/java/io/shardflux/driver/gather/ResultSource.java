package io.shardflux.driver.gather;

import io.r2dbc.spi.Result;
import io.r2dbc.spi.Row;
import io.r2dbc.spi.RowMetadata;
import io.shardflux.driver.failure.PlanAgainException;
import io.shardflux.driver.result.Source;
import java.util.function.BiFunction;
import reactor.core.publisher.Flux;

/** The rows of a result, which is consumed once, of a part of a statement. */
record ResultSource(Result result) implements Source {

  @Override
  public <T> Flux<T> rows(BiFunction<Row, RowMetadata, ? extends T> mapping) {
    return Flux.<T>from(result.map(mapping)).onErrorMap(PlanAgainException::carried);
  }

  @Override
  public Flux<Long> updates() {
    return Flux.from(result.getRowsUpdated()).onErrorMap(PlanAgainException::carried);
  }
}
