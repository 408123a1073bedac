package io.shardflux.r2dbc;

import static io.shardflux.r2dbc.TestShards.BOUND;
import static io.shardflux.r2dbc.TestShards.IDS;
import static org.assertj.core.api.Assertions.assertThat;

import io.r2dbc.spi.R2dbcException;
import io.shardflux.r2dbc.settings.PoolOptions;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.router.ShardId;
import io.shardflux.servers.TestServers;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.test.StepVerifier;
import reactor.util.retry.Retry;

/** Statements are given up where the server can't be told so. */
class GivenUpStatementsIntegrationTests {

  private static final ShardId FAR = IDS.get(2);
  private static final int CONNECTIONS = 10;

  /** A kill and the wait for its effect have a second or two each. */
  private static final Duration FREED_WITHIN = Duration.ofSeconds(6);

  /** MySQL itself does not notice that its client is gone; so it ends, in the end. */
  private static final String OUTLIVES_THE_BOUND = "SELECT SLEEP(9)";

  private final List<Shard> shards = TestShards.fresh(TestServers.shared());
  private final Relay relay = Relay.to(shards.get(2));
  private final ShardRouter router =
      TestShards.router(List.of(shards.get(0), shards.get(1), relay.instead(shards.get(2))))
          .pool(PoolOptions.builder().maxSize(CONNECTIONS).build())
          .build();

  /** The fate of the way to the server, and with it of the control connections. */
  private enum Way {
    /** Open connections and new ones are silent. */
    SILENT,
    /** Open connections go on; a control connection can't be opened. */
    SILENT_TO_NEW,
    /** The same, and it is told so at once. */
    REFUSED_TO_NEW,
    /** All answers come too late. */
    LATE
  }

  @AfterEach
  void close() {
    relay.pass();
    router.close().block(BOUND);
    relay.close();
  }

  @ParameterizedTest
  @EnumSource
  void freeTheirConnectionsWithinBounds(Way way) {
    Disposable sleeping =
        Flux.range(0, CONNECTIONS)
            .flatMap(i -> router.on(FAR).sql(OUTLIVES_THE_BOUND).map((row, metadata) -> 1).all())
            .subscribe();
    Await.until(
        "all connections asleep",
        ServerSide.statements(shards.get(2)),
        count -> count == CONNECTIONS);

    begin(way);
    long cancelled = System.nanoTime();
    sleeping.dispose();
    Await.until(
        "no connection taken",
        router.operations().statistics(),
        all -> all.get(2).pool().acquired() == 0 && all.get(2).pool().pending() == 0);
    Duration freed = Duration.ofNanos(System.nanoTime() - cancelled);
    System.out.println(
        way + ": " + CONNECTIONS + " permits free after " + freed.toMillis() + " ms");
    assertThat(freed).isLessThan(FREED_WITHIN);

    relay.pass();
    StepVerifier.create(
            Flux.range(0, 2 * CONNECTIONS)
                .flatMap(i -> answer())
                .then()
                .retryWhen(Retry.fixedDelay(100, Duration.ofMillis(100))))
        .expectComplete()
        .verify(BOUND);
    ServerSide.awaitOnlyIdle(router, shards);
    Await.until("nothing runs", ServerSide.statements(shards.get(2)), count -> count == 0);
    router.close().block(BOUND);
    ServerSide.awaitNone(shards);
  }

  @Test
  void oneThatEndsAsTheWayFallsSilentFreesItsConnection() {
    StepVerifier.create(
            router
                .on(FAR)
                .sql("SELECT 1")
                .map(
                    (row, metadata) -> {
                      relay.drop();
                      return 1;
                    })
                .all()
                .onErrorComplete(R2dbcException.class))
        .expectNext(1)
        .expectComplete()
        .verify(BOUND);
    Await.until(
        "no connection taken",
        router.operations().statistics(),
        all -> all.get(2).pool().acquired() == 0);
  }

  private void begin(Way way) {
    switch (way) {
      case SILENT -> relay.drop();
      case SILENT_TO_NEW -> relay.dropNew();
      case REFUSED_TO_NEW -> relay.refuse();
      case LATE -> relay.delay(BOUND);
    }
  }

  private Mono<Integer> answer() {
    return router.on(FAR).sql("SELECT 1").map((row, metadata) -> 1).one();
  }
}
