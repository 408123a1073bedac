package io.shardflux.r2dbc.statement;

import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.router.Internal;
import java.time.Duration;

/** The two kinds of server, as far as their SQL differs here. */
@Internal
public enum Dialect {
  MYSQL {
    @Override
    public String bounded(SqlTemplate sql, String driverSql, Duration bound) {
      int at = sql.afterSelect();
      return at < 0
          ? driverSql
          : driverSql.substring(0, at)
              + " /*+ MAX_EXECUTION_TIME("
              + bound.toMillis()
              + ") */"
              + driverSql.substring(at);
    }
  },
  MARIADB {
    @Override
    public String bounded(SqlTemplate sql, String driverSql, Duration bound) {
      return sql.changesOrReadsRows()
          ? "SET STATEMENT max_statement_time=" + bound.toMillis() / 1e3 + " FOR " + driverSql
          : driverSql;
    }
  };

  /** The router's own bound comes first, also over a slow network. */
  private static final Duration MARGIN = Duration.ofSeconds(5);

  public static Dialect of(String version) {
    return version.contains("MariaDB") ? MARIADB : MYSQL;
  }

  /**
   * The statement, which the server itself ends a moment behind the router's own bound: a router
   * that died or was cut off leaves no statement behind. It is only for answers that are taken
   * whole, because a server's clock goes on while a consumer is slow.
   */
  public String bounded(SqlTemplate sql, String driverSql, Timeouts timeouts) {
    return bounded(sql, driverSql, timeouts.total().plus(MARGIN));
  }

  /** The statement, which the server itself ends once that time has passed. */
  public abstract String bounded(SqlTemplate sql, String driverSql, Duration bound);
}
