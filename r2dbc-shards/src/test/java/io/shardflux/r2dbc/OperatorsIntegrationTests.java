package io.shardflux.r2dbc;

import static io.shardflux.r2dbc.TestShards.BOUND;
import static io.shardflux.r2dbc.TestShards.IDS;
import static org.assertj.core.api.Assertions.assertThat;

import io.shardflux.r2dbc.failure.ShardUnavailableException;
import io.shardflux.r2dbc.observe.ShardEvent;
import io.shardflux.r2dbc.observe.ShardStatistics;
import io.shardflux.r2dbc.observe.ShardStatistics.Status;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.router.ShardId;
import io.shardflux.servers.TestServers;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.test.StepVerifier;

/** The operators' calls on a shard, and the state of it that they see. */
@Tag("same-on-any-server")
class OperatorsIntegrationTests {

  private static final ShardId SHARD = IDS.get(1);

  private final List<Shard> shards = TestShards.fresh(TestServers.shared());
  private final ShardRouter router = TestShards.router(shards).build();

  @AfterEach
  void close() {
    router.close().block(BOUND);
  }

  @Test
  void aShardTakenOutByHandIsNotAskedUntilItIsTakenBack() {
    StepVerifier.create(router.operations().events().take(2))
        .then(() -> router.operations().openBreaker(SHARD).block(BOUND))
        .assertNext(event -> assertChange(event, Status.ACTIVE, Status.DOWN))
        .then(
            () ->
                StepVerifier.create(one(SHARD))
                    .expectErrorMatches(
                        error -> String.valueOf(error.getMessage()).contains("taken out by hand"))
                    .verify(BOUND))
        .then(
            () -> StepVerifier.create(one(IDS.get(0))).expectNext(1).expectComplete().verify(BOUND))
        .then(() -> router.operations().closeBreaker(SHARD).block(BOUND))
        .assertNext(event -> assertChange(event, Status.DOWN, Status.ACTIVE))
        .expectComplete()
        .verify(BOUND);
    StepVerifier.create(one(SHARD)).expectNext(1).expectComplete().verify(BOUND);
  }

  @Test
  void aDrainedShardLetsItsStatementsEndAndTakesNewOnesOnceResumed() {
    Sinks.Empty<Void> begun = Sinks.empty();
    Sinks.Empty<Void> end = Sinks.empty();
    Mono<Object> underWay =
        router
            .on(SHARD)
            .inConnection(
                connection ->
                    end.asMono().cast(Object.class).doOnSubscribe(s -> begun.tryEmitEmpty()))
            .then()
            .cast(Object.class)
            .cache();
    underWay.subscribe();
    begun.asMono().block(BOUND);
    AtomicBoolean drained = new AtomicBoolean();
    Mono<Void> draining =
        router.operations().drain(SHARD).doOnSuccess(done -> drained.set(true)).cache();
    draining.subscribe();
    assertStatus(Status.DRAINING);
    assertRefusedAsDrained();
    assertThat(drained).isFalse();
    end.tryEmitEmpty();
    StepVerifier.create(Mono.when(underWay, draining)).expectComplete().verify(BOUND);
    assertRefusedAsDrained();
    router.operations().resume(SHARD).block(BOUND);
    assertStatus(Status.ACTIVE);
    StepVerifier.create(one(SHARD)).expectNext(1).expectComplete().verify(BOUND);
  }

  @Test
  void drainingAndTheBreakerAreUndoneEachByItself() {
    router.operations().drain(SHARD).block(BOUND);
    router.operations().closeBreaker(SHARD).block(BOUND);
    assertStatus(Status.DRAINING);
    assertRefusedAsDrained();
    router.operations().openBreaker(SHARD).block(BOUND);
    router.operations().resume(SHARD).block(BOUND);
    assertStatus(Status.DOWN);
    router.operations().closeBreaker(SHARD).block(BOUND);
    assertStatus(Status.ACTIVE);
    StepVerifier.create(one(SHARD)).expectNext(1).expectComplete().verify(BOUND);
  }

  private void assertStatus(Status status) {
    assertThat(router.operations().status(SHARD)).isEqualTo(status);
  }

  private void assertRefusedAsDrained() {
    StepVerifier.create(one(SHARD))
        .expectErrorSatisfies(
            error ->
                assertThat(error)
                    .isInstanceOf(ShardUnavailableException.class)
                    .hasMessageContaining("drained, takes no new statements"))
        .verify(BOUND);
  }

  @Test
  void statisticsTellWhatHasHappened() {
    one(SHARD).repeat(19).then().block(BOUND);
    router.on(SHARD).sql("SELEKT 1").rowsUpdated().onErrorComplete().block(BOUND);
    router
        .on(SHARD)
        .sql("DO SLEEP(60)")
        .timeouts(Timeouts.of(Duration.ofMillis(300)))
        .rowsUpdated()
        .onErrorComplete()
        .block(BOUND);
    StepVerifier.create(
            router
                .operations()
                .statistics()
                .map(all -> all.get(1))
                .filter(shard -> shard.kills() > 0 && shard.pool().acquired() == 0)
                .repeatWhenEmpty(tries -> tries.delayElements(Duration.ofMillis(50))))
        .assertNext(
            shard -> {
              assertThat(shard.errors()).containsEntry("grammar", 1L).containsEntry("timeout", 1L);
              assertThat(shard.latency().count()).isEqualTo(20);
              assertThat(shard.latency().p50())
                  .isPositive()
                  .isLessThanOrEqualTo(shard.latency().p99());
              assertThat(shard.inFlight()).isZero();
              assertThat(shard.breaker().state()).isEqualTo("CLOSED");
              // A time of the caller's own that is shorter than the router's counts for nothing.
              assertThat(shard.breaker().failureRate()).isZero();
            })
        .expectComplete()
        .verify(BOUND);
  }

  @Test
  void imbalanceIsTheLargestOverTheMean() {
    assertThat(ShardStatistics.imbalance(List.of())).isEqualTo(new ShardStatistics.Imbalance(0, 0));
    ShardStatistics shard = statistics(SHARD);
    assertThat(
            ShardStatistics.imbalance(
                List.of(with(shard, 0.5, 10L), with(shard, 1.5, 10L), with(shard, 1, null))))
        .isEqualTo(new ShardStatistics.Imbalance(1.5, 1));
    assertThat(ShardStatistics.imbalance(List.of(with(shard, 0, 30L), with(shard, 0, 10L))))
        .isEqualTo(new ShardStatistics.Imbalance(0, 1.5));
  }

  private static ShardStatistics with(ShardStatistics shard, double load, @Nullable Long rows) {
    return new ShardStatistics(
        shard.id(),
        shard.host(),
        shard.port(),
        shard.status(),
        load,
        rows,
        shard.pool(),
        shard.inFlight(),
        shard.latency(),
        shard.errors(),
        shard.kills(),
        shard.breaker(),
        shard.replicas());
  }

  private static void assertChange(ShardEvent event, Status before, Status now) {
    assertThat(event.shard()).isEqualTo(SHARD);
    assertThat(event.before()).isEqualTo(before);
    assertThat(event.now()).isEqualTo(now);
    assertThat(event.reason()).isNotEmpty();
  }

  private Mono<Integer> one(ShardId shard) {
    return router.on(shard).sql("SELECT 1").map((row, metadata) -> 1).one();
  }

  private ShardStatistics statistics(ShardId shard) {
    return router.operations().statistics().blockOptional(BOUND).orElseThrow().stream()
        .filter(each -> each.id().equals(shard))
        .findAny()
        .orElseThrow();
  }
}
