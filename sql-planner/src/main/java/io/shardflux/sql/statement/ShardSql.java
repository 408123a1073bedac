package io.shardflux.sql.statement;

import java.util.List;

/**
 * The text that a shard is sent.
 *
 * @param text SQL with {@code ?} for each marker
 * @param markers the index in {@code Prepared.markers}, and so in {@link Binds}, of each {@code ?};
 *     an index may occur several times, or not at all
 */
public record ShardSql(String text, List<Integer> markers) {

  /**
   * Copies the markers.
   *
   * @param text see {@link #text()}
   * @param markers see {@link #markers()}
   */
  public ShardSql {
    markers = List.copyOf(markers);
  }
}
