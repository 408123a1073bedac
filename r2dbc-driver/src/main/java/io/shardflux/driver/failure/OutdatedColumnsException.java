package io.shardflux.driver.failure;

import io.shardflux.router.Internal;
import io.shardflux.router.ShardId;

/**
 * Reports that a shard's columns are others than a statement was planned for. Nothing of the
 * statement was stored.
 */
@Internal
public final class OutdatedColumnsException extends RuntimeException {

  private static final long serialVersionUID = 1L;

  public OutdatedColumnsException(ShardId shard, String what) {
    super(shard + ": " + what, null, false, false);
  }
}
