package io.shardflux.r2dbc;

import io.shardflux.router.ShardId;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLongFieldUpdater;
import org.jspecify.annotations.Nullable;
import org.reactivestreams.Publisher;
import org.reactivestreams.Subscription;
import reactor.core.CoreSubscriber;
import reactor.core.Disposable;
import reactor.core.Disposables;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Operators;
import reactor.core.scheduler.Scheduler;
import reactor.util.context.Context;

/**
 * One shard's rows, held to {@link Timeouts}. The clock runs only while rows are wanted, which
 * {@link Flux#timeout} can't do: there a slow consumer looks like a slow shard.
 */
final class TimedFlux<T> extends Flux<T> {

  private final Publisher<T> source;
  private final ShardId shard;
  private final Timeouts timeouts;
  private final Scheduler timer;

  TimedFlux(Publisher<T> source, ShardId shard, Timeouts timeouts, Scheduler timer) {
    this.source = source;
    this.shard = shard;
    this.timeouts = timeouts;
    this.timer = timer;
  }

  @Override
  public void subscribe(CoreSubscriber<? super T> actual) {
    source.subscribe(new Timed<>(actual, shard, timeouts, timer));
  }

  private static final class Timed<T> implements CoreSubscriber<T>, Subscription {

    private final CoreSubscriber<? super T> actual;
    private final ShardId shard;
    private final long firstRow;
    private final long total;
    private final Scheduler timer;
    private final Disposable.Swap alarm = Disposables.swap();

    @SuppressWarnings("rawtypes")
    private static final AtomicLongFieldUpdater<Timed> WANTED =
        AtomicLongFieldUpdater.newUpdater(Timed.class, "wanted");

    private volatile long wanted;
    // One at a time towards the consumer: rows on one side, the alarm on the other.
    private final AtomicInteger emitting = new AtomicInteger();
    private @Nullable Subscription upstream;
    private volatile @Nullable Throwable late;
    private volatile long rows;

    // Guarded by this.
    private boolean running;
    private long runningSince;
    private long waited;
    private boolean armed;
    private boolean over;

    Timed(CoreSubscriber<? super T> actual, ShardId shard, Timeouts timeouts, Scheduler timer) {
      this.actual = actual;
      this.shard = shard;
      this.firstRow = timeouts.firstRow().toNanos();
      this.total = timeouts.total().toNanos();
      this.timer = timer;
    }

    @Override
    public Context currentContext() {
      return actual.currentContext();
    }

    @Override
    public void onSubscribe(Subscription subscription) {
      upstream = subscription;
      actual.onSubscribe(this);
    }

    @Override
    public void request(long n) {
      if (!Operators.validate(n)) {
        return;
      }
      if (Operators.addCap(WANTED, this, n) == 0) {
        adjust();
      }
      upstream().request(n);
    }

    @Override
    public void cancel() {
      finish();
      upstream().cancel();
    }

    @Override
    public void onNext(T row) {
      if (emitting.get() != 0 || !emitting.compareAndSet(0, 1)) {
        Operators.onDiscard(row, currentContext());
        return;
      }
      long before = rows;
      rows = before + 1;
      if (wanted != Long.MAX_VALUE && WANTED.decrementAndGet(this) == 0) {
        adjust();
      }
      actual.onNext(row);
      if (emitting.decrementAndGet() != 0) {
        // Read after the alarm was seen, else one that rings in between is told by nobody.
        Throwable error = late;
        if (error != null) {
          actual.onError(error);
        }
      }
    }

    @Override
    public void onError(Throwable error) {
      finish();
      if (emitting.getAndIncrement() == 0) {
        actual.onError(error);
      } else {
        Operators.onErrorDropped(error, currentContext());
      }
    }

    @Override
    public void onComplete() {
      finish();
      if (emitting.getAndIncrement() == 0) {
        actual.onComplete();
      }
    }

    private Subscription upstream() {
      Subscription subscription = upstream;
      if (subscription == null) {
        throw new IllegalStateException("not subscribed");
      }
      return subscription;
    }

    /** Starts or stops the clock by whether rows are wanted now. */
    private synchronized void adjust() {
      boolean want = wanted > 0;
      if (want == running || over) {
        return;
      }
      running = want;
      if (want) {
        runningSince = now();
        arm();
      } else {
        waited += now() - runningSince;
      }
    }

    private synchronized void finish() {
      over = true;
      alarm.dispose();
    }

    // Called under the lock. A clock that stands needs no alarm: its start sets one.
    private void arm() {
      if (armed || over) {
        return;
      }
      armed = true;
      alarm.update(timer.schedule(this::ring, bound() - spent(), TimeUnit.NANOSECONDS));
    }

    private void ring() {
      synchronized (this) {
        armed = false;
        if (over || !running) {
          return;
        }
        if (spent() < bound()) {
          arm();
          return;
        }
        over = true;
      }
      expire();
    }

    private void expire() {
      Throwable error = new ShardTimeoutException(shard, lateness());
      late = error;
      upstream().cancel();
      if (emitting.getAndIncrement() == 0) {
        actual.onError(error);
      }
    }

    private String lateness() {
      boolean first = rows == 0;
      return (first ? "no row" : "not at the end, after " + rows + " rows,")
          + " within "
          + Duration.ofNanos(first ? firstRow : total).toMillis()
          + " ms (expected: "
          + (first ? "a first row" : "the end")
          + " within that time; raise timeouts."
          + (first ? "first-row" : "total")
          + " or make the statement cheaper)";
    }

    private long bound() {
      return rows == 0 ? firstRow : total;
    }

    private long spent() {
      return running ? waited + now() - runningSince : waited;
    }

    private long now() {
      return timer.now(TimeUnit.NANOSECONDS);
    }
  }
}
