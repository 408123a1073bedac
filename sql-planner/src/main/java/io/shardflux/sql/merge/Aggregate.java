package io.shardflux.sql.merge;

import io.shardflux.router.Internal;
import java.util.List;

/**
 * An aggregate that is put together of the shards' own.
 *
 * @param column where each row has the shard's, and where the whole one goes
 * @param inputs of {@code AVG} the columns of the sum and the count, which are aggregates
 *     themselves; of {@code SUM} that of the shards' sums with all their digits, where a sum as it
 *     is shown has less
 * @param keys of {@code MIN} and {@code MAX} what is compared, of {@code DISTINCT} what is told
 *     apart
 * @param even of {@code AVG}, whether each value has just the digits of its type
 */
@Internal
public record Aggregate(
    Kind kind, int column, List<Integer> inputs, List<SortKey> keys, boolean even) {

  /** One of values that need not have the digits of their type. */
  public Aggregate(Kind kind, int column, List<Integer> inputs, List<SortKey> keys) {
    this(kind, column, inputs, keys, false);
  }

  /** One that is made of the shards' own values alone. */
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
