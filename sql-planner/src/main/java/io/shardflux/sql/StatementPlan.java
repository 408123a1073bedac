package io.shardflux.sql;

/** What a statement does, where, and what it sends to several shards. */
record StatementPlan(StatementKind kind, ValueRouter router, ShardPlanner several) {

  /** That of a statement that is refused unless a hint names the shard. */
  static StatementPlan refused(RefusedSqlException refusal) {
    return new StatementPlan(
        StatementKind.OTHER,
        binds -> {
          throw refusal;
        },
        refusing(refusal));
  }

  /** No plan over several shards. */
  static ShardPlanner refusing(RefusedSqlException refusal) {
    return (binds, hints, shards) -> {
      throw refusal;
    };
  }
}
