package io.shardflux.r2dbc;

import static io.shardflux.r2dbc.TestShards.BOUND;
import static org.assertj.core.api.Assertions.assertThat;

import io.r2dbc.spi.Connection;
import io.shardflux.r2dbc.failure.ShardErrors;
import io.shardflux.r2dbc.failure.ShardUnavailableException;
import io.shardflux.r2dbc.settings.PoolOptions;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.router.ShardId;
import io.shardflux.servers.TestServers;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.test.StepVerifier;

class LostConnectionIntegrationTests {

  private static final ShardId ID = ShardId.of("shard_0");

  private final Shard shard = TestShards.fresh(TestServers.shared()).get(0);
  private final Relay relay = Relay.to(shard);
  private final ShardRouter router =
      TestShards.router(List.of(relay.instead(shard)))
          .pool(PoolOptions.builder().connectTimeout(Duration.ofMillis(500)).build())
          .build();

  @AfterEach
  void close() {
    router.close().block(BOUND);
    relay.close();
  }

  /** Also those that wait for their turn on it. */
  @ParameterizedTest
  @ValueSource(ints = {1, 2, 20})
  void isToldByTheShardsNameToAllStatementsOnIt(int statements) {
    StepVerifier.create(
            router
                .on(ID)
                .inConnection(
                    connection ->
                        Flux.range(0, statements)
                            .flatMap(i -> failure(connection), statements)
                            .doOnSubscribe(
                                begun ->
                                    Mono.delay(Duration.ofMillis(300))
                                        .subscribe(tick -> relay.reset()))
                            .map(error -> ShardErrors.named(ID, error)))
                .collectList())
        .assertNext(
            errors ->
                assertThat(errors)
                    .hasSize(statements)
                    .allSatisfy(
                        error ->
                            assertThat(error)
                                .isInstanceOf(ShardUnavailableException.class)
                                .hasMessageStartingWith("shard_0: connection lost")))
        .expectComplete()
        .verify(BOUND);
  }

  private static Mono<Throwable> failure(Connection connection) {
    return Flux.from(connection.createStatement("SELECT SLEEP(10)").execute())
        .concatMap(result -> result.map(row -> 1))
        .then(Mono.<Throwable>empty())
        .onErrorResume(Mono::just);
  }

  /** The connection that it is ended by is opened with it. */
  @Test
  void aStatementIsEndedThoughTheFirstTryIsStuck() {
    Disposable given =
        router.on(ID).sql("SELECT SLEEP(40)").map((row, metadata) -> 1).one().subscribe();
    Await.until("sleeping", ServerSide.sleeping(shard), count -> count == 1);
    relay.dropNew();
    given.dispose();
    Await.until("tried", Mono.fromSupplier(relay::accepted), count -> count >= 2);
    Mono.delay(Duration.ofMillis(1_200)).block(BOUND);
    relay.pass();
    Await.until("ended", ServerSide.sleeping(shard), count -> count == 0);
  }
}
