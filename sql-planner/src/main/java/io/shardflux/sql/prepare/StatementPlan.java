package io.shardflux.sql.prepare;

import io.shardflux.router.Internal;
import io.shardflux.sql.gather.Gather;
import io.shardflux.sql.merge.ShardPlanner;
import io.shardflux.sql.statement.RefusedSqlException;
import io.shardflux.sql.statement.StatementKind;
import io.shardflux.sql.statement.ValueRouter;
import org.jspecify.annotations.Nullable;

/**
 * Says what a statement does, where, and what it sends to several shards.
 *
 * @param gather the way to answer a read that several shards can't; null where there is none
 */
@Internal
public record StatementPlan(
    StatementKind kind, ValueRouter router, ShardPlanner several, @Nullable Gather gather) {

  /** The plan of a statement that is not gathered. */
  public StatementPlan(StatementKind kind, ValueRouter router, ShardPlanner several) {
    this(kind, router, several, null);
  }

  /** This plan of a statement with another way to answer it. */
  public StatementPlan gathered(@Nullable Gather other) {
    return new StatementPlan(kind, router, several, other);
  }

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
