package io.shardflux.r2dbc.failure;

import io.r2dbc.spi.R2dbcNonTransientException;
import io.shardflux.router.Internal;

/** Reports that a statement gave more rows than it may. */
public final class TooManyRowsException extends R2dbcNonTransientException {

  private static final long serialVersionUID = 1L;

  /**
   * An error of a read of at most one row.
   *
   * @param statement the statement's text, with markers
   */
  @Internal
  public TooManyRowsException(String statement) {
    super("rows: more than one (expected: one or none; use first() or all()) of: " + statement);
  }

  /**
   * An error of a read of a key's rows.
   *
   * @param most the number of rows that were allowed
   * @param statement the statement's text, with markers
   */
  @Internal
  public TooManyRowsException(int most, String statement) {
    super(
        "rows: more than "
            + most
            + " of one key (expected: at most as many; raise coalescing.max-rows) of: "
            + statement);
  }
}
