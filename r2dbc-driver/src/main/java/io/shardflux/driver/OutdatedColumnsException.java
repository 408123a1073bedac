package io.shardflux.driver;

import io.shardflux.router.ShardId;

/**
 * Reports that a shard's columns are others than a statement was planned for. Nothing of the
 * statement was stored.
 */
final class OutdatedColumnsException extends RuntimeException {

  private static final long serialVersionUID = 1L;

  OutdatedColumnsException(ShardId shard, String what) {
    super(shard + ": " + what, null, false, false);
  }
}
