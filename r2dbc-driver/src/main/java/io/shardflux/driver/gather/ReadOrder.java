package io.shardflux.driver.gather;

import io.shardflux.driver.plan.KnownSizes;
import io.shardflux.sql.gather.Gather;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * Says which mention's rows are read next, and which of them. A mention that is joined with others
 * is first asked for a few rows: if these are all, they cut the others down, of which only those
 * with the same values matter; if not, the others come first. Those that are too long to be held
 * come last, and go on as they come. Mentions that have another one's rows are not read. Used by
 * one thread at a time.
 */
final class ReadOrder {

  /** The values up to which a list of them is worth its length. */
  static final int MOST_VALUES = 2_000;

  /**
   * A reading.
   *
   * @param few whether only so many rows are read as a small mention has, and one more
   * @param filters what the rows must satisfy besides
   * @param values the values of the filters
   * @param none whether no row matters
   * @param streamed whether its rows are too many to be held
   */
  record Step(
      int mention,
      boolean few,
      List<Gather.Filter> filters,
      List<Object> values,
      boolean none,
      boolean streamed) {}

  private final Gather gather;
  private final List<Gather.Mention> mentions;
  private final KnownSizes.Of known;
  private final boolean sends;
  private final boolean streams;
  private final Set<Integer> left = new LinkedHashSet<>();
  private final Set<Integer> large = new HashSet<>();
  private final Set<Integer> huge = new HashSet<>();

  /** Those that have more rows than may be read, unless others cut them down. */
  private final Set<Integer> over = new HashSet<>();

  private final Map<Integer, List<Set<Object>>> read = new LinkedHashMap<>();

  /**
   * The order for a statement.
   *
   * @param known says which mentions were large before
   * @param sends whether shards may be sent the rows of one mention, so that others need not be
   *     read
   * @param streams whether rows that are too long to be held may go on as they come
   */
  ReadOrder(Gather gather, KnownSizes.Of known, boolean sends, boolean streams) {
    this.gather = gather;
    this.mentions = gather.mentions();
    this.known = known;
    this.sends = sends;
    this.streams = streams;
    left.addAll(gather.read());
    left.stream().filter(known::isLarge).forEach(large::add);
    left.stream().filter(mention -> streams && known.isLong(mention)).forEach(huge::add);
  }

  /** The order from the beginning, with what was learned of mentions that have too many rows. */
  ReadOrder anew() {
    ReadOrder next = new ReadOrder(gather, known, sends, streams);
    next.over.addAll(over);
    next.huge.addAll(over);
    next.large.addAll(over);
    return next;
  }

  /** The mentions whose rows were read. */
  SortedSet<Integer> read() {
    return new TreeSet<>(read.keySet());
  }

  /** Tells whether rows of others are left to be read. */
  boolean isLeft() {
    return !left.isEmpty();
  }

  /** The next reading; null once all mentions were read. */
  @Nullable Step next() {
    for (int mention : left) {
      if (!huge.contains(mention) && isCut(mention)) {
        return cut(mention);
      }
    }
    for (int mention : left) {
      if (!large.contains(mention)) {
        return all(mention, isLinked(mention) || (sends && left.size() > 1));
      }
    }
    for (int mention : left) {
      if (!huge.contains(mention)) {
        return all(mention, false);
      }
    }
    return left.stream()
        .min(
            Comparator.<Integer, Boolean>comparing(over::contains)
                .thenComparing(mention -> !isCut(mention)))
        .map(mention -> isCut(mention) ? cut(mention) : all(mention, false))
        .orElse(null);
  }

  private Step all(int mention, boolean few) {
    return new Step(mention, few, List.of(), List.of(), false, isStreamed(mention));
  }

  private boolean isStreamed(int mention) {
    return streams && huge.contains(mention);
  }

  private boolean isCut(int mention) {
    return mentions.get(mention).links().stream().anyMatch(this::cuts);
  }

  /** Tells whether another mention may be read in place of one that has more rows than may be. */
  boolean hasOther(Step step) {
    return step.few()
        || mayBeCut(step)
        || (sends
            && left.stream().anyMatch(other -> other != step.mention() && !huge.contains(other)));
  }

  /** Tells whether one that has too many rows could have fewer once others were read. */
  boolean mayBeCut(Step step) {
    return !over.contains(step.mention())
        && mentions.get(step.mention()).links().stream()
            .anyMatch(link -> left.contains(link.mention()) && !over.contains(link.mention()));
  }

  /** Tells whether other mentions that were not read could cut it down, or it them. */
  private boolean isLinked(int mention) {
    return mentions.get(mention).links().stream().anyMatch(link -> left.contains(link.mention()));
  }

  private boolean cuts(Gather.Link link) {
    List<Set<Object>> keys = read.get(link.mention());
    return keys != null && keys.get(link.joinColumn()).size() <= MOST_VALUES;
  }

  private Step cut(int mention) {
    List<Gather.Filter> filters = new ArrayList<>();
    List<Object> values = new ArrayList<>();
    for (Gather.Link link : mentions.get(mention).links()) {
      if (cuts(link)) {
        Set<Object> some = read.getOrDefault(link.mention(), List.of()).get(link.joinColumn());
        if (some.isEmpty()) {
          return new Step(mention, false, List.of(), List.of(), true, isStreamed(mention));
        }
        List<Object> padded = padded(some);
        filters.add(new Gather.Filter(link.column(), padded.size()));
        values.addAll(padded);
      }
    }
    return new Step(mention, false, filters, values, false, isStreamed(mention));
  }

  /** How mentions that were not read are cut down by those that were. */
  List<Step> cuts() {
    return left.stream().filter(this::isCut).map(this::cut).filter(step -> !step.none()).toList();
  }

  /** As many values as a power of two, so that texts of few lengths are analysed. */
  private static List<Object> padded(Set<Object> some) {
    List<Object> padded = new ArrayList<>(some);
    int wanted = some.size() == 1 ? 1 : Integer.highestOneBit(some.size() - 1) << 1;
    while (padded.size() < wanted) {
      padded.add(padded.get(0));
    }
    return padded;
  }

  /**
   * Takes the end of a reading that gave all rows.
   *
   * @param keys the values of each of its join columns
   */
  void done(Step step, List<Set<Object>> keys) {
    left.remove(step.mention());
    read.put(step.mention(), keys);
  }

  /** Takes the end of a reading of rows that were not all. */
  void tooMany(Step step) {
    large.add(step.mention());
    if (!step.few()) {
      huge.add(step.mention());
      over.add(step.mention());
    }
  }

  /** Takes the end of a reading of rows that are too long to be held. */
  void tooLong(Step step) {
    large.add(step.mention());
    huge.add(step.mention());
  }
}
