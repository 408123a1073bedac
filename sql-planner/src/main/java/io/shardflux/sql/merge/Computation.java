package io.shardflux.sql.merge;

import io.shardflux.router.Internal;
import io.shardflux.sql.statement.Binds;
import io.shardflux.sql.statement.RefusalCode;
import io.shardflux.sql.statement.RefusedSqlException;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A number or a truth value that is computed of a merged row; NULL as in SQL. */
@Internal
public sealed interface Computation {

  @Nullable Object of(@Nullable Object[] row, int hidden, Binds binds);

  /** Tells whether the condition holds; it does not if it is NULL. */
  default boolean holds(@Nullable Object[] row, int hidden, Binds binds) {
    return Boolean.TRUE.equals(of(row, hidden, binds));
  }

  record Column(int column) implements Computation {
    @Override
    public @Nullable Object of(@Nullable Object[] row, int hidden, Binds binds) {
      return SortKey.at(row, column, hidden);
    }
  }

  /** A number; null for NULL. */
  record Constant(@Nullable Object value) implements Computation {
    @Override
    public @Nullable Object of(@Nullable Object[] row, int hidden, Binds binds) {
      return value;
    }
  }

  /** The value of a marker. */
  record Bound(int marker) implements Computation {
    @Override
    public @Nullable Object of(@Nullable Object[] row, int hidden, Binds binds) {
      Object value = Values.written(binds.get(marker));
      if (value != null && !Values.isNumber(value)) {
        throw new RefusedSqlException(
            RefusalCode.HAVING,
            "a bound " + value.getClass().getSimpleName() + " (expected: a number)");
      }
      return value;
    }
  }

  /**
   * Arithmetic.
   *
   * @param rounds whether what comes of it has no more digits than its type
   */
  record Arithmetic(String operator, Computation left, Computation right, boolean rounds)
      implements Computation {
    @Override
    public @Nullable Object of(@Nullable Object[] row, int hidden, Binds binds) {
      Object value =
          Values.apply(operator, left.of(row, hidden, binds), right.of(row, hidden, binds));
      return rounds ? Values.shown(value) : value;
    }
  }

  record Average(Computation sum, Computation count) implements Computation {
    @Override
    public @Nullable Object of(@Nullable Object[] row, int hidden, Binds binds) {
      return Values.mean(sum.of(row, hidden, binds), count.of(row, hidden, binds));
    }
  }

  /** The first that isn't NULL; {@code rounds} as of {@link Arithmetic}. */
  record First(List<Computation> options, boolean rounds) implements Computation {
    @Override
    public @Nullable Object of(@Nullable Object[] row, int hidden, Binds binds) {
      for (Computation option : options) {
        Object value = option.of(row, hidden, binds);
        if (value != null) {
          return rounds ? Values.shown(value) : value;
        }
      }
      return null;
    }
  }

  record Comparison(String operator, Computation left, Computation right) implements Computation {
    @Override
    public @Nullable Object of(@Nullable Object[] row, int hidden, Binds binds) {
      Object a = left.of(row, hidden, binds);
      Object b = right.of(row, hidden, binds);
      if (operator.equals("<=>")) {
        return Values.compareSurely(a, b) == 0;
      }
      if (a == null || b == null) {
        return null;
      }
      int order = Values.compareSurely(a, b);
      return switch (operator) {
        case "=" -> order == 0;
        case "<>" -> order != 0;
        case "<" -> order < 0;
        case "<=" -> order <= 0;
        case ">" -> order > 0;
        default -> order >= 0;
      };
    }
  }

  /** A condition as a number, which an item of a select list is. */
  record Truth(Computation condition) implements Computation {
    @Override
    public @Nullable Object of(@Nullable Object[] row, int hidden, Binds binds) {
      Object value = condition.of(row, hidden, binds);
      return value == null ? null : value.equals(true) ? 1L : 0L;
    }
  }

  record All(List<Computation> conditions) implements Computation {
    @Override
    public @Nullable Object of(@Nullable Object[] row, int hidden, Binds binds) {
      return join(conditions, false, row, hidden, binds);
    }
  }

  record Some(List<Computation> conditions) implements Computation {
    @Override
    public @Nullable Object of(@Nullable Object[] row, int hidden, Binds binds) {
      return join(conditions, true, row, hidden, binds);
    }
  }

  record Not(Computation condition) implements Computation {
    @Override
    public @Nullable Object of(@Nullable Object[] row, int hidden, Binds binds) {
      Object value = condition.of(row, hidden, binds);
      return value == null ? null : !value.equals(true);
    }
  }

  record IsNull(Computation value) implements Computation {
    @Override
    public Object of(@Nullable Object[] row, int hidden, Binds binds) {
      return value.of(row, hidden, binds) == null;
    }
  }

  /** AND or OR of three values; {@code decisive} is the one that settles it. */
  private static @Nullable Object join(
      List<Computation> conditions,
      boolean decisive,
      @Nullable Object[] row,
      int hidden,
      Binds binds) {
    Object joined = !decisive;
    for (Computation condition : conditions) {
      Object value = condition.of(row, hidden, binds);
      if (value == null) {
        joined = null;
      } else if (value.equals(decisive)) {
        return decisive;
      }
    }
    return joined;
  }
}
