package io.shardflux.r2dbc.shard;

import io.shardflux.r2dbc.failure.ShardErrors;
import io.shardflux.r2dbc.failure.ShardTimeoutException;
import io.shardflux.r2dbc.failure.ShardTimeoutException.Bound;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.router.ShardId;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLongFieldUpdater;
import java.util.function.Function;
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
 * One server's rows, held to {@link Timeouts}. Its errors have the shard's name. The clock runs
 * only while rows are wanted, which {@link Flux#timeout} can't do: there a slow consumer looks like
 * a slow shard.
 */
final class TimedFlux<T> extends Flux<T> {

  /** Is told the beginning and the end of each subscription, before its subscriber is. */
  interface Witness {

    /** A statement begins; told once. Gives the context it runs in, from its subscriber's. */
    Context started(Context context);

    /** Nanoseconds that it had waited for a connection before it began. */
    default long waited() {
      return 0;
    }

    /** The error where it got no connection in time. */
    default Throwable unconnected(ShardTimeoutException late) {
      return late;
    }

    /**
     * A statement is over; told once.
     *
     * @param rows how many there were
     * @param first nanoseconds to the first row; to the end if no row came
     * @param spent nanoseconds to the end in which rows were wanted
     * @param error why it ended, null if it completed or was cancelled
     * @param cancelled whether its subscriber gave it up
     */
    void ended(long rows, long first, long spent, @Nullable Throwable error, boolean cancelled);
  }

  /** The number of looks within one gap. Each look costs a timer, and no row costs anything. */
  private static final int LOOKS = 4;

  private final Function<Runnable, Publisher<T>> source;
  private final ShardId shard;
  private final String statement;
  private final Timeouts timeouts;
  private final Scheduler timer;
  private final Witness witness;

  /**
   * Rows under a clock.
   *
   * @param source is given what it is to call once it has a connection
   * @param statement its text, for errors
   */
  TimedFlux(
      Function<Runnable, Publisher<T>> source,
      ShardId shard,
      String statement,
      Timeouts timeouts,
      Scheduler timer,
      Witness witness) {
    this.source = source;
    this.shard = shard;
    this.statement = statement;
    this.timeouts = timeouts;
    this.timer = timer;
    this.witness = witness;
  }

  @Override
  public void subscribe(CoreSubscriber<? super T> actual) {
    Timed<T> timed = new Timed<>(actual, this, witness.started(actual.currentContext()));
    source.apply(timed::connected).subscribe(timed);
  }

  private static final class Timed<T> implements CoreSubscriber<T>, Subscription {

    private final CoreSubscriber<? super T> actual;
    private final TimedFlux<T> flux;
    private final Context context;
    private final long start;
    private final Disposable.Swap alarm = Disposables.swap();

    @SuppressWarnings("rawtypes")
    private static final AtomicLongFieldUpdater<Timed> WANTED =
        AtomicLongFieldUpdater.newUpdater(Timed.class, "wanted");

    private volatile long wanted;
    // Rows and the alarm take turns, so that one signal at a time reaches the consumer.
    private final AtomicInteger emitting = new AtomicInteger();
    private @Nullable Subscription upstream;
    private volatile @Nullable Throwable late;
    private volatile boolean connected;
    private volatile long rows;
    private volatile long first;

    // Guarded by this.
    private boolean running;
    private long runningSince;
    private long waited;
    private boolean armed;
    private boolean over;
    private long rowsSeen;
    private long rowsSeenAt;

    Timed(CoreSubscriber<? super T> actual, TimedFlux<T> flux, Context context) {
      this.actual = actual;
      this.flux = flux;
      this.context = context;
      this.start = now();
    }

    @Override
    public Context currentContext() {
      return context;
    }

    @Override
    public void onSubscribe(Subscription subscription) {
      upstream = subscription;
      actual.onSubscribe(this);
    }

    void connected() {
      connected = true;
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
      finish(null, true);
      upstream().cancel();
    }

    @Override
    public void onNext(T row) {
      if (emitting.get() != 0 || !emitting.compareAndSet(0, 1)) {
        Operators.onDiscard(row, currentContext());
        return;
      }
      long before = rows;
      if (before == 0) {
        first = now() - start;
      }
      rows = before + 1;
      if (wanted != Long.MAX_VALUE && WANTED.decrementAndGet(this) == 0) {
        adjust();
      }
      actual.onNext(row);
      if (emitting.decrementAndGet() != 0) {
        // Must be read after the alarm was seen: an alarm in between would be told by nobody.
        Throwable error = late;
        if (error != null) {
          actual.onError(error);
        }
      }
    }

    @Override
    public void onError(Throwable error) {
      Throwable named = ShardErrors.named(flux.shard, error);
      finish(named, false);
      if (emitting.getAndIncrement() == 0) {
        actual.onError(named);
      } else {
        Operators.onErrorDropped(named, currentContext());
      }
    }

    @Override
    public void onComplete() {
      finish(null, false);
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

    private void finish(@Nullable Throwable error, boolean cancelled) {
      long spent;
      synchronized (this) {
        if (over) {
          return;
        }
        over = true;
        spent = spent();
        alarm.dispose();
      }
      testify(spent, error, cancelled);
    }

    private void testify(long spent, @Nullable Throwable error, boolean cancelled) {
      long count = rows;
      long answer = count == 0 ? now() - start : first;
      try {
        flux.witness.ended(count, answer, spent, error, cancelled);
      } catch (RuntimeException | LinkageError failed) {
        // Whoever waits for the end must get it all the same.
        Operators.onErrorDropped(failed, currentContext());
      }
    }

    // Called under the lock. A clock that stands needs no alarm: its start sets one.
    private void arm() {
      if (armed || over) {
        return;
      }
      armed = true;
      alarm.update(flux.timer.schedule(this::ring, untilNextLook(), TimeUnit.NANOSECONDS));
    }

    private void ring() {
      long spent;
      Throwable error;
      synchronized (this) {
        armed = false;
        if (over || !running) {
          return;
        }
        spent = spent();
        if (rows != rowsSeen) {
          rowsSeen = rows;
          rowsSeenAt = spent;
        }
        error = lateness(spent);
        if (error == null) {
          arm();
          return;
        }
        over = true;
      }
      expire(error, spent);
    }

    private void expire(Throwable error, long spent) {
      late = error;
      testify(spent, error, false);
      upstream().cancel();
      if (emitting.getAndIncrement() == 0) {
        actual.onError(error);
      }
    }

    // Never longer than a look at gaps: a first row sets no alarm of its own.
    private long untilNextLook() {
      Timeouts timeouts = flux.timeouts;
      long spent = spent();
      long look = Math.min(timeouts.gap().toNanos() / LOOKS, timeouts.total().toNanos() - spent);
      if (rows == 0) {
        look = Math.min(look, timeouts.firstRow().toNanos() - spent);
      }
      if (!connected) {
        look = Math.min(look, acquire() - spent);
      }
      return Math.max(1, look);
    }

    private long acquire() {
      return flux.timeouts.acquire().toNanos() - flux.witness.waited();
    }

    private @Nullable Throwable lateness(long spent) {
      Timeouts timeouts = flux.timeouts;
      if (rowsSeen == 0) {
        // Without a connection the server was not asked, and is not to be blamed.
        if (!connected && spent >= acquire()) {
          return flux.witness.unconnected(late(Bound.ACQUIRE, timeouts.acquire(), spent));
        }
        if (spent >= timeouts.firstRow().toNanos()) {
          return connected
              ? late(Bound.FIRST_ROW, timeouts.firstRow(), spent)
              : flux.witness.unconnected(late(Bound.ACQUIRE, timeouts.firstRow(), spent));
        }
      }
      if (spent >= timeouts.total().toNanos()) {
        return late(Bound.TOTAL, timeouts.total(), spent);
      }
      return rowsSeen > 0 && spent - rowsSeenAt >= timeouts.gap().toNanos()
          ? late(Bound.GAP, timeouts.gap(), spent)
          : null;
    }

    private ShardTimeoutException late(Bound bound, Duration time, long spent) {
      return new ShardTimeoutException(
          flux.shard, bound, time, Duration.ofNanos(spent), rowsSeen, flux.statement);
    }

    private long spent() {
      return running ? waited + now() - runningSince : waited;
    }

    private long now() {
      return flux.timer.now(TimeUnit.NANOSECONDS);
    }
  }
}
