package io.shardflux.r2dbc;

import static io.shardflux.r2dbc.TestShards.BOUND;
import static io.shardflux.r2dbc.TestShards.IDS;
import static io.shardflux.r2dbc.TestShards.USERS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.shardflux.r2dbc.TestShards.User;
import io.shardflux.r2dbc.failure.ShardUnavailableException;
import io.shardflux.r2dbc.observe.ShardStatistics;
import io.shardflux.r2dbc.scatter.ShardSignal.Coverage;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.router.ShardId;
import io.shardflux.servers.TestServers;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;
import reactor.test.StepVerifier;

/** Routers and shards that come and go while they are in use. */
@Tag("same-on-any-server")
class LifecycleIntegrationTests {

  private static final ShardId EXTRA = ShardId.of("extra");
  private static final int READS = 50;

  private final TestServers servers = TestServers.shared();
  private final List<Shard> shards = TestShards.fresh(servers);
  private final ShardRouter router = TestShards.router(shards).build();

  @AfterEach
  void close() {
    servers.restore();
    router.close().block(BOUND);
  }

  @Test
  void aRouterStartsWithShardsDown() {
    assumeTrue(servers.controllable(), "these servers can't be killed");
    TestShards.load(router);
    router.close().block(BOUND);
    servers.kill(servers.servers().get(1));
    servers.kill(servers.servers().get(2));

    ShardRouter late = TestShards.router(shards).build();
    StepVerifier.create(late.warmUp()).expectComplete().verify(BOUND);
    assertThat(all(late).answered()).isEqualTo(Set.of(IDS.get(0)));
    try (SteadyLoad load = SteadyLoad.on(late)) {
      load.awaitReads(IDS, System.nanoTime(), READS);
      assertThat(load.reads().of(IDS.get(0)).errors()).isEmpty();
      assertThat(load.reads().ofOthersThan(IDS.get(0)).all())
          .allSatisfy(
              read -> assertThat(read.error()).isInstanceOf(ShardUnavailableException.class));

      servers.restore();
      long restored = System.nanoTime();
      IDS.forEach(shard -> load.awaitSuccesses(shard, restored, READS));
    }
    Coverage<User> whole = all(late);
    assertThat(whole.complete()).isTrue();
    assertThat(whole.rows()).isEqualTo(USERS);
    late.close().block(BOUND);
    ServerSide.awaitNone(shards);
  }

  @Test
  void aRestartedServersDeadConnectionsFailNoRead() {
    assumeTrue(servers.controllable(), "these servers can't be killed");
    TestShards.load(router);
    ShardId restarted = IDS.get(2);
    Flux.range(0, 10).flatMap(i -> sleep(restarted, 0.2)).blockLast(BOUND);
    // A connection may be opened still whose statement another one took over.
    Await.until(
        "ten idle connections",
        router.operations().statistics(),
        all -> all.get(2).pool().idle() == 10);

    servers.restart(servers.servers().get(2));
    StepVerifier.create(Flux.range(0, 20).flatMap(i -> sleep(restarted, 0)).count())
        .expectNext(20L)
        .expectComplete()
        .verify(BOUND);
  }

  @Test
  void shardsComeAndGoWithoutAFailedRead() {
    Shard extra = extra();
    TestShards.load(router);
    try (SteadyLoad load = SteadyLoad.on(router);
        Scatters scatters = new Scatters(router)) {
      for (int i = 0; i < 5; i++) {
        router.operations().addShard(extra).block(BOUND);
        Mono<Long> underWay = underWay(extra);
        router.operations().removeShard(EXTRA).block(BOUND);
        assertThat(underWay.block(BOUND)).isZero();
        ServerSide.awaitNone(List.of(extra));
      }
      load.awaitReads(IDS, System.nanoTime(), READS);
      assertThat(load.finish().errors()).isEmpty();
      assertThat(scatters.finish()).isNotEmpty().allMatch(Coverage::complete);
    }
  }

