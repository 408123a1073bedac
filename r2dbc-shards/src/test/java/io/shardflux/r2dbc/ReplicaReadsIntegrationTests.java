package io.shardflux.r2dbc;

import static io.shardflux.r2dbc.TestShards.BOUND;
import static io.shardflux.r2dbc.TestShards.IDS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.r2dbc.spi.Connection;
import io.r2dbc.spi.ConnectionFactories;
import io.r2dbc.spi.Result;
import io.shardflux.r2dbc.coalesce.KeyedReads;
import io.shardflux.r2dbc.failure.ShardUnavailableException;
import io.shardflux.r2dbc.observe.ShardStatistics;
import io.shardflux.r2dbc.server.LatencyWindow;
import io.shardflux.r2dbc.settings.ReadOptions;
import io.shardflux.r2dbc.settings.ReadPreference;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.router.ShardKey;
import io.shardflux.servers.Database;
import io.shardflux.servers.DatabaseServer;
import io.shardflux.servers.Replication;
import io.shardflux.servers.TestServers;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Function;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.reactivestreams.Publisher;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;
import reactor.test.StepVerifier;

class ReplicaReadsIntegrationTests {

  /** Its name is made to differ on the replica, so that a read tells where it went. */
  private static final String WHO = "SELECT name FROM users WHERE id = 1";

  private static final ReadOptions READS =
      ReadOptions.defaults()
          .withPreference(ReadPreference.REPLICA_PREFERRED)
          .withMaxLag(Duration.ofSeconds(3));

  private final TestServers servers = TestServers.shared();
  private final DatabaseServer primary = servers.servers().get(0);
  private final DatabaseServer replica = servers.servers().get(1);
  private Replication replication;
  private Database copy;
  private ShardRouter router;

  @BeforeEach
  void load() {
    assumeTrue(servers.replicable(), "these servers can't follow one another");
    assumeTrue(servers.controllable(), "these servers can't be killed");
    replication = servers.replicate(primary, replica);
    Database original = servers.freshDatabases("reads").get(0);
    copy = new Database(replica, original.name());
    router = router(original, READS);
    TestShards.load(router);
    run("UPDATE users SET name = 'primary' WHERE id = 1");
    replication.catchUp();
    onReplica(connection -> execute(connection, "UPDATE users SET name = 'replica' WHERE id = 1"))
        .block(BOUND);
    awaitReadsFrom("replica");
  }

  @AfterEach
  void restore() {
    servers.restore();
    replication.close();
    router.close().block(BOUND);
  }

  @Test
  void readsGoToTheReplicaAndAllElseToThePrimary() {
    assertThat(names(router, 50)).containsOnly("replica");
    run("UPDATE users SET name = CONCAT(name, '!') WHERE id = 1");
    assertThat(read(WHO, ReadPreference.PRIMARY)).isEqualTo("primary!");
    assertThat(read(WHO + " FOR UPDATE", ReadPreference.REPLICA_PREFERRED)).isEqualTo("primary!");
    StepVerifier.create(
            router
                .on(IDS.get(0))
                .inTransaction(
                    connection ->
                        Flux.from(connection.createStatement(WHO).execute())
                            .concatMap(result -> result.map(row -> row.get(0, String.class)))))
        .expectNext("primary!")
        .expectComplete()
        .verify(BOUND);
  }

  @Test
  void readYourWritesStaysOnThePrimary() {
    StepVerifier.create(
            who(router)
                .repeat(49)
                .distinct()
                .collectList()
                .contextWrite(ShardRouter.readYourWrites()))
        .expectNext(List.of("primary"))
        .expectComplete()
        .verify(BOUND);
  }

  @Test
  void whoReadsHisWritesIsInNoBatchOfTheReplicas() {
    KeyedReads<String> joined =
        router.coalesced(
            "users",
            "SELECT id, name FROM users WHERE id IN (:keys)",
            (row, metadata) -> ShardKey.of(row.get(0, Long.class)),
            (row, metadata) -> Objects.requireNonNull(row.get(1, String.class)));
    ShardKey key = ShardKey.of(1);
    StepVerifier.create(
            Flux.range(0, 300)
                .flatMap(
                    i ->
                        switch (i % 3) {
                          case 0 ->
                              joined
                                  .one(key)
                                  .filter("primary"::equals)
                                  .contextWrite(ShardRouter.readYourWrites());
                          case 1 ->
                              joined
                                  .prefer(ReadPreference.PRIMARY)
                                  .one(key)
                                  .filter("primary"::equals);
                          default -> joined.one(key).filter("replica"::equals);
                        },
                    300)
                .count())
        .expectNext(300L)
        .expectComplete()
        .verify(BOUND);
  }

