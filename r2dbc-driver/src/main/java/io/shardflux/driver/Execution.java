package io.shardflux.driver;

import io.r2dbc.spi.R2dbcException;
import io.r2dbc.spi.Result;
import io.r2dbc.spi.Row;
import io.r2dbc.spi.Statement;
import io.shardflux.driver.failure.OutdatedColumnsException;
import io.shardflux.driver.failure.PlanAgainException;
import io.shardflux.driver.failure.Refusals;
import io.shardflux.driver.plan.MovingTables;
import io.shardflux.driver.plan.OwnedRows;
import io.shardflux.driver.plan.SqlEngine;
import io.shardflux.driver.result.ChangesResult;
import io.shardflux.driver.result.DirectSource;
import io.shardflux.driver.result.FreshSource;
import io.shardflux.driver.result.ListSource;
import io.shardflux.driver.result.LookedSource;
import io.shardflux.driver.result.RowsResult;
import io.shardflux.driver.result.Source;
import io.shardflux.driver.row.Column;
import io.shardflux.driver.row.Columns;
import io.shardflux.driver.row.RowHolder;
import io.shardflux.driver.scatter.Definitions;
import io.shardflux.driver.scatter.Guard;
import io.shardflux.driver.scatter.JointWrite;
import io.shardflux.driver.scatter.ScatterSource;
import io.shardflux.driver.transaction.VirtualTransaction;
import io.shardflux.r2dbc.settings.ReadConsistency;
import io.shardflux.r2dbc.settings.ReadPreference;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.r2dbc.settings.TransactionMode;
import io.shardflux.r2dbc.spi.Crossing;
import io.shardflux.r2dbc.spi.ShardPart;
import io.shardflux.r2dbc.spi.ShardScatter;
import io.shardflux.r2dbc.spi.Snapshot;
import io.shardflux.r2dbc.statement.StatementSpec;
import io.shardflux.router.ShardId;
import io.shardflux.router.Topology;
import io.shardflux.sql.Prepared;
import io.shardflux.sql.ahead.Ahead;
import io.shardflux.sql.gather.QueriedWrite;
import io.shardflux.sql.merge.Plan;
import io.shardflux.sql.schema.Catalog;
import io.shardflux.sql.statement.Binds;
import io.shardflux.sql.statement.Hints;
import io.shardflux.sql.statement.RefusalCode;
import io.shardflux.sql.statement.RefusedSqlException;
import io.shardflux.sql.statement.Routing;
import io.shardflux.sql.statement.ShardSql;
import io.shardflux.sql.statement.StatementKind;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BiFunction;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.util.context.ContextView;

/**
 * One statement on its way: it is analysed, planned, and run on its shards. A read runs when its
 * result is consumed. Every other statement runs at once, and its result holds the outcome.
 */
final class Execution {

  /**
   * The number of times that a statement was planned anew.
   *
   * @param columns the times for columns that changed meanwhile
   * @param shards the times for shards that were let go meanwhile
   * @param crossing the waiting for keys that move, or null if none did yet
   */
  private record Anew(int columns, int shards, @Nullable Crossing crossing) {

    static final Anew NOT_YET = new Anew(0, 0, null);
    static final int COLUMNS_AT_MOST = 2;

    Anew forColumns() {
      return new Anew(columns + 1, shards, crossing);
    }

    Anew forShards() {
      return new Anew(columns, shards + 1, crossing);
    }

    Anew with(Crossing waiting) {
      return new Anew(columns, shards, waiting);
    }
  }

  /**
   * ER_BAD_FIELD_ERROR, ER_NO_SUCH_TABLE, ER_WRONG_VALUE_COUNT_ON_ROW, ER_NON_UNIQ_ERROR,
   * ER_WRONG_NUMBER_OF_COLUMNS_IN_SELECT and ER_TABLE_DEF_CHANGED: the errors of a statement that
   * was planned for other columns.
   */
  private static final Set<Integer> NO_LONGER = Set.of(1054, 1146, 1136, 1052, 1222, 1412);

  private final VirtualConnection connection;
  private final SqlEngine engine;
  private final String sql;
  private final @Nullable String @Nullable [] generated;
  private final boolean apart;
  private final int prefetch;
  private final Gathering gathering;
  private final FirstReads firstReads;
  private final QueriedWrites queriedWrites;

