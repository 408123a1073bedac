package io.shardflux.sql.merge;

import io.shardflux.router.Internal;
import java.util.List;

/**
 * An aggregate that is combined from the shards' own.
 *
 * @param column the column that has the shard's value in each row, and gets the whole value
 * @param inputs for {@code AVG} the columns of the sum and the count, which are aggregates
 *     themselves; for {@code SUM} the column of the shards' sums with all their digits, where a sum
 *     shows fewer
 * @param keys for {@code MIN} and {@code MAX} the compared values, for {@code DISTINCT} the values
 *     that are told apart
 * @param even for {@code AVG}, whether each value has just the digits of its type
 */
@Internal
public record Aggregate(
    Kind kind, int column, List<Integer> inputs, List<SortKey> keys, boolean even) {

  /** An aggregate of values that need not have the digits of their type. */
  public Aggregate(Kind kind, int column, List<Integer> inputs, List<SortKey> keys) {
    this(kind, column, inputs, keys, false);
  }

  /** An aggregate that is made only of the shards' own values. */
  public static Aggregate of(Kind kind, int column) {
    return new Aggregate(kind, column, List.of(), List.of());
  }

  /** The column of a {@code SUM} that is added up. */
  public int summed() {
    return inputs.isEmpty() ? column : inputs.get(0);
  }

  public enum Kind {
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

    public boolean isDistinct() {
      return this == COUNT_DISTINCT || this == SUM_DISTINCT || this == AVG_DISTINCT;
    }

    boolean counts() {
      return this == COUNT || this == COUNT_DISTINCT;
    }
  }
}
