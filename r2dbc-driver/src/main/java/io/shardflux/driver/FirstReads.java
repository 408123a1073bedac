package io.shardflux.driver;

import io.r2dbc.spi.Result;
import io.r2dbc.spi.Row;
import io.r2dbc.spi.RowMetadata;
import io.shardflux.driver.failure.Refusals;
import io.shardflux.driver.plan.SqlEngine;
import io.shardflux.driver.result.RowsResult;
import io.shardflux.driver.result.Source;
import io.shardflux.driver.transaction.VirtualTransaction;
import io.shardflux.r2dbc.settings.GatherOptions;
import io.shardflux.sql.ahead.Ahead;
import io.shardflux.sql.statement.Binds;
import io.shardflux.sql.statement.Hints;
import io.shardflux.sql.statement.RefusalCode;
import io.shardflux.sql.statement.RefusedSqlException;
import io.shardflux.sql.statement.ShardSql;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BiFunction;
import java.util.function.Function;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.reactivestreams.Publisher;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * Answers a read of which some subqueries run first, one after the other and each as any statement.
 * Then their values are bound in their place, and the rest runs as a statement of its own. Where it
 * turns out that this can't be, the read is gathered as if it had not been tried.
 */
final class FirstReads {

  private final VirtualConnection connection;
  private final SqlEngine engine;
  private final String sql;
  private final int fetchSize;

  FirstReads(VirtualConnection connection, String sql, int fetchSize) {
    this.connection = connection;
    this.engine = connection.engine();
    this.sql = sql;
    this.fetchSize = fetchSize;
  }

  /** What runs first, where that is an answer's way; otherwise null. */
  @Nullable Ahead of(Gathering.Asked asked, RefusedSqlException refusal) {
    VirtualTransaction transaction = connection.transaction();
    Binds binds = asked.binds();
    boolean once =
        IntStream.range(0, binds.size()).anyMatch(i -> VirtualStatement.once(binds.get(i)));
    return once || (transaction != null && !transaction.readsSeveral())
        ? null
        : engine.ahead(asked.prepared(), refusal);
  }

  /**
   * The result.
   *
   * @param otherwise the result without anything that runs first, of what is asked then
   */
  Result read(
      Gathering.Asked asked, Ahead ahead, Function<Gathering.Asked, Mono<Result>> otherwise) {
    return new RowsResult(new AheadSource(asked, ahead, otherwise));
  }

  private final class AheadSource implements Source {

    private final Gathering.Asked asked;
    private final Ahead ahead;
    private final Function<Gathering.Asked, Mono<Result>> otherwise;

    AheadSource(
        Gathering.Asked asked, Ahead ahead, Function<Gathering.Asked, Mono<Result>> otherwise) {
      this.asked = asked;
      this.ahead = ahead;
      this.otherwise = otherwise;
    }

    @Override
    public <T> Flux<T> rows(BiFunction<Row, RowMetadata, ? extends T> mapping) {
      return Flux.defer(
          () -> {
            // Each subscriber has its own, and gets rows one after the other.
            AtomicBoolean given = new AtomicBoolean();
            return answered(
                result ->
                    result.<T>map(
                        (row, metadata) -> {
                          given.setPlain(true);
                          return mapping.apply(row, metadata);
                        }),
                given);
          });
    }

    @Override
    public Flux<Long> updates() {
      return Flux.defer(() -> answered(Result::getRowsUpdated, new AtomicBoolean()));
    }

    private <T> Flux<T> answered(Function<Result, Publisher<T>> use, AtomicBoolean given) {
      StatementTime time = StatementTime.of(asked, connection, sql);
      return Flux.fromIterable(ahead.subqueries())
          .concatMap(subquery -> values(subquery, time), 1)
          .collectList()
          .flatMap(found -> rest(ahead.bound(asked.binds(), found), time))
          .flatMapMany(use)
          .onErrorResume(
              error -> !given.getPlain() && isRefused(error),
              error ->
                  Mono.defer(() -> otherwise.apply(asked.within(time.left())))
                      .onErrorMap(refused -> Refusals.named(refused, sql))
                      .flatMapMany(use));
    }

    private Mono<Result> rest(Ahead.Bound bound, StatementTime time) {
      engine.noteAhead(sql);
      return new Execution(connection, bound.sql(), null, fetchSize)
          .run(
              Binds.of(bound.values()),
              hints(asked).timeout(time.left()).build(),
              asked.transaction());
    }

    /** All values of a subquery, of which there may be only so many. */
    private Mono<List<@Nullable Object>> values(Ahead.Subquery subquery, StatementTime time) {
      GatherOptions bounds = engine.access().gathers();
      int most = most(asked, bounds);
      Hints hints = hints(asked).failurePolicy("fail").timeout(time.left()).build();
      return new Execution(connection, subquery.sql().text(), null, 0)
          .run(binds(subquery.sql(), asked.binds(), most + 1L), hints, asked.transaction())
          .flatMapMany(
              result ->
                  result.map(
                      (row, metadata) ->
                          Optional.ofNullable(BoundValues.of(row, 0, subquery.kind()))))
          .collect(() -> new Values(most, bounds.maxBytes()), Values::add)
          .map(Values::all);
    }
  }

