package io.shardflux.r2dbc.ids;

import io.r2dbc.spi.Row;
import io.shardflux.r2dbc.directory.ControlTable;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.r2dbc.statement.BoundStatement;
import io.shardflux.r2dbc.statement.SqlTemplate;
import java.time.Duration;
import java.time.Instant;
import java.util.Objects;
import reactor.core.publisher.Mono;

/**
 * The nodes and their leases in a table of a server.
 *
 * <p>The column {@code used_until_millis} keeps ids apart. A process that takes a node or renews
 * its lease writes there how far its ids may go. No process takes a node unless that time lies
 * behind the process's own clock. The lease only says when a node may be taken again, by the
 * server's clock, which may be wrong or be set: then nodes are free too soon or too late, and no id
 * is given twice.
 */
final class NodeTable implements ShardIds.Nodes {

  private static final String FREE = "lease_until <= UTC_TIMESTAMP(6)";
  private static final String LEASE =
      "lease_until = UTC_TIMESTAMP(6) + INTERVAL ? MICROSECOND, used_until_millis = ";

  private final ControlTable table;
  private final long leaseMicros;
  private final SqlTemplate take;
  private final SqlTemplate taken;
  private final SqlTemplate state;
  private final SqlTemplate renew;
  private final SqlTemplate giveBack;

  NodeTable(Shard server, String table, Duration lease, Timeouts timeouts) {
    this.table = new ControlTable(server, "nodes table", table, timeouts);
    this.leaseMicros = lease.toMillis() * 1_000;
    // By its order and its limit two of these never lock rows crosswise.
    this.take =
        this.table.sql(
            "UPDATE {table} SET holder = ?, "
                + LEASE
                + "? WHERE "
                + FREE
                + " AND used_until_millis < ? ORDER BY node LIMIT 1");
    this.taken = this.table.sql("SELECT node FROM {table} WHERE holder = ?");
    this.state =
        this.table.sql(
            "SELECT COUNT(*), MIN(CASE WHEN " + FREE + " THEN used_until_millis END) FROM {table}");
    this.renew =
        this.table.sql(
            "UPDATE {table} SET "
                + LEASE
                + "GREATEST(used_until_millis, ?) WHERE node = ? AND holder = ?");
    this.giveBack =
        this.table.sql(
            "UPDATE {table} SET holder = NULL, lease_until = UTC_TIMESTAMP(6),"
                + " used_until_millis = ? WHERE node = ? AND holder = ?");
  }

  @Override
  public Mono<Void> create() {
    SqlTemplate create =
        table.sql(
            """
            CREATE TABLE IF NOT EXISTS {table} (
              node SMALLINT NOT NULL PRIMARY KEY,
              holder VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL,
              lease_until DATETIME(6) NOT NULL DEFAULT '2020-01-01 00:00:00',
              used_until_millis BIGINT NOT NULL DEFAULT 0
            ) ENGINE = InnoDB""");
    SqlTemplate fill =
        table.sql(
            """
            INSERT IGNORE INTO {table} (node)
              WITH RECURSIVE n AS (SELECT 0 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 31)
              SELECT high.i * 32 + low.i FROM n AS high CROSS JOIN n AS low""");
    return table.update(create).then(table.update(fill)).then();
  }

  @Override
  public Mono<Integer> take(String holder, long millis, long usedUntil) {
    return table
        .update(take, holder, leaseMicros, usedUntil, millis)
        .flatMap(rows -> rows == 1 ? node(holder) : refusal(millis));
  }

  private Mono<Integer> node(String holder) {
    BoundStatement select = ControlTable.bound(taken, holder);
    return table
        .run(
            taken,
            connection ->
                select.rows(
                    connection,
                    (row, metadata) -> Objects.requireNonNull(row.get(0, Integer.class))))
        .single();
  }

  private Mono<Integer> refusal(long millis) {
    BoundStatement select = ControlTable.bound(state);
    return table
        .run(state, connection -> select.rows(connection, (row, metadata) -> refused(row, millis)))
        .single()
        .flatMap(Mono::error);
  }

  private IdsRefusedException refused(Row row, long millis) {
    long nodes = Objects.requireNonNull(row.get(0, Long.class));
    Long usedUntil = row.get(1, Long.class);
    if (nodes == 0) {
      return new IdsRefusedException(
          "nodes: none in " + table + " (expected: 0 to 1023, as createTable() puts them there)");
    }
    if (usedUntil == null) {
      return new IdsRefusedException(
          "nodes: all "
              + nodes
              + " are taken in "
              + table
              + " (expected: a free one; it is free once its holder is closed or its lease over)");
    }
    return IdsRefusedException.clockBehind(
        "clock: "
            + Instant.ofEpochMilli(millis)
            + " (expected: after "
            + Instant.ofEpochMilli(usedUntil)
            + ", up to which ids of the free nodes in "
            + table
            + " may have been given)",
        Math.max(1, usedUntil + 1 - millis));
  }

  @Override
  public Mono<Boolean> renew(int node, String holder, long usedUntil) {
    return table.update(renew, leaseMicros, usedUntil, node, holder).map(rows -> rows == 1);
  }

  @Override
  public Mono<Void> giveBack(int node, String holder, long lastUsed) {
    return table.update(giveBack, lastUsed, node, holder).then();
  }

  @Override
  public Mono<Void> close() {
    return table.close();
  }

  @Override
  public String toString() {
    return table.toString();
  }
}
