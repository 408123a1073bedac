package io.shardflux.driver;

import io.shardflux.router.ShardId;

/** A shard whose columns are others than a statement was planned for. None of it was stored. */
final class OutdatedColumnsException extends RuntimeException {

  private static final long serialVersionUID = 1L;

  OutdatedColumnsException(ShardId shard, String what) {
    super(shard + ": " + what, null, false, false);
  }
}
