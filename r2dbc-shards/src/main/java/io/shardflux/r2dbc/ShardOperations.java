package io.shardflux.r2dbc;

import io.shardflux.r2dbc.atomic.TransactionOutcome;
import io.shardflux.r2dbc.atomic.TransactionsInDoubt;
import io.shardflux.r2dbc.observe.HotKey;
import io.shardflux.r2dbc.observe.RowCountOptions;
import io.shardflux.r2dbc.observe.ShardEvent;
import io.shardflux.r2dbc.observe.ShardStatistics;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.router.ShardId;
import java.util.List;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * The operator's face of a router, had by {@link ShardRouter#operations()}: changes its shards and
 * shows their state, while statements run. Thread-safe and non-blocking. The work of a {@code Mono}
 * is done with each subscription.
 */
public interface ShardOperations {

  /**
   * Adds a shard. From then on it is one of all shards; keys go to it once a strategy or a
   * directory names it. Errors with {@link IllegalArgumentException} if there is such a shard, or
   * one with the same server and database, and with {@link IllegalStateException} if the router is
   * closed.
   *
   * @param shard the shard to add
   * @return completes when statements may go to it
   */
  Mono<Void> addShard(Shard shard);

  /**
   * Removes a shard, and completes when the statements under way on it have ended and its
   * connections are closed. After 30 s the statements are ended. A cancel does not stop that.
   * Errors with {@link IllegalArgumentException} if there is no such shard or a strategy or table
   * still names it, and with {@link IllegalStateException} if a transaction over shards may need
   * the shard: it has decisions, which are deleted after an hour, or a prepared part.
   *
   * @param shard the shard to remove
   * @return completes when its connections are closed
   */
  Mono<Void> removeShard(ShardId shard);

  /**
   * Makes the tables that transactions over shards need, {@code shardflux_decision} and {@code
   * shardflux_barrier}, on each shard where they are not there. They are also in {@code
   * src/sql/transactions.sql}.
   *
   * @return completes when all shards have them
   */
  Mono<Void> createTransactionTables();

  /**
   * {@return the transactions over shards that are in doubt, as the shards that answer have them,
   * and the other shards} Each is ended by any router in mode {@code ATOMIC} that sees it at two
   * looks in turn.
   */
  Mono<TransactionsInDoubt> inDoubt();

  /**
   * {@return the outcome of a transaction over shards, as the shard that decides it has it} Empty
   * if nothing was decided, or the decision is deleted, which it is an hour after the commit at the
   * earliest. Errors with {@link IllegalStateException} if that shard is unknown or does not
   * answer.
   *
   * @param transaction the name of the transaction
   */
  Mono<TransactionOutcome> outcome(String transaction);

  /**
   * Ends a transaction in doubt by hand. If the shard that decides it answers, its decision stands,
   * and without one all is rolled back, whatever is wanted. Otherwise the prepared parts on the
   * shards that answer are ended as wanted. If that is not what the missing shard has decided, or
   * has committed by itself, the transaction is then stored in part.
   *
   * @param transaction the name of the transaction
   * @param wanted the outcome if the shard that decides it is gone
   * @return the outcome
   */
  Mono<TransactionOutcome> resolve(String transaction, TransactionOutcome wanted);

  /**
   * Stops a shard from taking new statements, and completes when those under way have ended, which
   * may take as long as they are allowed to. Keyed statements for the shard fail with {@link
   * io.shardflux.r2dbc.failure.ShardUnavailableException}. Statements for all shards go on without
   * it and say so. The shard stays drained until {@link #resume}; a cancel only ends the waiting.
   * Errors with {@link IllegalArgumentException} if there is no such shard.
   *
   * @param shard the shard to drain
   * @return completes when no statement is under way on it
   */
  Mono<Void> drain(ShardId shard);

  /**
   * Lets a drained shard take new statements again. A shard that was not drained stays as it is.
   * The breakers still decide whether its servers are asked. Errors with {@link
   * IllegalArgumentException} if there is no such shard.
   *
   * @param shard the shard to resume
   * @return completes when the shard is no longer drained
   */
  Mono<Void> resume(ShardId shard);

  /**
   * Takes a shard out, whatever its servers say: new statements for it fail at once, those under
   * way go on. The shard stays out until {@link #closeBreaker}. Errors with {@link
   * IllegalArgumentException} if there is no such shard.
   *
   * @param shard the shard to take out
   * @return completes when new statements for it fail
   */
  Mono<Void> openBreaker(ShardId shard);

  /**
   * Asks a shard's servers again, without waiting for a probe, whether they were taken out or found
   * down. A server that still is down will be found to be down again. A drained shard stays
   * drained. Errors with {@link IllegalArgumentException} if there is no such shard.
   *
   * @param shard the shard to ask again
   * @return completes when its servers may be asked
   */
  Mono<Void> closeBreaker(ShardId shard);

  /**
   * {@return the shards' changes of status from now on} A subscriber that is more than 256 events
   * behind loses the oldest. The stream completes when the router is closed.
   */
  Flux<ShardEvent> events();

  /**
   * {@return the status of a shard} It asks no server, and is cheap enough for each statement.
   *
   * @param shard the shard's name
   * @throws IllegalArgumentException if there is no such shard
   */
  ShardStatistics.Status status(ShardId shard);

  /** {@return the statistics of every shard} It asks no server. */
  Mono<List<ShardStatistics>> statistics();

  /**
   * {@return the statistics of every shard, with the rows of a table as {@link RowCountOptions}
   * says} The first time each server is asked for its rows, within {@link Timeouts}. Later the
   * counts are there at once, and old ones are taken again in the background. A shard that never
   * answered has no count. Errors with {@link IllegalArgumentException} if the table is unknown.
   *
   * @param table the name of a table of the topology
   */
  Mono<List<ShardStatistics>> statistics(String table);

  /**
   * {@return the keys, at most 20, that a table was most asked for by over the last minutes, the
   * hottest first} Empty if no key stands out, or if hot keys are not counted; see {@link
   * ShardRouterBuilder#hotKeys(boolean)}.
   *
   * @param table the name of a table of the topology
   * @throws IllegalArgumentException if the table is unknown
   */
  List<HotKey> hotKeys(String table);
}
