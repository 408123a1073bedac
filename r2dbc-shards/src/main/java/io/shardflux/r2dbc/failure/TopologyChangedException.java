package io.shardflux.r2dbc.failure;

import io.r2dbc.spi.R2dbcException;
import io.r2dbc.spi.R2dbcTransientResourceException;
import io.shardflux.router.Internal;
import io.shardflux.router.ShardId;
import org.jspecify.annotations.Nullable;

/**
 * Reports that keys moved to another shard while they were in use, where the router can't put the
 * statement again by itself: in a transaction, on a lent connection, or behind rows that were given
 * already. The caller should run the transaction, the work or the read once more; it then goes to
 * the keys' new shard.
 *
 * <p>A transaction that ended so is rolled back. A single statement that ended so has written
 * nothing, unless the message says otherwise. Rows that a read gave before are valid, but may not
 * be all. What other statements on a lent connection wrote outside a transaction stays.
 */
public final class TopologyChangedException extends R2dbcTransientResourceException {

  private static final long serialVersionUID = 1L;

  /** The code by which the fence of a shard refuses a write to keys that left it. */
  private static final int FENCED = 45_001;

  /** The beginning of a fence's message; an application's own trigger may have the same code. */
  @Internal public static final String FENCE = "shardflux: ";

  /** The name of the shard that the keys left. */
  private final String shard;

  /** True if the shard refused the statement. */
  private final boolean refused;

  private TopologyChangedException(
      ShardId shard, boolean refused, String message, @Nullable Throwable cause) {
    super(shard + ": " + message, null, FENCED, null, cause);
    this.shard = shard.value();
    this.refused = refused;
  }

  /**
   * {@return an error of keys that are elsewhere now}
   *
   * @param shard the shard that they left
   * @param what what happened, without the shard's name
   */
  @Internal
  public static TopologyChangedException of(ShardId shard, String what) {
    return new TopologyChangedException(shard, false, what, null);
  }

  /**
   * {@return an error of a shard alone that gets its copy of a table, so that nothing of the
   * statement was written}
   *
   * @param shard that shard
   * @param cause what it told
   */
  @Internal
  public static TopologyChangedException ofCopy(ShardId shard, Throwable cause) {
    return new TopologyChangedException(
        shard,
        true,
        "refused a write of a table that is being copied there (expected: the rows of the other"
            + " copies, a moment later; the statement wrote nothing, run it again); "
            + cause.getMessage(),
        cause);
  }

  /**
   * {@return whether a shard's fence refused the statement of that error, so that nothing of it was
   * written}
   *
   * @param error any error
   */
  @Internal
  public static boolean isRefusal(Throwable error) {
    return error instanceof TopologyChangedException moved
        ? moved.refused()
        : error instanceof R2dbcException said && isFence(said);
  }

  /** Tells whether the error is a fence's; nothing was written then. */
  static boolean isFence(R2dbcException error) {
    return error.getErrorCode() == FENCED && String.valueOf(error.getMessage()).contains(FENCE);
  }

  static TopologyChangedException refused(ShardId shard, R2dbcException fence) {
    return new TopologyChangedException(
        shard,
        true,
        fence.getMessage()
            + " (expected: keys that stay where they are; the statement wrote nothing, run it or"
            + " its transaction again)",
        fence);
  }

  /** {@return the shard that the keys left} */
  public ShardId shard() {
    return ShardId.of(shard);
  }

  /** {@return whether the shard refused the statement, which wrote nothing} */
  @Internal
  public boolean refused() {
    return refused;
  }
}
