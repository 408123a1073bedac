package io.shardflux.sql.merge;

import io.shardflux.sql.statement.RefusalCode;
import io.shardflux.sql.statement.RefusedSqlException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.PriorityQueue;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** One execution of a {@link Merge}. Not thread-safe: rows must be given one after the other. */
public final class Fold {

  private final Merge merge;
  private final Merge.Shape shape;
  private final int hidden;
  private final int maxRows;
  private final Comparator<@Nullable Object[]> groups;
  private final @Nullable TreeSet<@Nullable Object[]> seen;
  private final @Nullable PriorityQueue<@Nullable Object[]> sorted;
  private @Nullable Group group;
  private long skipped;
  private long given;
  private int held;

  Fold(Merge merge, int maxRows) {
    this.merge = merge;
    this.shape = merge.shape();
    this.hidden = shape.hidden();
    this.maxRows = maxRows;
    Merge.Grouping grouping = shape.grouping();
    this.groups = SortKey.comparator(grouping == null ? List.of() : grouping.keys(), hidden);
    this.seen =
        shape.distinct().isEmpty()
            ? null
            : new TreeSet<>(SortKey.comparator(shape.distinct(), hidden));
    this.sorted =
        shape.sort().isEmpty()
            ? null
            : new PriorityQueue<>(SortKey.comparator(shape.sort(), hidden).reversed());
  }

  /**
   * Takes the next row, which belongs to the fold from now on. Passes on rows of the answer, which
   * still have their hidden columns.
   *
   * @param row the row's values, the hidden ones included
   * @param answer takes each row of the answer
   * @return whether it wants more rows; if not, {@link #end} must not be called
   * @throws RefusedSqlException if it would have to hold more rows than it may
   */
  public boolean next(@Nullable Object[] row, Consumer<@Nullable Object[]> answer) {
    Merge.Grouping grouping = shape.grouping();
    if (grouping == null) {
      return filter(row, answer);
    }
    if (group != null && groups.compare(group.row, row) == 0) {
      group.add(row);
      return true;
    }
    boolean more = group == null || filter(group.whole(), answer);
    group = new Group(row, grouping.aggregates());
    return more;
  }

  /**
   * Passes on the remaining rows of the answer, after the last row of all shards.
   *
   * @param answer takes each row of the answer
   */
  public void end(Consumer<@Nullable Object[]> answer) {
    Merge.Grouping grouping = shape.grouping();
    if (group != null) {
      filter(group.whole(), answer);
    } else if (grouping != null && grouping.whole()) {
      filter(empty(grouping), answer);
    }
    if (sorted != null) {
      List<@Nullable Object[]> rows = new ArrayList<>(sorted);
      rows.sort(SortKey.comparator(shape.sort(), hidden));
      rows.forEach(row -> page(row, answer));
    }
  }

  private @Nullable Object[] empty(Merge.Grouping grouping) {
    @Nullable Object[] row = new Object[grouping.width()];
    for (Aggregate aggregate : grouping.aggregates()) {
      if (aggregate.kind().counts()) {
        row[SortKey.index(row, aggregate.column(), hidden)] = 0L;
      }
    }
    return row;
  }

  private boolean filter(@Nullable Object[] row, Consumer<@Nullable Object[]> answer) {
    Computation having = shape.having();
    if (having != null && !having.holds(row, hidden, merge.binds())) {
      return true;
    }
    shape
        .computed()
        .forEach(
            (column, value) -> row[column] = Values.shown(value.of(row, hidden, merge.binds())));
    if (seen != null) {
      if (!seen.add(row)) {
        return true;
      }
      hold();
    }
    if (sorted == null) {
      return page(row, answer);
    }
    sorted.add(row);
    if (sorted.size() > wanted()) {
      sorted.poll();
    } else {
      hold();
    }
    return true;
  }

  /** The rows that are told of at most. */
  private long wanted() {
    return merge.limit() == Merge.ALL ? Merge.ALL : merge.offset() + merge.limit();
  }

  private void hold() {
    if (++held > maxRows) {
      throw new RefusedSqlException(
          RefusalCode.TOO_MANY_MERGED_ROWS, "more than " + maxRows + " rows in memory");
    }
  }

  private boolean page(@Nullable Object[] row, Consumer<@Nullable Object[]> answer) {
    if (skipped < merge.offset()) {
      skipped++;
    } else if (given < merge.limit()) {
      given++;
      answer.accept(row);
    }
    return given < merge.limit();
  }

  /** The rows of one group so far. */
  private final class Group {

    private final @Nullable Object[] row;
    private final List<Aggregate> aggregates;
    private final List<@Nullable Set<@Nullable Object[]>> sets = new ArrayList<>();

