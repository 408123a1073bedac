package io.shardflux.driver.scatter;

import io.r2dbc.spi.Row;
import io.r2dbc.spi.RowMetadata;
import io.shardflux.driver.failure.FailedShards;
import io.shardflux.driver.failure.OutdatedColumnsException;
import io.shardflux.driver.failure.UnsortedRowsException;
import io.shardflux.driver.result.DirectSource;
import io.shardflux.driver.result.Source;
import io.shardflux.driver.row.Columns;
import io.shardflux.driver.row.HeldRow;
import io.shardflux.driver.transaction.VirtualTransaction;
import io.shardflux.r2dbc.scatter.FailurePolicy;
import io.shardflux.r2dbc.spi.ShardScatter;
import io.shardflux.r2dbc.spi.Snapshot;
import io.shardflux.r2dbc.statement.StatementSpec;
import io.shardflux.router.Internal;
import io.shardflux.router.ShardId;
import io.shardflux.sql.merge.Fold;
import io.shardflux.sql.merge.Merge;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BiFunction;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import reactor.core.Exceptions;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * The rows of several shards as those of one database: merged in their order, folded, and without
 * their hidden columns. All shards are entered before any is asked, and left behind the last row.
 *
 * @param transaction the transaction that they are read in, or null
 * @param shards the shards and the statement for each
 * @param tables the tables that the statement names
 * @param guard looks at tables before and behind the rows, or null
 * @param merge the way in which their rows become one answer
 * @param expected the names of the answer's columns, empty where a name is not known; null if the
 *     text says them
 * @param policy the effect of a failed shard
 * @param prefetch the number of rows of each shard that are held at most, besides those that the
 *     fold says it holds
 * @param ofNoRow the statement for a shard as it was written; its answer is the whole answer where
 *     no shard has a row to make one of
 */
