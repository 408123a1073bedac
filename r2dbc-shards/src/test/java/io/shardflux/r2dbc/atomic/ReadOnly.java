package io.shardflux.r2dbc.atomic;

import io.r2dbc.spi.Option;
import io.r2dbc.spi.TransactionDefinition;
import org.jspecify.annotations.Nullable;

/** A transaction that only reads. */
record ReadOnly() implements TransactionDefinition {

  @Override
  public <T> @Nullable T getAttribute(Option<T> option) {
    return option.equals(READ_ONLY) ? option.cast(true) : null;
  }
}
