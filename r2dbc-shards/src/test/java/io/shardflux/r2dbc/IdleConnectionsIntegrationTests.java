package io.shardflux.r2dbc;

import static io.shardflux.r2dbc.TestShards.BOUND;
import static org.assertj.core.api.Assertions.assertThat;

import io.shardflux.r2dbc.observe.ShardStatistics.Status;
import io.shardflux.r2dbc.settings.PoolOptions;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.router.ShardId;
import io.shardflux.servers.TestServers;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** Connections that lay idle and died without a word, as a firewall forgot them. */
@Tag("same-on-any-server")
class IdleConnectionsIntegrationTests {

  private static final ShardId ID = ShardId.of("shard_0");
  private static final int OPEN = 10;
  private static final Duration IDLE = Duration.ofMillis(300);
  private static final Duration FIRST_ROW = Duration.ofSeconds(20);

  private final Shard shard = TestShards.fresh(TestServers.shared()).get(0);
  private final Relay relay = Relay.to(shard);
  private final List<Status> statuses = new CopyOnWriteArrayList<>();
  private final ShardRouter router =
      TestShards.router(List.of(relay.instead(shard)))
          .pool(PoolOptions.builder().maxSize(OPEN).connectTimeout(IDLE).build())
          .timeouts(Timeouts.of(FIRST_ROW))
          .build();

  @AfterEach
  void close() {
    router.close().block(BOUND);
    relay.close();
  }

  /** Whoever gets a dead one waits for about a second, and nobody twice. */
  @ParameterizedTest
  @ValueSource(ints = {1, OPEN})
  void thatAreDeadCostOneShortBound(int atOnce) {
    router.operations().events().subscribe(event -> statuses.add(event.now()));
    openAndLieIdle();
    relay.forget();
    long begun = System.nanoTime();
    assertThat(ask("SELECT 1", atOnce)).isEqualTo(OPEN);
    assertThat(Duration.ofNanos(System.nanoTime() - begun)).isLessThan(FIRST_ROW.dividedBy(2));
    assertThat(statuses).isEmpty();
  }

  @Test
  void thatAnswerAreUsedOn() {
    openAndLieIdle();
    int open = relay.accepted();
    assertThat(ask("SELECT 1", open)).isEqualTo(OPEN);
    assertThat(relay.accepted()).isEqualTo(open);
  }

  private void openAndLieIdle() {
    assertThat(ask("SELECT SLEEP(0.3)", OPEN)).isEqualTo(OPEN);
    assertThat(relay.connections()).isGreaterThan(OPEN / 2);
    Mono.delay(IDLE.plusMillis(100)).block(BOUND);
  }

  /** The number of answers to ten reads. */
  private int ask(String sql, int atOnce) {
    return Flux.range(0, OPEN)
        .flatMap(i -> router.on(ID).sql(sql).map((row, metadata) -> 1).one(), atOnce)
        .count()
        .blockOptional(BOUND)
        .orElseThrow()
        .intValue();
  }
}
