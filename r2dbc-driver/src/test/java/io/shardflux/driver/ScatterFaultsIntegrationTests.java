package io.shardflux.driver;

import static io.shardflux.driver.DriverShards.BOUND;
import static io.shardflux.driver.DriverShards.IDS;
import static io.shardflux.driver.DriverShards.bound;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.r2dbc.spi.Connection;
import io.r2dbc.spi.R2dbcTimeoutException;
import io.shardflux.driver.failure.MissingShardsException;
import io.shardflux.r2dbc.failure.ShardUnavailableException;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.servers.TestServers;
import java.time.Duration;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.test.StepVerifier;

/** Reads of all shards of which one does not answer. */
class ScatterFaultsIntegrationTests {

  private static final String READ = "SELECT id FROM users ORDER BY id";

  private final TestServers servers = TestServers.shared();
  private DriverShards shards;

  @BeforeEach
  void load() {
    shards = new DriverShards();
    shards.load(9);
  }

  @AfterEach
  void close() {
    servers.restore();
    shards.close();
  }

  @Test
  void aLateOneIsEndedOnItsServer() {
    try (Stuck stuck = new Stuck()) {
      StepVerifier.create(
              shards.rows(row -> row.get(0, Long.class), "/* shardflux: timeout=1s */ " + READ))
          .expectErrorSatisfies(error -> isLate(error, "shard_2: no row within 1000 ms"))
          .verify(BOUND);
      stuck.awaitEnded();
    }
    isWhole();
  }

  @Test
  void aConnectionsTimeForStatementsHolds() {
    try (Stuck stuck = new Stuck()) {
      StepVerifier.create(
              shards.on(
                  connection ->
                      Mono.from(connection.setStatementTimeout(Duration.ofSeconds(1)))
                          .thenMany(Flux.defer(() -> bound(connection, READ).execute()))
                          .concatMap(
                              result ->
                                  result.map(
                                      row -> Objects.requireNonNull(row.get(0, Long.class))))))
          .expectErrorSatisfies(error -> isLate(error, "shard_2: no row within 1000 ms"))
          .verify(BOUND);
      stuck.awaitEnded();
    }
    isWhole();
  }

  @Test
  void aCancelledOneIsEndedOnItsServer() {
    try (Stuck stuck = new Stuck()) {
      Disposable read = shards.rows(row -> row.get(0, Long.class), READ).subscribe();
      stuck.watch.awaitStatements("%SELECT id FROM users%", count -> count == 1);
      read.dispose();
      stuck.awaitEnded();
      assertThat(
              shards
                  .router
                  .operations()
                  .statistics()
                  .flatMapIterable(all -> all)
                  .last()
                  .block(BOUND))
          .satisfies(third -> assertThat(third.kills()).isPositive());
    }
    isWhole();
  }

  @Test
  void aFirstStatementWaitsForItsOwnShardAlone() {
    assumeTrue(servers.controllable(), "these servers can't be paused");
    Timeouts patient = Timeouts.of(Duration.ofMinutes(5)).withFirstRow(Duration.ofMinutes(5));
    try (DriverShards others = new DriverShards(builder -> builder.timeouts(patient))) {
      others.load(9);
      ShardfluxConnectionFactory unasked = ShardfluxConnectionFactory.of(others.router);
      servers.pause(servers.servers().get(1));
      Flux.usingWhen(
              unasked.create(),
              connection ->
                  Flux.from(bound(connection, "SELECT name FROM users WHERE id = 3").execute())
                      .concatMap(
                          result ->
                              result.map(row -> Objects.requireNonNull(row.get(0, String.class)))),
              Connection::close)
          .as(StepVerifier::create)
          .expectNext("user 3")
          .expectComplete()
          .verify(BOUND);
      servers.restore();
    }
  }

  @Test
  void aHungServerFailsTheWholeInItsTime() {
    assumeTrue(servers.controllable(), "these servers can't be paused");
    servers.pause(servers.servers().get(1));
    StepVerifier.create(
            shards.rows(row -> row.get(0, Long.class), "/* shardflux: timeout=2s */ " + READ))
        .expectErrorSatisfies(error -> isLate(error, "shard_1: no row within 2000 ms"))
        .verify(BOUND);
    StepVerifier.create(
            shards.rows(
                row -> row.get(0, Long.class),
                "/* shardflux: timeout=2s, failure-policy=partial */ " + READ))
        .expectNext(2L, 3L, 5L, 6L, 8L, 9L)
        .expectErrorSatisfies(
            error ->
                assertThat(((MissingShardsException) error).missing())
                    .containsOnlyKeys(IDS.get(1))
                    .hasEntrySatisfying(
                        IDS.get(1), late -> assertThat(late).hasMessageStartingWith("shard_1: ")))
        .verify(BOUND);
    servers.restore();
    shards.router.operations().closeBreaker(IDS.get(1)).block(BOUND);
    isWhole();
  }

  @Test
  void whatAnyShardAnswersIsAskedOfOneThatIsWell() {
    shards.router.operations().openBreaker(IDS.get(1)).block(BOUND);
    StepVerifier.create(
            Flux.range(0, 60)
                .concatMap(
                    i ->
                        shards.rows(
                            row -> row.get(0, Long.class), "SELECT COUNT(*) FROM countries")))
        .expectNextCount(60)
        .expectComplete()
        .verify(BOUND);
    shards.router.operations().openBreaker(IDS.get(0)).block(BOUND);
    shards.router.operations().openBreaker(IDS.get(2)).block(BOUND);
    StepVerifier.create(shards.rows(row -> row.get(0), "SELECT COUNT(*) FROM countries"))
        .expectError(ShardUnavailableException.class)
        .verify(BOUND);
  }

  private static void isLate(Throwable error, String message) {
    assertThat(error).isInstanceOf(R2dbcTimeoutException.class).hasMessageStartingWith(message);
  }

  private void isWhole() {
    shards.awaitIdle();
    StepVerifier.create(shards.rows(row -> row.get(0, Long.class), READ))
        .expectNextCount(9)
        .expectComplete()
        .verify(BOUND);
  }

  /** The third shard's users, which nobody can read until it is closed. */
  private final class Stuck implements AutoCloseable {

    private final Session lock = new Session(shards.databases.get(2));
    private final Session watch = new Session(shards.databases.get(2));

    Stuck() {
      lock.run("LOCK TABLES users WRITE");
    }

    /** The statement is ended and its connection is free, though the table still is locked. */
    void awaitEnded() {
      watch.awaitStatements("%FROM users%", count -> count == 0);
      shards.awaitIdle();
    }

    @Override
    public void close() {
      lock.run("UNLOCK TABLES");
      lock.close();
      watch.close();
    }
  }
}
