package io.shardflux.r2dbc.scatter;

import io.shardflux.router.Internal;
import io.shardflux.router.ShardId;
import java.time.Duration;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.publisher.SynchronousSink;

/** Merges the rows of several shards into one stream, which also tells each shard's outcome. */
@Internal
public final class Scatter<T> {

  /**
   * The number of rows requested of a shard ahead of the consumer; an ordered merge holds no more
   * of a shard.
   */
  public static final int PREFETCH = 256;

  /** A shard and its rows. */
  public record ShardRows<T>(ShardId shard, Flux<T> rows) {}

  /**
   * The way to merge rows.
   *
   * @param order the order that each shard's rows are in, or null for rows as they come
   * @param prefetch the number of rows of each shard that are held at most
   * @param endsAll the errors that end the whole at once and are no shard's failure
   */
  public record Terms<T>(
      FailurePolicy policy,
      @Nullable Comparator<? super T> order,
      int prefetch,
      Predicate<? super Throwable> endsAll) {

    public static <T> Terms<T> of(FailurePolicy policy, @Nullable Comparator<? super T> order) {
      return new Terms<>(policy, order, PREFETCH, error -> false);
    }
  }

  private final List<ShardRows<T>> sources;
  private final Terms<T> terms;

  public Scatter(List<ShardRows<T>> sources, Terms<T> terms) {
    this.sources = List.copyOf(sources);
    this.terms = terms;
  }

  public Flux<ShardSignal<T>> signals() {
    return Flux.defer(
        () -> {
          Tally tally = new Tally();
          return merged()
              .<ShardSignal<T>>handle(tally::take)
              .startWith(tally.refusal())
              .concatWith(Mono.fromSupplier(tally::coverage));
        });
  }

  private Flux<ShardSignal<T>> merged() {
    Ending ending = new Ending(terms.policy(), sources.size(), terms.endsAll());
    List<Flux<ShardSignal<T>>> streams =
        sources.stream().map(source -> stream(source, ending)).toList();
    Comparator<? super T> order = terms.order();
    if (order == null || streams.size() < 2) {
      return Flux.fromIterable(streams)
          .flatMap(stream -> stream, Math.max(1, streams.size()), terms.prefetch());
    }
    return mergedInOrder(streams, order);
  }

  /**
   * A k-way merge. A signal that is not a row goes first, so that an end or a failure is told as
   * soon as it is met.
   */
  @SuppressWarnings("unchecked")
  private Flux<ShardSignal<T>> mergedInOrder(
      List<Flux<ShardSignal<T>>> streams, Comparator<? super T> rows) {
    Comparator<ShardSignal<T>> comparator =
        (left, right) -> {
          if (left instanceof ShardSignal.Row<T> a && right instanceof ShardSignal.Row<T> b) {
            return rows.compare(a.value(), b.value());
          }
          return Boolean.compare(left instanceof ShardSignal.Row, right instanceof ShardSignal.Row);
        };
    return Flux.mergeComparing(terms.prefetch(), comparator, streams.toArray(Flux[]::new));
  }

  private Flux<ShardSignal<T>> stream(ShardRows<T> source, Ending ending) {
    return Flux.defer(
        () -> {
          ShardId shard = source.shard();
          long start = System.nanoTime();
          AtomicLong rows = new AtomicLong();
          return source
              .rows()
              .<ShardSignal<T>>map(
                  row -> {
                    rows.setPlain(rows.getPlain() + 1);
                    return new ShardSignal.Row<>(shard, row);
                  })
              .concatWith(
                  Mono.fromSupplier(
                      () ->
                          new ShardSignal.Done<>(
                              shard, rows.getPlain(), Duration.ofNanos(System.nanoTime() - start))))
              .onErrorResume(
                  error ->
                      ending.of(
                          shard, error, new ShardSignal.Failed<>(shard, error, rows.getPlain())));
        });
  }

  /** The outcome of each shard so far; used by one subscription, serially. */
  private final class Tally {

    private final Set<ShardId> answered = new LinkedHashSet<>();
    private final Map<ShardId, Throwable> failures = new LinkedHashMap<>();
    private long rows;

    void take(ShardSignal<T> signal, SynchronousSink<ShardSignal<T>> sink) {
      if (signal instanceof ShardSignal.Row) {
        rows++;
      } else if (signal instanceof ShardSignal.Done<T> done) {
        answered.add(done.shard());
      } else if (signal instanceof ShardSignal.Failed<T> failed) {
        failures.put(failed.shard(), failed.error());
      }
      if (tooFew()) {
        sink.error(new PartialResultException(required(), sources.size(), failures));
      } else {
        sink.next(signal);
      }
    }

    /** An error where so few shards are asked that the policy can't be met, otherwise nothing. */
    Mono<ShardSignal<T>> refusal() {
      return tooFew()
          ? Mono.error(new PartialResultException(required(), sources.size(), failures))
          : Mono.empty();
    }

    ShardSignal<T> coverage() {
      Set<ShardId> asked = new LinkedHashSet<>();
      sources.forEach(source -> asked.add(source.shard()));
      return new ShardSignal.Coverage<>(asked, answered, failures.keySet(), rows);
    }

    private boolean tooFew() {
      return sources.size() - failures.size() < required();
    }

    private int required() {
      return terms.policy() instanceof FailurePolicy.AtLeast atLeast ? atLeast.shards() : 0;
    }
  }
}
