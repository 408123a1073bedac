package io.shardflux.driver.plan;

import io.r2dbc.spi.Readable;
import io.shardflux.router.Internal;
import java.util.Objects;

/**
 * How a server takes temporary tables.
 *
 * @param mariaDb whether it is a MariaDB
 * @param logs whether its session writes temporary tables to the binary log, by which replicas
 *     would get all that is gathered
 */
@Internal
public record ServerKind(boolean mariaDb, boolean logs) {

  public static final String SQL =
      "SELECT VERSION() AS v, IF(@@log_bin, 'yes', 'no') AS l, @@binlog_format AS f";

  /** Makes a session write no temporary tables to the binary log. */
  public static final String QUIET = "SET SESSION binlog_format = ROW";

  /** Undoes that. */
  public static final String LOUD = "SET SESSION binlog_format = DEFAULT";

  public static ServerKind of(Readable row) {
    boolean mariaDb = Objects.toString(row.get("v", String.class), "").contains("MariaDB");
    boolean logs = Objects.toString(row.get("l", String.class), "").equals("yes");
    String format = Objects.toString(row.get("f", String.class), "");
    boolean quiet = format.equals("ROW") || (!mariaDb && format.equals("MIXED"));
    return new ServerKind(mariaDb, logs && !quiet);
  }
}
