package io.shardflux.r2dbc.coalesce;

import static org.assertj.core.api.Assertions.assertThat;

import io.r2dbc.spi.R2dbcNonTransientResourceException;
import io.r2dbc.spi.R2dbcTransientResourceException;
import io.shardflux.r2dbc.Await;
import io.shardflux.r2dbc.failure.PoolClosingException;
import io.shardflux.r2dbc.failure.ShardTimeoutException;
import io.shardflux.r2dbc.failure.ShardUnavailableException;
import io.shardflux.r2dbc.failure.TooManyRowsException;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardKey;
import io.shardflux.router.UnroutableKeyException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.reactivestreams.Subscription;
import reactor.core.CoreSubscriber;
import reactor.core.Disposable;
import reactor.core.publisher.BaseSubscriber;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Hooks;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.core.scheduler.Scheduler;
import reactor.core.scheduler.Schedulers;
import reactor.test.scheduler.VirtualTimeScheduler;
import reactor.util.context.ContextView;

class ReadQueueTests {

  private static final Duration BOUND = Duration.ofSeconds(30);
  private static final ShardId SHARD = ShardId.of("shard");
  private static final Timeouts TIMES =
      new Timeouts(
          Duration.ofSeconds(5),
          Duration.ofSeconds(10),
          Duration.ofSeconds(10),
          Duration.ofSeconds(20));

  private final VirtualTimeScheduler timer = VirtualTimeScheduler.create();
  private final FakeShard shard = new FakeShard(CoalescingOptions.defaults(), timer);

  @AfterEach
  void stop() {
    Hooks.resetOnErrorDropped();
    timer.dispose();
  }

  @Test
  void aReadThatFindsRoomIsSentAtOnceAndTheOthersGather() {
    List<Answer> answers = IntStream.range(0, 7).mapToObj(shard::ask).toList();
    assertThat(shard.asked()).containsExactly(keys(0), keys(1));
    shard.answer(1);
    assertThat(shard.asked()).containsExactly(keys(0), keys(1), keys(2, 3, 4, 5, 6));
    shard.answer(0);
    shard.answer(2);
    answers.forEach(answer -> answer.has("row"));
    assertThat(shard.left).hasValue(7);
  }

  @Test
  void equalKeysAreAskedOnce() {
    shard.occupy();
    List<Answer> answers = IntStream.range(0, 6).mapToObj(i -> shard.ask(i % 2)).toList();
    shard.answer(0);
    assertThat(shard.asked().get(2)).isEqualTo(keys(0, 1));
    shard.rows(2, row(0, "a"), row(1, "b"));
    shard.complete(2);
    IntStream.range(0, 6).forEach(i -> answers.get(i).has(i % 2 == 0 ? "a" : "b"));
  }

  @Test
  void aBatchIsBounded() {
    FakeShard small = new FakeShard(CoalescingOptions.defaults().withMaxKeys(2), timer);
    small.occupy();
    IntStream.range(0, 5).forEach(small::ask);
    small.answer(0);
    small.answer(1);
    assertThat(small.asked().subList(2, 4)).containsExactly(keys(0, 1), keys(2, 3));
    small.answer(2);
    assertThat(small.asked().get(4)).isEqualTo(keys(4));
  }

  @Test
  void keysOfAnotherTypeGoApart() {
    shard.occupy();
    shard.ask(ShardKey.of(1), false, TIMES);
    shard.ask(ShardKey.of("1"), false, TIMES);
    shard.ask(ShardKey.of(1, 2), false, TIMES);
    shard.answer(0);
    shard.answer(1);
    shard.answer(2);
    assertThat(shard.asked().subList(2, 5))
        .containsExactly(
            List.of(ShardKey.of(1)), List.of(ShardKey.of("1")), List.of(ShardKey.of(1, 2)));
  }

