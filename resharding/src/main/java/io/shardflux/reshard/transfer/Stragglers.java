package io.shardflux.reshard.transfer;

import io.r2dbc.spi.R2dbcException;
import io.shardflux.router.Internal;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.stream.Collectors;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * The connections of routers to a shard over which a statement may still come that was sent before
 * keys left: by a process that stopped right then, or through a network that lost it for a while.
 * The server has heard nothing on such a connection since. It is ended, so that the statement is
 * not done when no trigger refuses it any more. A router makes another connection where it misses
 * one, and learns the newest topology by it.
 */
@Internal
public final class Stragglers {

  private static final int NO_SUCH_THREAD = 1094;
  private static final int GONE_CHECKS = 100;
  private static final Duration GAP = Duration.ofMillis(50);

  /** A transaction that has begun is looked at before its end; it is left to that. */
  private static final String SILENT =
      "SELECT p.ID FROM information_schema.PROCESSLIST p WHERE p.DB = DATABASE() AND p.COMMAND ="
          + " 'Sleep' AND p.ID <> CONNECTION_ID() AND p.USER = (SELECT o.USER FROM"
          + " information_schema.PROCESSLIST o WHERE o.ID = CONNECTION_ID()) AND p.ID NOT IN (SELECT"
          + " t.trx_mysql_thread_id FROM information_schema.INNODB_TRX t) AND p.TIME >= ";

  private Stragglers() {}

  /**
   * Ends the connections of the mover's account to the session's database on which the server has
   * heard nothing for that time.
   *
   * @param silent of at least a second, of which whole seconds count
   */
  public static Mono<Void> ended(Session session, Duration silent) {
    return silent(session, silent)
        // Each is looked at once more right before, because a router may use it by now.
        .concatMap(
            id ->
                silent(session, silent)
                    .filter(id::equals)
                    .next()
                    .flatMap(still -> killed(session, still)))
        .collectList()
        .flatMap(ids -> ids.isEmpty() ? Mono.empty() : gone(session, ids));
  }

  private static Flux<Long> silent(Session session, Duration silent) {
    return session
        .rows(SILENT + silent.toSeconds(), row -> Objects.requireNonNull(row.get(0, Long.class)))
        .collectList()
        .flatMapIterable(ids -> ids);
  }

  private static Mono<Long> killed(Session session, long id) {
    return session
        .update("KILL " + id)
        .thenReturn(id)
        .onErrorResume(
            R2dbcException.class,
            error -> error.getErrorCode() == NO_SUCH_THREAD ? Mono.empty() : Mono.error(error));
  }

  /** A server ends them a moment later. */
  private static Mono<Void> gone(Session session, List<Long> ids) {
    String some = ids.stream().map(String::valueOf).collect(Collectors.joining(", "));
    return Mono.defer(
            () ->
                session.number(
                    "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE ID IN ("
                        + some
                        + ")"))
        .filter(left -> left == 0)
        .repeatWhenEmpty(GONE_CHECKS, checks -> checks.delayElements(GAP))
        .then();
  }
}
