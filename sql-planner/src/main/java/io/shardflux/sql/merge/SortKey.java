package io.shardflux.sql.merge;

import io.shardflux.router.Internal;
import java.util.Comparator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A column by which rows are ordered or told apart.
 *
 * @param value the column; {@code ~i} is the hidden one of index {@code i}
 * @param padding the column of a space's weight, if text is padded, otherwise {@link #NONE}
 */
@Internal
public record SortKey(int value, int padding, boolean descending) {

  public static final int NONE = Integer.MIN_VALUE;

  /** The column's value in a row with so many hidden columns. */
  static @Nullable Object at(@Nullable Object[] row, int column, int hidden) {
    return row[index(row, column, hidden)];
  }

  static int index(@Nullable Object[] row, int column, int hidden) {
    return column >= 0 ? column : row.length - hidden + ~column;
  }

  int compare(@Nullable Object[] a, @Nullable Object[] b, int hidden) {
    Object padding = padding(a, b, hidden);
    int order = Values.compare(at(a, value, hidden), at(b, value, hidden), padding);
    return descending ? -order : order;
  }

  private @Nullable Object padding(@Nullable Object[] a, @Nullable Object[] b, int hidden) {
    if (padding == NONE) {
      return null;
    }
    Object mine = at(a, padding, hidden);
    return mine == null ? at(b, padding, hidden) : mine;
  }

  SortKey ascending() {
    return new SortKey(value, padding, false);
  }

  static Comparator<@Nullable Object[]> comparator(List<SortKey> keys, int hidden) {
    return (a, b) -> {
      for (SortKey key : keys) {
        int order = key.compare(a, b, hidden);
        if (order != 0) {
          return order;
        }
      }
      return 0;
    };
  }

  /** The form of explanations: the column from 1, hidden ones with an {@code h}. */
  @Override
  public String toString() {
    return (value >= 0 ? String.valueOf(value + 1) : "h" + (~value + 1))
        + (descending ? " desc" : "");
  }
}
