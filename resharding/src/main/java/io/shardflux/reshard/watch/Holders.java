package io.shardflux.reshard.watch;

import io.r2dbc.spi.R2dbcException;
import io.r2dbc.spi.Readable;
import io.shardflux.reshard.progress.MoveProgress.Holder;
import io.shardflux.reshard.transfer.MovedTable;
import io.shardflux.reshard.transfer.Session;
import io.shardflux.router.Internal;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import reactor.core.publisher.Mono;

/**
 * The holders of a fence: transactions that have changed a moving row and have not ended. MySQL
 * says which ones they are, to an account that may read {@code performance_schema}; otherwise all
 * transactions of the database that hold locks come into question.
 */
@Internal
public final class Holders {

  private static final int MOST = 5;

  /** InnoDB tells times of the server's own zone. */
  private static final String AGE =
      "GREATEST(0, TIMESTAMPDIFF(MICROSECOND, x.trx_started, CONVERT_TZ(UTC_TIMESTAMP(6),"
          + " '+00:00', 'SYSTEM')))";

  private static final String COLUMNS =
      "SELECT x.trx_mysql_thread_id, COALESCE(p.USER, ''), COALESCE(p.HOST, ''), "
          + AGE
          + " FROM information_schema.INNODB_TRX x LEFT JOIN information_schema.PROCESSLIST p ON"
          + " p.ID = x.trx_mysql_thread_id WHERE x.trx_mysql_thread_id NOT IN (0, CONNECTION_ID())";

  private static final String ORDER = " ORDER BY x.trx_started LIMIT " + MOST;

  private static final String BY_LOCKS =
      COLUMNS
          + " AND x.trx_id IN (SELECT l.ENGINE_TRANSACTION_ID FROM performance_schema.data_locks l"
          + " WHERE l.OBJECT_SCHEMA = DATABASE() AND l.OBJECT_NAME = 'shardflux_fence'"
          + " AND l.LOCK_STATUS = 'GRANTED')"
          + ORDER;

  private static final String ALL =
      COLUMNS + " AND x.trx_rows_locked > 0 AND (p.DB IS NULL OR p.DB = DATABASE())" + ORDER;

  private static final String ANY = COLUMNS + " AND (p.DB IS NULL OR p.DB = DATABASE())" + ORDER;

  /** A transaction may have used a table without a lock on any of its rows. */
  private static final String BY_TABLE =
      "SELECT t.PROCESSLIST_ID, COALESCE(p.USER, ''), COALESCE(p.HOST, ''), COALESCE("
          + AGE
          + ", p.TIME * 1000000, 0) FROM performance_schema.metadata_locks m JOIN"
          + " performance_schema.threads t ON t.THREAD_ID = m.OWNER_THREAD_ID LEFT JOIN"
          + " information_schema.INNODB_TRX x ON x.trx_mysql_thread_id = t.PROCESSLIST_ID LEFT JOIN"
          + " information_schema.PROCESSLIST p ON p.ID = t.PROCESSLIST_ID WHERE m.OBJECT_TYPE ="
          + " 'TABLE' AND m.LOCK_STATUS = 'GRANTED' AND m.OBJECT_SCHEMA = DATABASE() AND"
          + " t.PROCESSLIST_ID <> CONNECTION_ID() AND m.OBJECT_NAME = ";

  private Holders() {}

  /**
   * The oldest transactions that have used a table, be it to read it. Where the server or the
   * account does not say which ones, all of the database.
   */
  public static Mono<List<Holder>> of(Session side, String table) {
    Mono<List<Holder>> all = holders(side, ANY);
    return (side.place().mariaDb()
            ? all
            : holders(side, BY_TABLE + MovedTable.text(table) + ORDER)
                .onErrorResume(R2dbcException.class, error -> all))
        .onErrorReturn(R2dbcException.class, List.of());
  }

  /** The oldest of them; none where the account may not see them. */
  public static Mono<List<Holder>> of(Session source) {
    Mono<List<Holder>> all = holders(source, ALL);
    return (source.place().mariaDb()
            ? all
            : holders(source, BY_LOCKS).onErrorResume(R2dbcException.class, error -> all))
        .onErrorReturn(R2dbcException.class, List.of());
  }

  private static Mono<List<Holder>> holders(Session source, String sql) {
    return source.rows(sql, Holders::holder).collectList();
  }

  private static Holder holder(Readable row) {
    return new Holder(
        Objects.requireNonNull(row.get(0, Long.class)),
        Objects.requireNonNull(row.get(1, String.class)),
        Objects.requireNonNull(row.get(2, String.class)),
        Duration.ofMillis(Objects.requireNonNull(row.get(3, Long.class)) / 1_000));
  }
}