    Group(@Nullable Object[] first, List<Aggregate> aggregates) {
      this.row = first;
      this.aggregates = aggregates;
      for (Aggregate aggregate : aggregates) {
        Set<@Nullable Object[]> set =
            aggregate.kind().isDistinct()
                ? new TreeSet<>(SortKey.comparator(aggregate.keys(), hidden))
                : null;
        sets.add(set);
        if (set != null) {
          addDistinct(aggregate, set, first);
        }
      }
    }

    void add(@Nullable Object[] next) {
      for (int i = 0; i < aggregates.size(); i++) {
        Aggregate aggregate = aggregates.get(i);
        Set<@Nullable Object[]> set = sets.get(i);
        if (set == null) {
          add(aggregate, next);
        } else {
          addDistinct(aggregate, set, next);
        }
      }
    }

    private void add(Aggregate aggregate, @Nullable Object[] next) {
      switch (aggregate.kind()) {
        case COUNT ->
            put(aggregate.column(), Values.count(at(row, aggregate), at(next, aggregate)));
        case SUM -> {
          int summed = aggregate.summed();
          put(summed, Values.sum(at(row, summed), at(next, summed)));
          addExample(aggregate, next);
        }
        case MIN, MAX -> addExtreme(aggregate, next);
        case AVG, ANY -> addExample(aggregate, next);
        default -> {}
      }
    }

    /**
     * Adds a value of the group, or one that says how such values are shown. A shard without rows
     * has NULL.
     */
    private void addExample(Aggregate aggregate, @Nullable Object[] next) {
      if (at(row, aggregate) == null) {
        put(aggregate.column(), at(next, aggregate));
      }
    }

    private void addExtreme(Aggregate aggregate, @Nullable Object[] next) {
      SortKey key = aggregate.keys().get(0);
      if (at(next, key.value()) == null) {
        return;
      }
      int order = key.compare(next, row, hidden);
      boolean better =
          at(row, key.value()) == null
              || (aggregate.kind() == Aggregate.Kind.MIN ? order < 0 : order > 0);
      if (better) {
        put(aggregate.column(), at(next, aggregate));
        put(key.value(), at(next, key.value()));
        if (key.padding() != SortKey.NONE) {
          put(key.padding(), at(next, key.padding()));
        }
      }
    }

    private void addDistinct(
        Aggregate aggregate, Set<@Nullable Object[]> set, @Nullable Object[] next) {
      for (SortKey key : aggregate.keys()) {
        if (at(next, key.value()) == null) {
          return;
        }
      }
      // The first row's values are written over.
      if (set.add(next == row ? next.clone() : next)) {
        hold();
      }
    }

    /** The group's row with its aggregates. */
    @Nullable Object[] whole() {
      for (int i = 0; i < aggregates.size(); i++) {
        Aggregate aggregate = aggregates.get(i);
        Set<@Nullable Object[]> set = sets.get(i);
        if (aggregate.kind() == Aggregate.Kind.AVG) {
          Object count = at(row, aggregate.inputs().get(1));
          Object sum = at(row, aggregate.inputs().get(0));
          Object like = at(row, aggregate);
          put(
              aggregate.column(),
              Values.average(sum, (Long) Values.count(count, null), like, aggregate.even()));
        } else if (aggregate.kind() == Aggregate.Kind.SUM && !aggregate.inputs().isEmpty()) {
          put(aggregate.column(), Values.like(at(row, aggregate.summed()), at(row, aggregate)));
        } else if (set != null) {
          held -= set.size();
          put(aggregate.column(), distinct(aggregate, set));
        }
      }
      return row;
    }

    private @Nullable Object distinct(Aggregate aggregate, Set<@Nullable Object[]> set) {
      if (aggregate.kind() == Aggregate.Kind.COUNT_DISTINCT) {
        return (long) set.size();
      }
      Object sum = null;
      Object like = null;
      for (@Nullable Object[] each : set) {
        sum = Values.sum(sum, at(each, aggregate.keys().get(0).value()));
        like = like == null ? at(each, aggregate) : like;
      }
      return aggregate.kind() == Aggregate.Kind.SUM_DISTINCT
          ? Values.like(Values.asSum(sum), like)
          : Values.average(sum, set.size(), like, true);
    }

    private @Nullable Object at(@Nullable Object[] from, Aggregate aggregate) {
      return at(from, aggregate.column());
    }

    private @Nullable Object at(@Nullable Object[] from, int column) {
      return SortKey.at(from, column, hidden);
    }

    private void put(int column, @Nullable Object value) {
      row[SortKey.index(row, column, hidden)] = value;
    }
  }
}
