package io.shardflux.driver;

import io.r2dbc.spi.R2dbcBadGrammarException;
import io.r2dbc.spi.R2dbcException;
import io.shardflux.router.ShardId;
import io.shardflux.sql.RefusedSqlException;

/** Statements that are not run, as R2DBC's errors: asking again changes nothing. */
final class Refusals {

  /** SQL's {@code feature not supported}. */
  private static final String NOT_SUPPORTED = "0A000";

  /** MySQL's state and code of a write in a transaction that only reads. */
  private static final String READ_ONLY_STATE = "25006";

  private static final int READ_ONLY_CODE = 1792;

  private Refusals() {}

  static Throwable named(Throwable error, String sql) {
    return error instanceof RefusedSqlException refused
        ? new R2dbcBadGrammarException(
            String.valueOf(refused.getMessage()), NOT_SUPPORTED, 0, sql, refused)
        : error;
  }

  static R2dbcException refused(String reason, String sql) {
    return new R2dbcBadGrammarException(reason, NOT_SUPPORTED, 0, sql);
  }

  static R2dbcException elsewhere(Object wanted, ShardId pinned, String sql) {
    return refused(
        wanted
            + ": not in this transaction, which is on "
            + pinned
            + " (expected: statements for that shard alone; a transaction is on one shard)",
        sql);
  }

  static R2dbcException severalInTransaction(Object shards, String sql) {
    return refused(
        shards
            + ": several shards in a transaction (expected: one shard, or the statement outside,"
            + " or a transaction that is read only)",
        sql);
  }

  static R2dbcException readOnly(String sql) {
    return new R2dbcBadGrammarException(
        "transaction: read only (expected: statements that change and lock nothing)",
        READ_ONLY_STATE,
        READ_ONLY_CODE,
        sql);
  }
}
