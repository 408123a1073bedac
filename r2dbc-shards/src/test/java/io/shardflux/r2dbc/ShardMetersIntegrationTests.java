package io.shardflux.r2dbc;

import static io.shardflux.r2dbc.TestShards.BOUND;
import static io.shardflux.r2dbc.TestShards.IDS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.shardflux.r2dbc.coalesce.KeyedReads;
import io.shardflux.r2dbc.settings.PoolOptions;
import io.shardflux.r2dbc.settings.ReadOptions;
import io.shardflux.r2dbc.settings.ReadPreference;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardKey;
import io.shardflux.servers.Database;
import io.shardflux.servers.Replication;
import io.shardflux.servers.TestServers;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.test.StepVerifier;

/** The meters of real servers. */
@Tag("same-on-any-server")
class ShardMetersIntegrationTests {

  private static final ShardId EXTRA = ShardId.of("extra");

  private final TestServers servers = TestServers.shared();
  private final List<Database> databases = servers.freshDatabases("meters");
  private final List<Shard> shards = TestShards.shards(databases);
  private final ShardRouter router =
      TestShards.router(shards).pool(PoolOptions.builder().maxSize(4).build()).build();
  private final SimpleMeterRegistry registry = new SimpleMeterRegistry();

  @AfterEach
  void close() {
    router.close().block(BOUND);
  }

  @Test
  void connectionsInFlightAndKillsAreShown() {
    new ShardMeters(router).bindTo(registry);
    assertThat(gauge("shardflux.connections", "shard", "shard_1", "state", "max")).isEqualTo(4);
    assertThat(gauge("shardflux.imbalance")).isZero();
    Disposable sleeping = sleep(router, IDS.get(1));
    Await.until("it sleeps", ServerSide.sleeping(shards.get(1)), count -> count == 1);
    assertThat(gauge("shardflux.connections", "shard", "shard_1", "state", "acquired")).isOne();
    assertThat(gauge("shardflux.connections", "shard", "shard_1", "state", "pending")).isZero();
    assertThat(gauge("shardflux.in.flight", "shard", "shard_1")).isOne();
    assertThat(gauge("shardflux.in.flight", "shard", "shard_0")).isZero();
    // One of three has all of the load.
    assertThat(gauge("shardflux.imbalance")).isEqualTo(3);
    assertThat(
            registry
                .get("shardflux.in.flight")
                .tag("shard", "shard_1")
                .gauge()
                .getId()
                .getTag("server"))
        .isEqualTo(databases.get(1).server().address());
    sleeping.dispose();
    Await.until(
        "idle",
        Mono.fromSupplier(
            () -> gauge("shardflux.connections", "shard", "shard_1", "state", "idle")),
        idle -> idle == 1);
    assertThat(gauge("shardflux.in.flight", "shard", "shard_1")).isZero();
    assertThat(counter("shardflux.kills", "shard", "shard_1")).isOne();
    assertThat(counter("shardflux.kills", "shard", "shard_0")).isZero();
  }

  @Test
  void statusesAndErrorsAreShown() {
    new ShardMeters(router).bindTo(registry);
    router
        .on(IDS.get(0))
        .sql("SELECT nothing FROM nowhere")
        .rowsUpdated()
        .onErrorComplete()
        .block(BOUND);
    assertThat(counter("shardflux.errors", "shard", "shard_0", "kind", "grammar")).isOne();
    assertThat(counter("shardflux.errors", "shard", "shard_0", "kind", "timeout")).isZero();
    assertThat(gauge("shardflux.status", "shard", "shard_0", "status", "active")).isOne();
    router.operations().openBreaker(IDS.get(0)).block(BOUND);
    assertThat(gauge("shardflux.status", "shard", "shard_0", "status", "active")).isZero();
    assertThat(gauge("shardflux.status", "shard", "shard_0", "status", "down")).isOne();
    assertThat(gauge("shardflux.status", "shard", "shard_1", "status", "active")).isOne();
  }

  @Test
  void aShardsMetersComeAndGoWithIt() {
    new ShardMeters(router).bindTo(registry);
    Set<Meter.Id> before = ids();
    assertThat(shardsMeasured()).containsExactlyInAnyOrder("shard_0", "shard_1", "shard_2");
    for (int i = 0; i < 2; i++) {
      router
          .operations()
          .addShard(
              Shard.of(EXTRA.value(), databases.get(0).server().r2dbcUrl() + "/information_schema"))
          .block(BOUND);
      assertThat(shardsMeasured()).contains("extra");
      StepVerifier.create(
              router.on(EXTRA).sql("SELECT 7").map((row, metadata) -> row.get(0, Long.class)).one())
          .expectNext(7L)
          .expectComplete()
          .verify(BOUND);
      // Of the new shard, and not of one that had its name.
      assertThat(gauge("shardflux.connections", "shard", "extra", "state", "idle")).isOne();
      router.operations().removeShard(EXTRA).block(BOUND);
      assertThat(ids()).isEqualTo(before);
    }
  }

