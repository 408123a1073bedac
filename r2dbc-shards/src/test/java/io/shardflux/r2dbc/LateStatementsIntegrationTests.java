package io.shardflux.r2dbc;

import static io.shardflux.r2dbc.TestShards.BOUND;
import static org.assertj.core.api.Assertions.assertThat;

import io.shardflux.r2dbc.failure.ShardTimeoutException;
import io.shardflux.r2dbc.observe.ShardStatistics.Status;
import io.shardflux.r2dbc.settings.PoolOptions;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.r2dbc.statement.StatementSpec;
import io.shardflux.router.ShardId;
import io.shardflux.servers.TestServers;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;
import reactor.test.StepVerifier;

/**
 * Late statements do not take out a server that answers something else, however many wait for a
 * lock or have less time than they need. They take out a server that answers nothing.
 */
class LateStatementsIntegrationTests {

  private static final ShardId ID = ShardId.of("shard_0");
  private static final Duration SHORT = Duration.ofMillis(400);
  private static final int AT_ONCE = 10;
  private static final int OPEN = 2;

  private final Shard shard = TestShards.fresh(TestServers.shared()).get(0);
  private final Relay relay = Relay.to(shard);
  private final ShardRouter other = TestShards.router(List.of(shard)).build();
  private final List<Status> statuses = new CopyOnWriteArrayList<>();

  @BeforeEach
  void createTable() {
    Mono.from(other.on(ID).sql("CREATE TABLE t (id INT PRIMARY KEY)").rowsUpdated()).block(BOUND);
    Mono.from(other.on(ID).sql("INSERT INTO t VALUES (1)").rowsUpdated()).block(BOUND);
  }

  @AfterEach
  void close() {
    relay.close();
    other.close().block(BOUND);
  }

  @Test
  void aCallersOwnTimeTakesNobodyOut() {
    ShardRouter router = router(Timeouts.defaults(), SHORT);
    for (int i = 0; i < 5; i++) {
      assertThat(late(router, "SELECT SLEEP(0.2)", Timeouts.of(Duration.ofMillis(1))))
          .isEqualTo(AT_ONCE);
    }
    assertThat(ask(router, AT_ONCE)).isEqualTo(AT_ONCE);
    assertThat(statuses).isEmpty();
    // The pool's own, of which each was given up and came back, and a look or two.
    assertThat(relay.accepted()).isLessThan(3 * AT_ONCE);
    router.close().block(BOUND);
  }

  @Test
  void aLockedTableTakesNobodyOut() {
    ShardRouter router = router(Timeouts.of(SHORT), Duration.ofSeconds(3));
    router.warmUp().block(BOUND);
    other
        .on(ID)
        .inConnection(
            connection ->
                Mono.from(connection.createStatement("LOCK TABLES t WRITE").execute())
                    .flatMap(result -> Mono.from(result.getRowsUpdated()))
                    .thenMany(
                        Flux.range(0, 4)
                            .concatMap(
                                i ->
                                    Mono.fromSupplier(() -> readsLate(router))
                                        .subscribeOn(Schedulers.boundedElastic())))
                    .concatWith(
                        Flux.from(connection.createStatement("UNLOCK TABLES").execute())
                            .flatMap(result -> Mono.from(result.getRowsUpdated()))
                            .ignoreElements()
                            .cast(Integer.class)))
        .collectList()
        .as(StepVerifier::create)
        .expectNext(List.of(AT_ONCE, AT_ONCE, AT_ONCE, AT_ONCE))
        .expectComplete()
        .verify(BOUND);
    assertThat(statuses).isEmpty();
    router.close().block(BOUND);
  }

  private static int readsLate(ShardRouter router) {
    return late(router, "SELECT id FROM t WHERE id = 1", null);
  }

  @Test
  void aSilentServerIsOutAlsoByACallersOwnTime() {
    ShardRouter router = router(Timeouts.defaults(), SHORT);
    assertThat(ask(router, OPEN)).isEqualTo(OPEN);
    relay.drop();
    assertThat(late(router, "SELECT 1", Timeouts.of(Duration.ofMillis(50)))).isEqualTo(AT_ONCE);
    Await.until(
        "down", router.operations().statistics(), all -> all.get(0).status() == Status.DOWN);
    relay.pass();
    awaitStatuses(Status.DOWN, Status.ACTIVE);
    router.close().block(BOUND);
  }

  @Test
  void oneThatCannotBeOpenedCostsNobodyThoseThatAre() {
    ShardRouter router = router(Timeouts.defaults(), SHORT);
    assertThat(ask(router, OPEN)).isEqualTo(OPEN);
    relay.dropNew();
    for (int i = 0; i < 3; i++) {
      assertThat(ask(router, AT_ONCE)).isEqualTo(AT_ONCE);
    }
    Await.until(
        "impaired",
        router.operations().statistics(),
        all ->
            all.get(0).status() == Status.DEGRADED
                && all.get(0).breaker().state().equals("CLOSED"));
    relay.pass();
    awaitStatuses(Status.DEGRADED, Status.ACTIVE);
    router.close().block(BOUND);
  }

  private ShardRouter router(Timeouts timeouts, Duration connect) {
    ShardRouter router =
        TestShards.router(List.of(relay.instead(shard)))
            .pool(PoolOptions.builder().maxSize(AT_ONCE).connectTimeout(connect).build())
            .timeouts(timeouts)
            .build();
    router.operations().events().subscribe(event -> statuses.add(event.now()));
    return router;
  }

  /** The event comes a moment after the statistics show the change. */
  private void awaitStatuses(Status... wanted) {
    Await.until("told", Mono.fromSupplier(() -> List.copyOf(statuses)), List.of(wanted)::equals);
  }

  /** The number of answers to so many reads at once. */
  private static int ask(ShardRouter router, int count) {
    return Flux.range(0, count)
        .flatMap(
            i -> router.on(ID).sql("SELECT SLEEP(0.05)").map((row, metadata) -> 1).one(), count)
        .count()
        .blockOptional(BOUND)
        .orElseThrow()
        .intValue();
  }

  /** The number of late reads among ten at once. */
  private static int late(ShardRouter router, String sql, @Nullable Timeouts timeouts) {
    return Flux.range(0, AT_ONCE)
        .flatMap(
            i -> {
              StatementSpec read = router.on(ID).sql(sql);
              return (timeouts == null ? read : read.timeouts(timeouts))
                  .map((row, metadata) -> 1)
                  .one()
                  .then(Mono.<Throwable>empty())
                  .onErrorResume(Mono::just);
            },
            AT_ONCE)
        .filter(ShardTimeoutException.class::isInstance)
        .count()
        .blockOptional(BOUND)
        .orElseThrow()
        .intValue();
  }
}
