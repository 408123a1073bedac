package io.shardflux.driver;

import static io.shardflux.driver.DriverShards.BOUND;
import static io.shardflux.driver.DriverShards.IDS;
import static io.shardflux.driver.DriverShards.bound;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.r2dbc.spi.Connection;
import io.r2dbc.spi.Result;
import io.shardflux.r2dbc.failure.ShardUnavailableException;
import io.shardflux.servers.TestServers;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.reactivestreams.Publisher;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.test.StepVerifier;

/** Transactions whose connection is lost, on the first shard. */
class LostTransactionsIntegrationTests {

  private final TestServers servers = TestServers.shared();
  private DriverShards shards;
  private Connection connection;

  @BeforeEach
  void begin() {
    shards = new DriverShards();
    shards.load(6);
    connection = Mono.from(shards.factory.create()).blockOptional(BOUND).orElseThrow();
    await(connection.beginTransaction());
    assertThat(insert(30).block(BOUND)).isOne();
  }

  @AfterEach
  void close() {
    servers.restore();
    await(connection.close());
    shards.close();
  }

  @Test
  void aKilledConnectionIsToldOfAndRolledBack() {
    kill();
    StepVerifier.create(insert(33))
        .expectErrorSatisfies(
            error ->
                assertThat(error)
                    .isInstanceOf(ShardUnavailableException.class)
                    .hasMessage(
                        "shard_0: connection lost (expected: an answer; the transaction on it is"
                            + " rolled back)"))
        .verify(BOUND);
    StepVerifier.create(insert(36))
        .expectErrorMessage(
            "transaction on [shard_0]: rolled back, as shard_0: connection lost (expected: an answer;"
                + " the transaction on it is rolled back) (expected: one that is open); run it"
                + " again")
        .verify(BOUND);
    await(connection.rollbackTransaction());
    goesOn();
  }

  @Test
  void aCommitOnALostConnectionIsAnError() {
    kill();
    StepVerifier.create(Mono.from(connection.commitTransaction()))
        .expectErrorSatisfies(
            error ->
                assertThat(error)
                    .isInstanceOf(ShardUnavailableException.class)
                    .hasMessageContaining("whether a write took place is not known"))
        .verify(BOUND);
    goesOn();
  }

  @Test
  void aKilledServerIsToldOfAndRolledBack() {
    assumeTrue(servers.controllable(), "these servers can't be killed");
    servers.kill(servers.servers().get(0));
    StepVerifier.create(insert(33))
        .expectErrorSatisfies(
            error ->
                assertThat(error)
                    .isInstanceOf(ShardUnavailableException.class)
                    .hasMessageStartingWith("shard_0: connection lost"))
        .verify(BOUND);
    await(connection.rollbackTransaction());
    servers.restore();
    shards.router.operations().closeBreaker(IDS.get(0)).block(BOUND);
    goesOn();
  }

  /** Nothing of the lost one is there, no connection is taken, and the next one is done. */
  private void goesOn() {
    shards.awaitIdle();
    await(connection.beginTransaction());
    assertThat(insert(39).block(BOUND)).isOne();
    await(connection.commitTransaction());
    StepVerifier.create(
            shards.rows(
                row -> row.get(0, Long.class), "SELECT id FROM users WHERE id > 6 ORDER BY id"))
        .expectNext(39L)
        .expectComplete()
        .verify(BOUND);
    StepVerifier.create(
            Flux.range(0, 30)
                .flatMap(
                    i ->
                        shards.rows(
                            row -> row.get(0, Long.class), "SELECT id FROM users WHERE id = 39"),
                    10))
        .expectNextCount(30)
        .expectComplete()
        .verify(BOUND);
  }

  private void kill() {
    try (Session session = new Session(shards.databases.get(0))) {
      session.run("KILL " + session.inTransaction());
    }
  }

  private Mono<Long> insert(int id) {
    return Flux.defer(
            () ->
                bound(connection, "INSERT INTO users (id, name) VALUES (?, ?)", id, "x").execute())
        .concatMap(Result::getRowsUpdated)
        .single();
  }

  private static void await(Publisher<Void> step) {
    StepVerifier.create(step).expectComplete().verify(BOUND);
  }
}