  /**
   * A statement.
   *
   * @param generated the columns whose generated values are wanted, or null
   * @param fetchSize the rows of each shard that a merge holds at most, 0 for its own bound
   */
  Execution(
      VirtualConnection connection,
      String sql,
      @Nullable String @Nullable [] generated,
      int fetchSize) {
    this(connection, sql, generated, fetchSize, false);
  }

  /** A read whose groups each shard makes of its own rows. */
  static Execution apart(VirtualConnection connection, String sql) {
    return new Execution(connection, sql, null, 0, true);
  }

  private Execution(
      VirtualConnection connection,
      String sql,
      @Nullable String @Nullable [] generated,
      int fetchSize,
      boolean apart) {
    this.apart = apart;
    this.connection = connection;
    this.engine = connection.engine();
    this.sql = sql;
    this.generated = generated;
    this.prefetch =
        fetchSize == 0 ? ShardScatter.MAX_PREFETCH : Math.min(fetchSize, ShardScatter.MAX_PREFETCH);
    this.gathering = new Gathering(connection, sql);
    this.firstReads = new FirstReads(connection, sql, fetchSize);
    this.queriedWrites = new QueriedWrites(connection, sql, gathering);
  }

  Mono<Result> run(Binds binds, Hints hints) {
    return Mono.defer(() -> run(binds, hints, connection.transaction()));
  }

  /** The same in the transaction that was open when the statement was asked for, or in none. */
  Mono<Result> run(Binds binds, Hints hints, @Nullable VirtualTransaction now) {
    Mono<Result> result = result(binds, hints, now);
    return now == null ? result : now.counted(result);
  }

  private Mono<Result> result(Binds binds, Hints hints, @Nullable VirtualTransaction now) {
    return this.<Result>attempt(
            (snapshot, prepared, again) -> {
              checkComplete(prepared, binds);
              return planned(snapshot, prepared, prepared.sent(binds), hints, now, again);
            },
            Anew.NOT_YET)
        .onErrorMap(Definitions.Ended.class, Definitions.Ended::told)
        .onErrorMap(error -> Refusals.named(error, sql));
  }

  /**
   * Runs a read that was analysed before. Errors for which it might have to be planned again are
   * carried to its caller.
   */
  Mono<Result> run(
      Snapshot snapshot,
      Prepared prepared,
      Binds binds,
      Hints hints,
      @Nullable VirtualTransaction now) {
    return Mono.defer(
        () ->
            planned(
                snapshot,
                prepared,
                binds,
                hints,
                now,
                error -> Mono.error(new PlanAgainException(error))));
  }

  /** Not all markers of a long text are known when its values are bound. */
  private static void checkComplete(Prepared prepared, Binds binds) {
    if (binds.size() < prepared.markers().size()) {
      throw VirtualStatement.missing(binds.size());
    }
  }

  /** The result with its rows taken, so that no later statement changes them. */
  Mono<Result> whole(Result result) {
    return Flux.from(result.flatMap(Execution::taken))
        .take(engine.maxHeldRows() + 1L)
        .collectList()
        .map(segments -> new ChangesResult(bounded(segments)));
  }

  private static Mono<Result.Segment> taken(Result.Segment segment) {
    return segment instanceof Result.Message message
        ? Mono.error(message.exception())
        : Mono.just(segment);
  }

  /** The work that follows a statement's analysis. */
  private interface Work<T> {

    /**
     * Does the work.
     *
     * @param snapshot the topology that the statement was analysed by; all of the work must use it
     * @param again does all of the work once more after an error, or gives that error
     */
    Mono<T> of(Snapshot snapshot, Prepared prepared, Function<Throwable, Mono<T>> again);
  }

  /** Does the work, and does it again where columns or shards are not those that were known. */
  private <T> Mono<T> attempt(Work<T> work, Anew anew) {
    return Mono.defer(
        () -> {
          Snapshot snapshot = engine.snapshot();
          Catalog used = engine.catalog();
          Function<Throwable, Mono<T>> again = error -> again(work, error, used, anew);
          return prepared(snapshot.topology())
              .flatMap(prepared -> work.of(snapshot, prepared, again))
              .onErrorResume(again);
        });
  }

