package io.shardflux.router;

/**
 * Reports a key that no shard holds: a key of the wrong type, outside all ranges, of an unknown
 * tenant or region, or not in the directory.
 *
 * <p>A retry gives the same error until the topology or the directory changes.
 */
public final class UnroutableKeyException extends IllegalArgumentException {

  private static final long serialVersionUID = 1L;

  /**
   * A refusal.
   *
   * @param message the value, what was expected and what to do
   */
  public UnroutableKeyException(String message) {
    super(message);
  }
}
