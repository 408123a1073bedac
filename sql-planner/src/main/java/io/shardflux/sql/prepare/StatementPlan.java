package io.shardflux.sql.prepare;

import io.shardflux.router.Internal;
import io.shardflux.sql.merge.ShardPlanner;
import io.shardflux.sql.statement.RefusedSqlException;
import io.shardflux.sql.statement.StatementKind;
import io.shardflux.sql.statement.ValueRouter;

/** Says what a statement does, where, and what it sends to several shards. */
@Internal
public record StatementPlan(StatementKind kind, ValueRouter router, ShardPlanner several) {

  /** The plan of a statement that is refused unless a hint names the shard. */
  public static StatementPlan refused(RefusedSqlException refusal) {
    return new StatementPlan(
        StatementKind.OTHER,
        binds -> {
          throw refusal;
        },
        refusing(refusal));
  }

  /** No plan over several shards. */
  public static ShardPlanner refusing(RefusedSqlException refusal) {
    return (binds, hints, shards) -> {
      throw refusal;
    };
  }
}
