package io.shardflux.r2dbc;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import reactor.blockhound.BlockingOperationError;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Scheduler;
import reactor.core.scheduler.Schedulers;
import reactor.test.StepVerifier;

final class BlockHoundTests {

  @Test
  void refusesToWaitOnAThreadThatMustNot() {
    Mono<Void> waiting =
        Mono.<Void>fromRunnable(() -> LockSupport.parkNanos(1)).subscribeOn(Schedulers.parallel());
    StepVerifier.create(waiting)
        .expectErrorSatisfies(error -> assertThat(error).isInstanceOf(BlockingOperationError.class))
        .verify(Duration.ofSeconds(30));
  }

  /** An error out of the wait would spoil the queue's lock: the timer would run no more tasks. */
  @Test
  void letsACancelWaitForTheQueueOfATimer() {
    Scheduler loop = Schedulers.newSingle("loop");
    ScheduledThreadPoolExecutor timer = new ScheduledThreadPoolExecutor(1);
    timer.setRemoveOnCancelPolicy(true);
    Future<?> task = timer.schedule(() -> {}, 1, TimeUnit.DAYS);
    Holder holder = new Holder();
    new Thread(() -> timer.remove(holder)).start();
    try {
      assertThat(holder.holds).succeedsWithin(Duration.ofSeconds(30));
      AtomicReference<@Nullable Thread> caller = new AtomicReference<>();
      CompletableFuture<Boolean> cancelled =
          Mono.fromCallable(
                  () -> {
                    caller.set(Thread.currentThread());
                    return task.cancel(false);
                  })
              .subscribeOn(loop)
              .toFuture();
      Await.until(
          "the cancel waits",
          Mono.fromSupplier(() -> cancelled.isDone() || waits(caller.get())),
          waits -> waits);
      holder.end.complete(true);
      assertThat(cancelled).succeedsWithin(Duration.ofSeconds(30)).isEqualTo(true);
      assertThat(timer.getQueue()).isEmpty();
    } finally {
      holder.end.complete(true);
      timer.shutdownNow();
      loop.dispose();
    }
  }

  private static boolean waits(@Nullable Thread thread) {
    return thread != null && thread.getState() == Thread.State.WAITING;
  }

  /** Keeps the lock of a queue that looks for it. */
  private static final class Holder implements Runnable {

    private final CompletableFuture<Boolean> holds = new CompletableFuture<>();
    private final CompletableFuture<Boolean> end = new CompletableFuture<>();

    @Override
    public void run() {}

    @Override
    public boolean equals(@Nullable Object other) {
      holds.complete(true);
      end.completeOnTimeout(false, 60, TimeUnit.SECONDS).join();
      return this == other;
    }

    @Override
    public int hashCode() {
      return System.identityHashCode(this);
    }
  }
}
