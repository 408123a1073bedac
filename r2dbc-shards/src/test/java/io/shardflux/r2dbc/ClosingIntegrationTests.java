package io.shardflux.r2dbc;

import static io.r2dbc.spi.ConnectionFactoryOptions.DATABASE;
import static io.shardflux.r2dbc.TestShards.BOUND;
import static io.shardflux.r2dbc.TestShards.IDS;

import io.r2dbc.spi.R2dbcException;
import io.shardflux.r2dbc.failure.ShardUnavailableException;
import io.shardflux.r2dbc.settings.PoolOptions;
import io.shardflux.r2dbc.settings.RouterOptions;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.r2dbc.shard.ShardServers;
import io.shardflux.r2dbc.statement.SqlTemplate;
import io.shardflux.router.ShardId;
import io.shardflux.servers.TestServers;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.test.StepVerifier;

@Tag("same-on-any-server")
class ClosingIntegrationTests {

  private static final Duration SHORT = Duration.ofMillis(200);

  private final List<Shard> shards = TestShards.fresh(TestServers.shared());
  private final Shard shard = shards.get(0);
  private final ShardRouter router = TestShards.router(shards).build();

  @AfterEach
  void close() {
    router.close().block(BOUND);
  }

  @Test
  void aPoolClosedWhileItWarmsUpLeavesNoConnection() {
    PoolOptions ten = PoolOptions.builder().maxSize(10).minIdle(10).maxPending(10).build();
    for (int i = 0; i < 10; i++) {
      ShardServers pool = servers(ten);
      Disposable warming = pool.warmUp().subscribe();
      Mono.delay(Duration.ofMillis(3L * i)).then(pool.close(BOUND)).block(BOUND);
      warming.dispose();
    }
    assertOnlyTheAskerIsConnected();
  }

  @Test
  void aStatementThatOutlivesThePatienceIsEnded() {
    ShardServers pool = servers(PoolOptions.defaults());
    pool.enter();
    Sinks.Empty<Void> running = Sinks.empty();
    Flux<Integer> sleep =
        pool.lend(
            SqlTemplate::of,
            connection ->
                Flux.from(connection.createStatement("SELECT SLEEP(600)").execute())
                    .doOnSubscribe(start -> running.tryEmitEmpty())
                    .concatMap(result -> result.map((row, metadata) -> 1)));
    // MySQL answers a killed SLEEP with 1, MariaDB with an error.
    StepVerifier.create(
            Mono.when(
                sleep.onErrorComplete(R2dbcException.class),
                running.asMono().then(pool.close(SHORT))))
        .expectComplete()
        .verify(BOUND);
    assertOnlyTheAskerIsConnected();
  }

  @Test
  void whoWaitsForAConnectionWhenThePatienceEndsIsToldWhy() {
    ShardServers pool = servers(PoolOptions.builder().maxSize(1).build());
    pool.enter();
    pool.enter();
    Disposable held = pool.lend(SqlTemplate::of, connection -> Flux.never()).subscribe();
    StepVerifier.create(
            pool.lend(SqlTemplate::of, connection -> Flux.just(1))
                .doOnSubscribe(start -> pool.close(SHORT).subscribe()))
        .expectError(ShardUnavailableException.class)
        .verify(BOUND);
    held.dispose();
    assertOnlyTheAskerIsConnected();
  }

  @Test
  void aRemovedShardIsClosedThoughNobodyWaitsForIt() {
    ShardId extra = ShardId.of("extra");
    router
        .operations()
        .addShard(
            Shard.of(
                extra, shard.options().mutate().option(DATABASE, "information_schema").build()))
        .block(BOUND);
    Sinks.Empty<Void> done = Sinks.empty();
    Sinks.Empty<Void> started = Sinks.empty();
    Disposable busy =
        router
            .on(extra)
            .inConnection(
                connection -> Flux.from(done.asMono()).doOnSubscribe(s -> started.tryEmitEmpty()))
            .subscribe();
    started.asMono().block(BOUND);
    StepVerifier.create(router.operations().removeShard(extra).take(SHORT))
        .expectComplete()
        .verify(BOUND);
    done.tryEmitEmpty();
    assertOnlyTheAskerIsConnected();
    busy.dispose();
  }

  @Test
  void aClosedRouterTakesInNoShard() {
    router.close().block(BOUND);
    StepVerifier.create(
            router.operations().addShard(Shard.of(ShardId.of("extra"), shards.get(0).options())))
        .expectError(IllegalStateException.class)
        .verify(BOUND);
  }

  private ShardServers servers(PoolOptions bounds) {
    return new ShardServers(shard, RouterOptions.defaults().with(bounds), event -> {});
  }

  private void assertOnlyTheAskerIsConnected() {
    Mono<Long> open =
        router
            .on(IDS.get(0))
            .sql("SELECT COUNT(*) FROM information_schema.processlist WHERE db = DATABASE()")
            .map((row, metadata) -> Objects.requireNonNull(row.get(0, Long.class)))
            .one()
            // Where the server is out of connections.
            .onErrorResume(R2dbcException.class, full -> Mono.empty());
    StepVerifier.create(
            open.filter(count -> count == 1)
                .repeatWhenEmpty(tries -> tries.delayElements(Duration.ofMillis(100)).take(100)))
        .expectNext(1L)
        .expectComplete()
        .verify(BOUND);
  }
}
