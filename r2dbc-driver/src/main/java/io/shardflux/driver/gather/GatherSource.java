package io.shardflux.driver.gather;

import io.r2dbc.spi.R2dbcException;
import io.r2dbc.spi.R2dbcTimeoutException;
import io.r2dbc.spi.Result;
import io.r2dbc.spi.Row;
import io.r2dbc.spi.RowMetadata;
import io.shardflux.driver.failure.OutdatedColumnsException;
import io.shardflux.driver.plan.GatherTurns;
import io.shardflux.driver.plan.KnownSizes;
import io.shardflux.driver.plan.ServerKind;
import io.shardflux.driver.plan.ServerKinds;
import io.shardflux.driver.result.DirectSource;
import io.shardflux.driver.result.Source;
import io.shardflux.r2dbc.settings.GatherOptions;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.r2dbc.spi.ShardScatter;
import io.shardflux.r2dbc.spi.Snapshot;
import io.shardflux.r2dbc.statement.StatementSpec;
import io.shardflux.router.Internal;
import io.shardflux.router.ShardId;
import io.shardflux.sql.gather.Gather;
import io.shardflux.sql.statement.RefusalCode;
import io.shardflux.sql.statement.RefusedSqlException;
import io.shardflux.sql.statement.ShardSql;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.SortedSet;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BiFunction;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * The rows of a statement that no shard answers from its own rows. The rows of each mention of a
 * table are read from their shards, one mention after the other, as {@link ReadOrder} says. Once
 * shards can answer that are sent the rows that were read with the text, the rest is left to them.
 * Otherwise one server answers, once all rows were read: few rows are sent with the text, more are
 * put into temporary tables. For these a session is taken once the mentions were read that may be
 * held; the rows of the others then go from their shards into the tables in chunks, in the turn of
 * a statement that leaves each pool a connection. The tables are dropped before the session goes
 * back, also after a cancel; after an error that is no answer of the server it is closed.
 *
 * @param shard whose primary answers
 * @param statement the statement for that shard, of temporary tables
 * @param reading reads the rows of mentions, and asks with them
 * @param known what is known of the mentions' sizes
 * @param kinds what is known of the servers
 * @param bounds the rows and bytes that are gathered at most
 * @param times those of the whole statement
 */
