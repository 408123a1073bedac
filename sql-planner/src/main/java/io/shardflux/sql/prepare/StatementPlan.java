package io.shardflux.sql.prepare;

import io.shardflux.router.Internal;
import io.shardflux.sql.ahead.Ahead;
import io.shardflux.sql.gather.Gather;
import io.shardflux.sql.gather.QueriedWrite;
import io.shardflux.sql.merge.ShardPlanner;
import io.shardflux.sql.statement.RefusedSqlException;
import io.shardflux.sql.statement.StatementKind;
import io.shardflux.sql.statement.ValueRouter;
import org.jspecify.annotations.Nullable;

/**
 * Says what a statement does, where, and what it sends to several shards.
 *
 * @param ahead the way to a read that several shards can answer once some of its subqueries have
 *     run; null where there is none
 * @param gather the way to answer a read that several shards can't; null where there is none
 * @param queried the way to a write whose rows are found first; null where there is none
 */
@Internal
public record StatementPlan(
    StatementKind kind,
    ValueRouter router,
    ShardPlanner several,
    @Nullable Ahead ahead,
    @Nullable Gather gather,
    @Nullable QueriedWrite queried) {

  /** The plan of a statement that has no other way. */
  public StatementPlan(StatementKind kind, ValueRouter router, ShardPlanner several) {
    this(kind, router, several, null, null, null);
  }

  /** This plan of a statement with other ways to answer it. */
  public StatementPlan or(@Nullable Ahead first, @Nullable Gather other) {
    return new StatementPlan(kind, router, several, first, other, queried);
  }

  /** This plan of a write whose rows may be found first. */
  public StatementPlan or(@Nullable QueriedWrite write) {
    return new StatementPlan(kind, router, several, ahead, gather, write);
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
