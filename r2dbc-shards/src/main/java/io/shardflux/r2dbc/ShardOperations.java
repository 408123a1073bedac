package io.shardflux.r2dbc;

import io.shardflux.r2dbc.live.LiveShards;
import io.shardflux.r2dbc.observe.HotKey;
import io.shardflux.r2dbc.observe.RowCountCache;
import io.shardflux.r2dbc.observe.RowCounts;
import io.shardflux.r2dbc.observe.ShardEvent;
import io.shardflux.r2dbc.observe.ShardStatistics;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.router.ShardId;
import java.util.List;
import reactor.core.publisher.BufferOverflowStrategy;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;

/**
 * What an operator does with a router's shards, and sees of them: had by {@link
 * ShardRouter#operations()}, while statements run. Thread-safe and non-blocking; what is a {@code
 * Mono} happens with each subscription.
 */
public final class ShardOperations {

  private static final int EVENTS_HELD = 256;

  private final LiveShards shards;
  private final RowCountCache rowCounts;

  ShardOperations(LiveShards shards, RowCountCache rowCounts) {
    this.shards = shards;
    this.rowCounts = rowCounts;
  }

  /**
   * Takes in one shard more. From then on it is one of all shards; keys go to it once a strategy or
   * a directory names it. Errors with {@link IllegalArgumentException} if there is such a shard, or
   * one with the same server and database, and with {@link IllegalStateException} if the router is
   * closed.
   */
  public Mono<Void> addShard(Shard shard) {
    return shards.add(shard);
  }

  /**
   * Lets a shard go, and completes when the statements under way on it have ended and its
   * connections are closed; after 30 s they are ended. A cancel does not stop that. Errors with
   * {@link IllegalArgumentException} if there is no such shard or a strategy or table still names
   * it.
   */
  public Mono<Void> removeShard(ShardId shard) {
    return shards.remove(shard);
  }

  /**
   * Takes a shard's new statements no more, and completes when those under way have ended, which
   * may take as long as they are allowed to. Keyed statements for it fail with {@link
   * ShardUnavailableException}, statements for all shards are without it and say so. It stays that
   * way until {@link #resume}; a cancel only ends the waiting. Errors with {@link
   * IllegalArgumentException} if there is no such shard.
   */
  public Mono<Void> drain(ShardId shard) {
    return Mono.defer(() -> shards.of(shard).drain());
  }

  /**
   * Takes a drained shard's new statements again; one that was not drained stays as it is. Whether
   * its servers are asked, breakers say. Errors with {@link IllegalArgumentException} if there is
   * no such shard.
   */
  public Mono<Void> resume(ShardId shard) {
    return Mono.fromRunnable(() -> shards.of(shard).resume());
  }

  /**
   * Takes a shard out, whatever its servers say: new statements for it fail at once, those under
   * way go on. It stays that way until {@link #closeBreaker}. Errors with {@link
   * IllegalArgumentException} if there is no such shard.
   */
  public Mono<Void> openBreaker(ShardId shard) {
    return Mono.fromRunnable(() -> shards.of(shard).openBreaker());
  }

  /**
   * Asks a shard's servers again, without waiting for a probe, whether they were taken out or found
   * down; one that still is down will be found to be. A drained shard stays drained. Errors with
   * {@link IllegalArgumentException} if there is no such shard.
   */
  public Mono<Void> closeBreaker(ShardId shard) {
    return Mono.fromRunnable(() -> shards.of(shard).closeBreaker());
  }

  /**
   * The shards' changes of status from now on. A subscriber that is more than 256 events behind
   * loses the oldest; the stream completes when the router is closed.
   */
  public Flux<ShardEvent> events() {
    return shards
        .events()
        .onBackpressureBuffer(EVENTS_HELD, lost -> {}, BufferOverflowStrategy.DROP_OLDEST)
        .publishOn(Schedulers.parallel());
  }

  /**
   * How a shard is, asking no server; cheap enough for each statement.
   *
   * @throws IllegalArgumentException if there is no such shard
   */
  public ShardStatistics.Status status(ShardId shard) {
    return shards.of(shard).status();
  }

  /** How every shard is doing, asking no server. */
  public Mono<List<ShardStatistics>> statistics() {
    return Mono.fromSupplier(this::statisticsNow);
  }

  List<ShardStatistics> statisticsNow() {
    return shards.all().stream().map(servers -> servers.statistics(null)).toList();
  }

  /**
   * How every shard is doing, with the rows of a table as {@link RowCounts} says: the first time
   * each server is asked for them, within {@link Timeouts}; later they are there at once, and are
   * taken again behind it where they are old. A shard that never answered has none. Errors with
   * {@link IllegalArgumentException} if the table is unknown.
   */
  public Mono<List<ShardStatistics>> statistics(String table) {
    return Flux.defer(
            () -> {
              shards.topology().table(table);
              return Flux.fromIterable(shards.all());
            })
        .flatMapSequential(
            servers ->
                rowCounts
                    .rows(servers.id(), table)
                    .map(servers::statistics)
                    .switchIfEmpty(Mono.fromSupplier(() -> servers.statistics(null))))
        .collectList();
  }

  /**
   * The at most 20 keys that a table was most asked for by over the last minutes, the hottest
   * first. Empty where none stands out, or hot keys are not counted; see {@link
   * ShardRouterBuilder#hotKeys(boolean)}.
   *
   * @throws IllegalArgumentException if the table is unknown
   */
  public List<HotKey> hotKeys(String table) {
    shards.topology().table(table);
    return shards.hotKeys(table);
  }
}
