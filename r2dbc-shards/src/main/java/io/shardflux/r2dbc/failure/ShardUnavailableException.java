package io.shardflux.r2dbc.failure;

import io.r2dbc.spi.R2dbcTransientResourceException;
import io.shardflux.r2dbc.settings.PoolOptions;
import io.shardflux.router.Internal;
import io.shardflux.router.ShardId;
import org.jspecify.annotations.Nullable;

/**
 * Reports that a shard could not be asked, or that its connection was lost: it is down or drained,
 * too many callers wait for it, or it is being removed.
 *
 * <p>If a connection was lost under a write, it is unknown whether the write took place. In a
 * transaction whose commit had not begun it did not.
 */
public final class ShardUnavailableException extends R2dbcTransientResourceException {

  private static final long serialVersionUID = 1L;

  /** The reason. */
  @Internal
  public enum Why {
    /** No connection could be opened. */
    NOT_CONNECTED,
    /** A connection was lost under a statement. */
    LOST,
    /** The server has no room for another connection, and may be well otherwise. */
    NO_ROOM,
    /** The queue for a connection is full, or all streams are taken. */
    OVERLOADED,
    /** The shard was not asked: its breaker is open, it is drained, or closed. */
    NOT_ASKED
  }

  /** The name of the shard. */
  private final String shard;

  /** Why the shard was not used. */
  private final Why why;

  /**
   * An error of a shard that could not be used.
   *
   * @param shard the shard
   * @param why the reason
   * @param message what happened, without the shard's name
   * @param cause the driver's error, or null
   */
  @Internal
  public ShardUnavailableException(
      ShardId shard, Why why, String message, @Nullable Throwable cause) {
    super(shard + ": " + message, cause);
    this.shard = shard.value();
    this.why = why;
  }

  /** {@return the shard} */
  public ShardId shard() {
    return ShardId.of(shard);
  }

  /**
   * {@return whether the shard was too busy to be asked: the queue for a connection was full, or
   * its {@linkplain PoolOptions#streams() streams} were taken}
   */
  public boolean overloaded() {
    return why == Why.OVERLOADED;
  }

  /** {@return the reason} */
  @Internal
  public Why why() {
    return why;
  }
}
