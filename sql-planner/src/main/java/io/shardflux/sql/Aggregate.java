package io.shardflux.sql;

import java.util.List;

/**
 * An aggregate that is put together of the shards' own.
 *
 * @param column where each row has the shard's, and where the whole one goes
 * @param inputs of {@code AVG} the columns of the sum and the count, which are aggregates
 *     themselves
 * @param keys of {@code MIN} and {@code MAX} what is compared, of {@code DISTINCT} what is told
 *     apart
 */
record Aggregate(Kind kind, int column, List<Integer> inputs, List<SortKey> keys) {

  /** One that is made of the shards' own values alone. */
  static Aggregate of(Kind kind, int column) {
    return new Aggregate(kind, column, List.of(), List.of());
  }

  enum Kind {
    COUNT,
    SUM,
    AVG,
    MIN,
    MAX,
    /** Any of the group's. */
    ANY,
    COUNT_DISTINCT,
    SUM_DISTINCT,
    AVG_DISTINCT;

    boolean isDistinct() {
      return this == COUNT_DISTINCT || this == SUM_DISTINCT || this == AVG_DISTINCT;
    }

    boolean counts() {
      return this == COUNT || this == COUNT_DISTINCT;
    }
  }
}
