package io.shardflux.r2dbc;

import io.shardflux.r2dbc.atomic.SpanningTransactions;
import io.shardflux.r2dbc.atomic.TransactionOutcome;
import io.shardflux.r2dbc.atomic.TransactionsInDoubt;
import io.shardflux.r2dbc.live.LiveShards;
import io.shardflux.r2dbc.observe.HotKey;
import io.shardflux.r2dbc.observe.RowCountCache;
import io.shardflux.r2dbc.observe.ShardEvent;
import io.shardflux.r2dbc.observe.ShardStatistics;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.router.ShardId;
import java.util.List;
import reactor.core.publisher.BufferOverflowStrategy;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;

/** The operator's face of the live shards. */
final class DefaultShardOperations implements ShardOperations {

  private static final int EVENTS_HELD = 256;

  private final LiveShards shards;
  private final SpanningTransactions transactions;
  private final RowCountCache rowCounts;

  DefaultShardOperations(
      LiveShards shards, SpanningTransactions transactions, RowCountCache rowCounts) {
    this.shards = shards;
    this.transactions = transactions;
    this.rowCounts = rowCounts;
  }

  @Override
  public Mono<Void> addShard(Shard shard) {
    return shards.add(shard);
  }

  @Override
  public Mono<Void> removeShard(ShardId shard) {
    return needless(shard).then(shards.remove(shard));
  }

  Mono<Void> needless(ShardId shard) {
    return Mono.defer(() -> transactions.recovery().refuseIfNeeded(shards.of(shard)));
  }

  @Override
  public Mono<Void> createTransactionTables() {
    return transactions.createTables();
  }

  @Override
  public Mono<TransactionsInDoubt> inDoubt() {
    return transactions.recovery().inDoubt();
  }

  @Override
  public Mono<TransactionOutcome> outcome(String transaction) {
    return transactions.recovery().outcome(transaction);
  }

  @Override
  public Mono<TransactionOutcome> resolve(String transaction, TransactionOutcome wanted) {
    return transactions.recovery().resolve(transaction, wanted);
  }

  @Override
  public Mono<Void> drain(ShardId shard) {
    return Mono.defer(() -> shards.of(shard).drain());
  }

  @Override
  public Mono<Void> resume(ShardId shard) {
    return Mono.fromRunnable(() -> shards.of(shard).resume());
  }

  @Override
  public Mono<Void> openBreaker(ShardId shard) {
    return Mono.fromRunnable(() -> shards.of(shard).openBreaker());
  }

  @Override
  public Mono<Void> closeBreaker(ShardId shard) {
    return Mono.fromRunnable(() -> shards.of(shard).closeBreaker());
  }

  @Override
  public Flux<ShardEvent> events() {
    return told(shards.events());
  }

  /** Events for a listener that may be slow, which then loses the oldest. */
  static <T> Flux<T> told(Flux<T> events) {
    return events
        .onBackpressureBuffer(EVENTS_HELD, lost -> {}, BufferOverflowStrategy.DROP_OLDEST)
        .publishOn(Schedulers.parallel());
  }

  @Override
  public ShardStatistics.Status status(ShardId shard) {
    return shards.of(shard).status();
  }

  @Override
  public Mono<List<ShardStatistics>> statistics() {
    return Mono.fromSupplier(this::statisticsNow);
  }

  List<ShardStatistics> statisticsNow() {
    return shards.all().stream().map(servers -> servers.statistics(null)).toList();
  }

  @Override
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

  @Override
  public List<HotKey> hotKeys(String table) {
    shards.topology().table(table);
    return shards.hotKeys(table);
  }
}
