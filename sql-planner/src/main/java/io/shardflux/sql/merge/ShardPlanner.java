package io.shardflux.sql.merge;

import io.shardflux.router.Internal;
import io.shardflux.router.ShardId;
import io.shardflux.sql.statement.Binds;
import io.shardflux.sql.statement.Hints;
import java.util.List;

/** Plans a statement over several shards, or over the shard of each row. Immutable, thread-safe. */
@Internal
public interface ShardPlanner {
  Plan plan(Binds binds, Hints hints, List<ShardId> shards);
}
