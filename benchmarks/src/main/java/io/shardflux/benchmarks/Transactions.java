package io.shardflux.benchmarks;

import io.shardflux.benchmarks.Report.Ratio;
import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.r2dbc.ShardRouterBuilder;
import io.shardflux.r2dbc.atomic.RouterTransaction;
import io.shardflux.r2dbc.settings.PoolOptions;
import io.shardflux.r2dbc.settings.ReadConsistency;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.r2dbc.settings.TransactionMode;
import io.shardflux.r2dbc.settings.TransactionOptions;
import io.shardflux.router.KeyColumn;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardKey;
import io.shardflux.router.ShardingStrategy;
import io.shardflux.router.TableRule;
import io.shardflux.servers.Database;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.IntFunction;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * Transactions over two shards in each mode, at both ways in which a server keeps what it
 * acknowledged; and writes of single shards beside a reader of snapshots. All in this process.
 */
final class Transactions implements AutoCloseable {

  private static final Duration BOUND = Duration.ofMinutes(10);
  private static final Duration BETWEEN_SNAPSHOTS = Duration.ofMillis(100);
  private static final int LANES = 16;
  private static final int ROUNDS = 5;

  /** The rows of each lane on each shard, so that no lane waits for a row of another one. */
  private static final int ROWS = 64;

  private static final List<ShardId> IDS = List.of(ShardId.of("shard_0"), ShardId.of("shard_1"));
  private static final String UPDATE = "UPDATE accounts SET amount = amount + :by WHERE id = :id";

  private final List<Database> databases;
  private final Duration pass;
  private final Map<TransactionMode, ShardRouter> routers = new LinkedHashMap<>();
  private final ShardRouter router;
  private final List<List<String>> settings;
  private final List<Measured.OneFigure> figures = new ArrayList<>();
  private final List<Ratio> ratios = new ArrayList<>();

  /**
   * Makes the accounts.
   *
   * @param databases empty ones, each on a server of its own; two are used
   * @param pass the length of what is measured at a time
   */
  Transactions(List<Database> databases, Duration pass) {
    this.databases = databases.subList(0, 2);
    this.pass = pass;
    for (TransactionMode mode :
        List.of(TransactionMode.ATOMIC, TransactionMode.BEST_EFFORT, TransactionMode.SINGLE)) {
      routers.put(mode, open(mode));
    }
    this.router = routers(TransactionMode.ATOMIC);
    router.operations().createTransactionTables().block(BOUND);
    for (int i = 0; i < IDS.size(); i++) {
      run(IDS.get(i), "CREATE TABLE accounts (id BIGINT PRIMARY KEY, amount BIGINT NOT NULL)");
      for (int row = 0; row < LANES * ROWS; row++) {
        run(IDS.get(i), "INSERT INTO accounts VALUES (" + (2 * row + i) + ", 0)");
      }
    }
    this.settings = IDS.stream().map(this::kept).toList();
  }

  private ShardRouter open(TransactionMode mode) {
    ShardRouterBuilder builder =
        ShardRouter.builder()
            .strategy("by_id", ShardingStrategy.modulo(IDS))
            .table(new TableRule.Sharded("accounts", List.of(KeyColumn.integer("id")), "by_id"))
            .pool(PoolOptions.builder().maxSize(LANES + 4).build())
            .transactions(TransactionOptions.defaults().withMode(mode));
    for (int i = 0; i < IDS.size(); i++) {
      builder.shard(Shard.of(IDS.get(i).value(), databases.get(i).r2dbcUrl()));
    }
    return builder.build();
  }

  private ShardRouter routers(TransactionMode mode) {
    return Objects.requireNonNull(routers.get(mode));
  }

  private void run(ShardId shard, String sql) {
    router.on(shard).sql(sql).rowsUpdated().block(BOUND);
  }

  /** How a server keeps what it acknowledged, now. */
  private List<String> kept(ShardId shard) {
    return router
        .on(shard)
        .sql("SELECT CONCAT(@@GLOBAL.innodb_flush_log_at_trx_commit, ',', @@GLOBAL.sync_binlog)")
        .map((row, metadata) -> List.of(String.valueOf(row.get(0, String.class)).split(",", -1)))
        .one()
        .blockOptional(BOUND)
        .orElseThrow();
  }

  private void keep(ShardId shard, String flush, String sync) {
    run(shard, "SET GLOBAL innodb_flush_log_at_trx_commit = " + flush);
    run(shard, "SET GLOBAL sync_binlog = " + sync);
  }

  Measured measured() {
    modes("2", "0");
    modes("1", "1");
    besideSnapshots();
    return new Measured(figures, ratios);
  }