  @Test
  void replicasAndHedgesAreShown() {
    assumeTrue(servers.replicable(), "these servers can't follow one another");
    try (Replication replication =
        servers.replicate(servers.servers().get(0), servers.servers().get(1))) {
      Database source = servers.freshDatabases("meters_replicated").get(0);
      replication.catchUp();
      String copy =
          source.r2dbcUrl().replace(source.server().address(), servers.servers().get(1).address());
      ShardRouter hedging =
          ShardRouter.builder()
              .shard(Shard.of("shard_0", source.r2dbcUrl()).withReplica(copy))
              .reads(ReadOptions.defaults().withPreference(ReadPreference.NEAREST).withHedge(true))
              .build();
      try {
        new ShardMeters(hedging).bindTo(registry);
        assertThat(gauge("shardflux.replica.lag")).isNaN();
        read(hedging, "SELECT 1").block(BOUND);
        Await.until(
            "the replica's lag",
            Mono.fromSupplier(() -> gauge("shardflux.replica.lag")),
            lag -> lag >= 0 && lag < 10);
        // Both servers get to know what is usual, and the budget gets to allow for more.
        Flux.range(0, 200).flatMap(i -> read(hedging, "SELECT 1"), 2).blockLast(BOUND);
        Await.until(
            "a hedge",
            read(hedging, "SELECT SLEEP(0.2)")
                .then(Mono.fromSupplier(() -> counter("shardflux.hedges"))),
            hedges -> hedges > 0);
        assertThat(registry.find("shardflux.connections").tag("role", "replica").gauges())
            .hasSize(4);
      } finally {
        hedging.close().block(BOUND);
      }
    }
  }

  @Test
  void retriesAreCounted() {
    new ShardMeters(router).bindTo(registry);
    router
        .on(IDS.get(0))
        .sql(
            "CREATE FUNCTION conflict() RETURNS INT DETERMINISTIC NO SQL"
                + " BEGIN SIGNAL SQLSTATE '40001'; RETURN 7; END")
        .rowsUpdated()
        .block(BOUND);
    read(router, "SELECT conflict()").onErrorComplete().block(BOUND);
    assertThat(counter("shardflux.retries", "shard", "shard_0")).isZero();
    Flux.range(0, 20).concatMap(i -> read(router, "SELECT 1")).blockLast(BOUND);
    read(router, "SELECT conflict()").onErrorComplete().block(BOUND);
    assertThat(counter("shardflux.retries", "shard", "shard_0")).isEqualTo(2);
    assertThat(counter("shardflux.errors", "shard", "shard_0", "kind", "rollback")).isEqualTo(4);
  }

  @Test
  void batchesAndTheirKeysAreCounted() {
    new ShardMeters(router).bindTo(registry);
    KeyedReads<Long> numbers =
        router.coalesced(
            "users",
            "SELECT 1 FROM DUAL WHERE 1 IN (:keys)",
            (row, metadata) -> ShardKey.of(row.get(0, Long.class)),
            (row, metadata) -> 1L);
    StepVerifier.create(Flux.range(1, 100).flatMap(id -> numbers.one(ShardKey.of(id)), 100).count())
        .expectNext(1L)
        .expectComplete()
        .verify(BOUND);
    double batches = 0;
    double keys = 0;
    for (ShardId shard : IDS) {
      batches += counter("shardflux.batches", "shard", shard.value());
      keys += counter("shardflux.batch.keys", "shard", shard.value());
    }
    assertThat(keys).isEqualTo(100);
    // Two of each shard at least, and all else gathers behind them.
    assertThat(batches).isBetween(6.0, 50.0);
  }

  private static Mono<Integer> read(ShardRouter router, String sql) {
    return router.on(IDS.get(0)).sql(sql).map((row, metadata) -> 1).one();
  }

  private static Disposable sleep(ShardRouter router, ShardId shard) {
    return router.on(shard).sql("SELECT SLEEP(30)").map((row, metadata) -> 1).one().subscribe();
  }

  private double gauge(String name, String... tags) {
    Gauge gauge = registry.get(name).tags(tags).gauge();
    return gauge.value();
  }

  private double counter(String name, String... tags) {
    FunctionCounter counter = registry.get(name).tags(tags).functionCounter();
    return counter.count();
  }

  private Set<Meter.Id> ids() {
    return registry.getMeters().stream().map(Meter::getId).collect(Collectors.toSet());
  }

  private Set<String> shardsMeasured() {
    return ids().stream()
        .map(id -> id.getTag("shard"))
        .filter(shard -> shard != null)
        .map(String::valueOf)
        .collect(Collectors.toSet());
  }
}
