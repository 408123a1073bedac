package io.shardflux.driver;

import io.r2dbc.spi.R2dbcException;
import io.r2dbc.spi.Result;
import io.r2dbc.spi.Row;
import io.shardflux.driver.catalog.TableWatch;
import io.shardflux.driver.failure.Refusals;
import io.shardflux.driver.gather.GatherSource;
import io.shardflux.driver.gather.TableRight;
import io.shardflux.driver.gather.TableSession;
import io.shardflux.driver.plan.SqlEngine;
import io.shardflux.driver.result.DeferredSource;
import io.shardflux.driver.result.FreshSource;
import io.shardflux.driver.result.RowsResult;
import io.shardflux.driver.result.Source;
import io.shardflux.driver.scatter.Guard;
import io.shardflux.driver.transaction.VirtualTransaction;
import io.shardflux.r2dbc.settings.GatherOptions;
import io.shardflux.r2dbc.settings.ReadPreference;
import io.shardflux.r2dbc.settings.ScatterReads;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.r2dbc.spi.ShardPart;
import io.shardflux.r2dbc.spi.Snapshot;
import io.shardflux.r2dbc.statement.StatementSpec;
import io.shardflux.router.ShardId;
import io.shardflux.router.TableRule;
import io.shardflux.sql.Prepared;
import io.shardflux.sql.gather.Gather;
import io.shardflux.sql.merge.Plan;
import io.shardflux.sql.statement.Binds;
import io.shardflux.sql.statement.Hints;
import io.shardflux.sql.statement.RefusalCode;
import io.shardflux.sql.statement.RefusedSqlException;
import io.shardflux.sql.statement.ShardSql;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.SortedSet;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * Answers a statement by one server, where it is refused otherwise. The rows of each mention of a
 * table are read by a statement of its own, as any other.
 */
final class Gathering {

  /**
   * What was asked for.
   *
   * @param transaction the transaction that it must be in, or null
   */
  record Asked(
      Snapshot snapshot,
      Prepared prepared,
      Binds binds,
      Hints hints,
      @Nullable VirtualTransaction transaction) {

    /** The same within a time. */
    Asked within(Duration time) {
      return with(Hints.builder().timeout(time));
    }

    /** The same of primaries. */
    Asked preferringPrimaries() {
      return with(Hints.builder().readPreference("primary"));
    }

    private Asked with(Hints.Builder other) {
      return new Asked(snapshot, prepared, binds, other.build().or(hints), transaction);
    }
  }

  /** The rows of each shard that wait to be gathered; one may be long. */
  private static final int PREFETCH = 64;

  private final VirtualConnection connection;
  private final SqlEngine engine;
  private final String sql;

  Gathering(VirtualConnection connection, String sql) {
    this.connection = connection;
    this.engine = connection.engine();
    this.sql = sql;
  }

  /** The result, or the refusal where it can't be gathered either. */
  Mono<Result> read(
      Asked asked, RefusedSqlException refusal, Function<Throwable, Mono<Result>> again) {
    Gather gather = checked(asked, engine.gather(asked.prepared(), refusal), refusal);
    if (IntStream.range(0, asked.binds().size())
        .anyMatch(i -> VirtualStatement.once(asked.binds().get(i)))) {
      return Mono.error(
          Refusals.refused(RefusalCode.STREAM_VALUE, "a stream for several shards", sql));
    }
    engine.noteGather(sql);
    Snapshot snapshot = asked.snapshot();
    return Mono.just(
        new RowsResult(
            new FreshSource(
                asked.transaction() == null ? source(asked, gather) : joined(asked, gather),
                again,
                () -> snapshot.overtaken(tables(gather, true)),
                sql)));
  }

  /** The rows that one server makes of those of all shards, as literals. */
  Flux<String> made(Asked asked, Gather gather, RefusedSqlException refusal) {
    return source(asked, checked(asked, gather, refusal))
        .rows((row, metadata) -> Objects.requireNonNullElse(row.get(0, String.class), ""));
  }

