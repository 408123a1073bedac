package io.shardflux.driver.row;

import io.r2dbc.spi.Row;
import io.r2dbc.spi.RowMetadata;
import io.shardflux.router.Internal;
import org.jspecify.annotations.Nullable;

/**
 * Takes the values out of the driver's rows, which are gone when a mapping returns. All rows share
 * one description of their columns. For one subscription.
 */
@Internal
public final class RowHolder {

  private @Nullable Columns columns;

  public HeldRow hold(Row row, RowMetadata metadata) {
    if (row instanceof HeldRow held) {
      return held;
    }
    Columns known = columns;
    if (known == null) {
      known = new Columns(metadata);
      columns = known;
    }
    @Nullable Object[] values = new Object[known.size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = known.column(i).read(row, i);
    }
    return new HeldRow(known, values);
  }
}