  @Test
  void eachGetsItsOwnRowsWhenAllAreThere() {
    shard.occupy();
    Answer several = shard.ask(1);
    Answer missing = shard.ask(2);
    Answer single = shard.ask(ShardKey.of(3), true, TIMES);
    Answer tooMany = shard.ask(ShardKey.of(4), true, TIMES);
    shard.answer(0);
    shard.rows(2, row(4, "x"), row(1, "a"), row(3, "s"), row(1, "b"), row(4, "y"), row(1, "c"));
    assertThat(several.events).isEmpty();
    shard.complete(2);
    several.has("a", "b", "c");
    missing.has();
    single.has("s");
    tooMany.failedBy(TooManyRowsException.class);
  }

  @Test
  void whatTheServerRefusesForOneKeyFailsThatKeyAlone() {
    shard.occupy();
    List<Answer> answers = IntStream.range(0, 10).mapToObj(shard::ask).toList();
    Answer alsoSeven = shard.ask(7);
    shard.answer(0);
    shard.answer(1);
    for (int i = 2; i < shard.batches.size(); i++) {
      if (shard.batches.get(i).keys().contains(ShardKey.of(7))) {
        shard.fail(i, new R2dbcNonTransientResourceException("picky", "45000", 1644));
      } else {
        shard.answer(i);
      }
    }
    for (int i = 0; i < 10; i++) {
      if (i == 7) {
        answers.get(i).failedBy(R2dbcNonTransientResourceException.class);
      } else {
        answers.get(i).has("row");
      }
    }
    alsoSeven.failedBy(R2dbcNonTransientResourceException.class);
    assertThat(shard.left).hasValue(13);
  }

  @Test
  void anyOtherErrorIsThatOfItsBatch() {
    Answer other = shard.ask(0);
    shard.ask(100);
    List<Answer> answers = IntStream.range(1, 5).mapToObj(shard::ask).toList();
    shard.answer(1);
    shard.fail(2, new R2dbcTransientResourceException("gone"));
    answers.forEach(answer -> answer.failedBy(R2dbcTransientResourceException.class));
    assertThat(shard.batches).hasSize(3);
    assertThat(other.events).isEmpty();
    shard.answer(0);
    other.has("row");
  }

  @Test
  void aRowThatCantBeMappedFailsItsKeyAlone() {
    shard.occupy();
    Answer one = shard.ask(1);
    Answer two = shard.ask(2);
    shard.answer(0);
    ReadBatch<String> batch = shard.batches.get(2);
    shard.found(
        2, new ReadBatch.Found<>(batch.of(ShardKey.of(1)), null, new IllegalStateException()));
    shard.rows(2, row(1, "late"), row(2, "b"));
    shard.complete(2);
    one.failedBy(IllegalStateException.class);
    two.has("b");
  }

  @Test
  void aRowThatNobodyAskedForIsNeverLostNorGivenToAnother() {
    shard.occupy();
    Answer one = shard.ask(1);
    Answer two = shard.ask(2);
    shard.answer(0);
    shard.answer(1);
    shard.rows(2, row(1, "a"));
    shard.found(2, new ReadBatch.Found<>(null, null, new StrayRowException("SELECT")));
    shard.complete(2);
    assertThat(shard.asked().subList(3, 5)).containsExactly(keys(1), keys(2));
    shard.answer(3);
    shard.found(4, new ReadBatch.Found<>(null, null, new StrayRowException("SELECT")));
    shard.complete(4);
    one.has("row");
    two.failedBy(StrayRowException.class);
  }

  @Test
  void aKeyWithTooManyRowsFailsAlone() {
    FakeShard narrow = new FakeShard(CoalescingOptions.defaults().withMaxRows(3), timer);
    narrow.occupy();
    Answer one = narrow.ask(1);
    Answer two = narrow.ask(2);
    narrow.answer(0);
    narrow.answer(1);
    narrow.rows(2, row(1, "a"), row(2, "b"), row(2, "c"), row(2, "d"));
    assertThat(narrow.cancelled(2)).isTrue();
    narrow.rows(3, row(1, "a"));
    narrow.complete(3);
    narrow.rows(4, row(2, "b"), row(2, "c"), row(2, "d"), row(2, "e"));
    one.has("a");
    two.failedBy(TooManyRowsException.class);
    assertThat(narrow.cancelled(4)).isTrue();
  }

