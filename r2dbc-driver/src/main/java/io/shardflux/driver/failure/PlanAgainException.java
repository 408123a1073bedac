package io.shardflux.driver.failure;

import io.shardflux.router.Internal;

/**
 * Carries an error past a statement that can't be planned again itself, to the one that it is a
 * part of. No caller gets it.
 */
@Internal
public final class PlanAgainException extends RuntimeException {

  private static final long serialVersionUID = 1L;

  private final Throwable error;

  public PlanAgainException(Throwable error) {
    super(String.valueOf(error.getMessage()), error, false, false);
    this.error = error;
  }

  /** The error that is carried, or any other one as it is. */
  public static Throwable carried(Throwable error) {
    return error instanceof PlanAgainException again ? again.error : error;
  }
}
