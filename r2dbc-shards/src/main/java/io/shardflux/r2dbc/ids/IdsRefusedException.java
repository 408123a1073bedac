package io.shardflux.r2dbc.ids;

import io.r2dbc.spi.R2dbcTransientResourceException;

/**
 * Reports that no id was given because it might not be unique: the clock was set back, or no node
 * could be leased.
 */
public final class IdsRefusedException extends R2dbcTransientResourceException {

  private static final long serialVersionUID = 1L;

  /** The milliseconds until the clock is past what was used, or 0 if that is not the reason. */
  private final long behindMillis;

  IdsRefusedException(String message) {
    this(message, 0);
  }

  private IdsRefusedException(String message, long behindMillis) {
    super(message);
    this.behindMillis = behindMillis;
  }

  /** The refusal where the clock reads a time for which each free node has already given ids. */
  static IdsRefusedException clockBehind(String message, long behindMillis) {
    return new IdsRefusedException(message, behindMillis);
  }

  /** The milliseconds until the clock is past what was used, or 0 if that is not the reason. */
  long behindMillis() {
    return behindMillis;
  }
}
