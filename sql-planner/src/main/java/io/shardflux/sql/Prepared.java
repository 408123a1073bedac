package io.shardflux.sql;

import io.shardflux.router.ShardId;
import io.shardflux.router.UuidOrder;
import io.shardflux.sql.ahead.Ahead;
import io.shardflux.sql.gather.Gather;
import io.shardflux.sql.gather.GatherPlanner;
import io.shardflux.sql.gather.QueriedWrite;
import io.shardflux.sql.gather.RowsInText;
import io.shardflux.sql.gather.WritePlanner;
import io.shardflux.sql.merge.Plan;
import io.shardflux.sql.merge.ShardPlanner;
import io.shardflux.sql.schema.Catalog;
import io.shardflux.sql.schema.Copies;
import io.shardflux.sql.statement.Binds;
import io.shardflux.sql.statement.Hints;
import io.shardflux.sql.statement.RefusalCode;
import io.shardflux.sql.statement.RefusedSqlException;
import io.shardflux.sql.statement.Routing;
import io.shardflux.sql.statement.ShardSql;
import io.shardflux.sql.statement.StatementKind;
import io.shardflux.sql.statement.ValueRouter;
import io.shardflux.sql.syntax.Overflow;
import io.shardflux.sql.syntax.SqlText;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * The analysis of one text, against one catalog and one topology. Immutable and thread-safe.
 *
 * <p>A statement takes three steps: {@link #route} says what its values touch, the caller asks the
 * topology for the shards, and {@link #plan} says what each shard is sent.
 */
public final class Prepared {

  /** Estimated bytes that are kept of any statement, of each token, and of each character. */
  private static final int BASE_WEIGHT = 1_500;

  private static final int TOKEN_WEIGHT = 100;
  private static final int CHARACTER_WEIGHT = 3;

  /** A text with more literals is hardly ever met again. */
  private static final int MOST_LITERALS = 256;

  /** The tokens and the characters up to which an event loop may route and plan it. */
  private static final int SMALL_SIZE = 2_000;

  private static final int SMALL_LENGTH = 30_000;

  private final Statements statement;
  private final Catalog catalog;
  private final int weight;
  private final boolean kept;
  private final boolean large;
  private final boolean ignoring;

  Prepared(Statements statement, Catalog catalog, SqlText text) {
    this.statement = statement;
    this.catalog = catalog;
    this.weight = weight(text, statement);
    this.kept = text.literals() <= MOST_LITERALS;
    this.ignoring = text.ignoring();
    this.large = text.size() > SMALL_SIZE || text.text().length() > SMALL_LENGTH;
  }

  private Prepared(Statements statement, Prepared like) {
    this.statement = statement;
    this.catalog = like.catalog;
    this.weight = like.weight;
    this.kept = like.kept;
    this.ignoring = like.ignoring;
    this.large = like.large;
  }

  private static int weight(SqlText text, Statements statement) {
    Ahead ahead = statement.ahead();
    Gather gather = statement.gather();
    QueriedWrite queried = statement.queried();
    long weight =
        (ahead == null ? 0 : ahead.length())
            + (gather == null ? 0 : gather.length())
            + (queried == null ? 0 : queried.length())
            + BASE_WEIGHT
            + (long) TOKEN_WEIGHT * text.size()
            + (long) CHARACTER_WEIGHT * text.text().length();
    return (int) Math.min(Integer.MAX_VALUE, weight);
  }

  /** The estimated bytes of this analysis, including its text twice. */
  int weight() {
    return weight;
  }

  /** Tells whether the text may be met again, so that the analysis is worth keeping. */
  boolean isKept() {
    return kept;
  }

  /**
   * The analysed properties of a statement.
   *
   * @param uuids the markers of key columns that hold UUIDs as bytes
   * @param texts the other markers of which a UUID is sent as text; null if all are
   * @param readsSession whether it depends on what other statements left in the session
   * @param assumesColumns whether columns were named in it that its text leaves to the server
   * @param tellsServer whether it asks a server of itself alone
   * @param defines whether it creates, alters or drops tables
   * @param keyTable the table whose key a hint names; null if there is none
   * @param whole the text without its hint
   * @param ahead what runs first, so that the rest is planned with known values; null for nothing
   * @param gather how one server answers it that is given the rows of all; null where none does
   * @param queried how a write's rows are found first; null where none may be
   * @param inlining plans it with rows of some tables in its text; null where it is not gathered
   */
  record Statements(
      StatementKind kind,
      List<@Nullable String> markers,
      Map<Integer, UuidOrder> uuids,
      @Nullable Set<Integer> texts,
      Hints hints,
      Set<String> tables,
      Copies copies,
      @Nullable RefusedSqlException sessionRefusal,
      boolean readsSession,
      boolean assumesColumns,
      boolean defines,
      boolean tellsServer,
      @Nullable String keyTable,
      ShardSql whole,
      ValueRouter router,
      ShardPlanner several,
      @Nullable Ahead ahead,
      @Nullable Gather gather,
      @Nullable QueriedWrite queried,
      @Nullable Inlining inlining) {

    Statements behind(RowsInText rows, Set<String> names, ShardSql all) {
      Set<String> others = new LinkedHashSet<>(tables);
      others.removeAll(names);
      List<@Nullable String> more = new ArrayList<>(markers);
      rows.markers().forEach(marker -> more.add(null));
      return new Statements(
          kind,
          Collections.unmodifiableList(more),
          uuids,
          texts,
          hints,
          others,
          copies.without(names),
          sessionRefusal,
          readsSession,
          assumesColumns,
          defines,
          tellsServer,
          keyTable,
          all,
          router,
          (binds, given, shards) -> behind(rows, several.plan(binds, given, shards)),
          null,
          null,
          null,
          null);
    }

    private static Plan behind(RowsInText rows, Plan plan) {
      if (plan instanceof Plan.Scatter scatter) {
        return new Plan.Scatter(
            scatter.parts().stream().map(part -> behind(rows, part)).toList(),
            scatter.merge(),
            scatter.columns());
      }
      if (plan instanceof Plan.Direct direct) {
        return new Plan.Direct(behind(rows, direct.part()));
      }
      throw new IllegalStateException("a plan of a write");
    }

    private static Plan.Part behind(RowsInText rows, Plan.Part part) {
      ShardSql sql = rows.in(part.sql());
      if (sql == null) {
        throw new RefusedSqlException(RefusalCode.SYNTAX, "a text with no place for rows");
      }
      return new Plan.Part(part.shard(), sql);
    }
  }

  /**
   * {@return whether {@link #route} and {@link #plan} may take more than a millisecond, so that an
   * event loop must not call them}
   */
  public boolean isLarge() {
    return large;
  }

  /** {@return the tables as this analysis took them to be} */
  public Catalog catalog() {
    return catalog;
  }

  /** {@return the kind of the statement} */
  public StatementKind kind() {
    return statement.kind();
  }

  /**
   * {@return the markers in the order of the text: a name, or null for a {@code ?}} A name that
   * occurs several times is one marker.
   */
  public List<@Nullable String> markers() {
    return statement.markers();
  }

  /**
   * {@return the values as servers are sent them: a UUID as the bytes of the key column that it
   * stands for, or otherwise as its text}
   *
   * @param binds the values of the markers
   * @throws RefusedSqlException if a UUID may be compared with such a key column, and it is not
   *     certain that it is: its text would be no row's
   */
  public Binds sent(Binds binds) {
    @Nullable Object[] values = new Object[binds.size()];
    boolean some = false;
    for (int i = 0; i < values.length; i++) {
      values[i] = binds.get(i);
      if (values[i] instanceof UUID uuid) {
        values[i] = sent(i, uuid);
        some = true;
      }
    }
    return some ? Binds.of(Arrays.asList(values)) : binds;
  }

  private Object sent(int marker, UUID uuid) {
    UuidOrder order = statement.uuids().get(marker);
    if (order != null) {
      return order.bytes(uuid);
    }
    if (statement.texts() != null && !statement.texts().contains(marker)) {
      throw new RefusedSqlException(
          RefusalCode.KEY_VALUE,
          "a UUID that is not compared with one column, where a key holds UUIDs as bytes",
          "bind it as the column holds it: its bytes in the key's order, or its text");
    }
    return uuid.toString();
  }

  /** {@return the hints of the text's first comment} */
  public Hints hints() {
    return statement.hints();
  }

  /** {@return the tables that the statement names, each once} */
  public Set<String> tables() {
    return statement.tables();
  }

  /** {@return whether the statement changes the copies of reference tables, wherever these are} */
  public boolean writesCopies() {
    return (statement.kind() == StatementKind.INSERT
            || statement.kind() == StatementKind.UPDATE
            || statement.kind() == StatementKind.DELETE)
        && statement.copies().rules().size() == statement.tables().size();
  }

  /**
   * {@return the reason why the statement may only run inside a transaction that is bound to a
   * shard: it depends on a session's state or changes it} Null if it may run anywhere.
   */
  public @Nullable RefusedSqlException sessionRefusal() {
    return statement.sessionRefusal();
  }

  /**
   * {@return whether the statement depends on what statements before it left in the session, so
   * that it can't be a transaction's first statement}
   */
  public boolean readsSession() {
    return statement.readsSession();
  }

  /**
   * {@return whether the text leaves to the server which columns it means, so that the texts for
   * shards name these columns as the catalog does}
   */
  public boolean assumesColumns() {
    return statement.assumesColumns();
  }

  /**
   * {@return whether the statement asks a server of itself alone, as {@code SELECT VERSION()} does}
   * Any shard may answer it; the same one always should.
   */
  public boolean tellsServer() {
    return statement.tellsServer();
  }

  /**
   * {@return whether the statement creates, alters, empties or drops tables, which commits the
   * transaction that it is in}
   */
  public boolean defines() {
    return statement.defines();
  }

  /**
   * {@return whether the statement says {@code IGNORE}, by which a server stores values that it
   * made fit}
   */
  public boolean ignores() {
    return ignoring;
  }

  /**
   * {@return which subqueries of a read run first, where {@link #route} or {@link #plan} refuses it
   * as it is; null where none may}
   *
   * @param refusal the refusal
   */
  public @Nullable Ahead ahead(RefusedSqlException refusal) {
    return GatherPlanner.gathers(refusal) ? statement.ahead() : null;
  }

  /**
   * {@return how one server answers a read, given rows of the others, where {@link #route} or
   * {@link #plan} refuses it for several shards; null where no server would}
   *
   * @param refusal the refusal
   */
  public @Nullable Gather gather(RefusedSqlException refusal) {
    return GatherPlanner.gathers(refusal) ? statement.gather() : null;
  }

  /**
   * {@return how a write that {@link #route} or {@link #plan} refuses is done by rows that are
   * found first; null where it is not}
   *
   * @param refusal the refusal
   */
  public @Nullable QueriedWrite queried(RefusedSqlException refusal) {
    return WritePlanner.plans(refusal) ? statement.queried() : null;
  }

  /**
   * A read that is sent with the rows of some of its tables.
   *
   * @param prepared the read, as if these were tables of each shard. The values of its last markers
   *     are these rows, of each mention as {@link Gather.Mention#json} gives them
   * @param markers the indexes of the other markers among those of the read as it was given, and
   *     behind these the values that cut other mentions down
   */
  public record WithRows(Prepared prepared, List<Integer> markers) {

    /**
     * Copies the list.
     *
     * @param prepared see {@link #prepared()}
     * @param markers see {@link #markers()}
     */
    public WithRows {
      markers = List.copyOf(markers);
    }
  }

  /**
   * {@return the read that is sent with the rows of some mentions of {@link #gather}, of which
   * others are left} Empty where it can't be. It may still be refused.
   *
   * @param mentions the indexes of the mentions
   * @param cuts how others are cut down by them
   */
  public Optional<WithRows> withRows(Set<Integer> mentions, List<Gather.Cut> cuts) {
    return statement.inlining() == null
        ? Optional.empty()
        : statement.inlining().with(mentions, cuts);
  }

  /**
   * {@return whether {@link #withRows} takes as long as the analysis of a new text, so that an
   * event loop must not call it}
   *
   * @param mentions the indexes of the mentions
   * @param cuts how others are cut down by them
   */
  public boolean isNewWithRows(Set<Integer> mentions, List<Gather.Cut> cuts) {
    return statement.inlining() != null && !statement.inlining().isKnown(mentions, cuts);
  }

  /**
   * This read with rows in front of its texts; null where they can't stand there.
   *
   * @param names the tables that stand for them
   */
  @Nullable Prepared behind(RowsInText rows, Set<String> names) {
    ShardSql whole = rows.in(statement.whole());
    return whole == null || statement.kind() != StatementKind.READ
        ? null
        : new Prepared(statement.behind(rows, names, whole), this);
  }

  /** {@return whether it is a read that one server may answer by {@link #gather}} */
  public boolean gathers() {
    return statement.gather() != null;
  }

  /**
   * {@return the rows or shards that the statement touches with these values}
   *
   * @param binds the values of the markers
   * @param hints those of the text and others, as {@link Hints#or} joins them
   * @throws IllegalArgumentException if there aren't as many values as markers
   * @throws RefusedSqlException if the statement is refused, or a value can't be a key, such as
   *     NULL in an inserted row. A statement that isn't understood is refused unless a hint names
   *     the shard
   */
  public Routing route(Binds binds, Hints hints) {
    if (binds.size() != statement.markers().size()) {
      throw new IllegalArgumentException(
          "values: " + binds.size() + " (expected: " + statement.markers().size() + ")");
    }
    if (hints.shard() != null) {
      return new Routing.On(hints.shard());
    }
    if (hints.key() == null) {
      return Overflow.guarded(() -> statement.router().route(binds));
    }
    if (statement.keyTable() == null) {
      throw new RefusedSqlException(RefusalCode.HINT, "a key for a statement of no sharded table");
    }
    checkKeptKey(binds);
    return new Routing.Keys(statement.keyTable(), List.of(hints.key()));
  }

  /** Refuses a write that gives rows another known key, which may be another shard's. */
  private void checkKeptKey(Binds binds) {
    if (statement.kind() != StatementKind.UPDATE && statement.kind() != StatementKind.INSERT) {
      return;
    }
    try {
      statement.router().route(binds);
    } catch (RefusedSqlException refusal) {
      if (refusal.code() == RefusalCode.KEY_UPDATE) {
        throw refusal;
      }
    }
  }

  /**
   * {@return the texts that the shards are sent, and how their answers become one}
   *
   * @param binds the values that the routing was made with
   * @param hints the hints that the routing was made with
   * @param shards the shards that the routing led to: for {@link Routing.Rows} one for each row,
   *     for {@link Routing.Nowhere} and {@link Routing.Anywhere} any one, for others each once
   * @throws RefusedSqlException if it can't be answered over several shards, the hints don't permit
   *     it, or a shard lacks the copy of a reference table
   */
  public Plan plan(Binds binds, Hints hints, List<ShardId> shards) {
    if (hints.shard() != null || !writesCopies()) {
      statement.copies().checkRead(shards);
    }
    boolean one = shards.size() == 1 || new LinkedHashSet<>(shards).size() == 1;
    return one
        ? new Plan.Direct(new Plan.Part(shards.get(0), statement.whole()))
        : Overflow.guarded(() -> statement.several().plan(binds, hints, shards));
  }
}
