package io.shardflux.r2dbc;

import io.shardflux.r2dbc.observe.HotKey;
import io.shardflux.r2dbc.observe.RowCounts;
import io.shardflux.r2dbc.observe.ShardEvent;
import io.shardflux.r2dbc.observe.ShardStatistics;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.router.ShardId;
import java.util.List;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * What an operator does with a router's shards, and sees of them: had by {@link
 * ShardRouter#operations()}, while statements run. Thread-safe and non-blocking; what is a {@code
 * Mono} happens with each subscription.
 */
public interface ShardOperations {

  /**
   * Takes in one shard more. From then on it is one of all shards; keys go to it once a strategy or
   * a directory names it. Errors with {@link IllegalArgumentException} if there is such a shard, or
   * one with the same server and database, and with {@link IllegalStateException} if the router is
   * closed.
   */
  Mono<Void> addShard(Shard shard);

  /**
   * Lets a shard go, and completes when the statements under way on it have ended and its
   * connections are closed; after 30 s they are ended. A cancel does not stop that. Errors with
   * {@link IllegalArgumentException} if there is no such shard or a strategy or table still names
   * it.
   */
  Mono<Void> removeShard(ShardId shard);

  /**
   * Takes a shard's new statements no more, and completes when those under way have ended, which
   * may take as long as they are allowed to. Keyed statements for it fail with {@link
   * ShardUnavailableException}, statements for all shards are without it and say so. It stays that
   * way until {@link #resume}; a cancel only ends the waiting. Errors with {@link
   * IllegalArgumentException} if there is no such shard.
   */
  Mono<Void> drain(ShardId shard);

  /**
   * Takes a drained shard's new statements again; one that was not drained stays as it is. Whether
   * its servers are asked, breakers say. Errors with {@link IllegalArgumentException} if there is
   * no such shard.
   */
  Mono<Void> resume(ShardId shard);

  /**
   * Takes a shard out, whatever its servers say: new statements for it fail at once, those under
   * way go on. It stays that way until {@link #closeBreaker}. Errors with {@link
   * IllegalArgumentException} if there is no such shard.
   */
  Mono<Void> openBreaker(ShardId shard);

  /**
   * Asks a shard's servers again, without waiting for a probe, whether they were taken out or found
   * down; one that still is down will be found to be. A drained shard stays drained. Errors with
   * {@link IllegalArgumentException} if there is no such shard.
   */
  Mono<Void> closeBreaker(ShardId shard);

  /**
   * The shards' changes of status from now on. A subscriber that is more than 256 events behind
   * loses the oldest; the stream completes when the router is closed.
   */
  Flux<ShardEvent> events();

  /**
   * How a shard is, asking no server; cheap enough for each statement.
   *
   * @throws IllegalArgumentException if there is no such shard
   */
  ShardStatistics.Status status(ShardId shard);

  /** How every shard is doing, asking no server. */
  Mono<List<ShardStatistics>> statistics();

  /**
   * How every shard is doing, with the rows of a table as {@link RowCounts} says: the first time
   * each server is asked for them, within {@link Timeouts}; later they are there at once, and are
   * taken again behind it where they are old. A shard that never answered has none. Errors with
   * {@link IllegalArgumentException} if the table is unknown.
   */
  Mono<List<ShardStatistics>> statistics(String table);

  /**
   * The at most 20 keys that a table was most asked for by over the last minutes, the hottest
   * first. Empty where none stands out, or hot keys are not counted; see {@link
   * ShardRouterBuilder#hotKeys(boolean)}.
   *
   * @throws IllegalArgumentException if the table is unknown
   */
  List<HotKey> hotKeys(String table);
}
