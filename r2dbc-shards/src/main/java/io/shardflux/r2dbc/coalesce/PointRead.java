package io.shardflux.r2dbc.coalesce;

import io.shardflux.r2dbc.failure.PoolClosingException;
import io.shardflux.r2dbc.failure.ShardTimeoutException;
import io.shardflux.r2dbc.failure.ShardTimeoutException.Bound;
import io.shardflux.r2dbc.failure.TooManyRowsException;
import io.shardflux.r2dbc.failure.TopologyChangedException;
import io.shardflux.r2dbc.live.LiveShards;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardKey;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLongFieldUpdater;
import java.util.concurrent.atomic.AtomicReferenceFieldUpdater;
import org.jspecify.annotations.Nullable;
import org.reactivestreams.Subscription;
import reactor.core.CoreSubscriber;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Operators;
import reactor.util.context.Context;
import reactor.util.context.ContextView;

/**
 * One caller's read of one key. It looks its shard up, waits there for a batch, and gives the
 * caller what the batch found. The thread that takes it to {@link Phase#OVER} tells the caller how
 * it ended, so that the caller is told once.
 */
final class PointRead<T> implements Subscription {

  /** The stage of a read: in a batch, or in one of the phases before and behind it. */
  sealed interface Stage permits ReadBatch, Phase {}

  enum Phase implements Stage {
    LOCATING,
    WAITING,
    OVER
  }

  /** The way of reads to their queues. */
  interface Way<T> {

    /** The epoch of the topology in force. */
    long epoch();

    Mono<ShardId> locate(ShardKey key);

    /**
     * Enters a shard's queue, which must be {@linkplain ReadQueue#leave() left}.
     *
     * @throws PoolClosingException if the shard is being let go
     */
    ReadQueue<T> enter(ShardId shard, ContextView context);
  }

  @SuppressWarnings("rawtypes")
  private static final AtomicReferenceFieldUpdater<PointRead, Stage> STAGE =
      AtomicReferenceFieldUpdater.newUpdater(PointRead.class, Stage.class, "stage");

  @SuppressWarnings("rawtypes")
  private static final AtomicLongFieldUpdater<PointRead> REQUESTED =
      AtomicLongFieldUpdater.newUpdater(PointRead.class, "requested");

  private final CoreSubscriber<? super T> actual;
  private final Way<T> way;
  private final ShardKey key;
  private final boolean single;
  private final Timeouts timeouts;
  private final long start;

  private volatile Stage stage = Phase.LOCATING;
  private volatile @Nullable Subscription lookup;
  private volatile @Nullable ReadQueue<T> queue;
  private int swaps;
  private int moves;
  private long located;

  private volatile long requested;
  private final AtomicInteger emitting = new AtomicInteger();
  private volatile @Nullable List<T> answer;
  private volatile boolean cancelled;
  private int emitted;

  // Used by the batch, in which one read of each key gathers the key's rows.
  private @Nullable PointRead<T> sibling;
  private @Nullable List<T> rows;
  private @Nullable Throwable failure;

  /**
   * A read that has not begun.
   *
   * @param single whether a second row is an error
   * @param start the time when its caller subscribed, by the queues' timer
   */
  PointRead(
      CoreSubscriber<? super T> actual,
      Way<T> way,
      ShardKey key,
      boolean single,
      Timeouts timeouts,
      long start) {
    this.actual = actual;
    this.way = way;
    this.key = key;
    this.single = single;
    this.timeouts = timeouts;
    this.start = start;
  }

  void begin() {
    actual.onSubscribe(this);
    locate();
  }

  ShardKey key() {
    return key;
  }

  Timeouts timeouts() {
    return timeouts;
  }

  long start() {
    return start;
  }

  /** The epoch by which its shard was found, or an earlier one. */
  long located() {
    return located;
  }

  ContextView context() {
    return actual.currentContext();
  }

  boolean over() {
    return stage == Phase.OVER;
  }

  /** The time when it has waited long enough for a batch. */
  long waitingDeadline() {
    return start + longestWait().toNanos();
  }

  /** The time when it must be at its end. */
  long deadline() {
    return start + timeouts.total().toNanos();
  }

  private void locate() {
    if (stage == Phase.LOCATING) {
      located = way.epoch();
      way.locate(key).subscribe(new Lookup());
    }
  }

  private void located(ShardId shard) {
    ReadQueue<T> entered;
    try {
      entered = way.enter(shard, context());
    } catch (PoolClosingException closing) {
      if (swaps++ == LiveShards.SWAPS_SURVIVED) {
        fail(Phase.LOCATING, closing.asUnavailable());
      } else {
        locate();
      }
      return;
    } catch (RuntimeException e) {
      fail(Phase.LOCATING, e);
      return;
    }
    queue = entered;
    if (move(Phase.LOCATING, Phase.WAITING)) {
      entered.add(this);
    } else {
      entered.leave();
    }
  }

  /**
   * Moves it from one stage to another.
   *
   * @return whether it was in the first stage
   */
  boolean move(Stage from, Stage to) {
    return STAGE.compareAndSet(this, from, to);
  }