  @Test
  void aCancelIsNobodyElsesAndTheLastOneEndsTheStatement() {
    shard.occupy();
    Answer one = shard.ask(1);
    Answer alsoOne = shard.ask(1);
    Answer two = shard.ask(2);
    Answer waiting = shard.ask(3);
    waiting.cancel();
    shard.answer(0);
    assertThat(shard.asked().get(2)).isEqualTo(keys(1, 2));
    one.cancel();
    two.cancel();
    assertThat(shard.cancelled(2)).isFalse();
    alsoOne.cancel();
    assertThat(shard.cancelled(2)).isTrue();
    // Its place is free again.
    shard.ask(4);
    assertThat(shard.asked().get(3)).isEqualTo(keys(4));
    assertThat(one.events).isEmpty();
    assertThat(shard.entered.get() - shard.left.get()).isEqualTo(2);
  }

  @Test
  void moreThanMayWaitAreRefused() {
    FakeShard crowded = new FakeShard(CoalescingOptions.defaults().withMaxWaiting(3), timer);
    crowded.occupy();
    List<Answer> waiting = IntStream.range(0, 3).mapToObj(crowded::ask).toList();
    crowded.ask(3).failedBy(ShardUnavailableException.class);
    assertThat(crowded.failures).hasSize(1);
    // A caller that has given up makes room.
    waiting.get(0).cancel();
    waiting.get(1).cancel();
    Answer next = crowded.ask(4);
    assertThat(next.events).isEmpty();
    crowded.answer(0);
    assertThat(crowded.asked().get(2)).isEqualTo(keys(2, 4));
  }

  @Test
  void whoGivesUpBeforeHeIsInLineMakesRoomToo() {
    FakeShard crowded = new FakeShard(CoalescingOptions.defaults().withMaxWaiting(3), timer);
    List<Answer> asked = new ArrayList<>();
    crowded.subscribe(
        ShardKey.of(0),
        false,
        TIMES,
        new BaseSubscriber<>() {
          @Override
          protected void hookOnComplete() {
            IntStream.range(2, 5).mapToObj(crowded::ask).forEach(asked::add);
            asked.get(0).cancel();
            asked.get(1).cancel();
            asked.add(crowded.ask(5));
          }
        });
    crowded.ask(1);
    crowded.answer(0);
    assertThat(asked.get(3).events).isEmpty();
    assertThat(crowded.asked().get(2)).isEqualTo(keys(4, 5));
  }

  @Test
  void whoWaitsTooLongIsToldSo() {
    shard.occupy();
    Answer waiting = shard.ask(1);
    timer.advanceTimeBy(Duration.ofSeconds(3));
    Answer later = shard.ask(2);
    timer.advanceTimeBy(Duration.ofMillis(1_999));
    assertThat(waiting.events).isEmpty();
    timer.advanceTimeBy(Duration.ofMillis(1));
    waiting.failedBy(ShardTimeoutException.class);
    assertThat(later.events).isEmpty();
    timer.advanceTimeBy(Duration.ofSeconds(3));
    later.failedBy(ShardTimeoutException.class);
    assertThat(shard.failures).hasSize(2);
  }

  @Test
  void manyThatAreLateOneAfterTheOtherAreLookedForSeldom() {
    AtomicInteger alarms = new AtomicInteger();
    FakeShard hung = new FakeShard(CoalescingOptions.defaults(), counting(timer, alarms));
    hung.occupy();
    List<Answer> waiting = new ArrayList<>();
    for (int i = 0; i < 5_000; i++) {
      timer.advanceTimeBy(Duration.ofNanos(100_000));
      waiting.add(hung.ask(i));
    }
    timer.advanceTimeBy(TIMES.acquire().plusMillis(20));
    waiting.forEach(answer -> answer.failedBy(ShardTimeoutException.class));
    assertThat(alarms).hasValueLessThan(100);
  }

  private static Scheduler counting(Scheduler timer, AtomicInteger alarms) {
    return new Scheduler() {
      @Override
      public Disposable schedule(Runnable task) {
        return timer.schedule(task);
      }

      @Override
      public Disposable schedule(Runnable task, long delay, TimeUnit unit) {
        alarms.incrementAndGet();
        return timer.schedule(task, delay, unit);
      }

      @Override
      public Worker createWorker() {
        return timer.createWorker();
      }

      @Override
      public long now(TimeUnit unit) {
        return timer.now(unit);
      }
    };
  }

