package io.shardflux.r2dbc.statement;

import io.shardflux.router.Internal;
import java.time.Duration;

/** The two kinds of server, as far as their SQL differs here. */
@Internal
public enum Dialect {
  MYSQL {
    @Override
    String bounded(SqlTemplate sql, String driverSql, Duration bound) {
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
    String bounded(SqlTemplate sql, String driverSql, Duration bound) {
      return sql.changesOrReadsRows()
          ? "SET STATEMENT max_statement_time=" + bound.toMillis() / 1e3 + " FOR " + driverSql
          : driverSql;
    }
  };

  public static Dialect of(String version) {
    return version.contains("MariaDB") ? MARIADB : MYSQL;
  }

  /** The statement, to be ended by the server itself once that time has passed. */
  abstract String bounded(SqlTemplate sql, String driverSql, Duration bound);
}
