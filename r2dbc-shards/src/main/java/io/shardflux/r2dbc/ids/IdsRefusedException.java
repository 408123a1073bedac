package io.shardflux.r2dbc.ids;

import io.r2dbc.spi.R2dbcTransientResourceException;

/**
 * No id was given, as it might not be the only one of its kind: the clock was set back, or no node
 * could be leased.
 */
public final class IdsRefusedException extends R2dbcTransientResourceException {

  private static final long serialVersionUID = 1L;

  private final long behindMillis;

  IdsRefusedException(String message) {
    this(message, 0);
  }

  private IdsRefusedException(String message, long behindMillis) {
    super(message);
    this.behindMillis = behindMillis;
  }

  /** The clock reads a time for which each node that is free has given ids. */
  static IdsRefusedException clockBehind(String message, long behindMillis) {
    return new IdsRefusedException(message, behindMillis);
  }

  /** In how many milliseconds the clock is past what was used, or 0 where that is not why. */
  long behindMillis() {
    return behindMillis;
  }
}
