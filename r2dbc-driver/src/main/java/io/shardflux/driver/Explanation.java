package io.shardflux.driver;

import io.shardflux.router.ShardId;
import io.shardflux.sql.statement.RefusedSqlException;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Says what would be done for a statement with certain values. Immutable.
 *
 * @param parts the texts that the shards would be sent, none where the statement is refused
 * @param merge how the shards' rows become one answer, null where one shard's rows are the answer
 * @param heldRows the number of rows that the merge may hold at once, 0 where it streams
 * @param refusal the reason why nothing would be sent, or null
 */
public record Explanation(
    List<Part> parts, @Nullable String merge, int heldRows, @Nullable RefusedSqlException refusal) {

  /**
   * A shard's share.
   *
   * @param shard the shard
   * @param sql the text that it would be sent, with {@code ?} for each value
   */
  public record Part(ShardId shard, String sql) {}

  /**
   * Copies the parts.
   *
   * @param parts see {@link #parts()}
   * @param merge see {@link #merge()}
   * @param heldRows see {@link #heldRows()}
   * @param refusal see {@link #refusal()}
   */
  public Explanation {
    parts = List.copyOf(parts);
  }

  /** This explanation; throws the refusal if it is one. */
  Explanation unrefused() {
    if (refusal != null) {
      throw refusal;
    }
    return this;
  }
}
