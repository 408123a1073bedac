package io.shardflux.reshard.transfer;

import io.r2dbc.spi.R2dbcException;
import io.shardflux.router.Internal;
import java.time.Duration;
import java.util.Set;
import java.util.function.IntFunction;
import reactor.core.publisher.Mono;
import reactor.util.retry.Retry;

/**
 * Applies changes of the source to a copy that routers write, too. A row that is put there must not
 * be older than what a router wrote. So the rows are locked on the side that routers write first,
 * the rows of the source are read with a lock, and both are held until the copy has them. The mover
 * waits for no lock for long: its own are in the way of routers meanwhile.
 */
@Internal
public final class Joined {

  /** Rows that are locked at once. */
  public static final int ROWS = 100;

  private static final Duration GAP = Duration.ofMillis(50);

  /** A writer may be between two rows that exchange a unique value. */
  private static final int DUPLICATES = 100;

  /** ER_LOCK_WAIT_TIMEOUT, ER_LOCK_DEADLOCK, and MariaDB's ER_CHECKREAD. */
  private static final Set<Integer> LOCKED = Set.of(1205, 1213, 1020);

  private Joined() {}

  /** Bounds the mover's waits for locks on both sides. */
  public static Mono<Void> begun(Session source, Session target) {
    String bound = "SET innodb_lock_wait_timeout = 1";
    return source.update(bound).then(target.update(bound)).then();
  }

  /** Tells whether routers write the source before the target; see the driver's joint writes. */
  public static boolean sourceFirst(Transfer transfer) {
    return transfer.source().shard().compareTo(transfer.target().shard()) < 0;
  }

  /** Does the work in a transaction that locks the places of missing rows, too. */
  public static Mono<Void> isolated(Session session, Mono<Void> work) {
    return session
        .update("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        .then(session.inTransaction(work));
  }

  /**
   * Does a piece of so many rows. Where a row is locked by another it goes on with one row alone,
   * and tries until that is free.
   */
  public static Mono<Long> patiently(IntFunction<Mono<Long>> piece, int rows) {
    return Mono.defer(() -> piece.apply(rows))
        .onErrorResume(
            error -> isLocked(error) || Transfer.isDuplicate(error),
            error ->
                Mono.delay(GAP)
                    .then(Mono.defer(() -> piece.apply(1)))
                    .retryWhen(Retry.fixedDelay(DUPLICATES, GAP).filter(Transfer::isDuplicate))
                    .retryWhen(Retry.fixedDelay(Long.MAX_VALUE, GAP).filter(Joined::isLocked)));
  }

  private static boolean isLocked(Throwable error) {
    return error instanceof R2dbcException said && LOCKED.contains(said.getErrorCode());
  }
}