  @Test
  void nearestAsksBoth() {
    StepVerifier.create(
            Mono.defer(() -> Mono.just(read(WHO, ReadPreference.NEAREST)))
                .subscribeOn(Schedulers.boundedElastic())
                // Which are near is looked at once a second, and a busy machine may be late once.
                .repeatWhen(times -> times.delayElements(Duration.ofMillis(5)))
                .distinct()
                .take(2))
        .expectNextCount(2)
        .expectComplete()
        .verify(BOUND);
  }

  @Test
  void aReplicaThatLagsTooFarIsLeftAloneUntilItHasCaughtUp() {
    replication.delay(Duration.ofMinutes(10));
    run("UPDATE users SET name = 'later' WHERE id = 2");
    awaitReadsFrom("primary");
    Await.until(
        "the shard told",
        Mono.fromSupplier(this::status),
        status -> status == ShardStatistics.Status.DEGRADED);
    replication.delay(Duration.ZERO);
    awaitReadsFrom("replica");
  }

  @Test
  void aStoppedReplicaIsLeftAlone() {
    replication.stopApplying();
    awaitReadsFrom("primary");
    replication.resumeApplying();
    awaitReadsFrom("replica");
  }

  @Test
  void noReadFailsWhenTheReplicaIsKilled() {
    assertThat(names(router, 1_000)).hasSize(1_000);
    Mono<Void> kill =
        Mono.<Void>fromRunnable(() -> servers.kill(replica))
            .subscribeOn(Schedulers.boundedElastic());
    Flux<String> reads = Flux.range(0, 5_000).flatMap(i -> who(router), 4);
    StepVerifier.create(Flux.merge(reads, kill.cast(String.class)).count())
        .expectNext(5_000L)
        .expectComplete()
        .verify(BOUND);
    awaitReadsFrom("primary");
    servers.restart(replica);
    awaitReadsFrom("replica");
  }

  @Test
  void theReplicaServesReadsWhenThePrimaryIsKilled() {
    servers.kill(primary);
    StepVerifier.create(router.on(IDS.get(0)).sql("DELETE FROM users WHERE id = 9").rowsUpdated())
        .expectError(ShardUnavailableException.class)
        .verify(BOUND);
    StepVerifier.create(
            Mono.fromSupplier(this::status)
                .subscribeOn(Schedulers.boundedElastic())
                .filter(ShardStatistics.Status.DEGRADED::equals)
                .repeatWhenEmpty(tries -> tries.delayElements(Duration.ofMillis(100))))
        .expectNextCount(1)
        .expectComplete()
        .verify(BOUND);
    awaitReadsFrom("replica");
    assertThat(names(router, 50)).containsOnly("replica");
  }

  @Test
  void theLoserOfAHedgedReadIsEndedOnItsServer() {
    Database original = new Database(primary, copy.name());
    ShardRouter hedging = router(original, READS.withHedge(true));
    try {
      awaitReadsFrom(hedging, "replica");
      learnUsualTime(hedging);
      StepVerifier.create(
              onReplica(
                  connection ->
                      execute(connection, "LOCK TABLES users WRITE")
                          .then(who(hedging))
                          .delayUntil(name -> untilNothingWaits(connection))))
          .expectNext("primary")
          .expectComplete()
          .verify(BOUND);
    } finally {
      hedging.close().block(BOUND);
    }
  }

