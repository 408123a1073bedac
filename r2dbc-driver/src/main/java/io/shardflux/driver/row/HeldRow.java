package io.shardflux.driver.row;

import io.r2dbc.spi.Row;
import io.r2dbc.spi.RowMetadata;
import io.shardflux.router.Internal;
import org.jspecify.annotations.Nullable;

/** A row with values of its own, so that it may be kept when the driver's row is gone. */
@Internal
public final class HeldRow implements Row {

  private final Columns columns;
  private final @Nullable Object[] values;

  public HeldRow(Columns columns, @Nullable Object[] values) {
    this.columns = columns;
    this.values = values;
  }

  @Override
  public RowMetadata getMetadata() {
    return columns;
  }

  @Override
  public <T> @Nullable T get(int index, Class<T> type) {
    Arguments.require(type, "type");
    Column column = columns.column(index);
    Object value = values[index];
    return value == null ? null : Values.as(value, type, column);
  }

  @Override
  public <T> @Nullable T get(String name, Class<T> type) {
    return get(columns.index(name), type);
  }
}