  /** Transactions of each mode in turn. */
  private void modes(String flush, String sync) {
    IDS.forEach(shard -> keep(shard, flush, sync));
    String at = ", flush " + flush;
    double[] rates =
        medians(
            () -> perSecond(lane -> both(TransactionMode.ATOMIC, lane)),
            () -> perSecond(lane -> both(TransactionMode.BEST_EFFORT, lane)),
            () -> perSecond(lane -> one(TransactionMode.ATOMIC, lane)),
            () -> perSecond(lane -> one(TransactionMode.SINGLE, lane)));
    figure("two shards, atomic" + at, rates[0]);
    figure("two shards, best-effort" + at, rates[1]);
    figure("one shard, atomic" + at, rates[2]);
    figure("one shard, single" + at, rates[3]);
    ratio("two shards, atomic / best-effort" + at, rates[0] / rates[1]);
    ratio("one shard, atomic / single" + at, rates[2] / rates[3]);
  }

  /** Writes of single shards, alone and beside a reader. */
  private void besideSnapshots() {
    double[] rates =
        medians(() -> beside(ReadConsistency.SNAPSHOT), () -> beside(ReadConsistency.EACH_SHARD));
    figure("writes of one shard beside snapshots", rates[0]);
    figure("writes of one shard beside other reads", rates[1]);
    ratio("writes of one shard, beside snapshots / other reads", rates[0] / rates[1]);
  }

  private double beside(ReadConsistency consistency) {
    AtomicLong sums = new AtomicLong();
    Disposable reader =
        sum()
            .contextWrite(consistency.inContext())
            .doOnNext(sum -> sums.incrementAndGet())
            .repeatWhen(again -> again.delayElements(BETWEEN_SNAPSHOTS))
            .subscribe();
    try {
      double rate = perSecond(this::write);
      if (pass.compareTo(BETWEEN_SNAPSHOTS) > 0 && sums.get() == 0) {
        throw new IllegalStateException("reads: none (expected: some beside the writes)");
      }
      return rate;
    } finally {
      reader.dispose();
    }
  }

  private Mono<Long> sum() {
    return router
        .inTransaction(
            transaction ->
                Flux.fromIterable(IDS)
                    .flatMap(
                        shard ->
                            transaction
                                .on(shard)
                                .sql("SELECT COUNT(*) FROM accounts WHERE id < 20")
                                .map((row, m) -> Objects.requireNonNull(row.get(0, Long.class)))
                                .one()))
        .reduce(0L, Long::sum);
  }

  private static long account(int lane, int shard) {
    int row = lane * ROWS + ThreadLocalRandom.current().nextInt(ROWS);
    return 2L * row + shard;
  }

  /** Half of the lanes begin on one shard, half on the other. */
  private Mono<Long> both(TransactionMode mode, int lane) {
    int first = lane % 2;
    return routers(mode)
        .inTransaction(
            transaction ->
                add(transaction, account(lane, first), -1)
                    .then(add(transaction, account(lane, 1 - first), 1)))
        .single();
  }

  private Mono<Long> one(TransactionMode mode, int lane) {
    return routers(mode)
        .inTransaction(transaction -> add(transaction, account(lane, lane % 2), 1))
        .single();
  }

  private static Mono<Long> add(RouterTransaction transaction, long id, int by) {
    return transaction
        .on("accounts", ShardKey.of(id))
        .sql(UPDATE)
        .bind("by", by)
        .bind("id", id)
        .rowsUpdated();
  }

  private Mono<Long> write(int lane) {
    long id = account(lane, lane % 2);
    return router
        .on("accounts", ShardKey.of(id))
        .sql(UPDATE)
        .bind("by", 1)
        .bind("id", id)
        .rowsUpdated();
  }

  /** A measuring. */
  private interface Rate {
    double perSecond();
  }

  /** All in turn, round by round; the first round only warms up. */
  private static double[] medians(Rate... all) {
    double[][] rates = new double[all.length][ROUNDS];
    for (int round = -1; round < ROUNDS; round++) {
      for (int i = 0; i < all.length; i++) {
        double rate = all[i].perSecond();
        if (round >= 0) {
          rates[i][round] = rate;
        }
      }
    }
    return Arrays.stream(rates).mapToDouble(Transactions::median).toArray();
  }

  private static double median(double[] rates) {
    Arrays.sort(rates);
    return rates[rates.length / 2];
  }

  private double perSecond(IntFunction<Mono<Long>> work) {
    long start = System.nanoTime();
    AtomicLong done = new AtomicLong();
    Flux.range(0, LANES)
        .flatMap(
            lane ->
                Mono.defer(() -> work.apply(lane))
                    .doOnNext(done::addAndGet)
                    .repeat(() -> System.nanoTime() - start < pass.toNanos()),
            LANES)
        .blockLast(BOUND);
    return done.get() * 1e9 / (System.nanoTime() - start);
  }

  private void figure(String what, double value) {
    figures.add(new Measured.OneFigure(what, value, "/s"));
  }

  private void ratio(String name, double value) {
    ratios.add(new Ratio("transactions: " + name, value));
  }

  @Override
  public void close() {
    for (int i = 0; i < settings.size(); i++) {
      keep(IDS.get(i), settings.get(i).get(0), settings.get(i).get(1));
    }
    routers.values().forEach(each -> each.close().block(BOUND));
  }
}