  private <T> Mono<T> again(Work<T> work, Throwable error, @Nullable Catalog used, Anew anew) {
    if (Snapshot.isOver(error)) {
      return anew.shards() == Snapshot.OVER_AT_MOST
          ? Mono.error(Snapshot.told(error))
          : attempt(work, anew.forShards());
    }
    if (Crossing.isFor(error)) {
      return crossed(work, error, anew);
    }
    if (!mayBeOutdated(error)) {
      return Mono.error(error);
    }
    if (anew.columns() == Anew.COLUMNS_AT_MOST) {
      return Mono.error(FreshSource.refusal(error));
    }
    return engine
        .lookedAgain(error)
        .onErrorResume(failed -> Mono.error(error))
        .flatMap(
            now ->
                now != used || error instanceof OutdatedColumnsException
                    ? attempt(work, anew.forColumns())
                    : Mono.error(error));
  }

  /** Goes on once the keys of the statement lie where they go; a transaction is over then. */
  private <T> Mono<T> crossed(Work<T> work, Throwable error, Anew anew) {
    if (Crossing.isRefusal(error) && connection.transaction() != null) {
      return Mono.error(error);
    }
    Crossing known = anew.crossing();
    Crossing crossing = known == null ? engine.snapshot().crossing() : known;
    return crossing.past(error).then(Mono.defer(() -> attempt(work, anew.with(crossing))));
  }

  /**
   * Tells whether an error, after which nothing was written, may come from columns that changed.
   */
  private static boolean mayBeOutdated(Throwable error) {
    return error instanceof OutdatedColumnsException
        || (error instanceof RefusedSqlException refused && refused.code().mayBeOutdated())
        || (error instanceof R2dbcException said && NO_LONGER.contains(said.getErrorCode()));
  }

  private Mono<Prepared> prepared(Topology topology) {
    return Mono.deferContextual(
        context -> {
          Duration time = time(context);
          if (apart) {
            return engine.apart(sql, topology, time);
          }
          Prepared known = engine.known(sql, topology);
          return known == null
              ? engine.prepare(sql, topology, time)
              : SqlEngine.ready(known, sql, time);
        });
  }

  /** The time that the statement has, as far as that is known before its text is read. */
  private Duration time(ContextView context) {
    Duration said = ShardfluxConnectionFactory.hints(context).timeout();
    Duration time = said == null ? connection.statementTime() : said;
    return time.isZero() ? engine.router().timeouts().total() : time;
  }

  private Mono<Result> planned(
      Snapshot snapshot,
      Prepared prepared,
      Binds binds,
      Hints given,
      @Nullable VirtualTransaction now,
      Function<Throwable, Mono<Result>> again) {
    Hints hints = engine.withDefaults(prepared.hints().or(given));
    if (ShardfluxConnectionFactory.consistency(hints) == ReadConsistency.SNAPSHOT) {
      if (now == null) {
        return Mono.just(new RowsResult(snapshot(prepared, binds, given, hints)));
      }
      checkSnapshot(now);
    }
    VirtualTransaction transaction = transactionOf(prepared, now);
    if (transaction != null && hints.transactions() != null) {
      transaction.in(ShardfluxConnectionFactory.mode(hints));
    }
    ShardId bound = bound(snapshot, prepared, transaction);
    checkSession(prepared, binds, hints, transaction);
    if (prepared.defines() && hints.shard() == null) {
      Definitions.check(snapshot, prepared, connection.transaction() != null);
    }
    VirtualTransaction within =
        transaction != null
                && transaction.joined().isEmpty()
                && !transaction.isSnapshot()
                && bindsNothing(prepared, binds, hints)
            ? null
            : transaction;
    Throwable old =
        transaction == null || hints.shard() != null
            ? null
            : transaction.overtaken(snapshot, prepared.tables());
    if (old != null) {
      return Mono.error(old);
    }
    return Mono.defer(() -> engine.plan(snapshot, prepared, binds, hints, bound))
        .flatMap(
            plan -> {
              Set<String> tables = snapshot.movingOf(prepared.tables());
              if (tables.isEmpty()) {
                return resting(snapshot, prepared, hints, plan)
                    .flatMap(ready -> new Run(ready, prepared, binds, hints, within, again).run());
              }
              return moving(tables, prepared, prepared.route(binds, hints), hints, plan)
                  .ready(snapshot, waits(within), prepared.tables())
                  .flatMap(ready -> new Run(ready, prepared, binds, hints, within, again).run());
            })
        .onErrorResume(
            RefusedSqlException.class,
            refusal ->
                otherwise(
                    new Gathering.Asked(snapshot, prepared, binds, hints, transaction),
                    refusal,
                    again));
  }

