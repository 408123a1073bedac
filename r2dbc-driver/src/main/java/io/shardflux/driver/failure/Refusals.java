package io.shardflux.driver.failure;

import io.r2dbc.spi.R2dbcBadGrammarException;
import io.r2dbc.spi.R2dbcException;
import io.shardflux.router.Internal;
import io.shardflux.router.ShardId;
import io.shardflux.sql.statement.RefusalCode;
import io.shardflux.sql.statement.RefusedSqlException;
import java.util.List;

/** Turns refusals into R2DBC's errors. A retry gives the same error. */
@Internal
public final class Refusals {

  /** SQL's {@code feature not supported}. */
  private static final String NOT_SUPPORTED = "0A000";

  /** MySQL's state and code of a write in a transaction that only reads. */
  private static final String READ_ONLY_STATE = "25006";

  private static final int READ_ONLY_CODE = 1792;

  private Refusals() {}

  public static Throwable named(Throwable error, String sql) {
    return error instanceof RefusedSqlException refused
        ? new R2dbcBadGrammarException(
            String.valueOf(refused.getMessage()), NOT_SUPPORTED, 0, sql, refused)
        : error;
  }

  public static R2dbcException refused(RefusalCode code, String reason, String sql) {
    RefusedSqlException refused = new RefusedSqlException(code, reason);
    return new R2dbcBadGrammarException(
        String.valueOf(refused.getMessage()), NOT_SUPPORTED, 0, sql, refused);
  }

  public static R2dbcException elsewhere(List<ShardId> wanted, ShardId pinned, String sql) {
    return ofTransaction(
        wanted, "not in this transaction of mode single, which is on " + pinned, sql);
  }

  public static R2dbcException severalInTransaction(List<ShardId> shards, String sql) {
    return ofTransaction(shards, "several shards in a transaction of mode single", sql);
  }

  public static R2dbcException secondWriter(List<ShardId> wanted, ShardId writer, String sql) {
    return ofTransaction(wanted, "a write in a transaction that has written " + writer, sql);
  }

  public static R2dbcException severalWritten(List<ShardId> shards, String sql) {
    return ofTransaction(shards, "a write on several shards in a transaction", sql);
  }

  private static R2dbcException ofTransaction(List<ShardId> shards, String reason, String sql) {
    Object named = shards.size() == 1 ? shards.get(0) : shards;
    return refused(RefusalCode.TRANSACTION_SHARD, named + ": " + reason, sql);
  }

  public static R2dbcException readOnly(String sql) {
    RefusedSqlException refused =
        new RefusedSqlException(
            RefusalCode.READ_ONLY_TRANSACTION,
            "what changes or locks, in a transaction: read only");
    return new R2dbcBadGrammarException(
        String.valueOf(refused.getMessage()), READ_ONLY_STATE, READ_ONLY_CODE, sql, refused);
  }

  public static R2dbcException tooManyHeld(int most, String sql) {
    return refused(
        RefusalCode.TOO_MANY_MERGED_ROWS,
        "more than "
            + most
            + " rows to hold of a statement that is no plain read, or is one of a batch",
        sql);
  }
}
