package io.shardflux.r2dbc;

import io.r2dbc.spi.R2dbcNonTransientException;

/** A statement that should give one row gave more. */
public final class TooManyRowsException extends R2dbcNonTransientException {

  private static final long serialVersionUID = 1L;

  TooManyRowsException(String statement) {
    super("rows: more than one (expected: one or none; use first() or all()) of: " + statement);
  }
}
