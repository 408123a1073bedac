package io.shardflux.driver;

import io.shardflux.router.ShardId;
import io.shardflux.sql.statement.RefusedSqlException;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What would be done for a statement with certain values. Immutable.
 *
 * @param parts what each shard would be sent, none where it is refused
 * @param merge how the shards' rows become one answer, null where one shard's are the answer
 * @param heldRows how many rows the merge may hold at once, 0 where it streams
 * @param refusal why nothing would be sent, or null
 */
public record Explanation(
    List<Part> parts, @Nullable String merge, int heldRows, @Nullable RefusedSqlException refusal) {

  /**
   * A shard's share.
   *
   * @param shard the shard
   * @param sql what it would be sent, with {@code ?} for each value
   */
  public record Part(ShardId shard, String sql) {}

  /** Copies the parts. */
  public Explanation {
    parts = List.copyOf(parts);
  }
}
