package io.shardflux.r2dbc;

import static io.shardflux.r2dbc.TestShards.BOUND;
import static io.shardflux.r2dbc.TestShards.IDS;
import static io.shardflux.r2dbc.TestShards.USERS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.r2dbc.spi.ConnectionFactoryOptions;
import io.shardflux.r2dbc.TestShards.User;
import io.shardflux.r2dbc.failure.ShardTimeoutException;
import io.shardflux.r2dbc.failure.ShardUnavailableException;
import io.shardflux.r2dbc.settings.PoolOptions;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.router.ShardKey;
import io.shardflux.servers.DatabaseServer;
import io.shardflux.servers.TestServers;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.test.StepVerifier;
import reactor.util.retry.Retry;

class CancellationIntegrationTests {

  private static final String ENDLESS =
      "SELECT a.id, b.name FROM users a JOIN users b JOIN users c JOIN users d";
  private static final Duration LONG = Duration.ofMinutes(3);

  private final TestServers servers = TestServers.shared();
  private final List<Shard> shards = TestShards.fresh(servers);
  private final ShardRouter router =
      TestShards.router(shards).pool(PoolOptions.builder().maxSize(4).build()).build();

  @BeforeEach
  void load() {
    TestShards.load(router);
  }

  @AfterEach
  void close() {
    servers.restore();
    router.close().block(BOUND);
  }

  @Test
  void cancelledStatementsFreeTheirConnectionsAndTheServers() {
    StepVerifier.create(
            Flux.range(0, 1_000)
                .flatMap(
                    i ->
                        router
                            .on(IDS.get(i % 3))
                            .sql(ENDLESS)
                            .map(User::of)
                            .all()
                            .take(randomly(150))
                            .then(),
                    64)
                .then())
        .expectComplete()
        .verify(LONG);

    assertNothingIsUnderWay();
    StepVerifier.create(Flux.range(0, 1_000).flatMap(i -> read(1 + i % USERS), 64).count())
        .expectNext(1_000L)
        .expectComplete()
        .verify(LONG);
  }

  @Test
  void aCancelNeverEndsAnothersStatement() {
    AtomicLong finished = new AtomicLong();
    Mono<Long> cancelled =
        Flux.range(0, 10_000)
            .flatMap(
                i ->
                    givenUp(slowRead(1 + i % USERS).doOnNext(id -> finished.incrementAndGet()))
                        .onErrorResume(ShardUnavailableException.class, full -> Mono.empty()),
                24)
            .then(Mono.just(0L));
    Mono<Long> kept = Flux.range(0, 5_000).flatMap(i -> slowRead(1 + i % USERS), 8).count();

    StepVerifier.create(Mono.zip(cancelled, kept))
        .expectNextMatches(both -> both.getT2() == 5_000)
        .expectComplete()
        .verify(LONG);
    assertThat(finished).hasValueBetween(100, 9_900);
    assertNothingIsUnderWay();
  }

  @Test
  void aTimedOutStatementFreesItsConnection() {
    StepVerifier.create(
            Flux.range(0, 8)
                .flatMap(
                    i ->
                        router
                            .on(IDS.get(0))
                            .sql("SELECT SLEEP(600)")
                            .timeouts(Timeouts.of(Duration.ofSeconds(1)))
                            .map((row, metadata) -> 1)
                            .one()
                            .onErrorResume(ShardTimeoutException.class, late -> Mono.just(0))))
        .expectNextCount(8)
        .expectComplete()
        .verify(BOUND);
    assertNothingIsUnderWay();
  }

  @Test
  void aCancelBehindTheLastRowCostsNoStatement() {
    ShardRouter one =
        TestShards.router(shards).pool(PoolOptions.builder().maxSize(1).build()).build();
    Mono<Integer> first = one.on(IDS.get(0)).sql("SELECT 1").map((row, metadata) -> 1).all().next();
    Mono<String> settled =
        one.on(IDS.get(0))
            .sql("SHOW SESSION STATUS LIKE 'Com_do'")
            .map((row, metadata) -> Objects.requireNonNull(row.get(1, String.class)))
            .one();
    try {
      StepVerifier.create(Flux.range(0, 100).concatMap(i -> first).then(settled))
          // An answer may well come in two pieces now and then.
          .expectNextMatches(times -> Integer.parseInt(times) < 50)
          .expectComplete()
          .verify(BOUND);
    } finally {
      one.close().block(BOUND);
    }
  }

