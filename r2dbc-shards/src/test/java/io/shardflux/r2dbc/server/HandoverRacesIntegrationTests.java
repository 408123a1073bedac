package io.shardflux.r2dbc.server;

import static io.shardflux.r2dbc.TestShards.BOUND;
import static org.assertj.core.api.Assertions.assertThat;

import io.r2dbc.spi.Connection;
import io.shardflux.r2dbc.TestShards;
import io.shardflux.r2dbc.observe.ShardStatistics;
import io.shardflux.r2dbc.settings.BreakerOptions;
import io.shardflux.r2dbc.settings.PoolOptions;
import io.shardflux.r2dbc.settings.Server;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.servers.TestServers;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.reactivestreams.Publisher;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Sinks;
import reactor.test.util.RaceTestUtils;

/** The one connection of a {@link ServerPool} that is handed over to who gives up meanwhile. */
@Tag("same-on-any-server")
class HandoverRacesIntegrationTests {

  private static final int RACES = 300;

  private final AtomicInteger holders = new AtomicInteger();
  private final AtomicInteger used = new AtomicInteger();
  private final AtomicInteger together = new AtomicInteger();
  private final Shard shard = TestShards.fresh(TestServers.shared()).get(0);
  private final ServerPool pool =
      new ServerPool(
          new Server(shard.id(), shard.options(), true),
          PoolOptions.builder().maxSize(1).build(),
          BreakerOptions.defaults(),
          new Gate(),
          changed -> {});

  @AfterEach
  void close() {
    pool.close().block(BOUND);
  }

  @Test
  void aCancelledStatementGetsTheConnectionOrLeavesItInThePool() {
    race(pool::withConnection);
  }

  @Test
  void aCancelledLoanGetsTheConnectionOrLeavesItInThePool() {
    race(work -> pool.hold(BOUND, connection -> Flux.from(work.apply(connection))));
  }

  private void race(Function<Function<Connection, Publisher<Object>>, Flux<Object>> way) {
    Flux<Object> uses = way.apply(connection -> used(Flux.never()));
    for (int i = 0; i < RACES; i++) {
      Sinks.Empty<Object> end = Sinks.empty();
      Sinks.Empty<Object> begun = Sinks.empty();
      Flux<Object> holding =
          end.asMono().flux().doOnSubscribe(subscription -> begun.tryEmitEmpty());
      Disposable held = way.apply(connection -> used(holding)).subscribe();
      begun.asMono().block(BOUND);
      Disposable waiting = uses.subscribe();
      Disposable next = uses.subscribe();
      RaceTestUtils.race(end::tryEmitEmpty, waiting::dispose, () -> uses.subscribe().dispose());
      next.dispose();
      held.dispose();
      awaitIdle();
    }
    assertThat(together).hasValue(0);
    // Otherwise none of those that gave up was handed the connection.
    assertThat(used).hasValueGreaterThan(RACES);
  }

  private Flux<Object> used(Flux<Object> work) {
    return Flux.defer(
        () -> {
          used.incrementAndGet();
          if (holders.incrementAndGet() > 1) {
            together.incrementAndGet();
          }
          // A cancel also reaches work that has ended, while its connection is being given back.
          AtomicBoolean over = new AtomicBoolean();
          Runnable end =
              () -> {
                if (over.compareAndSet(false, true)) {
                  holders.decrementAndGet();
                }
              };
          return work.doOnTerminate(end).doOnCancel(end);
        });
  }

  private boolean idle() {
    ShardStatistics.Pool counts = pool.connectionCounts();
    return counts.acquired() == 0
        && counts.pending() == 0
        && counts.idle() == 1
        && pool.inFlight() == 0
        && holders.get() == 0;
  }

  /** Without a pause between two looks, as there are many races. */
  private void awaitIdle() {
    long start = System.nanoTime();
    while (!idle()) {
      assertThat(System.nanoTime() - start)
          .as("%s, %s held", pool.connectionCounts(), holders)
          .isLessThan(BOUND.toNanos());
      Thread.onSpinWait();
    }
  }
}
