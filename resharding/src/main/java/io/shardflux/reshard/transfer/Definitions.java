package io.shardflux.reshard.transfer;

import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;
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
   * @param check done right before each try
   */
  static Mono<Long> changed(Session session, Mono<Void> check, String table, String change) {
    AtomicInteger tries = new AtomicInteger();
    return Mono.defer(() -> check.then(session.bounded(change, bound(tries.getAndIncrement()))))
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
