package io.shardflux.driver;

import io.r2dbc.spi.R2dbcNonTransientResourceException;

/** A server sorts otherwise than its collations say, so that its rows can't be merged. */
final class UnsortedRowsException extends R2dbcNonTransientResourceException {

  private static final long serialVersionUID = 1L;

  UnsortedRowsException(String message) {
    super(message);
  }
}