  /** Tells whether it was refused before anything was answered. */
  private static boolean isRefused(Throwable error) {
    return error instanceof RefusedSqlException || error.getCause() instanceof RefusedSqlException;
  }

  /** The values of one subquery. Used by one thread at a time. */
  private static final class Values {

    private final int most;
    private final int maxBytes;
    private final List<@Nullable Object> all = new ArrayList<>();
    private long bytes;

    Values(int most, int maxBytes) {
      this.most = most;
      this.maxBytes = maxBytes;
    }

    void add(Optional<Object> value) {
      all.add(value.orElse(null));
      bytes += value.isPresent() && value.get() instanceof String text ? 2L * text.length() : 16;
      if (all.size() > most || bytes > maxBytes) {
        throw new RefusedSqlException(
            RefusalCode.TOO_MANY_GATHERED_ROWS,
            (all.size() > most ? "more than " + most + " rows" : "more than " + maxBytes + " bytes")
                + " of a subquery");
      }
    }

    List<@Nullable Object> all() {
      return all;
    }
  }

  private static int most(Gathering.Asked asked, GatherOptions bounds) {
    Integer hint = asked.hints().gather();
    return hint == null || hint <= 0 ? bounds.maxRows() : hint;
  }

  private static Hints.Builder hints(Gathering.Asked asked) {
    Hints given = asked.hints();
    return Hints.builder()
        .scatter(given.scatter())
        .gather(given.gather())
        .failurePolicy(given.failurePolicy())
        .readPreference(given.readPreference());
  }

  private static Binds binds(ShardSql sql, Binds binds, long limit) {
    List<@Nullable Object> values = new ArrayList<>(sql.markers().size());
    for (int marker : sql.markers()) {
      values.add(marker < binds.size() ? binds.get(marker) : (Object) limit);
    }
    return Binds.of(values);
  }

  /** Says what runs first, and what is known then of the rest. */
  Mono<Explanation> explain(Gathering.Asked asked, Ahead ahead) {
    int most = most(asked, engine.access().gathers());
    return Flux.fromIterable(ahead.subqueries())
        .concatMap(subquery -> explained(asked, subquery, most), 1)
        .collectList()
        .flatMap(firsts -> explained(asked, ahead, firsts, most));
  }

  private Mono<Explanation> explained(Gathering.Asked asked, Ahead.Subquery subquery, int most) {
    Binds binds = binds(subquery.sql(), asked.binds(), most + 1L);
    return new Execution(connection, subquery.sql().text(), null, 0)
        .explain(prepared -> binds, hints(asked).failurePolicy("fail").build())
        .map(Explanation::unrefused);
  }

  /** The rest, as it would be with values that are no keys. */
  private Mono<Explanation> explained(
      Gathering.Asked asked, Ahead ahead, List<Explanation> firsts, int most) {
    List<List<Object>> unknown =
        ahead.subqueries().stream().map(each -> List.<Object>of(new Unknown())).toList();
    Ahead.Bound bound = ahead.bound(asked.binds(), unknown);
    Binds binds = Binds.of(bound.values());
    return new Execution(connection, bound.sql(), null, 0)
        .explain(prepared -> binds, hints(asked).build())
        .map(Explanation::unrefused)
        .map(rest -> described(firsts, rest, most));
  }

  /** A value that no one knows yet. */
  private static final class Unknown extends Number {

    private static final long serialVersionUID = 1L;

    @Override
    public int intValue() {
      return 0;
    }

    @Override
    public long longValue() {
      return 0;
    }

    @Override
    public float floatValue() {
      return 0;
    }

    @Override
    public double doubleValue() {
      return 0;
    }

    @Override
    public String toString() {
      return "0";
    }
  }

  private static Explanation described(List<Explanation> firsts, Explanation rest, int most) {
    List<Explanation.Part> parts = new ArrayList<>();
    List<String> merges = new ArrayList<>();
    int held = rest.heldRows();
    for (Explanation first : firsts) {
      parts.addAll(first.parts());
      merges.add(String.valueOf(first.merge() == null ? "one shard" : first.merge()));
      held = Math.max(held, Math.max(first.heldRows(), most));
    }
    parts.addAll(rest.parts());
    return new Explanation(
        parts,
        "first "
            + String.join(", then ", merges)
            + "; at most "
            + most
            + " values each, bound in "
            + (rest.merge() == null ? "one shard's statement" : rest.merge())
            + ", of fewer shards where they name keys",
        held,
        null);
  }
}
