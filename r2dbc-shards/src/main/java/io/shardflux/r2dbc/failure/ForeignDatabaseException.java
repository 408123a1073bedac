package io.shardflux.r2dbc.failure;

import io.r2dbc.spi.R2dbcNonTransientResourceException;
import io.shardflux.router.Internal;

/** Reports a database that is not the shard's own. No statement is sent to it. */
@Internal
public final class ForeignDatabaseException extends R2dbcNonTransientResourceException {

  private static final long serialVersionUID = 1L;

  /** Outside of the codes that servers have. The server is asked again as after a refused login. */
  private static final int CODE = 45_002;

  public ForeignDatabaseException(String message) {
    super(message, null, CODE);
  }
}
