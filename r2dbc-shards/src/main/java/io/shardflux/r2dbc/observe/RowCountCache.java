package io.shardflux.r2dbc.observe;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import io.shardflux.router.Internal;
import io.shardflux.router.ShardId;
import java.time.Duration;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.BiFunction;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.publisher.Mono;

/**
 * The last known row counts by shard and table. An old one is given at once and taken again in the
 * background, once at a time, so that asking often costs the servers no more than asking rarely.
 *
 * <p>Thread-safe. Holds the {@link #MAX_COUNTS} counts that are most asked for, about 200 bytes
 * each besides their names.
 */
@Internal
public final class RowCountCache {

  static final int MAX_COUNTS = 10_000;

  private static final Logger log = LoggerFactory.getLogger(RowCountCache.class);

  private final long every;
  private final BiFunction<ShardId, String, Mono<Long>> counting;
  private final LongSupplier clock;
  private final Cache<Place, Count> counts =
      Caffeine.newBuilder().maximumSize(MAX_COUNTS).executor(Runnable::run).build();
  private final ConcurrentHashMap<Place, Mono<Count>> underWay = new ConcurrentHashMap<>();

  /**
   * A cache that has no count yet.
   *
   * @param every how old a count may be before it is taken again
   * @param counting counts the rows of a shard's table; must end in a bounded time
   * @param clock nanoseconds since any moment, as {@link System#nanoTime()}
   */
  public RowCountCache(
      Duration every, BiFunction<ShardId, String, Mono<Long>> counting, LongSupplier clock) {
    this.every = every.toNanos();
    this.counting = counting;
    this.clock = clock;
  }

  /**
   * The last count, at once; if there is none yet, the first one when it is there. Empty if every
   * attempt so far failed: the next attempt is made when the last is as old as a count may be.
   * Never errors. A cancel stops no counting.
   */
  public Mono<Long> rows(ShardId shard, String table) {
    return Mono.defer(
        () -> {
          Place place = new Place(shard, table);
          Count last = counts.getIfPresent(place);
          if (last != null && fresh(last)) {
            return Mono.justOrEmpty(last.rows);
          }
          Mono<Count> next = underWay.computeIfAbsent(place, this::counted);
          next.subscribe();
          return last == null || last.rows == null
              ? next.flatMap(count -> Mono.justOrEmpty(count.rows))
              : Mono.just(last.rows);
        });
  }

  /** Counts once, however many subscribe; a failed attempt keeps what was known. */
  private Mono<Count> counted(Place place) {
    return Mono.defer(() -> attempt(place))
        .doOnNext(count -> counts.put(place, count))
        .doOnTerminate(() -> underWay.remove(place))
        .cache();
  }

  private Mono<Count> attempt(Place place) {
    Count last = counts.getIfPresent(place);
    if (last != null && fresh(last)) {
      // Another attempt ended between the look at its count and this one.
      return Mono.just(last);
    }
    Long known = last == null ? null : last.rows;
    return Mono.defer(() -> counting.apply(place.shard, place.table))
        .map(rows -> new Count(rows, clock.getAsLong()))
        .onErrorResume(
            error -> {
              log.debug(
                  "{}: rows of {} not counted: {}", place.shard, place.table, error.toString());
              return Mono.empty();
            })
        .switchIfEmpty(Mono.fromSupplier(() -> new Count(known, clock.getAsLong())));
  }

  private boolean fresh(Count count) {
    return clock.getAsLong() - count.at < every;
  }

  private record Place(ShardId shard, String table) {}

  private record Count(@Nullable Long rows, long at) {}
}