  /** The rows of a read in a transaction of its own, which has all shards as of one instant. */
  private Source snapshot(Prepared prepared, Binds binds, Hints given, Hints hints) {
    if (prepared.kind() != StatementKind.READ) {
      throw Refusals.readOnly(sql);
    }
    Duration said = hints.timeout() == null ? connection.statementTime() : hints.timeout();
    Timeouts usual = engine.router().timeouts();
    Timeouts times = said.isZero() ? usual : usual.withTotal(said);
    return new SnapshotSource(
        () -> connection.snapshot(times), within -> run(binds, given, within));
  }

  private static void checkSnapshot(VirtualTransaction now) {
    if (!now.isSnapshot()) {
      throw new IllegalStateException(
          "consistency: snapshot, of a statement in a transaction without (expected: the"
              + " transaction begun so, or none)");
    }
  }

  /** The result of a statement that is refused as it is. */
  private Mono<Result> otherwise(
      Gathering.Asked asked, RefusedSqlException refusal, Function<Throwable, Mono<Result>> again) {
    QueriedWrite write = queriedWrites.of(asked, refusal);
    if (write != null) {
      return queried(asked, write, refusal, again);
    }
    Ahead ahead = firstReads.of(asked, refusal);
    return ahead == null
        ? Mono.defer(() -> gathering.read(asked, refusal, again))
        : Mono.just(firstReads.read(asked, ahead, then -> gathering.read(then, refusal, again)));
  }

  /** The result of a write whose rows are found first. */
  private Mono<Result> queried(
      Gathering.Asked asked,
      QueriedWrite write,
      RefusedSqlException refusal,
      Function<Throwable, Mono<Result>> again) {
    if (generated != null) {
      return Mono.error(
          Refusals.refused(
              RefusalCode.GENERATED_VALUES, "generated values of rows on several shards", sql));
    }
    // What was found is held until it is written.
    Mono<Result> work =
        queriedWrites
            .found(asked, write, refusal)
            .flatMap(found -> written(asked.snapshot(), found, again))
            .switchIfEmpty(Mono.fromSupplier(() -> ChangesResult.of(0, List.of())));
    Duration acquire = engine.router().timeouts().acquire();
    Flux<Result> inTurn = engine.gatherTurns().inTurn(work.flux(), acquire, sql);
    return engine.heldGatherTurns().inTurn(inTurn, acquire, sql).single();
  }

  private Mono<Result> written(
      Snapshot snapshot, QueriedWrites.Found found, Function<Throwable, Mono<Result>> again) {
    Prepared prepared = found.prepared();
    Set<String> tables = snapshot.movingOf(prepared.tables());
    Mono<MovingTables.Ready> ready =
        tables.isEmpty()
            ? resting(snapshot, prepared, found.hints(), found.plan())
            : moving(tables, prepared, found.routing(), found.hints(), found.plan())
                .ready(snapshot, true, prepared.tables());
    return ready.flatMap(
        how -> new Run(how, prepared, found.binds(), found.hints(), null, again).run());
  }

  /** What a statement is run by whose keys stay; its copies may be on their way to a shard. */
  private static Mono<MovingTables.Ready> resting(
      Snapshot snapshot, Prepared prepared, Hints hints, Plan plan) {
    if (hints.shard() != null) {
      return Mono.just(new MovingTables.Ready(snapshot, OwnedRows.ALL, plan, false));
    }
    Snapshot resting = snapshot.resting(prepared.tables());
    if (!prepared.writesCopies()) {
      return Mono.just(new MovingTables.Ready(resting, OwnedRows.ALL, plan, false));
    }
    Snapshot copying = resting.copying(prepared.tables());
    return copying
        .copied()
        .then(
            Mono.fromSupplier(
                () -> new MovingTables.Ready(copying, OwnedRows.ALL, plan, copying.lacksCopies())));
  }

  private static MovingTables moving(
      Set<String> tables, Prepared prepared, Routing routing, Hints hints, Plan plan) {
    return new MovingTables(tables, prepared.kind(), hints.shard() != null, routing, plan);
  }

  private static boolean waits(@Nullable VirtualTransaction within) {
    return within == null || within.joined().isEmpty();
  }

  /** The shard of its transaction that answers what any shard could, or null. */
  private static @Nullable ShardId bound(
      Snapshot snapshot, Prepared prepared, @Nullable VirtualTransaction transaction) {
    return transaction == null ? null : transaction.anyOf(snapshot.having(prepared.tables()));
  }

