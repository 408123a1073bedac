package io.shardflux.reshard.transfer;

import io.r2dbc.spi.R2dbcException;
import io.r2dbc.spi.R2dbcTransientResourceException;
import io.shardflux.cluster.Jobs.Owned;
import io.shardflux.router.Internal;
import java.util.Objects;
import reactor.core.publisher.Mono;

/**
 * Keeps changes of definitions apart from a job's next owner. Such a change ends the transaction
 * that it comes in, so that no lock on a row holds a next owner off between the look at the token
 * and the change. A named lock of the session does: the next owner raises the token, and then has
 * this lock once, before it does anything else. It ends the session that does not give it back, as
 * that of a process which stands still; what this one sends later is lost.
 */
@Internal
public final class OwnersTurn {

  private static final int NO_SUCH_THREAD = 1094;
  private static final int OF_ANOTHER_ACCOUNT = 1095;

  /** The seconds for which a turn is waited for: longer than a try of a change may take. */
  private static final int PATIENCE = 3;

  private OwnersTurn() {}

  /** Does work that ends transactions, unless the job has another owner by now. */
  public static <T> Mono<T> of(Session session, Owned owned, Mono<T> work) {
    String name = name(owned.job());
    return Mono.usingWhen(
        taken(session, name)
            .filter(Boolean::booleanValue)
            .switchIfEmpty(Mono.error(() -> held(session))),
        turn -> Capture.check(session, owned).then(work),
        turn -> givenBack(session, name),
        // A session that is lost has given it back.
        (turn, error) -> givenBack(session, name).onErrorComplete(),
        turn -> Mono.empty());
  }

  /** Waits for the turn of former owners, none of which comes again as the token was raised. */
  static Mono<Void> awaited(Session session, long job) {
    String name = name(job);
    return taken(session, name)
        .flatMap(had -> had ? Mono.just(true) : ended(session, name).then(taken(session, name)))
        .filter(Boolean::booleanValue)
        .switchIfEmpty(Mono.error(() -> held(session)))
        .then(givenBack(session, name));
  }

  /** By the database, as several shards may be on one server. */
  private static String name(long job) {
    return "CONCAT('shardflux " + job + " ', CRC32(DATABASE()))";
  }

  private static Mono<Boolean> taken(Session session, String name) {
    return session
        .number("SELECT COALESCE(GET_LOCK(" + name + ", " + PATIENCE + "), 0)")
        .map(had -> had == 1);
  }

  private static Mono<Void> givenBack(Session session, String name) {
    return session.number("SELECT COALESCE(RELEASE_LOCK(" + name + "), 0)").then();
  }

  private static Mono<Void> ended(Session session, String name) {
    return session
        .rows(
            "SELECT COALESCE(IS_USED_LOCK(" + name + "), 0)",
            row -> Objects.requireNonNull(row.get(0, Long.class)))
        .single()
        .filter(holder -> holder != 0)
        .flatMap(holder -> ended(session, holder))
        .then();
  }

  private static Mono<Long> ended(Session session, long holder) {
    return session
        .update("KILL " + holder)
        .onErrorResume(
            R2dbcException.class,
            error ->
                switch (error.getErrorCode()) {
                  case NO_SUCH_THREAD -> Mono.empty();
                  case OF_ANOTHER_ACCOUNT -> Mono.error(ofAnother(session, holder));
                  default -> Mono.error(error);
                });
  }

  private static R2dbcTransientResourceException ofAnother(Session session, long holder) {
    return new R2dbcTransientResourceException(
        session.shard()
            + ": connection "
            + holder
            + ", of another account, is that of a former owner which changes a definition"
            + " (expected: its end; KILL it there; it is tried again)");
  }

  private static R2dbcTransientResourceException held(Session session) {
    return new R2dbcTransientResourceException(
        session.shard()
            + ": another connection of a mover changes a definition for "
            + PATIENCE
            + " s (expected: its end, or the end of that connection; it is tried again)");
  }
}
