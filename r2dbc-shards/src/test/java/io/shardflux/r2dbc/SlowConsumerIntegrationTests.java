package io.shardflux.r2dbc;

import static io.shardflux.r2dbc.TestShards.BOUND;
import static io.shardflux.r2dbc.TestShards.IDS;
import static org.assertj.core.api.Assertions.assertThat;

import io.shardflux.servers.TestServers;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.test.StepVerifier;
import reactor.util.function.Tuple2;

class SlowConsumerIntegrationTests {

  private static final Duration GAP = Duration.ofMillis(500);
  private static final Duration PAUSE = Duration.ofSeconds(1);
  private static final int ROWS = 10;

  /** So large that the buffers between a server and its reader hold but a few of them. */
  private static final int ROW_BYTES = 4 << 20;

  private final List<Shard> shards = TestShards.fresh(TestServers.shared());
  private final ShardRouter router = TestShards.router(shards).build();

  @AfterEach
  void close() {
    router.close().block(BOUND);
  }

  @Test
  void takesARowASecondThroughAGapOfHalfASecond() {
    TestShards.load(router);
    Flux<Integer> rows =
        router
            .on(IDS.get(0))
            .sql("SELECT REPEAT('x', " + ROW_BYTES + ") FROM users LIMIT " + ROWS)
            .timeouts(Timeouts.of(BOUND).withGap(GAP))
            .map((row, metadata) -> Objects.requireNonNull(row.get(0, String.class)).length())
            .all()
            // Asks for the next row when it is done with this one.
            .concatMap(length -> Mono.delay(PAUSE).thenReturn(length), 0);

    StepVerifier.create(rows.index().concatMap(this::checkedHalfWay, 0))
        .expectNextCount(ROWS)
        .expectComplete()
        .verify(BOUND);
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
        .expectError(ShardTimeoutException.class)
        .verify(BOUND);
  }

  /** Half-way the server must still be waiting to be read from. */
  private Mono<Integer> checkedHalfWay(Tuple2<Long, Integer> row) {
    return row.getT1() != ROWS / 2
        ? Mono.just(row.getT2())
        : ServerSide.statements(shards.get(0))
            .doOnNext(running -> assertThat(running).isEqualTo(1))
            .thenReturn(row.getT2());
  }
}
