package io.shardflux.reshard.transfer;

import io.shardflux.cluster.Jobs.Owned;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Mono;

/**
 * Changes of tables' definitions beside the transactions of others. Such a change waits for the
 * transactions that have used the table, be it to read it, and all later statements on the table
 * wait behind the change. So each try is short, and the pauses between the tries grow.
 */
final class Definitions {

  private static final Duration BOUND = Duration.ofMillis(100);

  /** The bound of a try doubles so often, where transactions are always longer. */
  private static final int DOUBLINGS = 3;

  private Definitions() {}

  /**
   * Runs a change as soon as no open transaction is in its way.
   *
   * @param owned the job for which it is done, of which a former owner changes nothing; null if
   *     there is none
   */
  static Mono<Long> changed(Session session, @Nullable Owned owned, String table, String change) {
    AtomicInteger tries = new AtomicInteger();
    return Mono.defer(
            () -> {
              Mono<Long> once = session.bounded(change, bound(tries.getAndIncrement()));
              return owned == null ? once : OwnersTurn.of(session, owned, once);
            })
        .repeatWhenEmpty(
            again ->
                Backoff.between(
                    again.concatMap(
                        failed -> session.delays().heldUp(session, table).thenReturn(failed))))
        .doOnSuccess(
            done -> {
              if (tries.get() > 1) {
                session.delays().passed();
              }
            });
  }

  private static Duration bound(int tries) {
    return BOUND.multipliedBy(1L << Math.min(tries, DOUBLINGS));
  }
}
