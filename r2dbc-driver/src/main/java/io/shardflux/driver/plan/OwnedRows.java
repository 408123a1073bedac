package io.shardflux.driver.plan;

import io.shardflux.r2dbc.spi.Snapshot;
import io.shardflux.router.Internal;
import io.shardflux.router.ShardId;
import io.shardflux.sql.merge.Plan;
import io.shardflux.sql.statement.ShardSql;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;

/**
 * The rows that count on each shard of tables whose keys are on their way, because some stand on
 * two shards.
 *
 * @param conditions their conditions, by shard and table and by what their columns are qualified
 *     by; none where all rows count
 */
@Internal
public record OwnedRows(Map<ShardId, Map<String, UnaryOperator<String>>> conditions) {

  /** All rows count. */
  public static final OwnedRows ALL = new OwnedRows(Map.of());

  /** Tells whether a shard is asked for what it owns. */
  public boolean some() {
    return !conditions.isEmpty();
  }

  /**
   * The plan for the shards that own rows. A shard that will get its first ones may not even have
   * the tables.
   */
  Plan of(Plan plan) {
    List<Plan.Part> parts = plan.parts().stream().filter(this::ownsSome).toList();
    if (parts.isEmpty() || parts.size() == plan.parts().size()) {
      return plan;
    }
    if (plan instanceof Plan.Scatter scatter) {
      return new Plan.Scatter(parts, scatter.merge(), scatter.columns());
    }
    return plan instanceof Plan.Writes writes
        ? new Plan.Writes(parts, writes.copies(), writes.keyed())
        : plan;
  }

  private boolean ownsSome(Plan.Part part) {
    return conditions.getOrDefault(part.shard(), Map.of()).values().stream()
        .anyMatch(condition -> !condition.apply("").equals(Snapshot.OWNS_NONE));
  }

  /** The text for a shard, which takes no other rows. */
  public ShardSql sql(Plan.Part part) {
    Map<String, UnaryOperator<String>> own = conditions.get(part.shard());
    return own == null ? part.sql() : part.sql().only(own);
  }
}
