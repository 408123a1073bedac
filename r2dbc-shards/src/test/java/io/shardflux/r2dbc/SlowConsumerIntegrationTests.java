package io.shardflux.r2dbc;

import static io.shardflux.r2dbc.TestShards.BOUND;
import static io.shardflux.r2dbc.TestShards.IDS;
import static org.assertj.core.api.Assertions.assertThat;

import io.shardflux.r2dbc.failure.ShardTimeoutException;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.servers.TestServers;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.test.StepVerifier;

@Tag("same-on-any-server")
class SlowConsumerIntegrationTests {

  private static final Duration GAP = Duration.ofMillis(500);

  /** Far below the other bounds, which must not be what is waited for. */
  private static final Duration NOTICED = Duration.ofSeconds(10);

  private static final Duration PAUSE = Duration.ofSeconds(1);
  private static final int SLOW_ROWS = 10;

  /** With the size of a row, far more than the driver and the sockets hold between them. */
  private static final int ROWS = 2_000;

  private static final int ROW_BYTES = 64 << 10;

  private final List<Shard> shards = TestShards.fresh(TestServers.shared());
  private final ShardRouter router = TestShards.router(shards).build();

  @AfterEach
  void close() {
    router.close().block(BOUND);
  }

  @Test
  void takesARowASecondThroughAGapOfHalfASecond() {
    TestShards.load(router);
    Flux<Long> rows =
        router
            .on(IDS.get(0))
            .sql("SELECT REPEAT('x', " + ROW_BYTES + ") FROM users a JOIN users b LIMIT " + ROWS)
            .timeouts(Timeouts.of(BOUND).withGap(GAP))
            .map((row, metadata) -> Objects.requireNonNull(row.get(0, String.class)).length())
            .all()
            .doOnNext(length -> assertThat(length).isEqualTo(ROW_BYTES))
            .index()
            // Asks for a row when it is done with the one before.
            .concatMap(row -> consumed(row.getT1()), 0);

    StepVerifier.create(rows).expectNextCount(ROWS).expectComplete().verify(BOUND);
  }

  @Test
  void aServerThatPausesForLongerThanTheGapIsLate() {
    TestShards.load(router);
    StepVerifier.create(
            router
                .on(IDS.get(0))
                .sql("SELECT REPEAT('x', 65536), SLEEP(IF(id > 20, 600, 0)) FROM users ORDER BY id")
                .timeouts(Timeouts.of(BOUND).withGap(GAP))
                .map((row, metadata) -> 1)
                .all()
                .then())
        .expectErrorSatisfies(
            error ->
                assertThat(error)
                    .isInstanceOf(ShardTimeoutException.class)
                    .hasMessageContaining("no further row"))
        .verify(NOTICED);
  }

  /** Slowly at first; the server must be waiting to be read from when that ends. */
  private Mono<Long> consumed(long row) {
    if (row < SLOW_ROWS) {
      return Mono.delay(PAUSE).thenReturn(row);
    }
    return row > SLOW_ROWS
        ? Mono.just(row)
        : ServerSide.statements(shards.get(0))
            .doOnNext(running -> assertThat(running).isEqualTo(1))
            .thenReturn(row);
  }
}
