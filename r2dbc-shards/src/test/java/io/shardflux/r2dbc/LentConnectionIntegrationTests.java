package io.shardflux.r2dbc;

import static io.shardflux.r2dbc.TestShards.BOUND;
import static io.shardflux.r2dbc.TestShards.IDS;
import static org.assertj.core.api.Assertions.assertThat;

import io.r2dbc.spi.Connection;
import io.r2dbc.spi.ConnectionFactories;
import io.r2dbc.spi.R2dbcBadGrammarException;
import io.r2dbc.spi.R2dbcTimeoutException;
import io.r2dbc.spi.Result;
import io.shardflux.r2dbc.failure.ShardUnavailableException;
import io.shardflux.r2dbc.settings.PoolOptions;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.servers.TestServers;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.reactivestreams.Publisher;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.test.StepVerifier;

class LentConnectionIntegrationTests {

  private static final String ENDLESS =
      "SELECT REPEAT('x', 20000), SLEEP(0.005) FROM users a JOIN users b JOIN users c";

  private final List<Shard> shards = TestShards.fresh(TestServers.shared());
  private final ShardRouter router =
      TestShards.router(shards).pool(PoolOptions.builder().maxSize(1).build()).build();
  private final ShardTarget target = router.on(IDS.get(0));

  @BeforeEach
  void load() {
    TestShards.load(router);
  }

  @AfterEach
  void close() {
    router.close().block(BOUND);
  }

  @Test
  void workThatLeavesRowsUnreadGivesTheConnectionBack() {
    StepVerifier.create(target.inConnection(LentConnectionIntegrationTests::threeRows))
        .expectNextCount(3)
        .expectComplete()
        .verify(BOUND);
    assertConnectionIsFree();
  }

  @Test
  void workThatFailsElsewhereGivesTheConnectionBack() {
    ShardTarget other = router.on(IDS.get(1));
    StepVerifier.create(
            target.inConnection(
                connection ->
                    Flux.from(connection.createStatement(ENDLESS).execute())
                        .concatMap(result -> result.map(row -> 1))
                        .concatMap(row -> other.sql("DELETE FROM nowhere").rowsUpdated())))
        .expectError(R2dbcBadGrammarException.class)
        .verify(BOUND);
    assertConnectionIsFree();
  }

  @Test
  void anotherShardThatIsDownCostsTheLendingOneNothing() {
    Shard down = Shard.of("down", "r2dbc:mysql://127.0.0.1:1/none").withCredentials("a", "b");
    router.operations().addShard(down).block(BOUND);
    StepVerifier.create(
            Flux.range(0, 20)
                .concatMap(
                    i ->
                        target
                            .inConnection(
                                connection ->
                                    router
                                        .operations()
                                        .closeBreaker(down.id())
                                        .then(router.on(down.id()).sql("DO 0").rowsUpdated()))
                            .onErrorComplete(ShardUnavailableException.class)))
        .expectComplete()
        .verify(BOUND);
    StepVerifier.create(
            router
                .operations()
                .statistics()
                .map(shards -> shards.get(0))
                .map(shard -> shard.status() + ", " + shard.errors()))
        .expectNext("ACTIVE, {}")
        .expectComplete()
        .verify(BOUND);
  }

  @Test
  void aTransactionThatLeavesRowsUnreadIsCommitted() {
    StepVerifier.create(
            target.inTransaction(
                connection ->
                    updated(connection, "INSERT INTO users VALUES (77000, 'x')")
                        .thenMany(threeRows(connection))))
        .expectNextCount(3)
        .expectComplete()
        .verify(BOUND);
    StepVerifier.create(
            target.sql("SELECT 1 FROM users WHERE id = 77000").map((row, metadata) -> 1).one())
        .expectNext(1)
        .expectComplete()
        .verify(BOUND);
  }

  @Test
  void aCommitThatFailsKeepsItsCategory() {
    Connection locking =
        Objects.requireNonNull(
            Mono.from(ConnectionFactories.get(shards.get(0).options()).create()).block(BOUND));
    try {
      StepVerifier.create(
              target.inTransaction(
                  connection ->
                      updated(connection, "SET SESSION lock_wait_timeout = 1")
                          .then(updated(connection, "INSERT INTO users VALUES (77001, 'x')"))
                          .then(updated(locking, "FLUSH TABLES WITH READ LOCK"))))
          .expectErrorSatisfies(
              error ->
                  assertThat(error)
                      .isInstanceOf(R2dbcTimeoutException.class)
                      .hasMessageContaining("shard_0: Lock wait timeout"))
          .verify(BOUND);
    } finally {
      Mono.from(locking.close()).block(BOUND);
    }
    assertConnectionIsFree();
  }

  @Test
  void anInputErrorOfAMappingIsNoLostConnection() {
    StepVerifier.create(
            target
                .sql("SELECT 1")
                .<Integer>map(
                    (row, metadata) -> {
                      throw new UncheckedIOException(new IOException("no document"));
                    })
                .one())
        .expectError(UncheckedIOException.class)
        .verify(BOUND);
    assertConnectionIsFree();
  }

  private void assertConnectionIsFree() {
    StepVerifier.create(target.sql("SELECT 1").map((row, metadata) -> 1).one())
        .expectNext(1)
        .expectComplete()
        .verify(BOUND);
  }

  private static Publisher<Integer> threeRows(Connection connection) {
    return Flux.from(connection.createStatement(ENDLESS).execute())
        .concatMap(result -> result.map((row, metadata) -> 1))
        .take(3);
  }

  private static Mono<Integer> updated(Connection connection, String sql) {
    return Flux.from(connection.createStatement(sql).execute())
        .concatMap(Result::getRowsUpdated)
        .then(Mono.empty());
  }
}