  /**
   * The same in a transaction, once all shards have joined that may be read. So no connection is
   * waited for in a turn that other transactions wait for with theirs.
   */
  private Source joined(Asked asked, Gather gather) {
    VirtualTransaction transaction = Objects.requireNonNull(asked.transaction());
    Snapshot snapshot = asked.snapshot();
    return new DeferredSource(
        Mono.fromSupplier(() -> StatementTime.of(asked, connection, sql))
            .flatMap(
                time ->
                    Flux.fromIterable(tables(gather, false))
                        .flatMapIterable(table -> having(snapshot, table))
                        .distinct()
                        .sort(Comparator.comparing(ShardId::value))
                        .concatMap(shard -> joined(transaction.on(snapshot, shard), time), 1)
                        // The one that answers, too, where none of them has all reference tables.
                        .then(
                            Mono.defer(
                                () -> joined(transaction.on(snapshot, place(asked, gather)), time)))
                        .then(Mono.fromSupplier(() -> source(asked.within(time.left()), gather)))));
  }

  private Mono<Void> joined(ShardPart part, StatementTime time) {
    return Mono.defer(() -> part.joined(engine.router().timeouts().withTotal(time.left()))).then();
  }

  private static List<ShardId> having(Snapshot snapshot, String table) {
    return snapshot.owning(Set.of(table), snapshot.having(Set.of(table)));
  }

  private GatherSource source(Asked asked, Gather gather) {
    Snapshot snapshot = asked.snapshot();
    ShardId shard = place(asked, gather);
    return new GatherSource(
        gather,
        snapshot,
        shard,
        snapshot.sql(
            shard,
            gather.statement().text(),
            values(gather.statement().markers(), asked, 0, List.of())),
        new Readings(asked, gather, shard),
        asked.transaction() == null ? engine.gatherTurns() : engine.joinedGatherTurns(),
        engine.sizes(sql),
        engine.kinds(),
        bounds(asked),
        times(asked),
        sql);
  }

  /** A shard that has all reference tables of the statement. */
  private static ShardId place(Asked asked, Gather gather) {
    Snapshot snapshot = asked.snapshot();
    VirtualTransaction transaction = asked.transaction();
    ShardId joined =
        transaction == null ? null : transaction.anyOf(snapshot.having(gather.copies()));
    ShardId shard = joined == null ? SqlEngine.any(snapshot, gather.copies()) : joined;
    gather.checkCopies(asked.snapshot().topology(), shard);
    return shard;
  }

  private Gather checked(Asked asked, @Nullable Gather gather, RefusedSqlException refusal) {
    if (gather == null || bounds(asked).reads() == ScatterReads.REFUSED || namesHidden(gather)) {
      throw refusal;
    }
    if (Boolean.FALSE.equals(asked.hints().scatter())) {
      throw new RefusedSqlException(RefusalCode.SCATTER_FORBIDDEN, "rows of several shards");
    }
    VirtualTransaction transaction = asked.transaction();
    if (transaction != null && !transaction.readsSeveral()) {
      throw new RefusedSqlException(
          RefusalCode.GATHER_IN_TRANSACTION,
          "rows of several shards in a transaction of mode single: " + refusal.reason());
    }
    return gather;
  }

  /** A temporary table lacks such a column, and its name would be another table's. */
  private boolean namesHidden(Gather gather) {
    return gather.mentions().stream()
        .anyMatch(mention -> !Collections.disjoint(engine.hidden(mention.table()), gather.names()));
  }

  /** The reads of one gathered read. */
  private final class Readings implements GatherSource.Reading {

    private final Asked asked;
    private final Gather gather;
    private final ShardId shard;

    Readings(Asked asked, Gather gather, ShardId shard) {
      this.asked = asked;
      this.gather = gather;
      this.shard = shard;
    }

    @Override
    public Flux<GatherSource.MentionedRow> rows(
        Gather.Mention mention,
        List<Gather.Filter> filters,
        List<Object> values,
        int most,
        Duration time) {
      return Gathering.this.rows(asked, mention, filters, values, most, time);
    }

    @Override
    public Mono<Void> look(Collection<Integer> mentions, Supplier<Timeouts> left) {
      Set<String> tables = new LinkedHashSet<>();
      mentions.forEach(mention -> tables.add(gather.mentions().get(mention).table()));
      return Flux.fromIterable(tables)
          .flatMap(
              table ->
                  Flux.fromIterable(having(asked.snapshot(), table))
                      .flatMap(each -> looked(asked, table, each, left)))
          .then();
    }

