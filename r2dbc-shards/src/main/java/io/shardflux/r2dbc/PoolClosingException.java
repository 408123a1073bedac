package io.shardflux.r2dbc;

import io.shardflux.router.ShardId;

/**
 * A statement met a pool that is closing: it is to look at the topology anew. Never reaches a
 * caller.
 */
final class PoolClosingException extends RuntimeException {

  private static final long serialVersionUID = 1L;

  private final String shard;

  PoolClosingException(ShardId shard) {
    super(shard.value(), null, false, false);
    this.shard = shard.value();
  }

  ShardUnavailableException asUnavailable() {
    return new ShardUnavailableException(
        ShardId.of(shard),
        ShardUnavailableException.Why.NOT_ASKED,
        "closing (expected: a router and a shard in use)",
        null);
  }
}
