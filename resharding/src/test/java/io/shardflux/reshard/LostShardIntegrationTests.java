package io.shardflux.reshard;

import static io.shardflux.reshard.MoveFixture.BOUND;
import static io.shardflux.reshard.MoveFixture.S0;
import static io.shardflux.reshard.MoveFixture.S1;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.r2dbc.spi.R2dbcException;
import io.shardflux.cluster.ClusterRouter;
import io.shardflux.cluster.ShardOrder;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.reshard.job.MoveJob;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardKey;
import io.shardflux.router.ShardingStrategy;
import io.shardflux.servers.Database;
import io.shardflux.servers.TestServers;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Isolated;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;
import reactor.test.StepVerifier;
import reactor.util.retry.Retry;

/** The server of a side that is lost for good between the opening of a switch and its end. */
@Isolated
class LostShardIntegrationTests {

  private final TestServers servers = TestServers.shared();
  private final List<Database> databases = servers.freshDatabases("lost");

  @AfterEach
  void restore() {
    servers.restore();
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1})
  void keysAreServedAgainOnceTheLostShardIsGivenUp(int lost) {
    assumeTrue(servers.controllable());
    ClusterRouter cluster = ControlApart.open(databases, BOUND);
    Told.create(cluster.router());
    Told.load(cluster.router(), ShardingStrategy.fixed(S0));
    CountDownLatch killed = new CountDownLatch(1);
    ShardMoves moves =
        new DefaultShardMoves(
            cluster,
            new MoveJob.Guards() {
              @Override
              public Mono<Void> before(String what) {
                return what.equals("tell") && killed.getCount() > 0
                    ? Mono.<Void>fromRunnable(() -> servers.kill(databases.get(lost).server()))
                        .subscribeOn(Schedulers.boundedElastic())
                        .doOnTerminate(killed::countDown)
                        .then(Mono.error(new IllegalStateException("fault before " + what)))
                    : Mono.empty();
              }

              @Override
              public boolean settles() {
                return false;
              }
            });
    moves.plan("by_user", ShardingStrategy.fixed(S1)).flatMap(moves::start).block(BOUND);
    MoveIntegrationTests.await(killed);
    // Before the mover tries again, which may find that the keys have gone to a shard that answers.
    StepVerifier.create(
            cluster
                .router()
                .on("users", ShardKey.of(1))
                .sql("UPDATE users SET version = version + 1 WHERE id = 1")
                .timeouts(Timeouts.defaults().withAcquire(Duration.ofMillis(200)))
                .rowsUpdated())
        .expectError(R2dbcException.class)
        .verify(BOUND);
    StepVerifier.create(cluster.republish("without it")).expectError().verify(BOUND);
    ShardId gone = List.of(S0, S1).get(lost);
    ShardId left = List.of(S1, S0).get(lost);
    refused(cluster, Set.of(left), "givenUp: [" + left + "], which answer");
    // The mover may publish at the same time.
    cluster.republish("its disk is broken", Set.of(gone)).retry(5).block(BOUND);
    MoveFixture.update(cluster.router(), 1)
        .retryWhen(Retry.fixedDelay(60, Duration.ofMillis(500)))
        .block(BOUND);
    assertThat(cluster.router().topology().locate("users", ShardKey.of(1)).block(BOUND))
        .isEqualTo(left);
    assertThat(cluster.state().blockOptional(BOUND).orElseThrow().orders())
        .singleElement()
        .satisfies(order -> assertThat(order.shard()).isEqualTo(gone))
        .satisfies(order -> assertThat(order.kind()).isEqualTo(ShardOrder.Kind.OPEN));
    servers.restore();
    moves.close().block(BOUND);
    cluster.close().block(BOUND);
  }

  @Test
  void onlyWhatIsThereAndLostIsGivenUp() {
    ClusterRouter cluster = ControlApart.open(databases, BOUND);
    refused(cluster, Set.of(ShardId.of("other")), "givenUp: [other] (expected: some of [");
    refused(cluster, Set.copyOf(cluster.router().topology().shards()), "givenUp: [");
    refused(cluster, Set.of(S0), "givenUp: [shard_0], which answer");
    cluster.close().block(BOUND);
  }

  private static void refused(ClusterRouter cluster, Set<ShardId> givenUp, String message) {
    StepVerifier.create(cluster.republish("refused", givenUp))
        .expectErrorSatisfies(error -> assertThat(error).hasMessageStartingWith(message))
        .verify(BOUND);
  }
}
