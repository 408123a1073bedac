package io.shardflux.driver.result;

import io.r2dbc.spi.Row;
import io.r2dbc.spi.RowMetadata;
import io.shardflux.driver.row.Columns;
import io.shardflux.driver.row.HeldRow;
import io.shardflux.router.Internal;
import java.util.List;
import java.util.function.BiFunction;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Flux;

/**
 * Rows that this driver made itself.
 *
 * @param columns their columns
 * @param rows their values
 */
@Internal
public record ListSource(Columns columns, List<@Nullable Object[]> rows) implements Source {

  @Override
  public <T> Flux<T> rows(BiFunction<Row, RowMetadata, ? extends T> mapping) {
    return Flux.fromIterable(rows)
        .map(values -> mapping.apply(new HeldRow(columns, values), columns));
  }

  @Override
  public Flux<Long> updates() {
    return Flux.empty();
  }
}
