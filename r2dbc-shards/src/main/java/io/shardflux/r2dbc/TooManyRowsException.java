package io.shardflux.r2dbc;

import io.r2dbc.spi.R2dbcNonTransientException;

/** A statement gave more rows than it should. */
public final class TooManyRowsException extends R2dbcNonTransientException {

  private static final long serialVersionUID = 1L;

  TooManyRowsException(String statement) {
    super("rows: more than one (expected: one or none; use first() or all()) of: " + statement);
  }

  TooManyRowsException(int most, String statement) {
    super(
        "rows: more than "
            + most
            + " of one key (expected: at most as many; raise coalescing.max-rows) of: "
            + statement);
  }
}
