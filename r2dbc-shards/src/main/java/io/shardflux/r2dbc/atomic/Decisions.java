package io.shardflux.r2dbc.atomic;

import io.r2dbc.spi.Readable;
import io.shardflux.router.ShardId;
import java.time.Duration;
import java.util.Collection;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

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

  /** The rows that are looked at and deleted at once. */
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

  /**
   * A decision that is old enough to be deleted.
   *
   * @param shards its branches'
   * @param oldest whether no prepared part is as old
   */
  record Old(String transaction, String decidedAt, Set<ShardId> shards, boolean oldest) {

    static Old of(Readable row) {
      String names = Objects.requireNonNull(row.get(2, String.class));
      return new Old(
          Objects.requireNonNull(row.get(0, String.class)),
          Objects.requireNonNull(row.get(1, String.class)),
          Stream.of(names.split(","))
              .filter(name -> !name.isEmpty())
              .map(ShardId::of)
              .collect(Collectors.toSet()),
          Objects.requireNonNull(row.get(3, Long.class)) == 1);
    }
  }

  /**
   * The oldest decisions that are kept no longer, or those that come next behind one. The order is
   * that of the index.
   */
  static String old(@Nullable Old last) {
    String behind =
        last == null
            ? ""
            : " AND decided_at >= '%1$s' AND (decided_at > '%1$s' OR gtrid > '%2$s')"
                .formatted(last.decidedAt(), last.transaction());
    return "SELECT gtrid, CAST(decided_at AS CHAR), shards, "
        + before(ROLLBACKS_KEPT)
        + " FROM shardflux_decision WHERE "
        + before(COMMITS_KEPT)
        + " AND (outcome = 1 OR "
        + before(ROLLBACKS_KEPT)
        + ")"
        + behind
        + " ORDER BY decided_at, gtrid LIMIT "
        + BATCH;
  }

  private static String before(Duration kept) {
    return "decided_at < UTC_TIMESTAMP(6) - INTERVAL " + kept.toSeconds() + " SECOND";
  }

  static String delete(Collection<String> transactions) {
    return "DELETE FROM shardflux_decision WHERE gtrid" + in(transactions);
  }

  /** Those of some transactions that are decided to be committed. */
  static String committed(Collection<String> transactions) {
    return "SELECT gtrid FROM shardflux_decision WHERE outcome = 1 AND gtrid" + in(transactions);
  }

  private static String in(Collection<String> transactions) {
    return transactions.stream()
        .map(each -> "'" + each + "'")
        .collect(Collectors.joining(", ", " IN (", ")"));
  }

  /** The decisions that other shards may need. */
  static String kept() {
    return "SELECT COUNT(*) FROM shardflux_decision WHERE outcome = 1";
  }
}
