package io.shardflux.r2dbc.coalesce;

import io.r2dbc.spi.R2dbcNonTransientException;
import io.shardflux.r2dbc.failure.ShardTimeoutException;
import io.shardflux.router.Internal;

/** A row that a server found by a key, and that says it has another one. */
@Internal
public final class StrayRowException extends R2dbcNonTransientException {

  private static final long serialVersionUID = 1L;

  StrayRowException(String statement) {
    super(
        "row: its key was not asked for (expected: one that equals it byte by byte; text keys need"
            + " a binary collation, and what is read as a row's key has to be what :keys is compared"
            + " with) in: "
            + ShardTimeoutException.shortened(statement));
  }
}
