package io.shardflux.r2dbc.spi;

import io.shardflux.r2dbc.failure.TopologyChangedException;
import io.shardflux.r2dbc.live.LiveShards;
import io.shardflux.r2dbc.live.Patience;
import io.shardflux.router.Internal;
import io.shardflux.router.TransitionStrategy.KeyPlace;
import java.time.Duration;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;

/**
 * The waiting of one statement whose keys are on their way to another shard, over all the times
 * that it is planned. Used by one statement at a time.
 */
@Internal
public final class Crossing {

  private static final int REFUSALS = 5;

  private final LiveShards shards;
  private @Nullable Patience patience;
  private int refusals;

  Crossing(LiveShards shards) {
    this.shards = shards;
  }

  /** Tells whether nothing of a statement was done, because its keys move. */
  public static boolean isFor(Throwable error) {
    return error instanceof PlanAnew || TopologyChangedException.isRefusal(error);
  }

  /** Tells whether the shard's fence refused it, which in a transaction is its end. */
  public static boolean isRefusal(Throwable error) {
    return TopologyChangedException.isRefusal(error);
  }

  /**
   * Completes when the statement may be planned anew after that error, or errors. It is planned on
   * another thread, because each time would lie on the stack of the one before.
   */
  public Mono<Void> past(Throwable error) {
    return waited(error).publishOn(Schedulers.parallel());
  }

  private Mono<Void> waited(Throwable error) {
    if (error instanceof PlanAnew anew) {
      Patience waiting = patience(anew.table());
      return switch (anew.after()) {
        case NOTHING -> waiting.next(anew.place());
        case FOLLOWING -> waiting.followed(anew.place());
        case CONFIRMATION -> waiting.confirmed(anew.place());
        case SWITCH ->
            waiting
                .<Void>parked(
                    anew.epoch(),
                    anew.place(),
                    ticket -> {
                      ticket.leave();
                      return Flux.empty();
                    })
                .then();
      };
    }
    return refusals++ == REFUSALS ? Mono.error(error) : refused(error);
  }

  private Mono<Void> refused(Throwable error) {
    // The first time the next topology is there already; later it may be a moment late.
    Duration pause = Duration.ofMillis(refusals == 1 ? 0 : 5L << refusals);
    Mono<Void> confirmed =
        error instanceof TopologyChangedException moved
            ? patience("rows").confirmed(new KeyPlace(moved.shard(), null))
            : shards.confirm(shards.timeouts().acquire()).onErrorMap(unanswered -> error);
    return confirmed.then(Mono.delay(pause)).then();
  }

  private Patience patience(String table) {
    Patience known = patience;
    if (known == null) {
      known = new Patience(shards, table, shards.timeouts().acquire());
      patience = known;
    }
    return known;
  }
}
