package io.shardflux.sql.merge;

import io.shardflux.router.Internal;
import io.shardflux.sql.statement.Binds;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * How the rows of several shards become one answer. Immutable, thread-safe.
 *
 * <p>A shard's row is an array of what its columns hold, decoded as the driver does by default: its
 * first columns are the answer's own, under the names and of the types that one database would give
 * them, and the last {@link #hidden} are for the merge alone. Rows are merged by {@link #order},
 * given to a {@link Fold} one after the other, and what it lets through is the answer.
 */
public final class Merge {

  /** No limit. */
  @Internal public static final long ALL = Long.MAX_VALUE;

  private final Shape shape;
  private final Binds binds;
  private final long offset;
  private final long limit;
  private final int maxRows;

  @Internal
  public Merge(Shape shape, Binds binds, long offset, long limit, int maxRows) {
    this.shape = shape;
    this.binds = binds;
    this.offset = offset;
    this.limit = limit;
    this.maxRows = maxRows;
  }

  /**
   * What doesn't depend on bound values.
   *
   * @param hidden how many of a shard's last columns are for the merge
   * @param order what the shards' rows are sorted by
   * @param grouping how rows are put together; null if they aren't
   * @param computed columns of the answer that are computed of the others
   * @param having which rows are let through; null for all
   * @param distinct what rows are told apart by after that; empty if they needn't be
   * @param sort what they are sorted by at last; empty if they come in order
   */
  @Internal
  public record Shape(
      int hidden,
      List<SortKey> order,
      @Nullable Grouping grouping,
      Map<Integer, Computation> computed,
      @Nullable Computation having,
      List<SortKey> distinct,
      List<SortKey> sort) {

    /** That of rows which are the answer's as they come. */
    public static final Shape NONE =
        new Shape(0, List.of(), null, Map.of(), null, List.of(), List.of());
  }

  /**
   * How rows become groups, whose rows come one after the other.
   *
   * @param keys what a group has in common; none if all rows are one group
   * @param whole whether there is one group even of no row
   * @param width the columns of a row that is made of no row
   */
  @Internal
  public record Grouping(
      List<SortKey> keys, List<Aggregate> aggregates, boolean whole, int width) {}

  Shape shape() {
    return shape;
  }

  Binds binds() {
    return binds;
  }

  long offset() {
    return offset;
  }

  @Internal
  public long limit() {
    return limit;
  }

  /** How many of a shard's last columns are no columns of the answer. */
  public int hidden() {
    return shape.hidden();
  }

  /**
   * The order that each shard's rows come in and that they are to be merged by; null where any
   * order will do.
   */
  public @Nullable Comparator<@Nullable Object[]> order() {
    return shape.order().isEmpty() ? null : SortKey.comparator(shape.order(), shape.hidden());
  }

  /** Whether a shard's rows are the answer's rows, as they are: the fold would only count them. */
  public boolean passes() {
    return shape.grouping() == null
        && shape.computed().isEmpty()
        && shape.having() == null
        && shape.distinct().isEmpty()
        && shape.sort().isEmpty()
        && offset == 0
        && limit == ALL;
  }

  /** Whether rows are compared or computed with, so that it goes by their columns' types. */
  public boolean goesByTypes() {
    boolean computes =
        shape.grouping() != null
            && (!shape.grouping().keys().isEmpty()
                || shape.grouping().aggregates().stream()
                    .anyMatch(each -> each.kind() != Aggregate.Kind.COUNT));
    return computes
        || !shape.order().isEmpty()
        || !shape.computed().isEmpty()
        || shape.having() != null
        || !shape.distinct().isEmpty()
        || !shape.sort().isEmpty();
  }

  /** Whether the answer has values that no shard gave. */
  public boolean computes() {
    return shape.grouping() != null && !shape.grouping().aggregates().isEmpty();
  }

  /** The rows that it may hold at once; 0 if it streams. */
  public int maxRows() {
    boolean sets =
        shape.grouping() != null
            && shape.grouping().aggregates().stream().anyMatch(each -> each.kind().isDistinct());
    return shape.sort().isEmpty() && shape.distinct().isEmpty() && !sets ? 0 : maxRows;
  }

  /** The state of one execution. */
  public Fold begin() {
    return new Fold(this, maxRows);
  }

  /** What it does, such as {@code merge by 2 desc, group by 1, limit 10}. */
  @Override
  public String toString() {
    List<String> steps = new ArrayList<>();
    steps.add(shape.order().isEmpty() ? "as they come" : "merge by " + joined(shape.order()));
    Grouping grouping = shape.grouping();
    if (grouping != null) {
      steps.add(grouping.keys().isEmpty() ? "one group" : "group by " + joined(grouping.keys()));
      grouping.aggregates().forEach(each -> steps.add(describe(each)));
    }
    if (shape.having() != null) {
      steps.add("having");
    }
    if (!shape.distinct().isEmpty()) {
      steps.add("distinct by " + joined(shape.distinct()));
    }
    if (!shape.sort().isEmpty()) {
      steps.add("sort by " + joined(shape.sort()));
    }
    if (offset > 0) {
      steps.add("offset " + offset);
    }
    if (limit != ALL) {
      steps.add("limit " + limit);
    }
    if (maxRows() > 0) {
      steps.add("at most " + maxRows() + " rows in memory");
    }
    return String.join("; ", steps);
  }

  private static String describe(Aggregate aggregate) {
    String column = new SortKey(aggregate.column(), SortKey.NONE, false).toString();
    return aggregate.kind().name().toLowerCase(java.util.Locale.ROOT) + " into " + column;
  }

  private static String joined(List<SortKey> keys) {
    return String.join(", ", keys.stream().map(SortKey::toString).toList());
  }
}
