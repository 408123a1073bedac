package io.shardflux.r2dbc;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.pool.InstrumentedPool;
import reactor.pool.PoolBuilder;
import reactor.pool.PooledRef;
import reactor.test.util.RaceTestUtils;

/** What {@link ServerPool} relies on where a connection is handed over to who gives up. */
class HandoverRacesTests {

  private static final int RACES = 20_000;

  private final AtomicInteger made = new AtomicInteger();
  private final AtomicInteger holders = new AtomicInteger();
  private final AtomicInteger used = new AtomicInteger();
  private final InstrumentedPool<Integer> pool =
      PoolBuilder.from(Mono.fromSupplier(made::incrementAndGet)).sizeBetween(0, 1).buildPool();

  @Test
  void aCancelGetsTheConnectionOrLeavesItInThePool() {
    for (int i = 0; i < RACES; i++) {
      PooledRef<Integer> held = pool.acquire().blockOptional(Duration.ofSeconds(10)).orElseThrow();
      Disposable waiting = uses().subscribe();
      Disposable next = uses().subscribe();
      RaceTestUtils.race(
          () -> held.release().subscribe(), waiting::dispose, () -> uses().subscribe().dispose());
      next.dispose();
      assertThat(holders).hasValue(0);
      assertThat(pool.metrics().acquiredSize()).isZero();
      assertThat(pool.metrics().idleSize()).isOne();
      assertThat(pool.metrics().pendingAcquireSize()).isZero();
    }
    assertThat(made).hasValue(1);
    // Else none of them was handed over.
    assertThat(used).hasPositiveValue();
  }

  private Flux<Integer> uses() {
    return Flux.usingWhen(
        pool.acquire().doOnError(error -> {}).onErrorMap(error -> error),
        ref -> {
          used.incrementAndGet();
          assertThat(holders.incrementAndGet()).isOne();
          return Flux.never();
        },
        this::release,
        (ref, error) -> release(ref),
        this::release);
  }

  private Mono<Void> release(PooledRef<Integer> ref) {
    return Mono.defer(
        () -> {
          holders.decrementAndGet();
          return ref.release();
        });
  }
}