  @Test
  void eachIsHeldToItsOwnTotalTime() {
    shard.occupy();
    Answer hasty = shard.ask(ShardKey.of(1), false, Timeouts.of(Duration.ofMillis(100)));
    Answer patient = shard.ask(2);
    shard.answer(0);
    timer.advanceTimeBy(Duration.ofMillis(99));
    assertThat(hasty.events).isEmpty();
    timer.advanceTimeBy(Duration.ofMillis(1));
    hasty.failedBy(ShardTimeoutException.class);
    shard.rows(2, row(1, "too late"), row(2, "b"));
    shard.complete(2);
    patient.has("b");
  }

  @Test
  void whoseRefusedBatchWaitsToBeAskedInPartsIsHeldToItsTimesToo() {
    FakeShard busy = new FakeShard(CoalescingOptions.defaults().withInFlight(1), timer);
    busy.ask(0);
    Answer patient = busy.ask(1);
    Answer hasty = busy.ask(ShardKey.of(2), false, Timeouts.of(Duration.ofMillis(100)));
    Answer given = busy.ask(3);
    busy.answer(0);
    busy.fail(1, new R2dbcNonTransientResourceException("picky", "45000", 1644));
    assertThat(busy.asked().get(2)).isEqualTo(keys(1));
    given.cancel();
    timer.advanceTimeBy(Duration.ofMillis(99));
    assertThat(hasty.events).isEmpty();
    timer.advanceTimeBy(Duration.ofMillis(1));
    hasty.failedBy(ShardTimeoutException.class);
    busy.answer(2);
    patient.has("row");
    assertThat(busy.batches).hasSize(3);
    assertThat(busy.left).hasValue(4);
  }

  @Test
  void aStatementThatOnlyLateReadsWantIsEnded() {
    shard.occupy();
    shard.ask(ShardKey.of(1), false, Timeouts.of(Duration.ofMillis(100)));
    Answer patient = shard.ask(2);
    shard.answer(0);
    patient.cancel();
    assertThat(shard.cancelled(2)).isFalse();
    timer.advanceTimeBy(Duration.ofMillis(100));
    assertThat(shard.cancelled(2)).isTrue();
  }

  @Test
  void aStatementIsHeldToTheTimesOfItsLastRead() {
    shard.occupy();
    shard.ask(1);
    timer.advanceTimeBy(Duration.ofSeconds(2));
    shard.ask(2);
    timer.advanceTimeBy(Duration.ofSeconds(1));
    shard.answer(0);
    assertThat(shard.batches.get(2).left(timer.now(TimeUnit.NANOSECONDS)))
        .isEqualTo(
            new Timeouts(
                Duration.ofSeconds(5),
                Duration.ofSeconds(9),
                Duration.ofSeconds(10),
                Duration.ofSeconds(19)));
  }

  @Test
  void aSlowCallerHoldsUpNobody() {
    shard.occupy();
    BaseSubscriber<String> slow =
        new BaseSubscriber<>() {
          @Override
          protected void hookOnSubscribe(Subscription subscription) {}
        };
    Answer slowly = shard.ask(ShardKey.of(1), false, TIMES, slow);
    Answer fast = shard.ask(2);
    shard.answer(0);
    shard.rows(2, row(1, "a"), row(1, "b"), row(2, "c"));
    shard.complete(2);
    fast.has("c");
    assertThat(slowly.events).isEmpty();
    slow.request(1);
    assertThat(slowly.events).containsExactly("a");
    slow.request(1);
    slowly.has("a", "b");
  }

  @Test
  void aCallerThatThrowsHarmsNobody() {
    Queue<Throwable> dropped = new ConcurrentLinkedQueue<>();
    Hooks.onErrorDropped(dropped::add);
    shard.occupy();
    shard.subscribe(
        ShardKey.of(1),
        false,
        TIMES,
        new BaseSubscriber<>() {
          @Override
          protected void hookOnNext(String row) {
            throw new IllegalStateException("a caller's own");
          }

          @Override
          protected void hookOnError(Throwable error) {
            throw new IllegalStateException("once more");
          }
        });
    Answer other = shard.ask(2);
    shard.answer(0);
    shard.answer(2);
    other.has("row");
    assertThat(dropped).isNotEmpty();
  }