  /**
   * Refuses a statement that needs a session which it doesn't have: a statement outside a
   * transaction, or in one that is not on one shard, if it names no shard or relies on what others
   * left in the session.
   */
  private static void checkSession(
      Prepared prepared, Binds binds, Hints hints, @Nullable VirtualTransaction transaction) {
    RefusedSqlException needsSession = prepared.sessionRefusal();
    if (needsSession == null
        || (transaction != null
            && (transaction.onlyShard() != null || names(hints, transaction)))) {
      return;
    }
    if (transaction == null
        || prepared.readsSession()
        || isAnyShards(prepared.route(binds, hints))) {
      throw needsSession;
    }
  }

  /** Tells whether it is for the session of a shard of the transaction, by name. */
  private static boolean names(Hints hints, VirtualTransaction transaction) {
    return hints.shard() != null && transaction.joined().contains(hints.shard());
  }

  private static boolean isAnyShards(Routing routing) {
    return routing instanceof Routing.Anywhere || routing instanceof Routing.Nowhere;
  }

  /** Tells whether any shard would do. Such a statement must not bind a transaction to a shard. */
  private static boolean bindsNothing(Prepared prepared, Binds binds, Hints hints) {
    return prepared.kind() != StatementKind.LOCKING_READ
        && prepared.kind() != StatementKind.OTHER
        && isAnyShards(prepared.route(binds, hints));
  }

  /** The transaction that the statement must be in, or null. */
  private @Nullable VirtualTransaction transactionOf(
      Prepared prepared, @Nullable VirtualTransaction transaction) {
    if (transaction == null) {
      return null;
    }
    if (transaction.readOnly() && prepared.kind() != StatementKind.READ && !prepared.gathers()) {
      throw Refusals.readOnly(sql);
    }
    return joining(transaction);
  }

  /** The transaction that shards join with its reads, or null. */
  private static @Nullable VirtualTransaction joining(@Nullable VirtualTransaction transaction) {
    return transaction == null || transaction.readsAnywhere() ? null : transaction;
  }

  /** Explains what would be done, or why nothing would be. */
  Mono<Explanation> explain(Function<Prepared, Binds> binds, Hints given) {
    return this.<Explanation>attempt(
            (snapshot, prepared, again) ->
                explained(snapshot, prepared, prepared.sent(binds.apply(prepared)), given),
            Anew.NOT_YET)
        .onErrorResume(
            RefusedSqlException.class,
            refused -> Mono.just(new Explanation(List.of(), null, 0, refused)));
  }

  private Mono<Explanation> explained(
      Snapshot snapshot, Prepared prepared, Binds binds, Hints given) {
    Hints hints = engine.withDefaults(prepared.hints().or(given));
    VirtualTransaction transaction = connection.transaction();
    ShardId bound = bound(snapshot, prepared, transaction);
    checkSession(prepared, binds, hints, transaction);
    return Mono.defer(() -> engine.plan(snapshot, prepared, binds, hints, bound))
        .flatMap(
            plan -> {
              Set<String> tables = snapshot.movingOf(prepared.tables());
              return tables.isEmpty()
                  ? Mono.just(explained(plan, OwnedRows.ALL))
                  : moving(tables, prepared, prepared.route(binds, hints), hints, plan)
                      .ready(snapshot, false, prepared.tables())
                      .map(ready -> explained(ready.plan(), ready.owned()));
            })
        .onErrorResume(
            RefusedSqlException.class,
            refusal ->
                otherwise(
                    new Gathering.Asked(snapshot, prepared, binds, hints, joining(transaction)),
                    refusal));
  }

  private Mono<Explanation> otherwise(Gathering.Asked asked, RefusedSqlException refusal) {
    QueriedWrite write = queriedWrites.of(asked, refusal);
    if (write != null) {
      return queriedWrites.explain(asked, write, refusal);
    }
    Ahead ahead = firstReads.of(asked, refusal);
    Mono<Explanation> gathered = Mono.defer(() -> gathering.explain(asked, refusal));
    return ahead == null
        ? gathered
        : firstReads
            .explain(asked, ahead)
            .onErrorResume(RefusedSqlException.class, refused -> gathered);
  }

  private <T> List<T> bounded(List<T> taken) {
    if (taken.size() > engine.maxHeldRows()) {
      throw Refusals.tooManyHeld(engine.maxHeldRows(), sql);
    }
    return taken;
  }