@Internal
public record GatherSource(
    Gather gather,
    Snapshot snapshot,
    ShardId shard,
    StatementSpec statement,
    Reading reading,
    GatherTurns turns,
    KnownSizes.Of known,
    ServerKinds kinds,
    GatherOptions bounds,
    Timeouts times,
    String sql)
    implements Source {

  /** The characters of all rows that are sent with a text. */
  public static final int MOST_TEXT = 256 << 10;

  /** The rows that one server is sent with a text; in a temporary table it finds more by a key. */
  private static final int MOST_ROWS = 1_000;

  /** Keeps a transaction's LAST_INSERT_ID(), which rows that are numbered change. */
  private static final String KEEP_ID = "SET @_shardflux_id = LAST_INSERT_ID()";

  /** Undoes that change, if there was one. */
  private static final String GIVE_ID =
      "DO LAST_INSERT_ID(COALESCE(@_shardflux_id, LAST_INSERT_ID())); SET @_shardflux_id = NULL";

  /** The values by which a mention is cut down that is not read. */
  private static final int MOST_CUTTING = 1_024;

  /** ER_SPECIFIC_ACCESS_DENIED_ERROR. */
  private static final int DENIED = 1227;

  /**
   * ER_BAD_NULL_ERROR, ER_WARN_DATA_OUT_OF_RANGE, WARN_DATA_TRUNCATED, ER_TRUNCATED_WRONG_VALUE,
   * ER_TRUNCATED_WRONG_VALUE_FOR_FIELD and ER_DATA_TOO_LONG: the table has changed meanwhile.
   */
  private static final Set<Integer> UNFIT = Set.of(1048, 1264, 1265, 1292, 1366, 1406);

  /** ER_DBACCESS_DENIED_ERROR and ER_TABLEACCESS_DENIED_ERROR. */
  private static final Set<Integer> NO_RIGHT = Set.of(1044, 1142);

  /** ER_WRONG_FIELD_WITH_GROUP. */
  private static final int NOT_GROUPED = 1055;

  /** ER_DUP_ENTRY. */
  private static final int DUPLICATE = 1062;

  /**
   * A row of a mention.
   *
   * @param literals the row as one text; an empty one can't be written down
   * @param keys the values of the mention's join columns
   */
  public record MentionedRow(String literals, List<@Nullable Object> keys) {}

  /** Reads the rows of mentions, and asks with them. */
  public interface Reading {

    /**
     * The rows that satisfy filters.
     *
     * @param values those of the filters
     * @param most the rows at most
     */
    Flux<MentionedRow> rows(
        Gather.Mention mention,
        List<Gather.Filter> filters,
        List<Object> values,
        int most,
        Duration time);

    /**
     * Completes within the times that are left if the tables of some mentions, whose rows were
     * read, are as the plan has them.
     */
    Mono<Void> look(Collection<Integer> mentions, Supplier<Timeouts> left);

    /**
     * Tells whether tables may be looked at while shards are asked, for which each must have
     * another connection.
     */
    boolean looksMeanwhile();

    /** Tells whether servers can be sent rows with a text. */
    boolean sendsRows();

    /** The characters of rows that are held; longer ones go on in chunks. No bound if none may. */
    int mostHeld();

    /**
     * The answer of shards that are sent the rows of some mentions with the text; empty, or a
     * refusal, where they could not give it.
     *
     * @param json the rows of each of these mentions
     * @param cuts how others are cut down by them
     * @param values those of the cuts
     */
    Mono<Result> withRows(
        SortedSet<Integer> mentions,
        List<String> json,
        List<Gather.Cut> cuts,
        List<Object> values,
        Duration time);

    /** Tells whether a column is the key of a mention, by whose values its shards are known. */
    boolean cuts(Gather.Mention mention, String column);

    /**
     * A statement for the shard that answers with the rows of all mentions.
     *
     * @param json the rows of each mention that was read
     */
    StatementSpec withAll(ShardSql sql, List<String> json);

    /** A session on the shard that answers, for temporary tables. */
    Mono<TableSession> session(Timeouts left);

    /** Takes note that rows go on into temporary tables while others are read. */
    void noteStreamed();

    /** Takes note that rows are put into temporary tables. */
    void noteTables();
  }

  @Override
  public <T> Flux<T> rows(BiFunction<Row, RowMetadata, ? extends T> mapping) {
    return answered(answer -> answer.<T>rows(mapping));
  }

  @Override
  public Flux<Long> updates() {
    return answered(Source::updates);
  }

  private <T> Flux<T> answered(Function<Source, Flux<T>> use) {
    return Flux.defer(
        () -> {
          Deadline deadline = new Deadline(times, System.nanoTime(), sql);
          Flux<T> work = Flux.defer(() -> new Run(deadline).rows(use));
          return turns.inTurn(work, times.acquire(), sql);
        });
  }

  /** The time that is left of a statement's. */
  private record Deadline(Timeouts times, long from, String sql) {

    Timeouts left() {
      Duration left = times.total().minusNanos(System.nanoTime() - from);
      if (left.toMillis() < 1) {
        throw new R2dbcTimeoutException(
            "gather: not done within "
                + times.total().toMillis()
                + " ms (expected: within the statement's time; narrow it, or raise"
                + " timeouts.total)",
            null,
            0,
            sql,
            (Throwable) null);
      }
      return times.withTotal(left);
    }
  }

  private final class Run {

    private final Deadline deadline;
    private final GatheredRows gathered =
        new GatheredRows(shard, bounds.maxRows(), bounds.maxBytes(), reading.mostHeld());

    Run(Deadline deadline) {
      this.deadline = deadline;
    }

    <T> Flux<T> rows(Function<Source, Flux<T>> use) {
      return rows(
          new ReadOrder(gather, known, reading.sendsRows(), reading.mostHeld() < Integer.MAX_VALUE),
          use);
    }

    /** One mention after the other, until the rest can be asked with the rows that were read. */
    private <T> Flux<T> rows(ReadOrder order, Function<Source, Flux<T>> use) {
      return Flux.defer(
          () -> {
            ReadOrder.Step step = order.next();
            if (step == null) {
              return look(gather.read()).thenMany(whole(use));
            }
            return step.streamed()
                ? held(held -> held.streamed(order, use))
                    .onErrorResume(
                        ReadAgain.class, again -> new Run(deadline).rows(order.anew(), use))
                : read(step, order).thenMany(Flux.defer(() -> next(step, order, use)));
          });
    }

    private <T> Flux<T> next(ReadOrder.Step step, ReadOrder order, Function<Source, Flux<T>> use) {
      Flux<T> otherwise = rows(order, use);
      SortedSet<Integer> read = order.read();
      List<String> json = read.contains(step.mention()) && order.isLeft() ? json(read) : List.of();
      if (json.isEmpty()) {
        return otherwise;
      }
      List<Gather.Cut> cuts = new ArrayList<>();
      List<Object> values = new ArrayList<>();
      order.cuts().forEach(cut -> add(cut, cuts, values));
      Mono<Result> plain = withRows(read, json, List.of(), List.of());
      return (cuts.isEmpty() ? plain : withRows(read, json, cuts, values).switchIfEmpty(plain))
          .map(Optional::of)
          .defaultIfEmpty(Optional.empty())
          .flatMapMany(
              found ->
                  found
                      .map(result -> proven(new ResultSource(result), read, use, otherwise))
                      .orElse(otherwise));
    }

    /** What shards answer with rows of tables that are as the plan has them. */
    private <T> Flux<T> proven(
        Source answer, SortedSet<Integer> read, Function<Source, Flux<T>> use, Flux<T> otherwise) {
      return reading.looksMeanwhile()
          ? firstOf(new ProvenSource(answer, look(read)), use, any -> otherwise)
          : look(read).thenMany(firstOf(answer, use, any -> otherwise));
    }

    private Mono<Result> withRows(
        SortedSet<Integer> read, List<String> json, List<Gather.Cut> cuts, List<Object> values) {
      return Mono.defer(() -> reading.withRows(read, json, cuts, values, deadline.left().total()))
          .onErrorResume(RefusedSqlException.class, refused -> Mono.empty());
    }

    private void add(ReadOrder.Step step, List<Gather.Cut> cuts, List<Object> values) {
      Gather.Mention mention = gather.mentions().get(step.mention());
      if (step.values().size() <= MOST_CUTTING
          && step.filters().stream().anyMatch(filter -> reading.cuts(mention, filter.column()))) {
        cuts.add(new Gather.Cut(step.mention(), step.filters()));
        values.addAll(step.values());
      }
    }

    private Mono<Void> look(Collection<Integer> mentions) {
      return Mono.defer(() -> reading.look(mentions, deadline::left));
    }

    /** The rows of mentions as texts; none where they can't be sent so. */
    private List<String> json(Collection<Integer> mentions) {
      if (!reading.sendsRows()) {
        return List.of();
      }
      int left = MOST_TEXT;
      List<String> all = new ArrayList<>();
      for (int index : mentions) {
        Gather.Mention mention = gather.mentions().get(index);
        String json = mention.fitsText() ? mention.json(gathered.chunks(mention), left) : null;
        if (json == null) {
          return List.of();
        }
        left -= json.length();
        all.add(json);
      }
      return all;
    }

    /** What one server answers, once all rows were read. */
    private <T> Flux<T> whole(Function<Source, Flux<T>> use) {
      ShardSql sql = gathered.rows() <= MOST_ROWS ? gather.inText() : null;
      List<String> json = sql == null ? List.of() : json(gather.read());
      return sql == null || json.isEmpty()
          ? held(held -> held.rows(use))
          : firstOf(
              new DirectSource(reading.withAll(sql, json).timeouts(deadline.left())),
              use,
              any -> held(held -> held.rows(use)));
    }

    /**
     * What a source gives; where it is refused, or a server answers with an error, before a row was
     * given, what else there is: temporary tables have keys, and the server's own error is of them.
     */
    private <T> Flux<T> firstOf(
        Source first, Function<Source, Flux<T>> use, Function<Throwable, Flux<T>> otherwise) {
      AtomicBoolean given = new AtomicBoolean();
      return use.apply(new NotedSource(first, given))
          .onErrorResume(
              error ->
                  !given.getPlain()
                      && (isAnswer(error)
                          || error instanceof RefusedSqlException
                          || error.getCause() instanceof RefusedSqlException),
              otherwise);
    }

    private <T> Flux<T> held(Function<Held, Flux<T>> work) {
      return Flux.usingWhen(
          Mono.defer(() -> reading.session(deadline.left())).map(Held::new),
          work,
          Held::left,
          (held, error) -> isLeft(error) ? held.left() : held.closed(),
          Held::cancelled);
    }

    /** Tells whether a session goes on behind an error. */
    private boolean isLeft(Throwable error) {
      return isAnswer(error)
          || isTooMany(error)
          || error instanceof ReadAgain
          || (error instanceof RefusedSqlException refused
              && refused.code() == RefusalCode.GATHER_IN_TRANSACTION);
    }

    private Mono<Void> read(ReadOrder.Step step, ReadOrder order) {
      Gather.Mention mention = gather.mentions().get(step.mention());
      JoinValues keys = new JoinValues(mention);
      int all = gathered.limit();
      int most = step.few() ? Math.min(all, known.few() + 1) : all;
      gathered.begin(mention);
      return read(step, mention, most)
          .takeUntil(
              row -> {
                gathered.add(row.literals());
                keys.add(row.keys());
                return gathered.isTooLong();
              })
          .then(
              Mono.<Void>fromRunnable(
                  () -> {
                    if (gathered.isTooLong()) {
                      tooLong(step, order);
                    } else if (step.few() && gathered.isLast(most)) {
                      postponed(step, order);
                    } else {
                      if (step.filters().isEmpty()) {
                        known.note(step.mention(), gathered.ofLast());
                      }
                      order.done(step, keys.all());
                    }
                  }))
          .onErrorResume(
              error -> isTooMany(error) && order.hasOther(step),
              error -> Mono.fromRunnable(() -> postponed(step, order)));
    }

    private Flux<MentionedRow> read(ReadOrder.Step step, Gather.Mention mention, int most) {
      return step.none()
          ? Flux.empty()
          : reading.rows(mention, step.filters(), step.values(), most, deadline.left().total());
    }

    private void tooLong(ReadOrder.Step step, ReadOrder order) {
      if (step.filters().isEmpty() && gathered.isLastTooLong()) {
        known.noteLong(step.mention());
      }
      gathered.dropLast();
      order.tooLong(step);
    }

    private void postponed(ReadOrder.Step step, ReadOrder order) {
      known.noteMore(step.mention());
      gathered.dropLast();
      order.tooMany(step);
    }

    /** The work in a session. */
    private final class Held {

      private final TableSession session;
      private boolean quiet;

      Held(TableSession session) {
        this.session = session;
      }

      <T> Flux<T> rows(Function<Source, Flux<T>> use) {
        return kind().flatMap(this::filled).thenMany(answered(use));
      }

      /** The same with the rows of the mentions that are left, which go on in chunks. */
      <T> Flux<T> streamed(ReadOrder order, Function<Source, Flux<T>> use) {
        return kind()
            .flatMap(kind -> filled(kind).then(streamed(order, kind)))
            .then(look(gather.read()))
            .thenMany(answered(use));
      }

      private <T> Flux<T> answered(Function<Source, Flux<T>> use) {
        reading.noteTables();
        return answer(use)
            .onErrorResume(
                R2dbcException.class,
                error ->
                    error.getErrorCode() == NOT_GROUPED && lacksKeys()
                        ? withKeys(use)
                        : Flux.error(error));
      }

      /** A change of a temporary table commits the transaction that it comes in. */
      private <T> Flux<T> withKeys(Function<Source, Flux<T>> use) {
        return session.inTransaction()
            ? Flux.error(
                new RefusedSqlException(
                    RefusalCode.GATHER_IN_TRANSACTION,
                    "columns beside a group's key, which is one of rows of several shards"))
            : keyed().thenMany(answer(use));
      }

      private <T> Flux<T> answer(Function<Source, Flux<T>> use) {
        return Flux.defer(
            () -> {
              StatementSpec sent = session.sql(statement.timeouts(deadline.left()));
              return gather.target() == null
                  ? use.apply(new DirectSource(sent))
                  : sent.rowsUpdated().thenMany(made(gather.target(), use));
            });
      }

      /** The rows that the statement made. */
      private <T> Flux<T> made(Gather.Target target, Function<Source, Flux<T>> use) {
        return Flux.defer(
            () -> {
              StatementSpec rows = snapshot.sql(shard, target.rows(), List.of());
              return use.apply(new DirectSource(session.sql(rows.timeouts(deadline.left()))));
            });
      }

      private boolean lacksKeys() {
        return lackingKeys() > 0;
      }

      private int lackingKeys() {
        return gather.mentions().stream().mapToInt(mention -> mention.addKeys().size()).sum();
      }

      /** Gives the tables their keys, by which a group may have columns beside. */
      private Mono<Void> keyed() {
        return Flux.fromIterable(gather.mentions())
            .concatMap(
                mention ->
                    Flux.fromIterable(mention.addKeys()).concatMap(key -> keyed(mention, key), 1),
                1)
            .collectList()
            .flatMap(
                failed -> failed.size() < lackingKeys() ? Mono.empty() : Mono.error(failed.get(0)));
      }

      /** The error of a key that some shards' rows have alike; another one may be the group's. */
      private Mono<Throwable> keyed(Gather.Mention mention, String key) {
        return run(key)
            .then(Mono.<Throwable>empty())
            .onErrorResume(
                R2dbcException.class,
                error ->
                    error.getErrorCode() == DUPLICATE
                        ? Mono.just(told(error, mention, "got its keys"))
                        : Mono.error(told(error, mention, "got its keys")));
      }

      private Mono<ServerKind> kind() {
        return kinds.of(
            session.identity(),
            () ->
                session
                    .rows(
                        ServerKind.SQL,
                        ServerKind.SQL,
                        deadline.left(),
                        result -> result.map(ServerKind::of))
                    .single());
      }

      private Mono<Void> filled(ServerKind kind) {
        if (kind.logs() && session.inTransaction()) {
          return Mono.error(logged());
        }
        quiet = kind.logs();
        Script script = new Script(session, deadline::left);
        if (quiet) {
          script.add(ServerKind.QUIET, GatherSource::unquiet);
        }
        if (session.inTransaction()) {
          // Those of a statement before, which was lost in the middle.
          script.add(drop(), error -> error);
          script.add(KEEP_ID, error -> error);
        }
        if (gather.target() != null) {
          script.add(gather.target().create(), GatherSource::denied);
        }
        return Flux.fromIterable(gathered.all())
            .concatMap(each -> filled(each, kind, script), 1)
            .then(Mono.defer(script::run));
      }

      /** All mentions that have these rows get them in the same order. */
      private Mono<Void> filled(GatheredRows.OfMention rows, ServerKind kind, Script script) {
        return Flux.fromIterable(gather.likes(rows.mention().same()))
            .concatMap(mention -> filled(mention, rows.chunks(), kind, script), 1)
            .then(Mono.fromRunnable(rows.chunks()::clear));
      }

      private Mono<Void> filled(
          Gather.Mention mention, List<StringBuilder> chunks, ServerKind kind, Script script) {
        String insert = mention.insert(kind.mariaDb());
        return script
            .with(mention.create(), mention.create(), GatherSource::denied)
            .thenMany(Flux.fromIterable(chunks))
            .concatMap(
                chunk -> script.with(insert + chunk, insert + "…", error -> unfit(error, mention)),
                1)
            .then();
      }

      /** One mention after the other, until all were read. */
      private Mono<Void> streamed(ReadOrder order, ServerKind kind) {
        return Mono.defer(
            () -> {
              ReadOrder.Step step = order.next();
              return step == null
                  ? Mono.empty()
                  : streamed(step, order, kind).then(streamed(order, kind));
            });
      }

      /**
       * Fills the tables of one mention and of those like it. Where it has too many rows, and
       * others could cut it down, all begins anew with those: a table is filled once.
       */
      private Mono<Void> streamed(ReadOrder.Step step, ReadOrder order, ServerKind kind) {
        Gather.Mention mention = gather.mentions().get(step.mention());
        List<Gather.Mention> alike = gather.likes(mention.same());
        JoinValues keys = new JoinValues(mention);
        Script script = new Script(session, deadline::left);
        gathered.beginStreamed();
        reading.noteStreamed();
        alike.forEach(each -> script.add(each.create(), GatherSource::denied));
        return script
            .run()
            .thenMany(Flux.defer(() -> read(step, mention, gathered.limit())))
            .map(
                row -> {
                  gathered.count(row.literals(), mention);
                  keys.add(row.keys());
                  return row.literals();
                })
            .bufferUntil(new ChunkEnd(), true)
            .concatMap(rows -> filled(alike, String.join(",", rows), kind, script), 1)
            .then(Mono.defer(script::run))
            .then(Mono.<Void>fromRunnable(() -> streamed(step, order, keys)))
            .onErrorMap(
                error -> isTooMany(error) && order.mayBeCut(step),
                error -> {
                  order.tooMany(step);
                  return new ReadAgain();
                });
      }

      private void streamed(ReadOrder.Step step, ReadOrder order, JoinValues keys) {
        if (step.filters().isEmpty()) {
          if (gathered.isLastTooLong()) {
            known.noteLong(step.mention());
          } else {
            known.note(step.mention(), gathered.ofLast());
          }
        }
        order.done(step, keys.all());
      }

      private Mono<Void> filled(
          List<Gather.Mention> alike, String chunk, ServerKind kind, Script script) {
        return Flux.fromIterable(alike)
            .concatMap(
                mention -> {
                  String insert = mention.insert(kind.mariaDb());
                  return script.with(insert + chunk, insert + "…", error -> unfit(error, mention));
                },
                1)
            .then();
      }

      /** The error tells no row. */
      private Throwable unfit(R2dbcException error, Gather.Mention mention) {
        return UNFIT.contains(error.getErrorCode())
            ? new OutdatedColumnsException(
                shard, mention.table() + ": a row that does not fit its columns")
            : told(error, mention, "was filled");
      }

      /** The error without the row that it tells. */
      private R2dbcException told(R2dbcException error, Gather.Mention mention, String step) {
        return isAnswer(error)
            ? ShardScatter.inPlaceOf(
                error,
                shard
                    + ": error "
                    + error.getErrorCode()
                    + " as the temporary table with the rows of "
                    + mention.table()
                    + " "
                    + step
                    + (error.getErrorCode() == DUPLICATE
                        ? " (expected: rows of different shards with different primary keys)"
                        : ""))
            : error;
      }

      /** Gives the session back once it is as it was; otherwise it is closed. */
      Mono<Void> left() {
        String restoring =
            drop()
                + (quiet ? "; " + ServerKind.LOUD : "")
                + (session.inTransaction() ? "; " + GIVE_ID : "");
        return session
            .run(restoring, times)
            .then(Mono.defer(session::giveBack))
            .onErrorResume(error -> closed());
      }

      /**
       * A statement of a transaction that nobody awaits would be in the way of its commit. The next
       * one that has tables drops these, and the transaction's end closes the connection.
       */
      Mono<Void> cancelled() {
        return session.inTransaction() ? session.giveBack() : left();
      }

      private String drop() {
        Stream<String> made =
            gather.target() == null ? Stream.empty() : Stream.of(Gather.Target.NAME);
        return Stream.concat(gather.mentions().stream().map(Gather.Mention::temporary), made)
            .collect(Collectors.joining("`, `", "DROP TEMPORARY TABLE IF EXISTS `", "`"));
      }

      Mono<Void> closed() {
        return session.close().onErrorComplete();
      }

      private Mono<Void> run(String text) {
        return Mono.defer(() -> session.run(text, deadline.left()));
      }
    }
  }

  /** The end of a run behind which another one begins; no error of anything. */
  private static final class ReadAgain extends RuntimeException {

    private static final long serialVersionUID = 1L;

    ReadAgain() {
      super("rows are read again", null, false, false);
    }
  }

  /** Tells before which row a new chunk begins. Used by one thread at a time. */
  private static final class ChunkEnd implements Predicate<String> {

    private int length;

    @Override
    public boolean test(String row) {
      boolean ends = length > 0 && length + row.length() > GatheredRows.CHUNK;
      length = (ends ? 0 : length) + row.length() + 1;
      return ends;
    }
  }

  /** The values of a mention's join columns. Used by one thread at a time. */
  private static final class JoinValues {

    private final List<Set<Object>> all = new ArrayList<>();

    JoinValues(Gather.Mention mention) {
      mention.joinColumns().forEach(column -> all.add(new LinkedHashSet<>()));
    }

    List<Set<Object>> all() {
      return all;
    }

    /** NULL is equal to nothing. Of more values than cut others down, one shows that. */
    void add(List<@Nullable Object> values) {
      for (int i = 0; i < all.size(); i++) {
        Object value = values.get(i);
        if (value != null && all.get(i).size() <= ReadOrder.MOST_VALUES) {
          all.get(i).add(value);
        }
      }
    }
  }

  /** Tells whether an error is a server's answer, behind which its session goes on. */
  private static boolean isAnswer(Throwable error) {
    return error instanceof R2dbcException said
        && !(error instanceof R2dbcTimeoutException)
        && said.getErrorCode() > 0;
  }

  private static boolean isTooMany(Throwable error) {
    return error instanceof RefusedSqlException refused
        && refused.code() == RefusalCode.TOO_MANY_GATHERED_ROWS;
  }

  /** The error of a server whose session can't be kept out of its binary log. */
  static Throwable unquiet(R2dbcException error) {
    return error.getErrorCode() == DENIED ? logged() : error;
  }

  static Throwable denied(R2dbcException error) {
    return NO_RIGHT.contains(error.getErrorCode())
        ? new RefusedSqlException(
            RefusalCode.GATHER_RIGHT, "a server's user without the right to make temporary tables")
        : error;
  }

  private static RefusedSqlException logged() {
    return new RefusedSqlException(
        RefusalCode.GATHER_BINLOG, "a server that would write what is gathered to its binary log");
  }
}