  @Test
  void aCancelledTransactionIsRolledBackBehindItsStatement() {
    long id = 3_000_001;
    StepVerifier.create(
            router
                .on("users", ShardKey.of(id))
                .inTransaction(
                    connection ->
                        Flux.concat(
                                connection
                                    .createStatement("INSERT INTO users VALUES (" + id + ", 'x')")
                                    .execute(),
                                connection.createStatement("SELECT SLEEP(600)").execute())
                            .concatMap(result -> result.map((row, metadata) -> 1)))
                .take(Duration.ofSeconds(1)))
        .expectComplete()
        .verify(BOUND);
    assertNothingIsUnderWay();
    StepVerifier.create(TestShards.insert(router, id))
        .expectNext(1L)
        .expectComplete()
        .verify(BOUND);
  }

  @Test
  void aHungServerGivesItsConnectionsBack() {
    assumeTrue(servers.controllable(), "these servers can't be paused");
    DatabaseServer hung = servers.servers().get(2);
    read(1).block(BOUND);
    router.on(IDS.get(2)).sql("DO 0").rowsUpdated().block(BOUND);
    servers.pause(hung);
    try {
      StepVerifier.create(
              // A busy machine may let some through before the server is stopped.
              Flux.range(0, 1_000)
                  .flatMap(
                      i ->
                          router
                              .on(IDS.get(2))
                              .sql("SELECT 1")
                              .timeouts(Timeouts.of(Duration.ofSeconds(1)))
                              .map((row, metadata) -> 1)
                              .one()
                              .onErrorResume(ShardTimeoutException.class, late -> Mono.just(0)),
                      4)
                  .filter(answer -> answer == 0)
                  .take(4))
          .expectNext(0, 0, 0, 0)
          .expectComplete()
          .verify(BOUND);
      awaitAcquired(0);
    } finally {
      servers.resume(hung);
    }
    StepVerifier.create(
            router
                .on(IDS.get(2))
                .sql("SELECT 1")
                .map((row, metadata) -> 1)
                .one()
                .retryWhen(Retry.fixedDelay(100, Duration.ofMillis(100))))
        .expectNext(1)
        .expectComplete()
        .verify(BOUND);
  }

  private Mono<Long> read(long id) {
    return router
        .on("users", ShardKey.of(id))
        .sql("SELECT id FROM users WHERE id = :id")
        .bind("id", id)
        .map((row, metadata) -> Objects.requireNonNull(row.get(0, Long.class)))
        .one();
  }

  /** Ends by itself after about the time that a given-up statement is waited for. */
  private Mono<Long> slowRead(long id) {
    return router
        .on("users", ShardKey.of(id))
        .sql("SELECT id, SLEEP(0.008) AS killed FROM users WHERE id = :id")
        .bind("id", id)
        .map(
            (row, metadata) ->
                List.of(
                    Objects.requireNonNull(row.get("id", Long.class)),
                    Objects.requireNonNull(row.get("killed", Long.class))))
        .one()
        .doOnNext(read -> assertThat(read).isEqualTo(List.of(id, 0L)))
        .map(read -> id);
  }

  /** Errors where it has no row before it is given up; behind that it may well have none. */
  private static Mono<Long> givenUp(Mono<Long> read) {
    AtomicBoolean givenUp = new AtomicBoolean();
    return read.switchIfEmpty(
            Mono.defer(
                () -> givenUp.get() ? Mono.empty() : Mono.error(new AssertionError("no row"))))
        .takeUntilOther(Mono.delay(randomly(25)).doOnNext(time -> givenUp.set(true)));
  }

  private void assertNothingIsUnderWay() {
    awaitAcquired(0);
    for (Shard shard : shards) {
      // Where a connection was cut, its server finds out in its own time.
      Await.until("nothing runs on " + shard, queries(shard), count -> count == 0);
    }
  }

  private void awaitAcquired(int acquired) {
    Await.until(
        acquired + " connections taken",
        router.operations().statistics(),
        all -> all.stream().allMatch(shard -> shard.pool().acquired() == acquired));
  }

  private Mono<Long> queries(Shard shard) {
    Object database = shard.options().getValue(ConnectionFactoryOptions.DATABASE);
    return router
        .on(shard.id())
        .sql(
            "SELECT COUNT(*) FROM information_schema.processlist"
                + " WHERE db = :db AND command <> 'Sleep' AND id <> CONNECTION_ID()")
        .bind("db", database)
        .map((row, metadata) -> Objects.requireNonNull(row.get(0, Long.class)))
        .one();
  }

  private static Duration randomly(int upToMillis) {
    return Duration.ofMillis(ThreadLocalRandom.current().nextInt(upToMillis));
  }
}
