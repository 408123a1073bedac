package io.shardflux.r2dbc.atomic;

import io.shardflux.router.ShardId;
import java.time.Duration;
import java.util.Collection;
import java.util.stream.Collectors;

/**
 * The statements about the outcomes of transactions, which stand in their leads' databases. Every
 * name in them is one of ours, without a character that needs an escape.
 */
final class Decisions {

  /** How long a commit is kept, at least. */
  static final Duration COMMITS_KEPT = Duration.ofHours(1);

  /**
   * How long a rollback is kept that a router decided for another one. That one may stand still,
   * and go on as long as the server keeps its idle connection.
   */
  static final Duration ROLLBACKS_KEPT = Duration.ofDays(7);

  /** The rows that are deleted at once. */
  static final int BATCH = 1_000;

  private Decisions() {}

  /**
   * Decides that a transaction is committed, and commits the lead's own part of it, as one text: a
   * statement that fails leaves the others undone. It shares the barrier, and fails if the tables
   * are not those that the transaction began with.
   */
  static String commit(String transaction, String placeId, Collection<ShardId> branches) {
    return "INSERT INTO shardflux_decision VALUES ('"
        + transaction
        + "', 1, (SELECT id FROM shardflux_barrier WHERE id = 1 AND place = '"
        + placeId
        + "' LOCK IN SHARE MODE), '"
        + branches.stream().map(ShardId::value).collect(Collectors.joining(","))
        + "', UTC_TIMESTAMP(6));COMMIT";
  }

  static String rollback(String transaction) {
    return "INSERT INTO shardflux_decision VALUES ('"
        + transaction
        + "', 0, 1, '', UTC_TIMESTAMP(6))";
  }

  static String outcome(String transaction) {
    return "SELECT outcome FROM shardflux_decision WHERE gtrid = '" + transaction + "'";
  }

  /** The oldest decisions that are kept no longer, with their branches' shards. */
  static String old() {
    return "SELECT gtrid, shards FROM shardflux_decision WHERE decided_at < UTC_TIMESTAMP(6)"
        + " - INTERVAL IF(outcome = 1, "
        + COMMITS_KEPT.toSeconds()
        + ", "
        + ROLLBACKS_KEPT.toSeconds()
        + ") SECOND ORDER BY decided_at LIMIT "
        + BATCH;
  }

  static String delete(Collection<String> transactions) {
    return "DELETE FROM shardflux_decision WHERE gtrid IN ("
        + transactions.stream().map(each -> "'" + each + "'").collect(Collectors.joining(", "))
        + ")";
  }

  /** The decisions that other shards may need. */
  static String kept() {
    return "SELECT COUNT(*) FROM shardflux_decision WHERE outcome = 1";
  }
}
