package io.shardflux.r2dbc.transaction;

import io.shardflux.r2dbc.ShardTarget;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.r2dbc.statement.StatementSpec;
import io.shardflux.router.ShardId;
import reactor.core.publisher.Mono;

/**
 * A transaction on one shard that its holder drives: it has a connection of the shard's until it is
 * committed or rolled back. One that nobody uses for {@link Timeouts#total()} is rolled back, so
 * that a holder that forgot it costs no connection for good. One whose connection is lost is over,
 * and rolled back by the server.
 *
 * <p>Thread-safe. Its statements run one after the other, each held to {@link Timeouts}; one that
 * waits for another does so for {@link Timeouts#acquire()} at most. A cancelled or late statement
 * is ended on the server, and the transaction goes on. Everything errors with {@link
 * IllegalStateException} once the transaction is over.
 */
public interface ShardTransaction {

  /** Its shard. */
  ShardId shard();

  /**
   * A statement inside it; see {@link ShardTarget#sql}. Reads go to the primary, and once. What may
   * change the session beyond the transaction, such as {@code SET}, has the connection closed after
   * it rather than lent to others.
   */
  StatementSpec sql(String sql);

  /**
   * A statement that was made for its shard, inside it, with its values and times. A long one is
   * better made before the transaction begins, as the thread that makes it reads its text.
   */
  StatementSpec sql(StatementSpec statement);

  /** Sets a savepoint. */
  Mono<Void> createSavepoint(String name);

  /** Lets a savepoint go. */
  Mono<Void> releaseSavepoint(String name);

  /** Undoes what came after a savepoint. */
  Mono<Void> rollbackToSavepoint(String name);

  /**
   * Commits it and gives the connection back. Where that fails or is cancelled, it is rolled back
   * unless the server had committed it already.
   */
  Mono<Void> commit();

  /**
   * Rolls it back and gives the connection back, which a cancel does as well. Completes where it is
   * rolled back already, as nobody used it or its connection was lost.
   */
  Mono<Void> rollback();
}
