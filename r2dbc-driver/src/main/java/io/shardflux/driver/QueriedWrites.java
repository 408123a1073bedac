package io.shardflux.driver;

import io.shardflux.driver.plan.SqlEngine;
import io.shardflux.r2dbc.settings.GatherOptions;
import io.shardflux.router.ShardKey;
import io.shardflux.sql.Prepared;
import io.shardflux.sql.gather.QueriedWrite;
import io.shardflux.sql.merge.Plan;
import io.shardflux.sql.statement.Binds;
import io.shardflux.sql.statement.Hints;
import io.shardflux.sql.statement.RefusalCode;
import io.shardflux.sql.statement.RefusedSqlException;
import io.shardflux.sql.statement.Routing;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * Plans a write whose rows a query finds first. The rows are read by whatever way there is, with
 * bounds, and then they are one joint write of statements that name their keys.
 */
final class QueriedWrites {

  private final VirtualConnection connection;
  private final SqlEngine engine;
  private final String sql;
  private final Gathering gathering;

  QueriedWrites(VirtualConnection connection, String sql, Gathering gathering) {
    this.connection = connection;
    this.engine = connection.engine();
    this.sql = sql;
    this.gathering = gathering;
  }

  /**
   * What is to be written.
   *
   * @param prepared one of the statements
   * @param binds the values of each statement
   * @param routing where all of them go
   * @param plan all of them
   */
  record Found(Prepared prepared, Binds binds, Hints hints, Routing routing, Plan plan) {}

  /** A statement for some rows. */
  private record Piece(Prepared prepared, Routing routing, Plan plan) {}

  /** The statements for all rows. Of their analyses one is kept. Used by one thread at a time. */
  private static final class Pieces {

    private @Nullable Piece first;
    private boolean copies;
    private final List<Routing> routings = new ArrayList<>();
    private final List<Plan.Part> parts = new ArrayList<>();

    void add(Piece piece) {
      first = first == null ? piece : first;
      copies |= piece.plan() instanceof Plan.Writes writes && writes.copies();
      routings.add(piece.routing());
      parts.addAll(piece.plan().parts());
    }

    Plan plan(Piece one) {
      return routings.size() == 1 ? one.plan() : new Plan.Writes(parts, copies, !copies);
    }
  }

  /** The way to a write that is refused as it is; null where there is none. */
  @Nullable QueriedWrite of(Gathering.Asked asked, RefusedSqlException refusal) {
    QueriedWrite write = engine.queried(asked.prepared(), refusal);
    if (write != null
        && write.found() instanceof QueriedWrite.Keys
        && !Boolean.TRUE.equals(asked.hints().readThenWrite())) {
      throw QueriedWrite.unpermitted(refusal);
    }
    return write;
  }

  /**
   * Finds the rows; empty if there is none.
   *
   * @param refusal the reason why shards can't do the write as it is
   */
  Mono<Found> found(Gathering.Asked asked, QueriedWrite write, RefusedSqlException refusal) {
    return Mono.defer(
        () -> {
          check(asked, refusal);
          StatementTime time = StatementTime.of(asked, connection, sql);
          GatherOptions bounds = gathering.bounds(asked);
          boolean keys = write.found() instanceof QueriedWrite.Keys;
          engine.noteQueried(sql);
          return rows(asked, write, refusal)
              .collect(
                  () -> new FoundRows(keys, bounds.maxRows(), bounds.maxBytes()), FoundRows::add)
              .flatMapIterable(FoundRows::pieces)
              .concatMap(rows -> piece(asked, write, rows, time), 1)
              .collect(Pieces::new, Pieces::add)
              .filter(pieces -> pieces.first != null)
              .map(pieces -> found(asked, write, pieces, time));
        });
  }

  private void check(Gathering.Asked asked, RefusedSqlException refusal) {
    Binds binds = asked.binds();
    if (connection.transaction() != null) {
      throw QueriedWrite.inTransaction(refusal);
    }
    if (IntStream.range(0, binds.size()).anyMatch(i -> VirtualStatement.once(binds.get(i)))) {
      throw new RefusedSqlException(RefusalCode.STREAM_VALUE, "a stream for several statements");
    }
  }

