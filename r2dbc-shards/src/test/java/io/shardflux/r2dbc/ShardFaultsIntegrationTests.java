package io.shardflux.r2dbc;

import static io.shardflux.r2dbc.TestShards.BOUND;
import static io.shardflux.r2dbc.TestShards.IDS;
import static io.shardflux.r2dbc.TestShards.USERS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.shardflux.r2dbc.TestShards.User;
import io.shardflux.r2dbc.failure.ShardTimeoutException;
import io.shardflux.r2dbc.failure.ShardUnavailableException;
import io.shardflux.r2dbc.observe.ShardStatistics;
import io.shardflux.r2dbc.scatter.ShardSignal;
import io.shardflux.r2dbc.scatter.ShardSignal.Coverage;
import io.shardflux.r2dbc.scatter.ShardSignal.Failed;
import io.shardflux.r2dbc.scatter.ShardSignal.Row;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.router.ShardId;
import io.shardflux.servers.DatabaseServer;
import io.shardflux.servers.TestServers;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;
import reactor.test.StepVerifier;

@Tag("same-on-any-server")
class ShardFaultsIntegrationTests {

  private static final String ALL = "SELECT id, name FROM users";
  // Half a million rows a shard: far more than fits into the buffers between a server and a slow
  // reader.
  private static final String LONG =
      "SELECT a.id, b.name FROM users a JOIN users b JOIN users c LIMIT 500000";

  private final TestServers servers = TestServers.shared();
  private final ShardRouter router = TestShards.router(TestShards.fresh(servers)).build();
  private final DatabaseServer victim = servers.servers().get(2);

  @BeforeEach
  void load() {
    assumeTrue(servers.controllable(), "these servers can't be killed");
    TestShards.load(router);
  }

  @AfterEach
  void restore() {
    servers.restore();
    router.close().block(BOUND);
  }

  @Test
  void aServerKilledMidStreamCostsItsOwnRowsOnly() {
    Mono<Void> kill =
        Mono.<Void>fromRunnable(() -> servers.kill(victim))
            .subscribeOn(Schedulers.boundedElastic());
    List<ShardSignal<User>> ends =
        router
            .onAll()
            .sql(LONG)
            .map(User::of)
            .signals()
            .index()
            .concatMap(
                signal ->
                    signal.getT1() == 1_000
                        ? kill.thenReturn(signal.getT2())
                        : Mono.just(signal.getT2()),
                1)
            .filter(signal -> !(signal instanceof Row))
            .collectList()
            .blockOptional(BOUND)
            .orElseThrow();

    assertThat(ends)
        .filteredOn(signal -> signal instanceof ShardSignal.Done)
        .extracting(signal -> ((ShardSignal.Done<User>) signal).rows())
        .containsExactly(500_000L, 500_000L);
    assertThat(ends)
        .filteredOn(signal -> signal instanceof Failed)
        .singleElement()
        .satisfies(signal -> isUnavailable(((Failed<User>) signal).error()));
    Coverage<User> coverage = (Coverage<User>) ends.get(ends.size() - 1);
    assertThat(coverage.failed()).isEqualTo(Set.of(IDS.get(2)));
    assertThat(coverage.rows()).isBetween(1_000_000L, 1_499_999L);
  }

  @Test
  void aRestartedServerIsAskedAgain() {
    servers.kill(victim);
    assertThat(answered()).isEqualTo(Set.of(IDS.get(0), IDS.get(1)));
    StepVerifier.create(router.on(IDS.get(2)).sql(ALL).map(User::of).all())
        .expectErrorSatisfies(ShardFaultsIntegrationTests::isUnavailable)
        .verify(BOUND);
    // A lost connection has the server looked at, which nobody waits for.
    Await.until(
        "down",
        router.operations().statistics(),
        all -> all.get(2).status() == ShardStatistics.Status.DOWN);

    servers.restart(victim);
    StepVerifier.create(
            router
                .onAll()
                .sql(ALL)
                .map(User::of)
                .signals()
                .last()
                .map(last -> (Coverage<User>) last)
                .filter(Coverage::complete)
                .repeatWhenEmpty(tries -> tries.delayElements(Duration.ofMillis(100)).take(200)))
        .expectNextMatches(coverage -> coverage.rows() == USERS)
        .expectComplete()
        .verify(BOUND);
  }

  @Test
  void aHungServerIsLateAndTheOthersAreWhole() {
    servers.pause(victim);
    try {
      StepVerifier.create(
              router
                  .onAll()
                  .sql(ALL)
                  .timeouts(Timeouts.of(Duration.ofSeconds(2)))
                  .map(User::of)
                  .signals()
                  .filter(signal -> !(signal instanceof Row))
                  .collectList())
          .assertNext(
              ends -> {
                assertThat(ends).hasSize(4);
                assertThat(((Failed<User>) ends.get(2)).error())
                    .isInstanceOf(ShardTimeoutException.class)
                    .hasMessageContaining("shard_2: no row within 2000 ms");
              })
          .expectComplete()
          .verify(BOUND);
    } finally {
      servers.resume(victim);
    }
  }

  private Set<ShardId> answered() {
    return router
        .onAll()
        .sql(ALL)
        .map(User::of)
        .signals()
        .last()
        .map(last -> ((Coverage<User>) last).answered())
        .blockOptional(BOUND)
        .orElseThrow();
  }

  private static void isUnavailable(Throwable error) {
    assertThat(error)
        .isInstanceOf(ShardUnavailableException.class)
        .hasMessageStartingWith("shard_2: ");
  }
}