  /** Such as a {@code StackOverflowError} in one caller's own code. */
  @Test
  void aCallerThatFailsFatallyHarmsNobody() {
    Queue<Throwable> dropped = new ConcurrentLinkedQueue<>();
    Hooks.onErrorDropped(dropped::add);
    shard.occupy();
    shard.subscribe(
        ShardKey.of(1),
        false,
        TIMES,
        new BaseSubscriber<>() {
          @Override
          protected void hookOnNext(String row) {
            throw new StackOverflowError();
          }
        });
    Answer other = shard.ask(2);
    shard.answer(0);
    shard.answer(2);
    other.has("row");
    Answer next = shard.ask(3);
    assertThat(shard.asked().get(3)).isEqualTo(keys(3));
    shard.answer(3);
    next.has("row");
    assertThat(dropped).hasOnlyElementsOfType(StackOverflowError.class);
  }

  @Test
  void aCallerWhoseStackIsTooDeepToSendHarmsNobody() {
    AtomicInteger tries = new AtomicInteger();
    FakeShard deep =
        new FakeShard(CoalescingOptions.defaults(), timer) {
          @Override
          public Flux<ReadBatch.Found<String>> rows(ReadBatch<String> batch) {
            if (tries.getAndIncrement() == 0) {
              throw new StackOverflowError();
            }
            return super.rows(batch);
          }
        };
    deep.ask(1).failedBy(StackOverflowError.class);
    Answer next = deep.ask(2);
    deep.answer(0);
    next.has("row");
    assertThat(deep.left).hasValue(2);
  }

  @Test
  void aReadThatIsAskedAgainByWhoIsToldGathersWithTheOthers() {
    List<Answer> again = new ArrayList<>();
    shard.occupy();
    for (int i = 0; i < 5; i++) {
      int key = 10 + i;
      shard.subscribe(
          ShardKey.of(i),
          false,
          TIMES,
          new BaseSubscriber<>() {
            @Override
            protected void hookOnComplete() {
              again.add(shard.ask(key));
            }
          });
    }
    shard.answer(0);
    shard.answer(2);
    assertThat(shard.asked().get(3)).isEqualTo(keys(10, 11, 12, 13, 14));
    shard.answer(3);
    assertThat(again).hasSize(5).allSatisfy(answer -> answer.has("row"));
  }

  @Test
  void aReadThatIsGivenUpWhileItIsLocatedNeverEnters() {
    Sinks.One<ShardId> located = Sinks.one();
    AtomicInteger cancels = new AtomicInteger();
    shard.lookup = located.asMono().doOnCancel(cancels::incrementAndGet);
    Answer given = shard.ask(1);
    given.cancel();
    assertThat(cancels).hasValue(1);
    Answer kept = shard.ask(2);
    located.tryEmitValue(SHARD);
    assertThat(shard.asked()).containsExactly(keys(2));
    shard.answer(0);
    kept.has("row");
    assertThat(shard.entered).hasValue(1);
  }

  @Test
  void aKeyThatLiesNowhereIsAnError() {
    shard.lookup = Mono.error(new UnroutableKeyException("key: 1"));
    shard.ask(1).failedBy(UnroutableKeyException.class);
    assertThat(shard.entered).hasValue(0);
  }

  @Test
  void aReadThatMeetsAClosingShardIsLocatedAnew() {
    AtomicInteger lookups = new AtomicInteger();
    shard.lookup = Mono.just(SHARD).doOnSubscribe(lookup -> lookups.incrementAndGet());
    shard.closings.set(2);
    Answer survivor = shard.ask(1);
    shard.answer(0);
    survivor.has("row");
    assertThat(lookups).hasValue(3);
    shard.closings.set(Integer.MAX_VALUE);
    shard.ask(2).failedBy(ShardUnavailableException.class);
    assertThat(lookups).hasValue(7);
    assertThat(shard.left).hasValue(1);
  }