  /** The rows as literals; they are those of primaries. */
  private Flux<String> rows(
      Gathering.Asked asked, QueriedWrite write, RefusedSqlException refusal) {
    if (write.found() instanceof QueriedWrite.Made made) {
      return gathering.made(asked.preferringPrimaries(), made.gather(), refusal);
    }
    QueriedWrite.Keys keys = (QueriedWrite.Keys) write.found();
    Hints given = asked.hints();
    Hints hints =
        Hints.builder()
            .scatter(given.scatter())
            .gather(given.gather())
            .timeout(given.timeout())
            .failurePolicy("fail")
            .readPreference("primary")
            .build();
    return new Execution(connection, keys.sql().text(), null, 0)
        .run(values(keys.sql().markers(), asked), hints)
        .flatMapMany(
            result ->
                result.map(
                    (row, metadata) -> Objects.requireNonNullElse(row.get(0, String.class), "")));
  }

  private static Binds values(List<Integer> markers, Gathering.Asked asked) {
    List<@Nullable Object> values = new ArrayList<>(markers.size());
    markers.forEach(marker -> values.add(asked.binds().get(marker)));
    return Binds.of(values);
  }

  private Mono<Piece> piece(
      Gathering.Asked asked, QueriedWrite write, CharSequence rows, StatementTime time) {
    Binds binds = values(write.markers(), asked);
    return engine
        .prepare(write.of(rows), asked.snapshot().topology(), time.left())
        .flatMap(
            prepared -> {
              Hints hints = hints(asked, time.left());
              return engine
                  .plan(asked.snapshot(), prepared, binds, hints, null)
                  .map(plan -> new Piece(prepared, prepared.route(binds, hints), plan));
            });
  }

  private static Hints hints(Gathering.Asked asked, Duration left) {
    return Hints.builder()
        .scatterWrites(asked.hints().scatterWrites())
        .timeout(left)
        .readPreference("primary")
        .build();
  }

  private static Found found(
      Gathering.Asked asked, QueriedWrite write, Pieces pieces, StatementTime time) {
    Piece first = Objects.requireNonNull(pieces.first);
    long shards = pieces.parts.stream().map(Plan.Part::shard).distinct().count();
    if (shards > 1 && Boolean.FALSE.equals(asked.hints().scatterWrites())) {
      throw new RefusedSqlException(
          RefusalCode.SCATTERED_WRITE, "a write over " + shards + " shards");
    }
    return new Found(
        first.prepared(),
        values(write.markers(), asked),
        hints(asked, time.left()),
        together(pieces.routings),
        pieces.plan(first));
  }

  private static Routing together(List<Routing> routings) {
    if (routings.size() == 1) {
      return routings.get(0);
    }
    if (!(routings.get(0) instanceof Routing.Rows first)) {
      return new Routing.Together(routings);
    }
    List<ShardKey> keys = new ArrayList<>();
    routings.forEach(routing -> keys.addAll(((Routing.Rows) routing).keys()));
    return new Routing.Rows(first.table(), keys);
  }

  /** Says how the rows would be found, and what would be written with them. */
  Mono<Explanation> explain(
      Gathering.Asked asked, QueriedWrite write, RefusedSqlException refusal) {
    check(asked, refusal);
    int most = gathering.bounds(asked).maxRows();
    return reads(asked, write, refusal)
        .map(
            reads ->
                new Explanation(
                    reads.parts(),
                    "first "
                        + (reads.merge() == null ? "one shard" : reads.merge())
                        + "; at most "
                        + most
                        + " rows, then to their shards "
                        + write.of("…"),
                    most,
                    null));
  }

  private Mono<Explanation> reads(
      Gathering.Asked asked, QueriedWrite write, RefusedSqlException refusal) {
    if (write.found() instanceof QueriedWrite.Made made) {
      return gathering.explain(asked, made.gather(), refusal);
    }
    QueriedWrite.Keys keys = (QueriedWrite.Keys) write.found();
    Binds binds = values(keys.sql().markers(), asked);
    Hints hints =
        Hints.builder().scatter(asked.hints().scatter()).gather(asked.hints().gather()).build();
    return new Execution(connection, keys.sql().text(), null, 0)
        .explain(prepared -> binds, hints)
        .map(Explanation::unrefused);
  }
}
