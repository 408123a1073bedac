package io.shardflux.r2dbc;

import static io.shardflux.r2dbc.TestShards.BOUND;
import static org.assertj.core.api.Assertions.assertThat;

import io.r2dbc.spi.Connection;
import io.shardflux.r2dbc.failure.ShardErrors;
import io.shardflux.r2dbc.server.ServerConnections;
import io.shardflux.r2dbc.settings.PoolOptions;
import io.shardflux.r2dbc.settings.Server;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.router.ShardId;
import io.shardflux.servers.TestServers;
import java.time.Duration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import reactor.core.Disposable;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;
import reactor.test.StepVerifier;

/** A server's first connection may take several times as long as the others. */
@Tag("same-on-any-server")
class FirstConnectionIntegrationTests {

  private static final PoolOptions BOUNDS =
      PoolOptions.builder().connectTimeout(Duration.ofMillis(500)).build();

  /** Longer than a later one may take, and shorter than the first may. */
  private static final Duration SLOW = Duration.ofSeconds(2);

  private final Shard shard = TestShards.fresh(TestServers.shared()).get(0);
  private final Relay relay = Relay.to(shard);
  private final ServerConnections connections =
      new ServerConnections(new Server(shard.id(), relay.instead(shard).options(), true));

  @AfterEach
  void close() {
    relay.close();
  }

  @Test
  void mayBeSlowWhereALaterOneFailsByTheSettingsName() {
    Connection first = slowly(connections.open(BOUNDS)).blockOptional(BOUND).orElseThrow();
    StepVerifier.create(slowly(connections.open(BOUNDS)))
        .expectErrorSatisfies(
            error ->
                assertThat(told(error)).hasMessageContaining("raise pool.connect-timeout, 500 ms"))
        .verify(BOUND);
    relay.pass();
    connections.close(connections.open(BOUNDS).blockOptional(BOUND).orElseThrow()).block(BOUND);
    connections.close(first).block(BOUND);
    assertThat(connections.anyOpen()).isFalse();
  }

  private Mono<Connection> slowly(Mono<Connection> opening) {
    return Mono.defer(
        () -> {
          relay.delay(BOUND);
          Disposable passing =
              Mono.delay(SLOW, Schedulers.boundedElastic()).subscribe(tick -> relay.pass());
          return opening.doFinally(end -> passing.dispose());
        });
  }

  /** The error that the caller of a statement is told. */
  private Throwable told(Throwable error) {
    Server server = new Server(ShardId.of("shard_0"), shard.options(), true);
    return ShardErrors.notAcquired(server, BOUNDS, error);
  }
}
