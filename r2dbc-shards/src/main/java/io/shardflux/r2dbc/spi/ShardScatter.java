package io.shardflux.r2dbc.spi;

import io.r2dbc.spi.R2dbcException;
import io.shardflux.r2dbc.failure.ShardErrors;
import io.shardflux.r2dbc.scatter.FailurePolicy;
import io.shardflux.r2dbc.scatter.Scatter;
import io.shardflux.r2dbc.scatter.ShardSignal;
import io.shardflux.r2dbc.scatter.StreamTurns;
import io.shardflux.router.Internal;
import io.shardflux.router.ShardId;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiFunction;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Flux;

/**
 * The rows and outcomes of several shards as one stream, merged by the engine of {@code onAll} and
 * {@code onKeys}. Immutable; runs once for each subscription.
 */
@Internal
public final class ShardScatter<T> {

  /** The number of rows of each shard that are held at most, unless fewer are asked for. */
  public static final int MAX_PREFETCH = Scatter.PREFETCH;

  /** The time that a shard's failure waits for those of others, which are then told with it. */
  private static final Duration MOMENT = Duration.ofMillis(100);

  private final Map<ShardId, Flux<T>> rows;
  private final Scatter.Terms<T> terms;

  private ShardScatter(Map<ShardId, Flux<T>> rows, Scatter.Terms<T> terms) {
    this.rows = rows;
    this.terms = terms;
  }

  /** Some shards' rows; the order of the map is kept. A failed shard is tagged. */
  public static <T> ShardScatter<T> of(Map<ShardId, Flux<T>> rows) {
    return new ShardScatter<>(
        new LinkedHashMap<>(rows), Scatter.Terms.of(FailurePolicy.tag(), null));
  }

  /** Sets the effect of a failed shard. */
  public ShardScatter<T> onFailure(FailurePolicy policy) {
    return with(new Scatter.Terms<>(policy, terms.order(), terms.prefetch(), terms.endsAll()));
  }

  /** Merges rows in an order that each shard's rows have already; null for none. */
  public ShardScatter<T> orderedBy(@Nullable Comparator<? super T> order) {
    return with(new Scatter.Terms<>(terms.policy(), order, terms.prefetch(), terms.endsAll()));
  }

  /** Holds at most this many rows of each shard. */
  public ShardScatter<T> prefetch(int most) {
    return with(new Scatter.Terms<>(terms.policy(), terms.order(), most, terms.endsAll()));
  }

  /** Sets the errors that end the whole at once, because they are no shard's failure. */
  public ShardScatter<T> endedBy(Predicate<? super Throwable> errors) {
    return with(new Scatter.Terms<>(terms.policy(), terms.order(), terms.prefetch(), errors));
  }

  private ShardScatter<T> with(Scatter.Terms<T> other) {
    return new ShardScatter<>(rows, other);
  }

  /** All rows, ends and failures, and the coverage as the last signal. */
  public Flux<ShardSignal<T>> signals() {
    return Flux.defer(() -> scatter(List.copyOf(rows.values())).signals());
  }

  /**
   * The same for statements that may be streams. They get their places in the order of the shards'
   * names, so that two merges never each hold a place that the other waits for.
   */
  public Flux<ShardSignal<T>> signalsInTurn() {
    return Flux.defer(() -> scatter(StreamTurns.of(rows)).signals());
  }

  private Scatter<T> scatter(List<Flux<T>> asked) {
    List<Scatter.ShardRows<T>> sources = new ArrayList<>();
    rows.keySet()
        .forEach(shard -> sources.add(new Scatter.ShardRows<>(shard, asked.get(sources.size()))));
    return new Scatter<>(sources, terms);
  }

  /**
   * The policy of an answer that is whole or none: the failures of all shards are one error.
   *
   * @param error makes that error of the failures and the number of shards asked
   */
  public static FailurePolicy together(
      BiFunction<Map<ShardId, Throwable>, Integer, ? extends Throwable> error) {
    return new FailurePolicy.Together(MOMENT, error);
  }

  /** The failures of some shards as one error of their category, with each of them suppressed. */
  public static Throwable together(Map<ShardId, Throwable> failures, int asked) {
    return ShardErrors.together(failures, asked);
  }

  /** An error of the same category, with another message. */
  public static R2dbcException like(R2dbcException error, String message) {
    return ShardErrors.like(error, message);
  }

  /** The same without the error as its cause, for one that tells what must not be told. */
  public static R2dbcException inPlaceOf(R2dbcException error, String message) {
    return ShardErrors.inPlaceOf(error, message);
  }

  /**
   * Tells whether a server refused a write by an answer, so that nothing of the write is stored.
   */
  public static boolean isRefusedWrite(Throwable error) {
    return ShardErrors.refusedWrite(error);
  }
}
