package io.shardflux.sql.scatter;

import io.shardflux.router.Internal;
import io.shardflux.router.ShardId;
import io.shardflux.sql.merge.Merge;
import io.shardflux.sql.merge.Plan;
import io.shardflux.sql.statement.ShardSql;
import io.shardflux.sql.syntax.Expr;
import io.shardflux.sql.syntax.Query;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A query over several shards: the text that each is sent, except for the limit, and how rows are
 * merged.
 *
 * @param first the text for the first shard
 * @param others the text for the others, which lacks the rows that all shards have
 * @param columns the names of the columns of its stars and others, null if it has no star
 */
@Internal
public record ScatterQuery(
    ShardSql first,
    ShardSql others,
    Merge.Shape shape,
    @Nullable Expr limit,
    @Nullable Expr offset,
    boolean limitsShards,
    @Nullable List<String> columns) {

  /**
   * A query with the limit of the text. The first rows of each shard are enough unless the merge
   * must know all of them.
   *
   * @param finer whether the shards' groups are finer than the answer's
   */
  static ScatterQuery of(Query query, ShardSql sql, Merge.Shape shape, boolean finer) {
    boolean limitsShards =
        shape.sort().isEmpty() && shape.distinct().isEmpty() && shape.having() == null && !finer;
    Query.Limit limit = query.limit();
    return limit == null
        ? new ScatterQuery(sql, sql, shape, null, null, limitsShards, null)
        : new ScatterQuery(sql, sql, shape, limit.count(), limit.offset(), limitsShards, null);
  }

  /** This query for a text whose stars were taken to mean these columns. */
  ScatterQuery starred(List<String> names) {
    return new ScatterQuery(first, others, shape, limit, offset, limitsShards, names);
  }

  /** This query where all shards but the first are sent another one's text. */
  ScatterQuery others(ScatterQuery query) {
    return new ScatterQuery(first, query.first, shape, limit, offset, limitsShards, columns);
  }

  /** What the shards are sent, with the limit that is enough for each. */
  public List<Plan.Part> parts(List<ShardId> shards, long offset, long limit) {
    ShardSql firstSql = limited(first, offset, limit);
    ShardSql otherSql = others.equals(first) ? firstSql : limited(others, offset, limit);
    List<Plan.Part> parts = new ArrayList<>(shards.size());
    for (ShardId shard : shards) {
      parts.add(new Plan.Part(shard, parts.isEmpty() ? firstSql : otherSql));
    }
    return parts;
  }

  private ShardSql limited(ShardSql sql, long offset, long limit) {
    return limit == Merge.ALL || !limitsShards
        ? sql
        : new ShardSql(sql.text() + " LIMIT " + (offset + limit), sql.markers(), sql.sources());
  }
}
