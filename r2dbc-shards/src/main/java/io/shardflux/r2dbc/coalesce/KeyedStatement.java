package io.shardflux.r2dbc.coalesce;

import io.r2dbc.spi.Row;
import io.r2dbc.spi.RowMetadata;
import io.shardflux.r2dbc.live.LiveShards;
import io.shardflux.r2dbc.scatter.Reach;
import io.shardflux.r2dbc.statement.SqlTemplate;
import io.shardflux.router.Internal;
import io.shardflux.router.ShardKey;
import java.util.function.BiFunction;

/** A statement that reads keys, and the functions that tell its rows apart. */
@Internal
public record KeyedStatement<T>(
    String table,
    SqlTemplate sql,
    BiFunction<Row, RowMetadata, ShardKey> key,
    BiFunction<Row, RowMetadata, T> mapping,
    CoalescingOptions bounds) {

  /**
   * Refuses statements by which no reads can be joined.
   *
   * @throws IllegalArgumentException if it is not a plain read, limits its rows, or has no or other
   *     markers
   */
  public KeyedStatement {
    if (!sql.named() || !sql.markers().stream().allMatch(Reach.KEYS::equals)) {
      throw refused("markers " + sql.markers(), "… IN (:keys), and no other marker", sql);
    }
    if (!sql.reads()) {
      throw refused("no plain read", "a SELECT that neither changes nor locks", sql);
    }
    if (sql.limited()) {
      throw refused("LIMIT or FETCH", "none, as it would cut off other keys' rows", sql);
    }
  }

  private static IllegalArgumentException refused(String what, String expected, SqlTemplate sql) {
    return new IllegalArgumentException(
        "sql: " + what + " (expected: " + expected + ") in: " + sql.text());
  }

  /** Its reads, to be kept. */
  public KeyedReads<T> on(LiveShards live) {
    return new DefaultKeyedReads<>(live, this);
  }
}
