package io.shardflux.r2dbc.atomic;

import io.r2dbc.spi.Connection;
import io.r2dbc.spi.ConnectionFactories;
import io.r2dbc.spi.Result;
import io.shardflux.r2dbc.Await;
import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.r2dbc.ShardRouterBuilder;
import io.shardflux.r2dbc.TestShards;
import io.shardflux.r2dbc.settings.PoolOptions;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.r2dbc.settings.TransactionMode;
import io.shardflux.r2dbc.settings.TransactionOptions;
import io.shardflux.r2dbc.statement.SqlTemplate;
import io.shardflux.router.KeyColumn;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardKey;
import io.shardflux.router.ShardingStrategy;
import io.shardflux.router.TableRule;
import io.shardflux.servers.TestServers;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.LongStream;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;

/** Accounts on three shards, account n on the shard of n modulo 3, with 100 each. */
final class Bank implements AutoCloseable {

  static final Duration BOUND = TestShards.BOUND;
  static final int ACCOUNTS = 12;
  static final long SUM = ACCOUNTS * 100L;

  private static final Duration RARELY = Duration.ofHours(1);

  final List<Shard> shards;
  final ShardRouter router;
  private final List<ShardRouter> others = new ArrayList<>();

  Bank() {
    this(TransactionMode.ATOMIC);
  }

  Bank(TransactionMode mode) {
    this(TestShards.fresh(TestServers.shared()), mode);
  }

  Bank(List<Shard> shards, TransactionMode mode) {
    this.shards = shards;
    ShardRouter maker = builder(shards, TransactionMode.SINGLE).build();
    maker.operations().createTransactionTables().block(BOUND);
    maker
        .onAll()
        .sql("CREATE TABLE accounts (id BIGINT PRIMARY KEY, amount BIGINT NOT NULL)")
        .rowsUpdated()
        .thenMany(Flux.fromStream(LongStream.range(0, ACCOUNTS).boxed()))
        .concatMap(
            id ->
                maker
                    .on("accounts", ShardKey.of(id))
                    .sql("INSERT INTO accounts VALUES (?, 100)")
                    .bind(0, id)
                    .rowsUpdated())
        .blockLast(BOUND);
    maker.close().block(BOUND);
    router = builder(shards, mode).build();
  }

  static ShardRouterBuilder builder(List<Shard> shards, TransactionMode mode) {
    ShardRouterBuilder builder =
        ShardRouter.builder()
            .strategy("by_id", ShardingStrategy.modulo(shards.stream().map(Shard::id).toList()))
            .table(new TableRule.Sharded("accounts", List.of(KeyColumn.integer("id")), "by_id"))
            .pool(PoolOptions.builder().maxSize(8).build())
            .transactions(new TransactionOptions(mode, RARELY));
    shards.forEach(builder::shard);
    return builder;
  }

  /** Another router on the same shards, closed with the bank. */
  ShardRouter another(ShardRouterBuilder builder) {
    ShardRouter other = builder.build();
    others.add(other);
    return other;
  }

  /** Transactions by another protocol, which end nothing by themselves. */
  SpanningTransactions transactions(Protocol protocol) {
    return transactions(protocol, builder(shards, TransactionMode.ATOMIC));
  }

  /** The same over a router of its own. */
  SpanningTransactions transactions(Protocol protocol, ShardRouterBuilder builder) {
    ShardRouter other = another(builder);
    return new SpanningTransactions(TestShards.live(other), SqlTemplate.cached(), protocol);
  }

  static Mono<Long> add(RouterTransaction transaction, long account, long amount) {
    return transaction
        .on("accounts", ShardKey.of(account))
        .sql("UPDATE accounts SET amount = amount + ? WHERE id = ?")
        .bind(0, amount)
        .bind(1, account)
        .rowsUpdated();
  }

  static Mono<Long> amount(RouterTransaction transaction, long account, String lock) {
    return transaction
        .on("accounts", ShardKey.of(account))
        .sql("SELECT amount FROM accounts WHERE id = ?" + lock)
        .bind(0, account)
        .map((row, metadata) -> Objects.requireNonNull(row.get(0, Long.class)))
        .one();
  }

  long amount(long account) {
    return Objects.requireNonNull(
        router
            .on("accounts", ShardKey.of(account))
            .sql("SELECT amount FROM accounts WHERE id = ?")
            .bind(0, account)
            .map((row, metadata) -> Objects.requireNonNull(row.get(0, Long.class)))
            .one()
            .block(BOUND));
  }

  long sum() {
    return Objects.requireNonNull(
        router
            .onAll()
            .sql("SELECT SUM(amount) FROM accounts")
            .map((row, metadata) -> Objects.requireNonNull(row.get(0, Long.class)))
            .rows()
            .reduce(0L, Long::sum)
            .block(BOUND));
  }

  /** The prepared branches of this bank, over connections that are no router's. */
  List<Xid> branches() {
    return Objects.requireNonNull(branchesNow().block(BOUND));
  }

  private Mono<List<Xid>> branchesNow() {
    TransactionTables tables = new TransactionTables();
    return Flux.fromIterable(TestShards.live(router).all())
        .concatMap(shard -> tables.located(shard).map(located -> located.place().key()))
        .collectList()
        .flatMap(
            places ->
                Flux.fromIterable(shards)
                    .concatMap(shard -> rows(shard, "XA RECOVER"))
                    .distinct()
                    .filter(branch -> places.contains(branch.place()))
                    .collectList());
  }

  private static Flux<Xid> rows(Shard shard, String sql) {
    return Flux.usingWhen(
        connect(shard),
        connection ->
            Flux.from(connection.createStatement(sql).execute())
                .concatMap(result -> result.map(row -> Optional.ofNullable(Xid.of(row))))
                .flatMap(Mono::justOrEmpty),
        Connection::close);
  }

  private static Mono<Connection> connect(Shard shard) {
    return Mono.<Connection>defer(
            () -> Mono.from(ConnectionFactories.get(shard.options()).create()))
        .subscribeOn(Schedulers.boundedElastic());
  }

  /** Runs a text for its effect over a connection that is no router's. */
  static Mono<Void> run(Shard shard, String sql) {
    return Mono.usingWhen(
        connect(shard),
        connection ->
            Flux.from(connection.createStatement(sql).execute())
                .concatMap(Result::getRowsUpdated)
                .then(),
        Connection::close);
  }

  /** The number of decisions on all shards. */
  long decisions(int outcome) {
    return Objects.requireNonNull(
        router
            .onAll()
            .sql("SELECT COUNT(*) FROM shardflux_decision WHERE outcome = ?")
            .bind(0, outcome)
            .map((row, metadata) -> Objects.requireNonNull(row.get(0, Long.class)))
            .rows()
            .reduce(0L, Long::sum)
            .block(BOUND));
  }

  /** Looks as often as it takes until no branch is left. */
  void recovered(SpanningTransactions recoverer) {
    Await.until(
        "no branch left",
        recoverer.recovery().look().then(Mono.defer(this::branchesNow)),
        List::isEmpty);
  }

  /** The shard of an account. */
  ShardId shard(long account) {
    return shards.get((int) (account % shards.size())).id();
  }

  @Override
  public void close() {
    others.forEach(other -> other.close().block(BOUND));
    router.close().block(BOUND);
  }
}