  /** The laws, whatever the order of things. */
  @Test
  void everyReadEndsOnceWithItsOwnRowsOnManyThreads() {
    Scheduler servers = Schedulers.newParallel("servers", 4);
    Scheduler callers = Schedulers.newParallel("callers", 8);
    CoalescingOptions bounds = new CoalescingOptions(16, 1_000, 3, 1_000_000);
    AtomicInteger active = new AtomicInteger();
    AtomicInteger most = new AtomicInteger();
    FakeShard busy =
        new FakeShard(bounds, Schedulers.parallel()) {
          @Override
          public Flux<ReadBatch.Found<String>> rows(ReadBatch<String> batch) {
            List<ShardKey> keys = batch.keys();
            assertThat(keys).hasSizeBetween(1, 16).doesNotHaveDuplicates();
            return Flux.defer(
                    () -> {
                      most.accumulateAndGet(active.incrementAndGet(), Math::max);
                      Flux<ReadBatch.Found<String>> rows =
                          keys.contains(ShardKey.of(13))
                              ? Flux.error(
                                  new R2dbcNonTransientResourceException("no", "45000", 1644))
                              : Flux.fromIterable(keys).map(key -> row(key).apply(batch));
                      // Before the queue is told of the end, which sends another batch at once.
                      AtomicBoolean over = new AtomicBoolean();
                      Runnable end =
                          () -> {
                            if (over.compareAndSet(false, true)) {
                              active.decrementAndGet();
                            }
                          };
                      return rows.doOnTerminate(end).doOnCancel(end);
                    })
                .delaySubscription(
                    Duration.ofNanos(ThreadLocalRandom.current().nextInt(200_000)), servers);
          }
        };
    try {
      long ended =
          Flux.range(0, 40_000)
              .flatMap(
                  i -> {
                    int key = ThreadLocalRandom.current().nextInt(200);
                    Mono<String> read =
                        new Mono<>() {
                          @Override
                          public void subscribe(CoreSubscriber<? super String> actual) {
                            busy.subscribe(ShardKey.of(key), true, TIMES, actual);
                          }
                        };
                    Mono<Boolean> checked =
                        read.map(row -> row.equals("row of " + key))
                            .onErrorResume(
                                R2dbcNonTransientResourceException.class,
                                refused -> Mono.just(key == 13))
                            .defaultIfEmpty(false)
                            .subscribeOn(callers);
                    // No take and default: its end, where it races with the request, is lost.
                    return i % 3 == 0
                        ? checked.timeout(Duration.ofNanos(i * 7L % 300_000), Mono.just(true))
                        : checked;
                  },
                  128)
              .filter(right -> right)
              .count()
              .blockOptional(BOUND)
              .orElseThrow();
      assertThat(ended).isEqualTo(40_000);
      Await.until(
          "all have left",
          Mono.fromSupplier(() -> busy.entered.get() - busy.left.get()),
          inside -> inside == 0);
      assertThat(most.get()).isLessThanOrEqualTo(3);
    } finally {
      servers.dispose();
      callers.dispose();
    }
  }

  private static List<ShardKey> keys(int... keys) {
    return IntStream.of(keys).mapToObj(ShardKey::of).toList();
  }

  private static Function<ReadBatch<String>, ReadBatch.Found<String>> row(int key, String value) {
    return batch -> new ReadBatch.Found<>(batch.of(ShardKey.of(key)), value, null);
  }

  private static Function<ReadBatch<String>, ReadBatch.Found<String>> row(ShardKey key) {
    return batch -> new ReadBatch.Found<>(batch.of(key), "row of " + key, null);
  }

  /** The signals that a caller was told. */
  private static final class Answer {

    private final Queue<Object> events = new ConcurrentLinkedQueue<>();
    private Disposable subscription = () -> {};

    void cancel() {
      subscription.dispose();
    }

    void has(String... rows) {
      List<Object> expected = new ArrayList<>(List.of((Object[]) rows));
      expected.add("end");
      assertThat(events).containsExactlyElementsOf(expected);
    }

    void failedBy(Class<? extends Throwable> type) {
      assertThat(events).hasSize(1).first().isInstanceOf(type);
    }
  }

