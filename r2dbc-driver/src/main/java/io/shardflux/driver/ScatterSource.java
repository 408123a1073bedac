package io.shardflux.driver;

import io.r2dbc.spi.R2dbcNonTransientResourceException;
import io.r2dbc.spi.Row;
import io.r2dbc.spi.RowMetadata;
import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.router.ShardId;
import io.shardflux.sql.merge.Fold;
import io.shardflux.sql.merge.Merge;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BiFunction;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * The rows of several shards as those of one database: merged in their order, folded, and without
 * their hidden columns.
 *
 * @param shards what each shard is asked
 * @param merge how their rows become one answer
 * @param expected what the answer's columns are named, empty where that is not known; null if the
 *     text says it
 * @param tolerance what a failed shard does
 * @param prefetch how many rows of each shard are held at most, besides those that the fold says it
 *     holds
 * @param ofNoRow a shard's answer to the statement as it was written, which is the answer where no
 *     shard has a row to make it of
 */
record ScatterSource(
    List<ShardRows> shards,
    Merge merge,
    @Nullable List<String> expected,
    Tolerance tolerance,
    int prefetch,
    Function<ShardId, ? extends Source> ofNoRow)
    implements Source {

  static final int MAX_PREFETCH = 256;

  /**
   * A shard and the statement for it.
   *
   * @param before gives what is waited for before any shard is asked, or null
   * @param behind gives what is waited for behind all shards' rows, or null
   */
  record ShardRows(
      ShardId shard,
      DirectSource source,
      Supplier<@Nullable Mono<Void>> before,
      Supplier<@Nullable Mono<Void>> behind) {}

  /**
   * What rows became of one row.
   *
   * @param more whether more are wanted
   */
  private record Step(List<@Nullable Object[]> rows, boolean more) {}

  @Override
  public <T> Flux<T> rows(BiFunction<Row, RowMetadata, ? extends T> mapping) {
    return Flux.defer(
        () -> {
          AtomicReference<@Nullable Columns> seen = new AtomicReference<>();
          Answer answer = new Answer(seen);
          Failures failures = new Failures(tolerance, shards.size());
          return looked(ShardRows::before)
              .flatMapMany(
                  late ->
                      folded(
                          merged(seen, failures, late).concatWith(behind(failures)),
                          behind(failures)))
              .<T>handle(
                  (values, sink) -> {
                    Columns columns = answer.columns();
                    if (columns != null) {
                      fit(columns, values);
                      sink.next(mapping.apply(new HeldRow(columns, values), columns));
                    }
                  })
              .concatWith(
                  Flux.defer(
                      () -> answer.blind ? blind(failures).<T>rows(mapping) : Flux.<T>empty()))
              .concatWith(failures.tag());
        });
  }

  /** What was computed of several shards' values becomes what the columns are said to hold. */
  private void fit(Columns columns, @Nullable Object[] values) {
    for (int i = 0; merge.computes() && i < columns.size(); i++) {
      if (values[i] instanceof Number number) {
        values[i] = columns.column(i).fitted(number);
      }
    }
  }

  @Override
  public Flux<Long> updates() {
    return Flux.defer(
        () -> {
          Failures failures = new Failures(tolerance, shards.size());
          return looked(ShardRows::before)
              .flatMapMany(late -> merged(new AtomicReference<>(), failures, late))
              .then(failures.<Long>tag());
        });
  }

  /** The answer of a shard that has answered before. */
  private Source blind(Failures failures) {
    Set<ShardId> failed = failures.errors().keySet();
    return shards.stream()
        .map(ShardRows::shard)
        .filter(shard -> !failed.contains(shard))
        .findFirst()
        .<Source>map(ofNoRow)
        .orElseThrow();
  }

  /** The columns of one run's answer. */
  private final class Answer {

    private final AtomicReference<@Nullable Columns> seen;
    private @Nullable Columns visible;
    private boolean blind;

    Answer(AtomicReference<@Nullable Columns> seen) {
      this.seen = seen;
    }

    /** Null where no shard had a row: a shard tells of its columns with its rows. */
    @Nullable Columns columns() {
      Columns all = seen.get();
      if (visible == null && all != null) {
        visible = all.without(merge.hidden());
      }
      blind |= visible == null;
      return visible;
    }
  }

  /**
   * Looks at the tables on all shards, as an answer that has begun can't begin anew; gives the
   * shards that this failed for, which are not asked.
   */
  private Mono<Map<ShardId, Throwable>> looked(
      Function<ShardRows, Supplier<@Nullable Mono<Void>>> looks) {
    return Flux.fromIterable(shards)
        .flatMap(
            part -> {
              Mono<Void> look = looks.apply(part).get();
              return look == null
                  ? Mono.<Map.Entry<ShardId, Throwable>>empty()
                  : look.then(Mono.<Map.Entry<ShardId, Throwable>>empty())
                      .onErrorResume(error -> Mono.just(Map.entry(part.shard(), error)));
            },
            shards.size())
        .collectMap(Map.Entry::getKey, Map.Entry::getValue)
        .doOnNext(ScatterSource::checkColumns);
  }

  /** Looks again: a shard may have read its rows long after the first look. */
  private <T> Mono<T> behind(Failures failures) {
    return looked(part -> failures.errors().isEmpty() ? part.behind() : () -> null)
        .then(Mono.empty());
  }

  private static void checkColumns(Map<ShardId, Throwable> failed) {
    for (Throwable error : failed.values()) {
      if (error instanceof OutdatedColumnsException outdated) {
        throw outdated;
      }
    }
  }

  private Flux<@Nullable Object[]> merged(
      AtomicReference<@Nullable Columns> seen, Failures failures, Map<ShardId, Throwable> late) {
    Map<ShardId, Flux<@Nullable Object[]>> rows = new LinkedHashMap<>();
    for (ShardRows part : shards) {
      Throwable error = late.get(part.shard());
      rows.put(part.shard(), error == null ? read(part, seen) : Flux.error(error));
    }
    List<Flux<@Nullable Object[]>> inTurn = ShardRouter.inTurn(rows);
    List<Flux<@Nullable Object[]>> sources = new ArrayList<>();
    rows.keySet()
        .forEach(shard -> sources.add(failures.watched(shard, inTurn.get(sources.size()))));
    Comparator<@Nullable Object[]> order = order();
    return order == null
        ? Flux.merge(Flux.fromIterable(sources), sources.size(), prefetch)
        : inOrder(order, sources);
  }

  // The class file does not tell that the arrays hold nulls.
  @SuppressWarnings("NullAway")
  private @Nullable Comparator<@Nullable Object[]> order() {
    return merge.order();
  }

  @SuppressWarnings("unchecked")
  private Flux<@Nullable Object[]> inOrder(
      Comparator<@Nullable Object[]> order, List<Flux<@Nullable Object[]>> sources) {
    return Flux.mergeComparing(
        prefetch,
        order,
        sources.stream().map(rows -> rows.doOnNext(new Sorted(order))).toArray(Flux[]::new));
  }

  /**
   * One shard's rows, which a merge takes to be sorted: it would give wrong groups and a wrong
   * order where a server sorts otherwise.
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
        throw new R2dbcNonTransientResourceException(
            "a shard's rows are not in the order that it was asked for (expected: a server that"
                + " sorts as its collations say; ask without ORDER BY, or one shard)");
      }
      // A fold may write into the row when this has let it pass.
      last = row.clone();
    }
  }

  private Flux<@Nullable Object[]> read(ShardRows part, AtomicReference<@Nullable Columns> seen) {
    return Flux.defer(
        () -> {
          AtomicReference<@Nullable Reading> reading = new AtomicReference<>();
          return part.source()
              .rows(
                  (row, metadata) -> {
                    Reading known = reading.getPlain();
                    if (known == null) {
                      known = agreed(part.shard(), new Columns(metadata), seen);
                      reading.setPlain(known);
                    }
                    return known.values(row);
                  });
        });
  }

  /**
   * How a shard's rows are read: as those of the shard whose row was the first.
   *
   * @param columns that shard's
   * @param own this shard's
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

  /** A table may have been changed meanwhile, on all shards or on some. */
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
   * @param early what is waited for where it needs no more of them
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
