package io.shardflux.driver;

import io.r2dbc.spi.R2dbcNonTransientResourceException;

/**
 * The error of rows that can't be merged, because a server sorts otherwise than its collations say.
 */
final class UnsortedRowsException extends R2dbcNonTransientResourceException {

  private static final long serialVersionUID = 1L;

  UnsortedRowsException(String message) {
    super(message);
  }
}
