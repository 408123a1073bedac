package io.shardflux.sql.analysis;

import io.shardflux.sql.keys.Rows;
import io.shardflux.sql.statement.RefusedSqlException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The rows that a select takes, and why they can't be had shard by shard. Not thread-safe. */
final class BlockRows {

  private final List<Rows> mentions = new ArrayList<>();
  private @Nullable RefusedSqlException refusal;

  /** The mentions of sharded and pinned tables so far, however deep. */
  List<Rows> mentions() {
    return mentions;
  }

  @Nullable RefusedSqlException refusal() {
    return refusal;
  }

  void add(List<Rows> more) {
    mentions.addAll(more);
  }

  /** Takes a reason; the first counts. */
  void refuse(RefusedSqlException reason) {
    refusal = refusal == null ? reason : refusal;
  }
}
