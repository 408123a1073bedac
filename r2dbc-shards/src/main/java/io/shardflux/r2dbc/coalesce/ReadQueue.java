package io.shardflux.r2dbc.coalesce;

import io.shardflux.r2dbc.failure.ShardUnavailableException;
import io.shardflux.router.ShardId;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import reactor.core.Disposable;
import reactor.core.Disposables;
import reactor.core.publisher.Flux;
import reactor.core.scheduler.Scheduler;
import reactor.util.concurrent.Queues;

/**
 * Point reads of one shape on one shard: those that wait, and the batches under way. A read that
 * finds room for a batch is sent at once and alone. Otherwise it waits until a batch ends, and then
 * goes with all that have come meanwhile.
 *
 * <p>Lock-free: a thread that finds another one draining leaves its work to that thread; see {@link
 * #drain()}.
 */
final class ReadQueue<T> {

  /** Sends batches to a shard. */
  interface Target<T> {

    ShardId id();

    /** The rows of a batch; each is subscribed to once. */
    Flux<ReadBatch.Found<T>> rows(ReadBatch<T> batch);

    /** A read that entered the shard is over. */
    void leave();

    /** A read that was in no batch has failed. */
    void failed(Throwable error);
  }

  private static final long NEVER = Long.MAX_VALUE;

  /**
   * The time between looks at all reads for late ones; otherwise there would be a look for each of
   * them.
   */
  private static final long PAUSE = TimeUnit.MILLISECONDS.toNanos(10);

  private final Target<T> shard;
  private final String statement;
  private final CoalescingOptions bounds;
  private final Scheduler timer;

  private final Queue<PointRead<T>> arriving = Queues.<PointRead<T>>unboundedMultiproducer().get();
  private final Queue<ReadBatch<T>> parts = Queues.<ReadBatch<T>>unboundedMultiproducer().get();
  private final AtomicInteger waitingCount = new AtomicInteger();
  private final AtomicInteger abandonedCount = new AtomicInteger();
  private final AtomicInteger draining = new AtomicInteger();
  private volatile @Nullable Thread telling;
  private volatile boolean ringing;

  // Used by the draining thread alone.
  private final Deque<PointRead<T>> waiting = new ArrayDeque<>();
  private final Deque<ReadBatch<T>> unsent = new ArrayDeque<>();
  private final List<ReadBatch<T>> active = new ArrayList<>();
  private final Disposable.Swap alarm = Disposables.swap();
  private long alarmAt = NEVER;

  ReadQueue(Target<T> shard, String statement, CoalescingOptions bounds, Scheduler timer) {
    this.shard = shard;
    this.statement = statement;
    this.bounds = bounds;
    this.timer = timer;
  }

  ShardId shard() {
    return shard.id();
  }

  String statement() {
    return statement;
  }

  CoalescingOptions bounds() {
    return bounds;
  }

  Flux<ReadBatch.Found<T>> rows(ReadBatch<T> batch) {
    return shard.rows(batch);
  }

  void leave() {
    shard.leave();
  }

  /** Takes in a read that is {@linkplain PointRead.Phase#WAITING waiting}, or refuses it. */
  void add(PointRead<T> read) {
    if (waitingCount.incrementAndGet() > bounds.maxWaiting()) {
      waitingCount.decrementAndGet();
      failWaiting(read, overloaded());
      return;
    }
    arriving.add(read);
    // A caller that gets a row and asks for the next one must not go alone: the drain comes behind.
    if (telling != Thread.currentThread()) {
      drain();
    }
  }

  private void failWaiting(PointRead<T> read, Throwable error) {
    shard.failed(error);
    read.fail(PointRead.Phase.WAITING, error);
  }

  /** A waiting read was given up. Once there are many of them, the queue lets them go. */
  void abandoned() {
    if (2 * abandonedCount.incrementAndGet() > waitingCount.get()) {
      drain();
    }
  }

  /** Takes the parts of a refused batch; the drain comes behind. */
  void again(ReadBatch<T> one, ReadBatch<T> other) {
    parts.add(one);
    parts.add(other);
  }

  /** Notes that this thread tells reads their outcome, or no longer does. */
  void telling(boolean now) {
    telling = now ? Thread.currentThread() : null;
  }

  /** Does the work that is due now. */
  void drain() {
    if (draining.getAndIncrement() != 0) {
      return;
    }
    int seen = 1;
    do {
      takeIn();
      if (ringing) {
        ringing = false;
        expire();
      }
      active.removeIf(ReadBatch::ended);
      while (active.size() < bounds.inFlight() && sent()) {
        active.removeIf(ReadBatch::ended);
      }
      seen = draining.addAndGet(-seen);
    } while (seen != 0);
  }

  private void takeIn() {
    for (PointRead<T> read = arriving.poll(); read != null; read = arriving.poll()) {
      waiting.add(read);
      wakeAt(read.waitingDeadline());
    }
    for (ReadBatch<T> part = parts.poll(); part != null; part = parts.poll()) {
      unsent.add(part);
      wakeAt(part.firstDeadline());
    }
    if (2 * abandonedCount.get() > waitingCount.get()) {
      letGo();
    }
  }

  private void letGo() {
    abandonedCount.set(0);
    int before = waiting.size();
    waiting.removeIf(PointRead::over);
    waitingCount.addAndGet(waiting.size() - before);
  }

  /** Sends a batch, if there is anything to send. */
  private boolean sent() {
    ReadBatch<T> batch = unsent.poll();
    if (batch == null) {
      if (waiting.isEmpty()) {
        return false;
      }
      batch = next();
    }
    if (batch.filled()) {
      active.add(batch);
      wakeAt(batch.firstDeadline());
      batch.send();
    }
    return true;
  }

  private ReadBatch<T> next() {
    ReadBatch<T> batch = new ReadBatch<>(this);
    while (batch.size() < bounds.maxKeys()) {
      PointRead<T> read = waiting.peek();
      if (read == null || !batch.suits(read.key())) {
        break;
      }
      waiting.remove();
      waitingCount.decrementAndGet();
      batch.take(read, PointRead.Phase.WAITING);
    }
    return batch;
  }

  /** Fails the reads that are late, whether they wait or are in a batch, sent or not. */
  private void expire() {
    alarmAt = NEVER;
    long now = now();
    long next = NEVER;
    for (PointRead<T> read : waiting) {
      if (read.over()) {
        continue;
      }
      if (now >= read.waitingDeadline()) {
        failWaiting(read, read.lateWaiting(shard.id(), now, statement));
      } else {
        next = Math.min(next, read.waitingDeadline());
      }
    }
    letGo();
    for (ReadBatch<T> batch : unsent) {
      next = Math.min(next, batch.expire(now));
    }
    for (ReadBatch<T> batch : active) {
      next = Math.min(next, batch.expire(now));
    }
    wakeAt(Math.max(next, now + PAUSE));
  }

  private void wakeAt(long time) {
    if (time < alarmAt) {
      alarmAt = time;
      alarm.update(timer.schedule(this::ring, time - now(), TimeUnit.NANOSECONDS));
    }
  }

  private void ring() {
    ringing = true;
    drain();
  }

  private long now() {
    return timer.now(TimeUnit.NANOSECONDS);
  }

  private ShardUnavailableException overloaded() {
    return new ShardUnavailableException(
        shard.id(),
        ShardUnavailableException.Why.OVERLOADED,
        "overloaded, "
            + bounds.maxWaiting()
            + " reads wait for a batch (expected: fewer; raise coalescing.max-keys,"
            + " coalescing.in-flight or coalescing.max-waiting, or ask less)",
        null);
  }
}