    @Override
    public boolean sendsRows() {
      return gather.target() == null && engine.readsJson();
    }

    @Override
    public int mostHeld() {
      return looksMeanwhile() ? engine.mostHeld() : Integer.MAX_VALUE;
    }

    @Override
    public boolean looksMeanwhile() {
      return asked.transaction() == null && engine.streams();
    }

    @Override
    public Mono<Result> withRows(
        SortedSet<Integer> mentions,
        List<String> json,
        List<Gather.Cut> cuts,
        List<Object> values,
        Duration time) {
      return engine
          .withRows(asked.prepared(), mentions, cuts, time, sql)
          .flatMap(with -> sent(with, json, values, time));
    }

    @Override
    public boolean cuts(Gather.Mention mention, String column) {
      return asked.snapshot().topology().tables().get(mention.table())
              instanceof TableRule.Sharded rule
          && rule.key().size() == 1
          && rule.key().get(0).name().equalsIgnoreCase(column);
    }

    private Mono<Result> sent(
        Prepared.WithRows with, List<String> json, List<Object> cutting, Duration time) {
      int given = asked.binds().size();
      List<@Nullable Object> values = new ArrayList<>();
      with.markers()
          .forEach(
              marker ->
                  values.add(
                      marker < given ? asked.binds().get(marker) : cutting.get(marker - given)));
      values.addAll(json);
      Hints.Builder hints = hints(asked).timeout(time);
      return new Execution(connection, sql, null, 0)
          .run(
              asked.snapshot(),
              with.prepared(),
              Binds.of(values),
              hints.build(),
              asked.transaction())
          .doOnNext(result -> engine.noteBroadcast(sql));
    }

    @Override
    public void noteStreamed() {
      engine.noteStreamed(sql);
    }

    @Override
    public void noteTables() {
      engine.noteTables(sql);
    }

    @Override
    public StatementSpec withAll(ShardSql text, List<String> json) {
      engine.noteSent(sql);
      StatementSpec all =
          asked
              .snapshot()
              .sql(
                  shard,
                  text.text(),
                  values(text.markers(), asked, 0, Collections.unmodifiableList(json)))
              .prefer(ReadPreference.PRIMARY);
      VirtualTransaction transaction = asked.transaction();
      return transaction == null ? all : transaction.on(asked.snapshot(), shard).reading(all);
    }

    @Override
    public Mono<TableSession> session(Timeouts left) {
      VirtualTransaction transaction = asked.transaction();
      if (transaction == null) {
        return asked.snapshot().hold(shard, left).map(TableSession::of);
      }
      if (!transaction.takesTables(shard)) {
        return refused(
            "in a transaction that "
                + (transaction.readOnly()
                    ? "reads only"
                    : "has none on a shard with all reference tables of the statement"));
      }
      return transaction.beginTables()
          ? Mono.just(
              TableSession.of(transaction.on(asked.snapshot(), shard), transaction::endTables))
          : refused("beside another statement of its transaction that has some");
    }

    private static <T> Mono<T> refused(String where) {
      return Mono.error(
          new RefusedSqlException(
              RefusalCode.GATHER_IN_TRANSACTION, "rows that need temporary tables, " + where));
    }
  }

  /** Completes if a table that was gathered is as the plan has it on a shard. */
  private Mono<Void> looked(Asked asked, String table, ShardId shard, Supplier<Timeouts> left) {
    VirtualTransaction transaction = asked.transaction();
    Guard guard =
        new Guard(
            engine.watch(),
            Set.of(table),
            Duration.ZERO,
            hasListedValues(asked, table) ? TableWatch.Way.LISTED : TableWatch.Way.TOLD_BY_A_ROW,
            asked.prepared().catalog(),
            true,
            statement -> statement.timeouts(left.get()));
    if (transaction != null) {
      return guard.inside(
          transaction.on(asked.snapshot(), shard), hasListedValues(asked, table), left.get());
    }
    Mono<Void> look = guard.before(shard, text -> asked.snapshot().sql(shard, text));
    return look == null ? Mono.empty() : look;
  }

