package io.shardflux.r2dbc.observe;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.shardflux.router.ShardId;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;
import reactor.test.StepVerifier;
import reactor.test.scheduler.VirtualTimeScheduler;

class RowCountCacheTests {

  private static final Duration BOUND = Duration.ofSeconds(60);
  private static final Duration EVERY = Duration.ofSeconds(60);
  private static final Duration TAKES = Duration.ofSeconds(2);
  private static final ShardId S0 = ShardId.of("shard_0");
  private static final ShardId S1 = ShardId.of("shard_1");

  private final VirtualTimeScheduler time = VirtualTimeScheduler.create();
  private final AtomicInteger asked = new AtomicInteger();
  private final AtomicInteger underWay = new AtomicInteger();
  private volatile Mono<Long> answer = Mono.just(10L);
  private final RowCountCache cache =
      new RowCountCache(EVERY, (shard, table) -> count(), () -> time.now(TimeUnit.NANOSECONDS));

  private Mono<Long> count() {
    asked.incrementAndGet();
    return Mono.defer(
            () -> {
              assertThat(underWay.incrementAndGet()).isEqualTo(1);
              return Mono.delay(TAKES, time).then(answer);
            })
        .doFinally(end -> underWay.decrementAndGet());
  }

  @Test
  void theFirstAskWaitsForTheFirstCount() {
    StepVerifier.create(cache.rows(S0, "users"))
        .expectSubscription()
        .then(() -> time.advanceTimeBy(TAKES))
        .expectNext(10L)
        .expectComplete()
        .verify(BOUND);
    expectNow(10L);
    assertThat(asked).hasValue(1);
  }

  @Test
  void anOldCountIsGivenWhileItIsTakenAgain() {
    firstCount();
    answer = Mono.just(20L);
    time.advanceTimeBy(EVERY.minusNanos(1));
    expectNow(10L);
    assertThat(asked).hasValue(1);

    time.advanceTimeBy(Duration.ofNanos(1));
    expectNow(10L);
    expectNow(10L);
    assertThat(asked).hasValue(2);

    time.advanceTimeBy(TAKES);
    expectNow(20L);
    assertThat(asked).hasValue(2);
  }

  @Test
  void isNotTakenAgainUnlessAskedFor() {
    firstCount();
    time.advanceTimeBy(EVERY.multipliedBy(100));
    assertThat(asked).hasValue(1);
  }

  @Test
  void allWhoWaitShareOneCount() {
    StepVerifier.create(Flux.range(0, 100).flatMap(i -> cache.rows(S0, "users"), 100))
        .expectSubscription()
        .then(() -> time.advanceTimeBy(TAKES))
        .expectNextCount(100)
        .expectComplete()
        .verify(BOUND);
    assertThat(asked).hasValue(1);
  }

  @Test
  void aCancelStopsNoCounting() {
    cache.rows(S0, "users").subscribe().dispose();
    time.advanceTimeBy(TAKES);
    expectNow(10L);
    assertThat(asked).hasValue(1);
  }

  @Test
  void aFailureKeepsTheLastCount() {
    firstCount();
    answer = Mono.error(new IllegalStateException("down"));
    time.advanceTimeBy(EVERY);
    expectNow(10L);
    time.advanceTimeBy(TAKES);
    expectNow(10L);
    assertThat(asked).hasValue(2);
  }

  @Test
  void whatNeverSucceededIsEmptyAndTriedAgainLater() {
    answer = Mono.error(new IllegalStateException("down"));
    StepVerifier.create(cache.rows(S0, "users"))
        .expectSubscription()
        .then(() -> time.advanceTimeBy(TAKES))
        .expectComplete()
        .verify(BOUND);
    StepVerifier.create(cache.rows(S0, "users")).expectComplete().verify(BOUND);
    assertThat(asked).hasValue(1);

    answer = Mono.just(30L);
    time.advanceTimeBy(EVERY);
    StepVerifier.create(cache.rows(S0, "users"))
        .expectSubscription()
        .then(() -> time.advanceTimeBy(TAKES))
        .expectNext(30L)
        .expectComplete()
        .verify(BOUND);
  }

  @Test
  void aCountingThatThrowsIsAFailure() {
    RowCountCache throwing =
        new RowCountCache(
            EVERY,
            (shard, table) -> {
              throw new IllegalStateException("refused");
            },
            System::nanoTime);
    StepVerifier.create(throwing.rows(S0, "users")).expectComplete().verify(BOUND);
  }

  @Test
  void shardsAndTablesAreApart() {
    RowCountCache apart =
        new RowCountCache(
            EVERY,
            (shard, table) -> Mono.just((long) (shard + table).hashCode()),
            System::nanoTime);
    for (ShardId shard : new ShardId[] {S0, S1}) {
      for (String table : new String[] {"users", "orders"}) {
        StepVerifier.create(apart.rows(shard, table))
            .expectNext((long) (shard + table).hashCode())
            .expectComplete()
            .verify(BOUND);
      }
    }
  }

  @Test
  void holdsNoMoreThanItsBound() {
    AtomicInteger counted = new AtomicInteger();
    RowCountCache bounded =
        new RowCountCache(
            EVERY,
            (shard, table) -> Mono.fromCallable(() -> (long) counted.incrementAndGet()),
            () -> 0);
    int tables = 3 * RowCountCache.MAX_COUNTS;
    StepVerifier.create(
            Flux.range(0, 2 * tables).concatMap(i -> bounded.rows(S0, "t" + i % tables)).then())
        .expectComplete()
        .verify(BOUND);
    // Whatever is still held after the first round is not counted again in the second.
    assertThat(2 * tables - counted.get()).isLessThanOrEqualTo(RowCountCache.MAX_COUNTS);
  }

  @Test
  void oneAtATimeUnderConcurrency() {
    AtomicInteger running = new AtomicInteger();
    AtomicInteger most = new AtomicInteger();
    RowCountCache eager =
        new RowCountCache(
            Duration.ofNanos(1),
            (shard, table) ->
                Mono.fromCallable(
                        () -> {
                          most.accumulateAndGet(running.incrementAndGet(), Math::max);
                          return 1L;
                        })
                    .publishOn(Schedulers.parallel())
                    .doOnTerminate(running::decrementAndGet),
            System::nanoTime);
    StepVerifier.create(
            Flux.range(0, 8)
                .flatMap(
                    i ->
                        Flux.range(0, 20_000)
                            .concatMap(n -> eager.rows(S0, "users"))
                            .subscribeOn(Schedulers.boundedElastic()),
                    8)
                .count())
        .expectNext(160_000L)
        .expectComplete()
        .verify(BOUND);
    assertThat(most).hasValue(1);
  }

  @Test
  void refusesAnAgeOfNothing() {
    assertThat(RowCountOptions.defaults())
        .isEqualTo(new RowCountOptions(false, Duration.ofSeconds(60)));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new RowCountOptions(true, Duration.ZERO))
        .withMessage("row-counts.every: PT0S (expected: from 1 ms to 365 days)");
  }

  private void firstCount() {
    cache.rows(S0, "users").subscribe();
    time.advanceTimeBy(TAKES);
    expectNow(10L);
  }

  private void expectNow(long rows) {
    StepVerifier.create(cache.rows(S0, "users")).expectNext(rows).expectComplete().verify(BOUND);
  }
}
