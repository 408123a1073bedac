package io.shardflux.r2dbc.server;

import java.time.Duration;
import java.util.concurrent.TimeoutException;

/** Opening a connection took too long. */
final class OpeningTimeoutException extends TimeoutException {

  private static final long serialVersionUID = 1L;

  OpeningTimeoutException(Duration bound) {
    super(
        "no connection within "
            + bound.toMillis()
            + " ms (expected: one that is open and logged in by then; raise pool.connect-timeout"
            + " where the server or this machine is slow)");
  }
}