  /** A row tells the type of a column, and not the values that are a part of the type. */
  private static boolean hasListedValues(Asked asked, String table) {
    return asked.prepared().catalog().tables().getOrDefault(table, List.of()).stream()
        .anyMatch(column -> column.type().startsWith("enum") || column.type().startsWith("set"));
  }

  private static Set<String> tables(Gather gather, boolean copies) {
    Set<String> tables = new LinkedHashSet<>(copies ? gather.copies() : Set.of());
    gather.mentions().forEach(mention -> tables.add(mention.table()));
    return tables;
  }

  /** The router's bounds, or what a hint says in their place. */
  GatherOptions bounds(Asked asked) {
    GatherOptions usual = engine.access().gathers();
    Integer hint = asked.hints().gather();
    if (hint == null) {
      return usual;
    }
    return new GatherOptions(
        hint == 0 ? ScatterReads.REFUSED : ScatterReads.ALLOWED,
        hint > 0 ? hint : usual.maxRows(),
        usual.maxBytes(),
        usual.concurrency());
  }

  private Timeouts times(Asked asked) {
    Timeouts usual = engine.router().timeouts();
    Duration said = asked.hints().timeout();
    Duration time = said == null ? connection.statementTime() : said;
    return time.isZero() ? usual : usual.withTotal(time);
  }

  private Flux<GatherSource.MentionedRow> rows(
      Asked asked,
      Gather.Mention mention,
      List<Gather.Filter> filters,
      List<Object> values,
      int most,
      Duration time) {
    ShardSql rows = mention.rows(filters);
    if (!filters.isEmpty()) {
      engine.noteBindJoin(sql);
    }
    return reading(mention, rows.text())
        .run(
            Binds.of(values(rows.markers(), asked, most, values)),
            hints(asked).timeout(time).build(),
            asked.transaction())
        .flatMapMany(result -> result.map((row, metadata) -> row(row, mention)));
  }

  private Execution reading(Gather.Mention mention, String text) {
    return mention.grouped()
        ? Execution.apart(connection, text)
        : new Execution(connection, text, null, PREFETCH);
  }

  private static GatherSource.MentionedRow row(Row row, Gather.Mention mention) {
    List<@Nullable Object> keys = new ArrayList<>(mention.joinColumns().size());
    for (Gather.JoinColumn key : mention.joinColumns()) {
      keys.add(BoundValues.of(row, 1 + keys.size(), key.kind()));
    }
    return new GatherSource.MentionedRow(
        Objects.requireNonNullElse(row.get(0, String.class), ""), keys);
  }

  /** A part of the rows is never taken for all of them. */
  private static Hints.Builder hints(Asked asked) {
    return Hints.builder()
        .scatter(true)
        .gather(0)
        .failurePolicy("fail")
        .readPreference(asked.hints().readPreference());
  }

  /** The values of the statement's markers, and behind them the limit and the filters' values. */
  private static List<@Nullable Object> values(
      List<Integer> markers, Asked asked, long limit, List<? extends Object> filters) {
    int given = asked.binds().size();
    List<@Nullable Object> values = new ArrayList<>(markers.size());
    for (int marker : markers) {
      values.add(
          marker < given
              ? asked.binds().get(marker)
              : marker == given ? (Object) limit : filters.get(marker - given - 1));
    }
    return values;
  }

  /** Says what would be gathered, or why nothing would be. */
  Mono<Explanation> explain(Asked asked, RefusedSqlException refusal) {
    return explain(asked, engine.gather(asked.prepared(), refusal), refusal);
  }

  /** The same of what is gathered for a write. */
  Mono<Explanation> explain(Asked asked, @Nullable Gather planned, RefusedSqlException refusal) {
    Gather gather = checked(asked, planned, refusal);
    GatherOptions bounds = bounds(asked);
    ShardId shard = place(asked, gather);
    Mono<List<String>> sent =
        Flux.fromIterable(gather.read()).concatMap(i -> sent(asked, gather, i), 1).collectList();
    return Flux.fromIterable(gather.read())
        .concatMap(i -> explained(asked, gather.mentions().get(i), bounds), 1)
        .collectList()
        .zipWith(
            sent,
            (mentions, first) -> {
              List<Explanation.Part> parts = new ArrayList<>();
              mentions.forEach(mention -> parts.addAll(mention.parts()));
              parts.add(new Explanation.Part(shard, gather.statement().text()));
              List<String> ways = new ArrayList<>(first);
              ways.add(described(gather, shard, bounds));
              return new Explanation(
                  parts, String.join("; otherwise ", ways), bounds.maxRows(), null);
            })
        .zipWith(lacking(asked, gather), Gathering::with);
  }

