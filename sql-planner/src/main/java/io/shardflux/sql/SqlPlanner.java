package io.shardflux.sql;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import io.shardflux.router.Topology;
import io.shardflux.sql.schema.Catalog;
import io.shardflux.sql.schema.Schema;
import io.shardflux.sql.statement.Hints;
import io.shardflux.sql.statement.PlannerOptions;
import io.shardflux.sql.statement.RefusedSqlException;
import io.shardflux.sql.syntax.Overflow;
import io.shardflux.sql.syntax.SqlText;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Analyses SQL texts and keeps the analyses and refusals by text. Thread-safe. Texts with hundreds
 * of literals aren't kept, because they hardly ever come again.
 *
 * <p>{@link #cached} is for event loops. A text that is new to it goes to {@link #prepare} on
 * another thread, because that takes up to some milliseconds of CPU time.
 */
public final class SqlPlanner {

  /** The number of kept texts that are looked at for other rules. */
  public static final int MOST_FORESEEN = 2_000;

  /** The bytes that a refusal is taken to hold beside its text. */
  private static final int REFUSAL_WEIGHT = 1_000;

  /** Behind the text of a read that is kept as {@link #prepareApart} says; no statement has it. */
  private static final String APART = "\0";

  /** The part of the cache that one entry may take. */
  private static final int LARGEST_PART = 8;

  private final PlannerOptions options;
  private final Cache<String, Entry> cache;

  private SqlPlanner(PlannerOptions options) {
    this.options = options;
    this.cache =
        Caffeine.newBuilder()
            .maximumWeight(options.cacheWeight())
            .<String, Entry>weigher((sql, entry) -> entry.weight(sql))
            // No thread of another's: what is evicted is only dropped.
            .executor(Runnable::run)
            .build();
  }

  /**
   * {@return a planner with an empty cache}
   *
   * @param options the planner's bounds
   */
  public static SqlPlanner of(PlannerOptions options) {
    return new SqlPlanner(options);
  }

  /**
   * {@return the kept analysis of a text, in well under a microsecond} Null if none is kept, or if
   * it is of another catalog or topology.
   *
   * @param sql the statement's text
   * @param catalog the tables that the analysis must have been made for; the same object
   * @param topology the rules that the analysis must have been made for; the same object
   * @throws RefusedSqlException if the text is known to be refused, whatever the hints
   */
  public @Nullable Prepared cached(String sql, Catalog catalog, Topology topology) {
    return cachedAs(sql, catalog, topology);
  }

  /**
   * {@return the same of a read whose groups each shard makes of its own rows; see {@link
   * #prepareApart}}
   *
   * @param sql the statement's text
   * @param catalog the tables that the analysis must have been made for; the same object
   * @param topology the rules that the analysis must have been made for; the same object
   */
  public @Nullable Prepared cachedApart(String sql, Catalog catalog, Topology topology) {
    return cachedAs(sql + APART, catalog, topology);
  }

  private @Nullable Prepared cachedAs(String key, Catalog catalog, Topology topology) {
    Entry entry = cache.getIfPresent(key);
    return entry == null || entry.catalog != catalog || entry.topology != topology
        ? null
        : entry.get();
  }

  /**
   * {@return the analysis of a text; kept for {@link #cached}} A statement that is refused unless a
   * hint names the shard is refused by {@link Prepared#route}, because hints may come from
   * elsewhere too.
   *
   * @param sql the statement's text
   * @param catalog the tables and their columns
   * @param topology the rules of the tables
   * @throws RefusedSqlException if the text is refused, whatever the hints: it is too large, more
   *     than one statement, has comments that run, or a malformed hint
   */
  public Prepared prepare(String sql, Catalog catalog, Topology topology) {
    return prepare(sql, catalog, topology, false);
  }

  /**
   * {@return the analysis of a read of one table's groups, of which each shard gives those of its
   * own rows as they are} So several rows may be of one group.
   *
   * @param sql the statement's text
   * @param catalog the tables and their columns
   * @param topology the rules of the tables
   */
  public Prepared prepareApart(String sql, Catalog catalog, Topology topology) {
    return prepare(sql, catalog, topology, true);
  }

  private Prepared prepare(String sql, Catalog catalog, Topology topology, boolean apart) {
    Entry entry = Overflow.guarded(() -> entry(sql, catalog, topology, apart));
    if (isKept(sql, entry)) {
      cache.put(apart ? sql + APART : sql, entry);
    }
    return entry.get();
  }

  /**
   * {@return what becomes of the texts that are kept where the rules of their tables change: those
   * that are then answered at a higher price, or refused, the worst first} It takes up to some
   * milliseconds of CPU time for each of {@value #MOST_FORESEEN} texts at most, so it is for
   * threads that may be kept busy. Ends early if its thread is interrupted.
   *
   * @param catalog the tables and their columns
   * @param now the rules in force
   * @param then the rules that shall be
   * @param defaults the hints of texts that have none
   * @param gathers whether reads may be gathered
   */
  public List<Foreseen> foresee(
      Catalog catalog, Topology now, Topology then, Hints defaults, boolean gathers) {
    Foresight today = new Foresight(now, defaults, gathers);
    Foresight tomorrow = new Foresight(then, defaults, gathers);
    return cache.asMap().entrySet().stream()
        .filter(entry -> !entry.getKey().endsWith(APART))
        .limit(MOST_FORESEEN)
        .takeWhile(entry -> !Thread.currentThread().isInterrupted())
        .map(entry -> Overflow.guarded(() -> foreseen(entry, catalog, today, tomorrow)))
        .flatMap(Optional::stream)
        .sorted(Comparator.comparing(Foreseen::then).reversed().thenComparing(Foreseen::sql))
        .toList();
  }

  private Optional<Foreseen> foreseen(
      Map.Entry<String, Entry> kept, Catalog catalog, Foresight today, Foresight tomorrow) {
    Prepared prepared = kept.getValue().prepared;
    if (prepared == null || !Foresight.concerns(prepared, today.topology(), tomorrow.topology())) {
      return Optional.empty();
    }
    String sql = kept.getKey();
    Foresight.Told now = today.of(prepared);
    Foresight.Told then = told(entry(sql, catalog, tomorrow.topology(), false), tomorrow);
    return then.answer().compareTo(now.answer()) > 0
        ? Optional.of(
            new Foreseen(
                SqlText.withoutValues(sql, options), now.answer(), then.answer(), then.refusal()))
        : Optional.empty();
  }

  private static Foresight.Told told(Entry entry, Foresight by) {
    return entry.prepared == null
        ? new Foresight.Told(
            Foreseen.Answer.REFUSED, entry.refusal == null ? null : entry.refusal.code())
        : by.of(entry.prepared);
  }

  private boolean isKept(String sql, Entry entry) {
    return sql.length() <= options.maxLength()
        && (entry.prepared == null || entry.prepared.isKept())
        && entry.weight(sql) <= options.cacheWeight() / LARGEST_PART;
  }

  private Entry entry(String sql, Catalog catalog, Topology topology, boolean apart) {
    try {
      Schema schema = new Schema(catalog, topology);
      Prepared prepared = new Preparation(sql, schema, options, apart).prepare();
      return new Entry(catalog, topology, prepared, null);
    } catch (RefusedSqlException e) {
      return new Entry(catalog, topology, null, e);
    }
  }

  private record Entry(
      Catalog catalog,
      Topology topology,
      @Nullable Prepared prepared,
      @Nullable RefusedSqlException refusal) {

    int weight(String sql) {
      return prepared == null ? REFUSAL_WEIGHT + 2 * sql.length() : prepared.weight();
    }

    Prepared get() {
      if (prepared == null) {
        throw refusal == null ? new IllegalStateException("an empty entry") : refusal;
      }
      return prepared;
    }
  }
}