  private static Explanation explained(Plan plan, OwnedRows owned) {
    List<Explanation.Part> parts =
        plan.parts().stream()
            .map(part -> new Explanation.Part(part.shard(), owned.sql(part).text()))
            .toList();
    return plan instanceof Plan.Scatter scatter
        ? new Explanation(parts, scatter.merge().toString(), scatter.merge().maxRows(), null)
        : new Explanation(parts, null, 0, null);
  }

  /** The explanation as rows: {@code shard}, {@code sql}, {@code merge}, {@code refusal}. */
  static Result shown(Explanation explanation) {
    Columns columns =
        new Columns(
            List.of(
                new Column("shard"),
                new Column("sql"),
                new Column("merge"),
                new Column("refusal")));
    List<@Nullable Object[]> rows = new ArrayList<>();
    explanation
        .parts()
        .forEach(
            part ->
                rows.add(
                    new @Nullable Object[] {
                      part.shard().value(), part.sql(), explanation.merge(), null
                    }));
    RefusedSqlException refusal = explanation.refusal();
    if (refusal != null) {
      rows.add(new @Nullable Object[] {null, null, null, refusal.getMessage()});
    }
    return new RowsResult(new ListSource(columns, rows));
  }

  /** One run of the statement, with its values. */
  private final class Run {

    private final MovingTables.Ready how;
    private final Snapshot snapshot;
    private final OwnedRows owned;
    private final Prepared prepared;
    private final Binds binds;
    private final Hints hints;
    private final @Nullable VirtualTransaction transaction;
    private final Function<Throwable, Mono<Result>> again;

    /**
     * A run.
     *
     * @param transaction the transaction that the run must be in, or null
     * @param again plans and runs the statement anew after an error, or gives that error
     */
    Run(
        MovingTables.Ready how,
        Prepared prepared,
        Binds binds,
        Hints hints,
        @Nullable VirtualTransaction transaction,
        Function<Throwable, Mono<Result>> again) {
      this.how = how;
      this.snapshot = how.snapshot();
      this.owned = how.owned();
      this.prepared = prepared;
      this.binds = binds;
      this.hints = hints;
      this.transaction = transaction;
      this.again = again;
    }

    Mono<Result> run() {
      Plan plan = how.plan();
      if (plan instanceof Plan.Definitions definitions) {
        return define(definitions);
      }
      Guard guard = prepared.defines() ? null : guard(plan);
      if (transaction != null) {
        checkPlace(plan, transaction);
      }
      if (plan instanceof Plan.Direct direct) {
        return isUndoable() ? writes(direct, guard) : direct(direct.part(), guard);
      }
      if (sharesStream(plan)) {
        return Mono.error(
            Refusals.refused(RefusalCode.STREAM_VALUE, "a stream for several shards", sql));
      }
      if (plan instanceof Plan.Writes) {
        return writes(plan, guard);
      }
      Plan.Scatter scatter = (Plan.Scatter) plan;
      engine.noteScatter(sql, scatter);
      return Mono.just(read(scatter(scatter, guard)));
    }

    private Mono<Result> define(Plan.Definitions plan) {
      return new Definitions(
              plan,
              part -> statement(part).write().rowsUpdated(),
              () -> engine.snapshot().movingOf(prepared.tables()),
              engine::redefined)
          .run()
          .map(rows -> ChangesResult.of(rows, List.of()));
    }

    /** Tells whether it is a write of one shard that must be undone where rows have left. */
    private boolean isUndoable() {
      return how.several()
          && !(snapshot.writesCopies() && generated != null)
          && transaction == null
          && !reads();
    }

    private @Nullable Guard guard(Plan plan) {
      boolean usual = time().isZero() && hints.readPreference() == null;
      return Guard.of(
          engine.watch(), snapshot.topology(), prepared, hints, plan, usual ? null : this::told);
    }

    private Result read(Source source) {
      return new RowsResult(
          new FreshSource(source, again, () -> snapshot.overtaken(prepared.tables()), sql));
    }

    /** Tells whether a value that can be sent only once is for more than one shard. */
    private boolean sharesStream(Plan plan) {
      if (IntStream.range(0, binds.size()).noneMatch(i -> VirtualStatement.once(binds.get(i)))) {
        return false;
      }
      Set<Integer> seen = new HashSet<>();
      return plan.parts().stream()
          .flatMap(part -> part.sql().markers().stream().distinct())
          .filter(marker -> VirtualStatement.once(binds.get(marker)))
          .anyMatch(marker -> !seen.add(marker));
    }

