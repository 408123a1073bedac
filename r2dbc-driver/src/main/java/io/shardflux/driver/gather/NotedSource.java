package io.shardflux.driver.gather;

import io.r2dbc.spi.Row;
import io.r2dbc.spi.RowMetadata;
import io.shardflux.driver.result.Source;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BiFunction;
import reactor.core.publisher.Flux;

/** Rows of which it is noted that one was given; they come one after the other. */
record NotedSource(Source source, AtomicBoolean given) implements Source {

  @Override
  public <T> Flux<T> rows(BiFunction<Row, RowMetadata, ? extends T> mapping) {
    return source.rows(
        (row, metadata) -> {
          given.setPlain(true);
          return mapping.apply(row, metadata);
        });
  }

  @Override
  public Flux<Long> updates() {
    return source.updates();
  }
}
