package io.shardflux.router;

/**
 * A key that no shard holds: of the wrong type, outside all ranges, of an unknown tenant or region,
 * or not in the directory.
 *
 * <p>Asking again gives the same answer until the topology or the directory changes.
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
