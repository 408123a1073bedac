package io.shardflux.driver;

import io.r2dbc.spi.Row;
import io.r2dbc.spi.RowMetadata;
import java.util.function.BiFunction;
import reactor.core.publisher.Flux;

/**
 * Where the rows of a {@link RowsResult} come from, anew with each subscription. Where some are
 * missing by permission, a {@link MissingShardsException} is their end.
 */
interface Source {

  /** Each row, mapped while it is there. */
  <T> Flux<T> rows(BiFunction<Row, RowMetadata, ? extends T> mapping);

  /** Runs it for the number of rows it changed, if it has one. */
  Flux<Long> updates();
}