  /** Answers when a test says so. */
  private static class FakeShard implements ReadQueue.Target<String> {

    private final Scheduler timer;
    private final ReadQueue<String> queue;
    private final List<ReadBatch<String>> batches = new ArrayList<>();
    private final List<Sinks.Many<ReadBatch.Found<String>>> sinks = new ArrayList<>();
    private final AtomicInteger entered = new AtomicInteger();
    private final AtomicInteger left = new AtomicInteger();
    private final Queue<Throwable> failures = new ConcurrentLinkedQueue<>();
    private final AtomicInteger closings = new AtomicInteger();
    private Mono<ShardId> lookup = Mono.just(SHARD);

    FakeShard(CoalescingOptions bounds, Scheduler timer) {
      this.timer = timer;
      this.queue = new ReadQueue<>(this, "SELECT", bounds, timer);
    }

    @Override
    public ShardId id() {
      return SHARD;
    }

    @Override
    public Flux<ReadBatch.Found<String>> rows(ReadBatch<String> batch) {
      batches.add(batch);
      Sinks.Many<ReadBatch.Found<String>> sink = Sinks.many().unicast().onBackpressureBuffer();
      sinks.add(sink);
      return sink.asFlux();
    }

    @Override
    public void leave() {
      left.incrementAndGet();
    }

    @Override
    public void failed(Throwable error) {
      failures.add(error);
    }

    /** Has both places taken, by keys that nobody else asks for. */
    void occupy() {
      ask(-1);
      ask(-2);
    }

    Answer ask(int key) {
      return ask(ShardKey.of(key), false, TIMES);
    }

    Answer ask(ShardKey key, boolean single, Timeouts times) {
      return ask(key, single, times, null);
    }

    Answer ask(
        ShardKey key, boolean single, Timeouts times, @Nullable BaseSubscriber<String> consumer) {
      Answer answer = new Answer();
      Flux<String> read =
          new Flux<String>() {
            @Override
            public void subscribe(CoreSubscriber<? super String> actual) {
              ReadQueueTests.FakeShard.this.subscribe(key, single, times, actual);
            }
          }.doOnNext(answer.events::add)
              .doOnError(answer.events::add)
              .doOnComplete(() -> answer.events.add("end"));
      if (consumer == null) {
        answer.subscription = read.subscribe(row -> {}, error -> {});
      } else {
        read.subscribe(consumer);
      }
      return answer;
    }

    void subscribe(
        ShardKey key, boolean single, Timeouts times, CoreSubscriber<? super String> actual) {
      PointRead.Way<String> way =
          new PointRead.Way<>() {
            @Override
            public long epoch() {
              return 1;
            }

            @Override
            public Mono<ShardId> locate(ShardKey located) {
              return lookup;
            }

            @Override
            public ReadQueue<String> enter(ShardId id, ContextView context) {
              if (closings.getAndDecrement() > 0) {
                throw new PoolClosingException(id);
              }
              entered.incrementAndGet();
              return queue;
            }
          };
      new PointRead<>(actual, way, key, single, times, timer.now(TimeUnit.NANOSECONDS)).begin();
    }

    List<List<ShardKey>> asked() {
      return batches.stream().map(ReadBatch::keys).toList();
    }

    /** A row for each of its keys, and the end. */
    void answer(int batch) {
      ReadBatch<String> of = batches.get(batch);
      of.keys().forEach(key -> found(batch, new ReadBatch.Found<>(of.of(key), "row", null)));
      complete(batch);
    }

    @SafeVarargs
    final void rows(int batch, Function<ReadBatch<String>, ReadBatch.Found<String>>... rows) {
      for (Function<ReadBatch<String>, ReadBatch.Found<String>> row : rows) {
        found(batch, row.apply(batches.get(batch)));
      }
    }

    void found(int batch, ReadBatch.Found<String> found) {
      sinks.get(batch).tryEmitNext(found);
    }

    void complete(int batch) {
      sinks.get(batch).tryEmitComplete();
    }

    void fail(int batch, Throwable error) {
      sinks.get(batch).tryEmitError(error);
    }

    boolean cancelled(int batch) {
      return sinks.get(batch).currentSubscriberCount() == 0;
    }
  }
}