    /** Refuses a plan for shards that may not be used so in the transaction. */
    private void checkPlace(Plan plan, VirtualTransaction within) {
      List<ShardId> shards = plan.parts().stream().map(Plan.Part::shard).distinct().toList();
      RefusedSqlException needsSession = prepared.sessionRefusal();
      boolean sessions =
          needsSession != null
              && (shards.size() > 1
                  || (prepared.readsSession()
                      && !shards.get(0).equals(within.onlyShard())
                      && !names(hints, within)));
      if (needsSession != null && sessions) {
        throw needsSession;
      }
      R2dbcException refused = within.refusal(shards, !reads(), sql);
      if (refused != null) {
        throw refused;
      }
    }

    private boolean reads() {
      return prepared.kind() == StatementKind.READ || prepared.kind() == StatementKind.LOCKING_READ;
    }

    private Mono<Result> direct(Plan.Part part, @Nullable Guard guard) {
      StatementSpec statement = statement(part);
      if (transaction == null) {
        Function<String, StatementSpec> there = text -> snapshot.sql(part.shard(), text);
        return direct(
            part.shard(),
            sized(statement),
            () -> guard == null ? null : guard.before(part.shard(), there));
      }
      if (snapshot.looks() || snapshot.writesCopies()) {
        transaction.moving(snapshot);
      }
      ShardPart there = transaction.on(snapshot, part.shard());
      return direct(
          part.shard(),
          reads() ? there.reading(statement) : there.sql(statement),
          () -> guard == null ? null : guard.within(transaction, there));
    }

    private Mono<Result> direct(
        ShardId shard, StatementSpec statement, Supplier<@Nullable Mono<Void>> before) {
      return prepared.kind() == StatementKind.READ
          ? Mono.just(read(looked(shard, new DirectSource(statement, before))))
          : Mono.defer(
              () -> {
                Mono<Void> first = before.get();
                Mono<Result> changes = changes(shard, statement).cast(Result.class);
                return first == null ? changes : first.then(changes);
              });
    }

    private Source looked(ShardId shard, Source source) {
      return snapshot.looks()
          ? new LookedSource(source, snapshot, shard, transaction != null)
          : source;
    }

    /** A read of named keys takes no stream's place. */
    private StatementSpec sized(StatementSpec statement) {
      return isKeyed() ? statement.bounded() : statement;
    }

    private boolean isKeyed() {
      return prepared.kind() == StatementKind.READ
          && SqlEngine.isKeyed(prepared.route(binds, hints));
    }

    private ScatterSource scatter(Plan.Scatter scatter, @Nullable Guard guard) {
      boolean keyed = isKeyed();
      return new ScatterSource(
          snapshot,
          transaction,
          scatter.parts().stream()
              .map(
                  part ->
                      new ScatterSource.ShardRows(
                          part.shard(), keyed ? statement(part).bounded() : statement(part)))
              .toList(),
          prepared.tables(),
          guard,
          scatter.merge(),
          scatter.columns(),
          ScatterSource.policy(hints.failurePolicy()),
          prefetch,
          this::oneShards);
    }

    private StatementSpec oneShards(ShardId shard) {
      return statement(prepared.plan(binds, hints, List.of(shard)).parts().get(0));
    }

    /** The statement with its values and the settings of the hints. */
    private StatementSpec statement(Plan.Part part) {
      ShardSql sent = owned.sql(part);
      List<@Nullable Object> values = new ArrayList<>(sent.markers().size());
      sent.markers().forEach(marker -> values.add(binds.get(marker)));
      return told(snapshot.sql(part.shard(), sent.text(), values));
    }

    /** The statement with the settings of the hints. */
    private StatementSpec told(StatementSpec statement) {
      StatementSpec told = time().isZero() ? statement : statement.timeouts(times());
      if (owned.some() || snapshot.watches()) {
        // A replica may not have the rows that came to it.
        return told.prefer(ReadPreference.PRIMARY);
      }
      String preference = hints.readPreference();
      return preference == null ? told : told.prefer(preferred(preference));
    }

    /** The time that the statement may take; zero for the router's. */
    private Duration time() {
      return hints.timeout() == null ? connection.statementTime() : hints.timeout();
    }

    private Timeouts times() {
      Timeouts usual = engine.router().timeouts();
      return time().isZero() ? usual : usual.withTotal(time());
    }

