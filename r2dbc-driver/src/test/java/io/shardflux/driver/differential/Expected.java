package io.shardflux.driver.differential;

import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The way in which two answers to a read must be the same.
 *
 * @param order which order the statement asks for
 * @param keys of {@link Order#TIED}, the columns that it asks to sort by
 * @param folded columns of text by index, which need to be equal only by their collation
 * @param slice where the statement takes some rows of many and does not say which
 */
record Expected(Order order, List<Integer> keys, Map<Integer, Kind> folded, @Nullable Slice slice) {

  enum Order {
    NONE,
    /** By some columns; rows that are equal in these come in any order. */
    TIED,
    TOTAL
  }

  /**
   * Any rows of a larger answer.
   *
   * @param all the statement without its limit
   */
  record Slice(String all, int offset, int limit) {}

  static Expected bag(Map<Integer, Kind> folded) {
    return new Expected(Order.NONE, List.of(), folded, null);
  }

  static Expected total(Map<Integer, Kind> folded) {
    return new Expected(Order.TOTAL, List.of(), folded, null);
  }

  static Expected tied(List<Integer> keys, Map<Integer, Kind> folded) {
    return new Expected(Order.TIED, keys, folded, null);
  }

  Expected of(Slice some) {
    return new Expected(order, keys, folded, some);
  }

  /** Of the same statement with something before it. */
  Expected after(String prefix) {
    return slice == null
        ? this
        : of(new Slice(prefix + slice.all(), slice.offset(), slice.limit()));
  }
}
