package io.shardflux.r2dbc;

import io.r2dbc.spi.R2dbcTimeoutException;
import io.shardflux.router.ShardId;

/** A shard was late: the message names the shard, the bound, its value and the rows until then. */
public final class ShardTimeoutException extends R2dbcTimeoutException {

  private static final long serialVersionUID = 1L;

  private final String shard;

  ShardTimeoutException(ShardId shard, String message) {
    super(shard + ": " + message);
    this.shard = shard.value();
  }

  ShardTimeoutException(ShardId shard, String message, Throwable cause) {
    super(shard + ": " + message, cause);
    this.shard = shard.value();
  }

  /** The late shard. */
  public ShardId shard() {
    return ShardId.of(shard);
  }
}
