package io.shardflux.r2dbc.transaction;

import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.r2dbc.statement.StatementSpec;
import io.shardflux.router.ShardId;
import reactor.core.publisher.Mono;

/**
 * A transaction on one shard that its holder drives. It has a connection of the shard's until it is
 * committed or rolled back. A transaction that is not used for {@link Timeouts#total()} is rolled
 * back, so that a holder that forgot it costs no connection for good. A transaction whose
 * connection is lost is over, and the server rolls it back.
 *
 * <p>Thread-safe. Its statements run one after the other, each held to {@link Timeouts}; a
 * statement that waits for another does so for {@link Timeouts#acquire()} at most. A cancelled or
 * late statement is ended on the server, and the transaction goes on. Every publisher errors with
 * {@link IllegalStateException} once the transaction is over.
 */
public interface ShardTransaction {

  /** {@return the shard of the transaction} */
  ShardId shard();

  /**
   * {@return a statement inside the transaction; see {@code ShardTarget.sql}} Reads go to the
   * primary, and once. If the statement may change the session beyond the transaction, as {@code
   * SET} does, the connection is closed after the transaction rather than lent to others.
   *
   * @param sql one statement, as {@code ShardTarget.sql} takes it
   */
  StatementSpec sql(String sql);

  /**
   * {@return a statement that was made for the shard, inside the transaction, with its values and
   * times} A long statement should be made before the transaction begins, because the thread that
   * makes it reads its text.
   *
   * @param statement a statement of a {@code ShardTarget} of this shard
   */
  StatementSpec sql(StatementSpec statement);

  /**
   * Sets a savepoint.
   *
   * @param name the savepoint's name
   * @return completes when the savepoint is there
   */
  Mono<Void> createSavepoint(String name);

  /**
   * Releases a savepoint.
   *
   * @param name the savepoint's name
   * @return completes when the savepoint is gone
   */
  Mono<Void> releaseSavepoint(String name);

  /**
   * Undoes the changes since a savepoint.
   *
   * @param name the savepoint's name
   * @return completes when the changes are undone
   */
  Mono<Void> rollbackToSavepoint(String name);

  /**
   * Commits the transaction and gives the connection back. If that fails or is cancelled, the
   * transaction is rolled back unless the server had committed it already.
   *
   * @return completes when the transaction is committed; no other signal says so
   */
  Mono<Void> commit();

  /**
   * Rolls the transaction back and gives the connection back; a cancel does so as well. Completes
   * if it is rolled back already, because it was not used or its connection was lost.
   *
   * @return completes when the transaction is rolled back
   */
  Mono<Void> rollback();
}
