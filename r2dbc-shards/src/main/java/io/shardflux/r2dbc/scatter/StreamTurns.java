package io.shardflux.r2dbc.scatter;

import io.shardflux.router.Internal;
import io.shardflux.router.ShardId;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Sinks;
import reactor.core.scheduler.Schedulers;

/**
 * The order in which the shards' streams of one merge get their places: each stream asks for its
 * own when the stream before has one, or can't have one. All merges have the same order, that of
 * the shards' names. Otherwise two merges could each hold a place that the other waits for, until
 * both are late.
 */
@Internal
public final class StreamTurns {

  public static final Object KEY = Turn.class;

  private StreamTurns() {}

  /**
   * The same streams, in the same order. The caller must subscribe to all of them, once to each.
   * Where places are free none waits for another.
   */
  public static <T> List<Flux<T>> of(Map<ShardId, Flux<T>> streams) {
    Map<ShardId, Flux<T>> turns = new HashMap<>();
    Turn last = null;
    for (ShardId shard :
        streams.keySet().stream().sorted(Comparator.comparing(ShardId::value)).toList()) {
      last = new Turn(last);
      turns.put(shard, last.first(streams.getOrDefault(shard, Flux.empty())));
    }
    List<Flux<T>> inTurn = new ArrayList<>();
    streams.keySet().forEach(shard -> inTurn.add(turns.getOrDefault(shard, Flux.empty())));
    return inTurn;
  }

  /** One stream's turn. */
  public static final class Turn {

    private final @Nullable Turn before;
    private final Sinks.Empty<Void> passed = Sinks.empty();
    private final long start = System.nanoTime();
    private volatile boolean over;
    private volatile long waited;

    Turn(@Nullable Turn before) {
      this.before = before;
    }

    /** Tells that the stream asks for no place any more. */
    public void pass() {
      if (!over) {
        over = true;
        var unused = passed.tryEmitEmpty();
      }
    }

    /** The nanoseconds until the turn came. */
    public long waited() {
      return waited;
    }

    <T> Flux<T> first(Flux<T> rows) {
      Flux<T> mine = rows.contextWrite(context -> context.put(KEY, this));
      return Flux.defer(() -> before == null || before.over ? mine : behind(before, mine))
          .doFinally(end -> pass());
    }

    // On another thread: the turns of many shards, one inside the other, would be a deep stack.
    private <T> Flux<T> behind(Turn other, Flux<T> mine) {
      return other
          .passed
          .asMono()
          .publishOn(Schedulers.parallel())
          .thenMany(
              Flux.defer(
                  () -> {
                    waited = System.nanoTime() - start;
                    return mine;
                  }));
    }
  }
}
