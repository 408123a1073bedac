package io.shardflux.sql;

import io.shardflux.router.ShardId;
import java.util.List;

/** Plans a statement over several shards, or over the shard of each row. Immutable, thread-safe. */
interface ShardPlanner {
  Plan plan(Binds binds, Hints hints, List<ShardId> shards);
}
