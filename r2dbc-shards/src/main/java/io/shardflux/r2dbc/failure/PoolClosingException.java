package io.shardflux.r2dbc.failure;

import io.shardflux.router.Internal;
import io.shardflux.router.ShardId;

/**
 * Reports that a statement met a pool that is closing. The statement must look at the topology
 * anew. Never reaches a caller.
 */
@Internal
public final class PoolClosingException extends RuntimeException {

  private static final long serialVersionUID = 1L;

  private final String shard;

  public PoolClosingException(ShardId shard) {
    super(shard.value(), null, false, false);
    this.shard = shard.value();
  }

  public ShardUnavailableException asUnavailable() {
    return new ShardUnavailableException(
        ShardId.of(shard),
        ShardUnavailableException.Why.NOT_ASKED,
        "closing (expected: a router and a shard in use)",
        null);
  }
}