  private static Explanation with(Explanation told, List<String> lacking) {
    return lacking.isEmpty()
        ? told
        : new Explanation(
            told.parts(), told.merge() + "; " + String.join("; ", lacking), told.heldRows(), null);
  }

  /** Says which shards' servers would refuse temporary tables; a silent one is not told of. */
  private Mono<List<String>> lacking(Asked asked, Gather gather) {
    Snapshot snapshot = asked.snapshot();
    Timeouts times = times(asked);
    return asked.transaction() != null
        ? Mono.just(List.of())
        : Flux.fromIterable(snapshot.having(gather.copies()))
            .flatMapSequential(
                shard ->
                    TableRight.missing(snapshot.hold(shard, times), times)
                        .map(
                            refusal ->
                                "no temporary tables on " + shard + ": " + refusal.getMessage())
                        .onErrorResume(R2dbcException.class, silent -> Mono.empty()))
            .collectList();
  }

  /** Says which shards would be sent the rows of a mention; nothing where none would. */
  private Mono<String> sent(Asked asked, Gather gather, int index) {
    if (!engine.readsJson()) {
      return Mono.empty();
    }
    return engine
        .withRows(asked.prepared(), Set.of(index), List.of(), times(asked).total(), sql)
        .flatMap(
            with -> {
              List<@Nullable Object> values = new ArrayList<>();
              with.markers().forEach(marker -> values.add(asked.binds().get(marker)));
              values.add("[]");
              return engine.plan(
                  asked.snapshot(), with.prepared(), Binds.of(values), hints(asked).build(), null);
            })
        .map(plan -> sent(gather, index, plan))
        .onErrorResume(RefusedSqlException.class, refused -> Mono.empty());
  }

  private String sent(Gather gather, int index, Plan plan) {
    return "broadcast of "
        + gather.mentions().get(index).table()
        + " ("
        + engine.sizes(sql).about(index)
        + "; at most "
        + GatherSource.MOST_TEXT
        + " characters) to "
        + plan.parts().stream().map(part -> part.shard().value()).collect(Collectors.joining(", "))
        + (plan instanceof Plan.Scatter scatter ? ", " + scatter.merge() : "")
        + ", if it is read before the others";
  }

  private Mono<Explanation> explained(Asked asked, Gather.Mention mention, GatherOptions bounds) {
    Binds binds =
        Binds.of(values(mention.rows().markers(), asked, bounds.maxRows() + 1L, List.of()));
    return reading(mention, mention.rows().text())
        .explain(prepared -> binds, hints(asked).build())
        .map(Explanation::unrefused);
  }

  private static String described(Gather gather, ShardId shard, GatherOptions bounds) {
    List<String> tables = new ArrayList<>();
    for (int i = 0; i < gather.mentions().size(); i++) {
      if (gather.mentions().get(i).same() == i) {
        tables.add(described(gather, i));
      }
    }
    return "gather on "
        + shard
        + ": "
        + (tables.isEmpty() ? "nothing" : String.join(", ", tables))
        + "; at most "
        + bounds.maxRows()
        + " rows and "
        + bounds.maxBytes()
        + " bytes";
  }

  private static String described(Gather gather, int index) {
    Gather.Mention mention = gather.mentions().get(index);
    String into =
        gather.likes(index).stream()
            .map(Gather.Mention::temporary)
            .collect(
                Collectors.joining(
                    " and ",
                    mention.table() + (mention.grouped() ? " by groups into " : " into "),
                    ""));
    return mention.links().isEmpty()
        ? into
        : into
            + mention.links().stream()
                .map(
                    link ->
                        link.column()
                            + " like "
                            + gather.mentions().get(link.mention()).temporary())
                .collect(Collectors.joining(", ", " (", " where that has few values)"));
  }
}
