package io.shardflux.sql.scatter;

import io.shardflux.router.Internal;
import io.shardflux.sql.merge.Merge;
import io.shardflux.sql.statement.ShardSql;
import io.shardflux.sql.syntax.Expr;
import io.shardflux.sql.syntax.Query;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A query over several shards: the text that each is sent, except for the limit, and how rows are
 * merged.
 *
 * @param columns the names of the columns of its stars and others, null if it has no star
 */
@Internal
public record ScatterQuery(
    ShardSql sql,
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
        ? new ScatterQuery(sql, shape, null, null, limitsShards, null)
        : new ScatterQuery(sql, shape, limit.count(), limit.offset(), limitsShards, null);
  }

  /** This query for a text whose stars were taken to mean these columns. */
  ScatterQuery starred(List<String> names) {
    return new ScatterQuery(sql, shape, limit, offset, limitsShards, names);
  }

  /** The text that a shard is sent, with the limit that is enough for it. */
  public ShardSql sql(long offset, long limit) {
    return limit == Merge.ALL || !limitsShards
        ? sql
        : new ShardSql(sql.text() + " LIMIT " + (offset + limit), sql.markers(), sql.sources());
  }
}