  /** Gives the caller its rows, unless the read has moved on. */
  void answer(Stage from, List<T> found, String statement) {
    if (single && found.size() > 1) {
      fail(from, new TooManyRowsException(statement));
    } else if (move(from, Phase.OVER)) {
      leave();
      answer = found;
      guarded(this::emit);
    }
  }

  /** Gives the caller an error, unless the read has moved on. */
  void fail(Stage from, Throwable error) {
    if (move(from, Phase.OVER)) {
      leave();
      guarded(() -> actual.onError(error));
    }
  }

  /** Looks its shard up anew, because its key is on another one by now. */
  void again(ReadBatch<T> from, ShardId shard) {
    if (moves++ == LiveShards.SWAPS_SURVIVED) {
      fail(
          from,
          TopologyChangedException.of(
              shard, "key: on another shard again and again (expected: one that stays)"));
    } else if (move(from, Phase.LOCATING)) {
      leave();
      queue = null;
      forget();
      guarded(this::locate);
    }
  }

  /** The error of a read that has waited for too long. */
  ShardTimeoutException lateWaiting(ShardId shard, long now, String statement) {
    return late(shard, Bound.ACQUIRE, longestWait(), now, statement);
  }

  /**
   * Fails the read if it was in the batch for too long.
   *
   * @return whether its caller was told so
   */
  boolean expire(ReadBatch<T> batch, ShardId shard, long now, String statement) {
    if (now < deadline() || !move(batch, Phase.OVER)) {
      return false;
    }
    leave();
    ShardTimeoutException error = late(shard, Bound.TOTAL, timeouts.total(), now, statement);
    guarded(() -> actual.onError(error));
    return true;
  }

  private Duration longestWait() {
    Duration acquire = timeouts.acquire();
    return acquire.compareTo(timeouts.firstRow()) < 0 ? acquire : timeouts.firstRow();
  }

  private ShardTimeoutException late(
      ShardId shard, Bound bound, Duration time, long now, String statement) {
    return new ShardTimeoutException(
        shard, bound, time, Duration.ofNanos(now - start), 0, statement);
  }

  @Override
  public void request(long n) {
    if (Operators.validate(n)) {
      Operators.addCap(REQUESTED, this, n);
      emit();
    }
  }

  @Override
  public void cancel() {
    cancelled = true;
    Stage before = STAGE.getAndSet(this, Phase.OVER);
    if (before == Phase.LOCATING) {
      Subscription started = lookup;
      if (started != null) {
        started.cancel();
      }
    } else if (before == Phase.WAITING) {
      leave();
      entered().abandoned();
    } else if (before instanceof ReadBatch<?> batch) {
      // The statement is ended first, so that the shard is not left before that.
      batch.left();
      leave();
    }
  }

  private void leave() {
    ReadQueue<T> entered = queue;
    if (entered != null) {
      entered.leave();
    }
  }

  private ReadQueue<T> entered() {
    ReadQueue<T> entered = queue;
    if (entered == null) {
      throw new IllegalStateException("waiting nowhere");
    }
    return entered;
  }

  /**
   * Tells the caller. Whatever it does with its answer, the other reads of its batch get theirs.
   */
  private void guarded(Runnable telling) {
    try {
      telling.run();
    } catch (Throwable e) {
      // Catches fatal errors too, such as a stack overflow: they are this caller's alone.
      Operators.onErrorDropped(e, actual.currentContext());
    }
  }

  private void emit() {
    if (emitting.getAndIncrement() != 0) {
      return;
    }
    int missed = 1;
    do {
      List<T> found = answer;
      if (found != null && emitted <= found.size()) {
        emit(found);
      }
      missed = emitting.addAndGet(-missed);
    } while (missed != 0);
  }

  private void emit(List<T> found) {
    while (emitted < found.size() && emitted < requested) {
      if (cancelled) {
        return;
      }
      actual.onNext(found.get(emitted++));
    }
    if (emitted == found.size() && !cancelled) {
      emitted++;
      actual.onComplete();
    }
  }

  // The methods below are called by the read's batch alone.

  void addSibling(PointRead<T> read) {
    read.sibling = sibling;
    sibling = read;
  }

  @Nullable PointRead<T> sibling() {
    return sibling;
  }

  void addRow(T row) {
    List<T> before = rows;
    if (before == null) {
      rows = List.of(row);
    } else if (before.size() == 1) {
      rows = new ArrayList<>(before);
      rows.add(row);
    } else {
      before.add(row);
    }
  }

  List<T> rows() {
    return rows == null ? List.of() : rows;
  }

  void failure(Throwable error) {
    failure = error;
  }

  @Nullable Throwable failure() {
    return failure;
  }

  /** Drops the rows and the failure of a batch that is over. */
  void forget() {
    sibling = null;
    rows = null;
    failure = null;
  }

  private final class Lookup implements CoreSubscriber<ShardId> {

    @Override
    public Context currentContext() {
      return actual.currentContext();
    }

    @Override
    public void onSubscribe(Subscription subscription) {
      lookup = subscription;
      if (over()) {
        subscription.cancel();
      } else {
        subscription.request(Long.MAX_VALUE);
      }
    }

    @Override
    public void onNext(ShardId shard) {
      located(shard);
    }

    @Override
    public void onError(Throwable error) {
      fail(Phase.LOCATING, error);
    }

    @Override
    public void onComplete() {}
  }
}