@Internal
public record ScatterSource(
    Snapshot snapshot,
    @Nullable VirtualTransaction transaction,
    List<ShardRows> shards,
    Set<String> tables,
    @Nullable Guard guard,
    Merge merge,
    @Nullable List<String> expected,
    FailurePolicy policy,
    int prefetch,
    Function<ShardId, StatementSpec> ofNoRow)
    implements Source {

  /** All rows are alike, so that a merge takes those of the first shard first. */
  private static final Comparator<@Nullable Object[]> FIRST_SHARD_FIRST = (unused, unusedToo) -> 0;

  /** A shard and the statement for it. */
  public record ShardRows(ShardId shard, StatementSpec statement) {}

  /**
   * The answer's rows that came of one row.
   *
   * @param more whether more rows are wanted
   */
  private record Step(List<@Nullable Object[]> rows, boolean more) {}

  /**
   * The policy that a hint's {@code failure-policy} names: a failed shard fails the read, or the
   * read goes on.
   */
  public static FailurePolicy policy(@Nullable String hint) {
    return switch (hint == null ? "fail" : hint.toLowerCase(Locale.ROOT)) {
      case "fail" -> ShardScatter.together(ShardScatter::together);
      case "partial" -> FailurePolicy.tag();
      default ->
          throw new IllegalArgumentException(
              "failure-policy: " + hint + " (expected: fail or partial)");
    };
  }

  @Override
  public <T> Flux<T> rows(BiFunction<Row, RowMetadata, ? extends T> mapping) {
    return snapshot.enter(ids(), tables, entered -> new Run(entered).rows(mapping));
  }

  @Override
  public Flux<Long> updates() {
    return snapshot.enter(ids(), tables, entered -> new Run(entered).updates().flux());
  }

  private List<ShardRows> inTurn() {
    return merge.shardByShard()
        ? shards.stream().sorted(Comparator.comparing(part -> part.shard().value())).toList()
        : shards;
  }

  private List<ShardId> ids() {
    return shards.stream().map(ShardRows::shard).toList();
  }

  /** One subscriber's run. */
  private final class Run {

    private final Snapshot.Entered entered;
    private final FailedShards failed = new FailedShards();
    private final AtomicReference<@Nullable Columns> seen = new AtomicReference<>();
    private @Nullable Columns visible;
    private boolean blind;
    private boolean given;

    Run(Snapshot.Entered entered) {
      this.entered = entered;
    }

    <T> Flux<T> rows(BiFunction<Row, RowMetadata, ? extends T> mapping) {
      return looked(Guard::before)
          .flatMapMany(late -> folded(merged(late).concatWith(behind()), behind()))
          .<T>handle(
              (values, sink) -> {
                Columns columns = columns();
                if (columns != null) {
                  fit(columns, values);
                  given = true;
                  sink.next(mapping.apply(new HeldRow(columns, values), columns));
                }
              })
          .concatWith(Flux.defer(() -> blind ? blind().<T>rows(mapping) : Flux.<T>empty()))
          .concatWith(failed.tag())
          .onErrorMap(error -> given ? Snapshot.behindRows(error) : error);
    }

    Mono<Long> updates() {
      return looked(Guard::before).flatMapMany(this::merged).then(failed.<Long>tag());
    }

    /**
     * The answer's columns; null where no shard had a row, because a shard tells its columns with
     * its rows.
     */
    private @Nullable Columns columns() {
      Columns all = seen.get();
      if (visible == null && all != null) {
        visible = all.without(merge.hidden());
      }
      blind |= visible == null;
      return visible;
    }

    /** The answer of one shard that has not failed. */
    private Source blind() {
      ShardId shard =
          ids().stream()
              .filter(each -> !failed.errors().containsKey(each))
              .findFirst()
              .orElseThrow();
      return new DirectSource(sql(shard, ofNoRow.apply(shard)));
    }

    private StatementSpec sql(ShardId shard, StatementSpec statement) {
      return transaction == null
          ? entered.sql(shard, statement)
          : entered.sql(transaction.on(snapshot, shard), statement);
    }

    /**
     * Looks at the tables on all shards, because an answer that has begun can't begin anew. Gives
     * the shards whose look failed; they are not asked.
     */
    private Mono<Map<ShardId, Throwable>> looked(Look look) {
      return Flux.fromIterable(ids())
          .flatMap(
              shard -> {
                Mono<Void> first = looked(shard, look);
                return first == null
                    ? Mono.<Map.Entry<ShardId, Throwable>>empty()
                    : first
                        .then(Mono.<Map.Entry<ShardId, Throwable>>empty())
                        .onErrorResume(error -> Mono.just(Map.entry(shard, error)));
              },
              shards.size())
          .collectMap(Map.Entry::getKey, Map.Entry::getValue)
          .doOnNext(ScatterSource::checkColumns);
    }

    private @Nullable Mono<Void> looked(ShardId shard, Look look) {
      if (guard == null) {
        return null;
      }
      return transaction == null
          ? look.by(guard, shard, sql -> entered.sql(shard, sql))
          : guard.within(transaction, transaction.on(snapshot, shard));
    }

    /** Looks again: a shard may have read its rows long after the first look. */
    private <T> Mono<T> behind() {
      return Mono.defer(
          () ->
              failed.errors().isEmpty() ? looked(Guard::behind).then(Mono.empty()) : Mono.empty());
    }

    private Flux<@Nullable Object[]> merged(Map<ShardId, Throwable> late) {
      Comparator<@Nullable Object[]> order = order();
      Map<ShardId, Flux<@Nullable Object[]>> rows = new LinkedHashMap<>();
      for (ShardRows part : inTurn()) {
        Throwable error = late.get(part.shard());
        Flux<@Nullable Object[]> own = error == null ? read(part) : Flux.error(error);
        rows.put(part.shard(), order == null ? own : own.doOnNext(new Sorted(order)));
      }
      return failed.rows(
          ShardScatter.of(rows)
              .onFailure(policy)
              .orderedBy(merge.shardByShard() ? FIRST_SHARD_FIRST : order)
              .prefetch(prefetch)
              .endedBy(ScatterSource::endsAll)
              .signalsInTurn());
    }

    private Flux<@Nullable Object[]> read(ShardRows part) {
      return Flux.defer(
          () -> {
            AtomicReference<@Nullable Reading> reading = new AtomicReference<>();
            return new DirectSource(sql(part.shard(), part.statement()))
                .rows(
                    (row, metadata) -> {
                      Reading known = reading.getPlain();
                      if (known == null) {
                        entered.checkPlace(part.shard());
                        known = agreed(part.shard(), new Columns(metadata), seen);
                        reading.setPlain(known);
                      }
                      return known.values(row);
                    })
                .concatWith(
                    Mono.fromRunnable(
                        () -> {
                          if (reading.getPlain() == null) {
                            entered.checkPlace(part.shard());
                          }
                        }));
          });
    }
  }

  /** A guard's look at a shard's tables, or null. */
  private interface Look {
    @Nullable Mono<Void> by(Guard guard, ShardId shard, Function<String, StatementSpec> statements);
  }

  private static void checkColumns(Map<ShardId, Throwable> failed) {
    for (Throwable error : failed.values()) {
      if (endsAll(error)) {
        throw Exceptions.propagate(error);
      }
    }
  }

  /**
   * Tells whether an error ends the read though the shard is healthy: the statement must begin
   * anew, or can't be answered by a merge.
   */
  private static boolean endsAll(Throwable error) {
    return error instanceof OutdatedColumnsException
        || error instanceof UnsortedRowsException
        || Snapshot.isOver(error)
        || Snapshot.isMoved(error);
  }

  /** Makes values that were computed of several shards' values fit the types of their columns. */
  private void fit(Columns columns, @Nullable Object[] values) {
    for (int i = 0; merge.computes() && i < columns.size(); i++) {
      if (values[i] instanceof Number number) {
        values[i] = columns.column(i).fitted(number);
      }
    }
  }

  // The class file does not tell that the arrays hold nulls.
  @SuppressWarnings("NullAway")
  private @Nullable Comparator<@Nullable Object[]> order() {
    return merge.order();
  }

  /**
   * Checks the order of one shard's rows. A merge takes them to be sorted: it would give wrong
   * groups and a wrong order where a server sorts otherwise.
   */
  private static final class Sorted implements Consumer<@Nullable Object[]> {

    private final Comparator<@Nullable Object[]> order;
    private @Nullable Object @Nullable [] last;

    Sorted(Comparator<@Nullable Object[]> order) {
      this.order = order;
    }

    @Override
    public void accept(@Nullable Object[] row) {
      if (last != null && order.compare(last, row) > 0) {
        throw new UnsortedRowsException(
            "a shard's rows are not in the order that it was asked for (expected: a server that"
                + " sorts as its collations say; ask without ORDER BY, or one shard)");
      }
      // A fold may write into the row after this check.
      last = row.clone();
    }
  }

  /**
   * Reads a shard's rows as rows of the shard whose row was the first.
   *
   * @param columns the columns of that first shard
   * @param own the columns of this shard
   */
  private record Reading(Columns columns, Columns own) {

    @Nullable Object[] values(Row row) {
      @Nullable Object[] values = new Object[columns.size()];
      for (int i = 0; i < values.length; i++) {
        values[i] = columns.column(i).read(row, i, own.column(i).getType());
      }
      return values;
    }
  }

  /**
   * Compares a shard's columns with the expected ones and with those of the other shards. A table
   * may have been changed meanwhile, on all shards or on some.
   */
  private Reading agreed(ShardId shard, Columns own, AtomicReference<@Nullable Columns> seen) {
    List<String> names = visibleNames(own);
    if (expected != null && !isNamed(names, expected)) {
      throw new OutdatedColumnsException(
          shard, "columns " + names + " (expected: " + expected + ")");
    }
    seen.compareAndSet(null, own);
    Columns first = seen.get();
    if (first == null || first.size() != own.size() || !visibleNames(first).equals(names)) {
      throw new OutdatedColumnsException(
          shard,
          "columns "
              + names
              + " (expected: those of the other shards, "
              + visibleNames(first == null ? own : first)
              + ")");
    }
    return new Reading(first, own);
  }

  private static boolean isNamed(List<String> names, List<String> expected) {
    if (names.size() != expected.size()) {
      return false;
    }
    for (int i = 0; i < names.size(); i++) {
      if (!expected.get(i).isEmpty() && !expected.get(i).equalsIgnoreCase(names.get(i))) {
        return false;
      }
    }
    return true;
  }

  private List<String> visibleNames(Columns columns) {
    return columns.names().subList(0, Math.max(0, columns.size() - merge.hidden()));
  }

  /**
   * The answer's rows.
   *
   * @param early the look to wait for where the answer needs no more of the shards' rows
   */
  private Flux<@Nullable Object[]> folded(Flux<@Nullable Object[]> rows, Mono<Step> early) {
    if (merge.passes()) {
      return rows;
    }
    Fold fold = merge.begin();
    AtomicReference<Boolean> ended = new AtomicReference<>(false);
    return rows.map(
            row -> {
              List<@Nullable Object[]> answer = new ArrayList<>(1);
              return new Step(answer, fold.next(row, answer::add));
            })
        .takeUntil(
            step -> {
              ended.setPlain(!step.more());
              return !step.more();
            })
        .concatWith(Mono.defer(() -> ended.getPlain() ? early : Mono.just(last(fold))))
        .concatMapIterable(Step::rows);
  }

  private static Step last(Fold fold) {
    List<@Nullable Object[]> answer = new ArrayList<>();
    fold.end(answer::add);
    return new Step(answer, false);
  }
}
