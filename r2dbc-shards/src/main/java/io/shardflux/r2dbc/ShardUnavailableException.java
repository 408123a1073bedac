package io.shardflux.r2dbc;

import io.r2dbc.spi.R2dbcTransientResourceException;
import io.shardflux.router.ShardId;
import org.jspecify.annotations.Nullable;

/**
 * A shard could not be asked, or its connection was lost: it is down, too many callers wait for it,
 * or it is being removed.
 *
 * <p>Where a connection was lost under a write, whether the write took place is not known.
 */
public final class ShardUnavailableException extends R2dbcTransientResourceException {

  private static final long serialVersionUID = 1L;

  private final String shard;

  ShardUnavailableException(ShardId shard, String message, @Nullable Throwable cause) {
    super(shard + ": " + message, cause);
    this.shard = shard.value();
  }

  /** The shard. */
  public ShardId shard() {
    return ShardId.of(shard);
  }
}
