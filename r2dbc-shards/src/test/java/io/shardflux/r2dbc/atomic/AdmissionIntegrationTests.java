package io.shardflux.r2dbc.atomic;

import static io.shardflux.r2dbc.atomic.Bank.BOUND;
import static org.assertj.core.api.Assertions.assertThat;

import io.shardflux.r2dbc.Await;
import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.r2dbc.TestShards;
import io.shardflux.r2dbc.observe.ShardStatistics;
import io.shardflux.r2dbc.settings.PoolOptions;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.r2dbc.settings.TransactionMode;
import io.shardflux.r2dbc.shard.ShardServers;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;

/** Many transactions over small pools, which take the shards in any order. */
class AdmissionIntegrationTests {

  private static final int CALLERS = 64;

  @ParameterizedTest
  @ValueSource(ints = {1, 2})
  void allGetThrough(int connections) {
    try (Bank bank = new Bank()) {
      ShardRouter router =
          bank.another(
              Bank.builder(bank.shards, TransactionMode.ATOMIC)
                  .pool(PoolOptions.builder().maxSize(connections).build())
                  .timeouts(Timeouts.of(Duration.ofSeconds(30))));
      Long done =
          Flux.range(0, CALLERS)
              .flatMap(
                  i ->
                      router
                          .inTransaction(
                              transaction ->
                                  // In three orders, with no row of another one.
                                  Bank.amount(transaction, i % 3, "")
                                      .then(Bank.amount(transaction, (i + 1) % 3, ""))
                                      .then(Bank.amount(transaction, (i + 2) % 3, "")))
                          .then(Mono.just(1L)),
                  CALLERS)
              .count()
              .block(BOUND);
      assertThat(done).isEqualTo(CALLERS);
      assertIdle(router);
    }
  }

  /** As behind a breaker that opens while many wait. */
  @Test
  void thoseThatFailAtOnceDoNotCallEachOther() {
    int waiters = 5_000;
    try (Bank bank = new Bank()) {
      ShardServers shard = TestShards.live(bank.router).all().iterator().next();
      Admission admission = new Admission(waiters);
      List<Disposable> holders =
          IntStream.range(1, shard.maxConnections())
              .mapToObj(i -> within(admission, shard, Flux.never()).subscribe())
              .toList();
      AtomicInteger failed = new AtomicInteger();
      for (int i = 0; i < waiters; i++) {
        within(admission, shard, Flux.error(new IllegalStateException("at once")))
            .subscribe(none -> {}, error -> failed.incrementAndGet());
      }
      assertThat(failed).hasValue(0);
      holders.get(0).dispose();
      assertThat(failed).hasValue(waiters);
    }
  }

  private static Flux<Object> within(Admission admission, ShardServers shard, Flux<Object> use) {
    return admission.within(shard, new Admission.Ticket(), BOUND, use);
  }

  /** Cancelled anywhere, they leave no connection, no lock and no branch. */
  @Test
  void cancelledOnesLeaveNothing() {
    try (Bank bank = new Bank()) {
      ShardRouter router =
          bank.another(
              Bank.builder(bank.shards, TransactionMode.ATOMIC)
                  .pool(PoolOptions.builder().maxSize(4).build()));
      Flux.range(0, Integer.getInteger("transactions.cancels", 60))
          .flatMap(
              i ->
                  router
                      .inTransaction(
                          transaction ->
                              Bank.add(transaction, i % 12, -1)
                                  .then(Bank.add(transaction, (i + 1) % 12, 1)))
                      .then()
                      .onErrorComplete()
                      .takeUntilOther(Mono.delay(Duration.ofMillis(i * 7 % 120))),
              8)
          .blockLast(BOUND);
      Await.until(
          "no branch",
          Mono.fromCallable(bank::branches).subscribeOn(Schedulers.boundedElastic()),
          List::isEmpty);
      assertIdle(router);
      assertThat(bank.sum()).isEqualTo(Bank.SUM);
      // Every row can be had.
      assertThat(
              router
                  .onAll()
                  .sql("UPDATE accounts SET amount = amount + 1")
                  .rowsUpdated()
                  .then(Mono.just(true))
                  .block(BOUND))
          .isTrue();
      assertThat(bank.sum()).isEqualTo(Bank.SUM + Bank.ACCOUNTS);
    }
  }

  private static void assertIdle(ShardRouter router) {
    Await.until(
        "no connection taken",
        router.operations().statistics(),
        all ->
            all.stream()
                .map(ShardStatistics::pool)
                .allMatch(pool -> pool.acquired() == 0 && pool.pending() == 0));
  }
}
