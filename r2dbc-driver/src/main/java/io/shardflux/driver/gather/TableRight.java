package io.shardflux.driver.gather;

import io.r2dbc.spi.R2dbcException;
import io.shardflux.driver.plan.ServerKind;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.r2dbc.spi.HeldSession;
import io.shardflux.router.Internal;
import io.shardflux.sql.gather.Gather;
import io.shardflux.sql.statement.RefusedSqlException;
import reactor.core.publisher.Mono;

/** Tries whether a server's user may make temporary tables that stay out of a binary log. */
@Internal
public final class TableRight {

  private static final String TRIED = Gather.PREFIX + "p";

  private TableRight() {}

  /** The refusal that a gathered read would get on the session's server; empty if it gets none. */
  public static Mono<RefusedSqlException> missing(Mono<HeldSession> held, Timeouts times) {
    return Mono.usingWhen(
            held.map(TableSession::of),
            session -> tried(session, times),
            TableSession::close,
            (session, error) -> session.close(),
            TableSession::close)
        .then(Mono.<RefusedSqlException>empty())
        .onErrorResume(RefusedSqlException.class, Mono::just);
  }

  private static Mono<Void> tried(TableSession session, Timeouts times) {
    return session
        .rows(ServerKind.SQL, ServerKind.SQL, times, result -> result.map(ServerKind::of))
        .single()
        .flatMap(kind -> kind.logs() ? session.run(ServerKind.QUIET, times) : Mono.empty())
        .onErrorMap(R2dbcException.class, GatherSource::unquiet)
        .then(
            Mono.defer(() -> session.run("CREATE TEMPORARY TABLE " + TRIED + " (a INT)", times))
                .onErrorMap(R2dbcException.class, GatherSource::denied));
  }
}