  @Test
  void aHedgeThatGaveRowsAndIsLostGivesNoneTwice() {
    Relay relay = Relay.to(Shard.of("shard_0", new Database(primary, copy.name()).r2dbcUrl()));
    ShardRouter hedging =
        TestShards.router(
                List.of(
                    relay
                        .instead(Shard.of("shard_0", copy.r2dbcUrl()))
                        .withReplica(copy.r2dbcUrl())))
            .reads(READS.withHedge(true))
            .build();
    // Rows come one by one, on the replica after a while.
    String slow =
        "SELECT id, REPEAT('x', 20000), SLEEP(IF((SELECT name FROM users WHERE id = 1) = 'replica',"
            + " 2, 0.02)) FROM users ORDER BY id";
    try {
      awaitReadsFrom(hedging, "replica");
      learnUsualTime(hedging);
      List<Long> ids = new CopyOnWriteArrayList<>();
      StepVerifier.create(
              hedging
                  .on(IDS.get(0))
                  .sql(slow)
                  .map((row, metadata) -> Objects.requireNonNull(row.get(0, Long.class)))
                  .all()
                  .doOnNext(ids::add)
                  .doOnNext(
                      id -> {
                        if (ids.size() == 2) {
                          relay.reset();
                        }
                      })
                  .take(20))
          .thenConsumeWhile(id -> true)
          .expectError(ShardUnavailableException.class)
          .verify(BOUND);
      assertThat(ids).hasSizeGreaterThanOrEqualTo(2).doesNotHaveDuplicates();
    } finally {
      hedging.close().block(BOUND);
      relay.close();
    }
  }

  private static Mono<Void> untilNothingWaits(Connection connection) {
    return Flux.from(
            connection
                .createStatement(
                    "SELECT COUNT(*) FROM information_schema.processlist"
                        + " WHERE command IN ('Query', 'Execute') AND info LIKE '%FROM users%'"
                        + " AND id <> CONNECTION_ID()")
                .execute())
        .concatMap(result -> result.map(row -> row.get(0, Long.class)))
        .next()
        .filter(count -> count == 0)
        .repeatWhenEmpty(tries -> tries.delayElements(Duration.ofMillis(100)))
        .then();
  }

  private ShardRouter router(Database original, ReadOptions reads) {
    Shard shard = Shard.of("shard_0", original.r2dbcUrl()).withReplica(copy.r2dbcUrl());
    return TestShards.router(List.of(shard)).reads(reads).build();
  }

  private ShardStatistics.Status status() {
    return router.operations().statistics().blockOptional(BOUND).orElseThrow().get(0).status();
  }

  private void run(String sql) {
    router.on(IDS.get(0)).sql(sql).rowsUpdated().block(BOUND);
  }

  private String read(String sql, ReadPreference preference) {
    return router
        .on(IDS.get(0))
        .sql(sql)
        .prefer(preference)
        .map((row, metadata) -> String.valueOf(row.get(0)))
        .one()
        .blockOptional(BOUND)
        .orElseThrow();
  }

  private static Mono<String> who(ShardRouter router) {
    return router.on(IDS.get(0)).sql(WHO).map((row, metadata) -> String.valueOf(row.get(0))).one();
  }

  private static List<String> names(ShardRouter router, int count) {
    return Flux.range(0, count)
        .concatMap(i -> who(router))
        .collectList()
        .blockOptional(BOUND)
        .orElseThrow();
  }

  private void awaitReadsFrom(String server) {
    awaitReadsFrom(router, server);
  }

  /** Reads until hedges may begin, which takes some reads and is looked at once a second. */
  private static void learnUsualTime(ShardRouter router) {
    Await.until(
        "enough reads of the replica",
        who(router).repeat(50).then(router.operations().statistics()),
        all -> all.get(0).replicas().get(0).latency().count() >= LatencyWindow.MIN_SAMPLES);
    Await.until(
        "the usual time is taken anew",
        Mono.delay(Duration.ofMillis(1_100)).then(who(router)),
        name -> true);
  }

  private static void awaitReadsFrom(ShardRouter router, String server) {
    StepVerifier.create(
            who(router)
                .filter(server::equals)
                .repeatWhenEmpty(tries -> tries.delayElements(Duration.ofMillis(100))))
        .expectNextCount(1)
        .expectComplete()
        .verify(BOUND);
  }

  private <T> Mono<T> onReplica(Function<Connection, ? extends Publisher<T>> work) {
    return Mono.usingWhen(
        ConnectionFactories.get(copy.r2dbcUrl()).create(),
        connection -> Mono.from(work.apply(connection)),
        Connection::close);
  }

  private static Mono<Void> execute(Connection connection, String sql) {
    return Flux.from(connection.createStatement(sql).execute())
        .concatMap(Result::getRowsUpdated)
        .then();
  }
}