    /** Runs the statement at once, and holds its outcome. */
    private Mono<ChangesResult> changes(ShardId shard, StatementSpec statement) {
      return Mono.defer(
          () -> {
            AtomicLong count = new AtomicLong();
            RowHolder holder = new RowHolder();
            // In a transaction, what only locks is not taken for a write.
            boolean locks = transaction != null && reads();
            Mono<List<Row>> held =
                (locks ? statement : statement.write())
                    .<Row>results(
                        this::generating,
                        result ->
                            result.filter(segment -> counted(segment, count)).map(holder::hold))
                    .take(engine.maxHeldRows() + 1L)
                    .collectList();
            return held.delayUntil(rows -> looked(shard, rows.isEmpty() && count.get() == 0))
                .map(rows -> ChangesResult.of(count.get(), bounded(rows)))
                .doOnSuccess(this::mayHaveChangedTables)
                .delayUntil(done -> prepared.defines() ? engine.redefined() : Mono.empty());
          });
    }

    /** Completes if what was changed counts. */
    private Mono<Void> looked(ShardId shard, boolean nothing) {
      if (!snapshot.looks() || !(nothing || how.several())) {
        return Mono.empty();
      }
      return transaction == null ? snapshot.looked(shard, false) : snapshot.unmoved(shard);
    }

    private void mayHaveChangedTables(Object done) {
      if (prepared.kind() == StatementKind.OTHER) {
        engine.distrust();
      }
    }

    private Statement generating(Statement statement) {
      return generated == null ? statement : statement.returnGeneratedValues(generated);
    }

    private static boolean counted(Result.Segment segment, AtomicLong count) {
      if (segment instanceof Result.UpdateCount update) {
        count.addAndGet(update.value());
      }
      return true;
    }

    private Mono<Result> writes(Plan plan, @Nullable Guard guard) {
      boolean copies = plan instanceof Plan.Writes writes && writes.copies();
      // Copies are given each number, so that nothing is generated.
      if (generated != null && !copies) {
        return Mono.error(
            Refusals.refused(
                RefusalCode.GENERATED_VALUES, "generated values of rows on several shards", sql));
      }
      Map<ShardId, List<StatementSpec>> statements = new LinkedHashMap<>();
      for (Plan.Part part : plan.parts()) {
        statements.computeIfAbsent(part.shard(), any -> new ArrayList<>()).add(statement(part));
      }
      List<JointWrite.Share> shares =
          statements.entrySet().stream()
              .map(
                  each ->
                      new JointWrite.Share(
                          each.getKey(),
                          each.getValue(),
                          before(copies, guard),
                          behind(copies, guard)))
              .toList();
      JointWrite write = new JointWrite(snapshot, prepared.tables(), times(), shares);
      return (transaction == null
              ? write.alone(() -> connection.begin(jointMode(), times()))
              : write.within(transaction))
          .map(rows -> ChangesResult.of(changed(copies, rows), List.of()));
    }

    /** Where the mode does not bind shards together, each commits its part of a write by itself. */
    private TransactionMode jointMode() {
      TransactionMode mode =
          hints.transactions() == null
              ? engine.access().transactions().mode(null)
              : ShardfluxConnectionFactory.mode(hints);
      return mode == TransactionMode.ATOMIC ? mode : TransactionMode.BEST_EFFORT;
    }

    private BiFunction<ShardPart, Timeouts, Mono<Void>> before(
        boolean copies, @Nullable Guard guard) {
      return guard == null || !guard.first()
          ? (there, left) -> Mono.empty()
          : (there, left) -> guard.inside(there, copies, left);
    }

    private BiFunction<ShardPart, Timeouts, Mono<Void>> behind(
        boolean copies, @Nullable Guard guard) {
      if (guard != null && !guard.first()) {
        return (there, left) -> guard.inside(there, copies, left);
      }
      return transaction == null
          ? (there, left) -> there.sql("DO 0").timeouts(left).rowsUpdated().then()
          : (there, left) -> Mono.empty();
    }

    private static long changed(boolean copies, List<Long> rows) {
      LongStream all = rows.stream().mapToLong(Long::longValue);
      return copies ? all.max().orElse(0) : all.sum();
    }
  }

  private static ReadPreference preferred(String hint) {
    try {
      return ReadPreference.valueOf(hint.toUpperCase(Locale.ROOT).replace('-', '_'));
    } catch (IllegalArgumentException unknown) {
      throw new IllegalArgumentException(
          "read-preference: " + hint + " (expected: primary, replica-preferred or nearest)",
          unknown);
    }
  }
}
