package io.shardflux.r2dbc.statement;

import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.router.Internal;
import java.time.Duration;

/**
 * The time after which the server itself ends a statement if nobody else does: a router that died
 * or was cut off leaves no statement behind. It is only for answers that are taken whole, because a
 * server's clock goes on while a consumer is slow.
 *
 * @param dialect the server's
 * @param time from the statement's start
 */
@Internal
public record ServerBound(Dialect dialect, Duration time) {

  /** The router's own bound comes first, also over a slow network. */
  private static final Duration MARGIN = Duration.ofSeconds(5);

  public static ServerBound behind(Timeouts timeouts, Dialect dialect) {
    return new ServerBound(dialect, timeouts.total().plus(MARGIN));
  }

  public String in(SqlTemplate sql, String driverSql) {
    return dialect.bounded(sql, driverSql, time);
  }
}
