package io.shardflux.driver.failure;

import io.r2dbc.spi.R2dbcNonTransientResourceException;
import io.shardflux.router.Internal;

/**
 * The error of rows that can't be merged, because a server sorts otherwise than its collations say.
 */
@Internal
public final class UnsortedRowsException extends R2dbcNonTransientResourceException {

  private static final long serialVersionUID = 1L;

  public UnsortedRowsException(String message) {
    super(message);
  }
}
