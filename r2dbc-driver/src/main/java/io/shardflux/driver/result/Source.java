package io.shardflux.driver.result;

import io.r2dbc.spi.Row;
import io.r2dbc.spi.RowMetadata;
import io.shardflux.driver.failure.MissingShardsException;
import io.shardflux.router.Internal;
import java.util.function.BiFunction;
import reactor.core.publisher.Flux;

/**
 * The source of a {@link RowsResult}'s rows, asked anew with each subscription. If rows are missing
 * by permission, they end with a {@link MissingShardsException}.
 */
@Internal
public interface Source {

  /** The rows, each mapped while it is there. */
  <T> Flux<T> rows(BiFunction<Row, RowMetadata, ? extends T> mapping);

  /** Runs the statement for the number of rows that it changed, if it has one. */
  Flux<Long> updates();
}