  @Test
  void aDrainedShardIsMissedAndNothingElseIs() {
    Shard extra = extra();
    TestShards.load(router);
    router.operations().addShard(extra).block(BOUND);
    try (SteadyLoad load = SteadyLoad.on(router);
        Scatters scatters = new Scatters(router)) {
      Mono<Long> underWay = underWay(extra);
      router.operations().drain(EXTRA).block(BOUND);
      assertThat(underWay.block(BOUND)).isZero();
      assertThat(statistics(EXTRA).status()).isEqualTo(ShardStatistics.Status.DRAINING);
      StepVerifier.create(sleep(EXTRA, 0))
          .expectError(ShardUnavailableException.class)
          .verify(BOUND);

      router.operations().removeShard(EXTRA).block(BOUND);
      load.awaitReads(IDS, System.nanoTime(), READS);
      assertThat(load.finish().errors()).isEmpty();
      assertThat(scatters.finish())
          .isNotEmpty()
          .allSatisfy(answer -> assertThat(answer.failed()).isSubsetOf(EXTRA));
    }
    ServerSide.awaitNone(List.of(extra));
  }

  @Test
  void aRouterClosesUnderLoadAndLeavesNothing() {
    TestShards.load(router);
    try (SteadyLoad load = SteadyLoad.on(router)) {
      load.awaitReads(IDS, System.nanoTime(), READS);
      List<Mono<Long>> underWay = shards.stream().map(this::underWay).toList();
      router.close().block(BOUND);
      assertThat(Flux.merge(underWay).collectList().block(BOUND)).containsExactly(0L, 0L, 0L);
      assertThat(load.finish().failed().all())
          .allSatisfy(
              read ->
                  assertThat(read.error())
                      .isInstanceOf(ShardUnavailableException.class)
                      .hasMessageContaining("closing"));
    }
    for (ShardId shard : IDS) {
      StepVerifier.create(sleep(shard, 0))
          .expectError(ShardUnavailableException.class)
          .verify(BOUND);
    }
    ServerSide.awaitNone(shards);
  }

  /** A fourth shard, with users of its own. */
  private Shard extra() {
    List<Shard> others = TestShards.fresh(servers);
    ShardRouter loading = TestShards.router(others).build();
    TestShards.load(loading);
    loading.close().block(BOUND);
    return Shard.of(EXTRA, others.get(0).options());
  }

  /** A statement of a second on a shard, of which the server knows when this returns. */
  private Mono<Long> underWay(Shard shard) {
    Mono<Long> statement = sleep(shard.id(), 1).cache();
    statement.subscribe(slept -> {}, error -> {});
    Await.until("asleep", ServerSide.sleeping(shard), count -> count == 1);
    return statement;
  }

  /** Gives 0 unless it is ended. */
  private Mono<Long> sleep(ShardId shard, double seconds) {
    return router
        .on(shard)
        .sql("SELECT SLEEP(" + seconds + ")")
        .map((row, metadata) -> Objects.requireNonNull(row.get(0, Long.class)))
        .one();
  }

  private ShardStatistics statistics(ShardId shard) {
    return router
        .operations()
        .statistics()
        .flatMapIterable(all -> all)
        .filter(one -> one.id().equals(shard))
        .single()
        .blockOptional(BOUND)
        .orElseThrow();
  }

  /** Reads all shards, one time after the other, until it is finished. */
  private static final class Scatters implements AutoCloseable {

    private final Mono<List<Coverage<User>>> answers;
    private volatile boolean finishing;

    Scatters(ShardRouter router) {
      answers =
          Mono.fromSupplier(() -> all(router))
              .subscribeOn(Schedulers.boundedElastic())
              .repeat(() -> !finishing)
              .collectList()
              .cache();
      answers.subscribe(all -> {}, error -> {});
    }

    /** Ends the load; returns the coverage of all its answers. */
    List<Coverage<User>> finish() {
      finishing = true;
      return answers.blockOptional(BOUND).orElseThrow();
    }

    @Override
    public void close() {
      finish();
    }
  }

  private static Coverage<User> all(ShardRouter router) {
    return router
        .onAll()
        .sql("SELECT id, name FROM users")
        .map(User::of)
        .signals()
        .last()
        .map(last -> (Coverage<User>) last)
        .blockOptional(BOUND)
        .orElseThrow();
  }
}
