package io.shardflux.sql.merge;

import io.shardflux.router.Internal;
import io.shardflux.sql.statement.Binds;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Says how the rows of several shards become one answer. Immutable and thread-safe.
 *
 * <p>A shard's row is an array of its columns' values, decoded as the driver does by default. Its
 * first columns are the answer's own, under the names and of the types that one database would give
 * them. The last {@link #hidden} columns are only for the merge. Rows are merged by {@link #order}
 * and given to a {@link Fold} one after the other. The rows that the fold passes on are the answer.
 */
public final class Merge {

  /** No limit. */
  @Internal public static final long ALL = Long.MAX_VALUE;

  private final Shape shape;
  private final Binds binds;
  private final long offset;
  private final long limit;
  private final int maxRows;

  /**
   * A merge of rows.
   *
   * @param shape the parts that don't depend on bound values
   * @param binds the values of the markers
   * @param offset the number of rows to leave out, from 0
   * @param limit the number of rows to give, or {@link #ALL}
   * @param maxRows the number of rows that may be held at once
   */
  @Internal
  public Merge(Shape shape, Binds binds, long offset, long limit, int maxRows) {
    this.shape = shape;
    this.binds = binds;
    this.offset = offset;
    this.limit = limit;
    this.maxRows = maxRows;
  }

  /**
   * The parts that don't depend on bound values.
   *
   * @param hidden the number of a shard's last columns that are for the merge
   * @param order the order of the shards' rows
   * @param grouping how rows are combined; null if they aren't
   * @param computed columns of the answer that are computed from the others
   * @param having the condition for rows that are passed on; null for all
   * @param distinct the values by which rows are told apart after that; empty if they needn't be
   * @param sort the final order; empty if rows come in order
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

    /** The shape of rows that are the answer's rows as they come. */
    public static final Shape NONE =
        new Shape(0, List.of(), null, Map.of(), null, List.of(), List.of());
  }

  /**
   * Says how rows become groups, whose rows come one after the other.
   *
   * @param keys the values that a group has in common; none if all rows are one group
   * @param whole whether there is one group even if there is no row
   * @param width the columns of a row that is made of no row
   */
  @Internal
  public record Grouping(
      List<SortKey> keys, List<Aggregate> aggregates, boolean whole, int width) {}

  /** {@return the parts that don't depend on bound values} */
  @Internal
  public Shape shape() {
    return shape;
  }

  /** {@return the values of the markers} */
  @Internal
  public Binds binds() {
    return binds;
  }

  /** {@return the number of rows that the answer leaves out, from 0} */
  @Internal
  public long offset() {
    return offset;
  }

  /** {@return the number of rows that the answer has at most, or {@link #ALL}} */
  @Internal
  public long limit() {
    return limit;
  }

  /** {@return the number of a shard's last columns that are not columns of the answer} */
  public int hidden() {
    return shape.hidden();
  }

  /**
   * {@return the order in which each shard's rows come and by which they must be merged; null where
   * any order will do}
   */
  public @Nullable Comparator<@Nullable Object[]> order() {
    return shape.order().isEmpty() ? null : SortKey.comparator(shape.order(), shape.hidden());
  }

  /**
   * {@return whether the first shard's rows come first, then the next one's, in the order of the
   * shards' names} A limit without an order then takes the same rows each time, as far as servers
   * give theirs in the same order, so that the pages of a query are parts of one answer.
   */
  public boolean shardByShard() {
    boolean pages = limit != ALL || offset > 0;
    return pages && shape.order().isEmpty() && shape.grouping() == null && shape.sort().isEmpty();
  }

  /**
   * {@return whether a shard's rows are the answer's rows as they are, so that the fold would only
   * count them}
   */
  public boolean passes() {
    return shape.grouping() == null
        && shape.computed().isEmpty()
        && shape.having() == null
        && shape.distinct().isEmpty()
        && shape.sort().isEmpty()
        && offset == 0
        && limit == ALL;
  }

  /**
   * {@return whether rows are compared or computed with, so that the merge depends on their
   * columns' types}
   */
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

  /** {@return whether the answer has values that no shard gave} */
  public boolean computes() {
    return shape.grouping() != null && !shape.grouping().aggregates().isEmpty();
  }

  /** {@return the number of rows that the merge may hold at once; 0 if it streams} */
  public int maxRows() {
    boolean sets =
        shape.grouping() != null
            && shape.grouping().aggregates().stream().anyMatch(each -> each.kind().isDistinct());
    return shape.sort().isEmpty() && shape.distinct().isEmpty() && !sets ? 0 : maxRows;
  }

  /** {@return the state of one execution} */
  public Fold begin() {
    return new Fold(this, maxRows);
  }

  /** A description of the merge, such as {@code merge by 2 desc, group by 1, limit 10}. */
  @Override
  public String toString() {
    List<String> steps = new ArrayList<>();
    steps.add(
        shardByShard()
            ? "shard by shard"
            : shape.order().isEmpty() ? "as they come" : "merge by " + joined(shape.order()));
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
