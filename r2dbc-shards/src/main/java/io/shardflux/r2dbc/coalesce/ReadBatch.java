package io.shardflux.r2dbc.coalesce;

import io.r2dbc.spi.R2dbcException;
import io.r2dbc.spi.R2dbcNonTransientException;
import io.r2dbc.spi.R2dbcPermissionDeniedException;
import io.shardflux.r2dbc.failure.LocateAnew;
import io.shardflux.r2dbc.failure.ShardTimeoutException;
import io.shardflux.r2dbc.failure.TooManyRowsException;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.r2dbc.shard.Observed;
import io.shardflux.router.ShardKey;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.reactivestreams.Subscription;
import reactor.core.CoreSubscriber;
import reactor.core.publisher.Operators;
import reactor.util.context.Context;

/**
 * One statement for the reads of several keys. It gets rows one after the other, keeps them until
 * all are there, and then gives each read its own. Until then the batch may fail, and be tried in
 * parts.
 */
final class ReadBatch<T> implements CoreSubscriber<ReadBatch.Found<T>>, PointRead.Stage {

  /**
   * The outcome of a row.
   *
   * @param of the read that asked for its key, or null if none did or the key is not known
   * @param value the mapped value, or null if the mapping failed
   * @param failure the error of the mapping, or null
   */
  record Found<T>(@Nullable PointRead<T> of, @Nullable T value, @Nullable Throwable failure) {}

  private final ReadQueue<T> queue;
  private final List<PointRead<T>> reads = new ArrayList<>();
  private final Map<ShardKey, PointRead<T>> byKey = new HashMap<>();
  // Counts one more until the batch is filled, so that it can't end before it begins.
  private final AtomicInteger members = new AtomicInteger(1);
  private final Operators.DeferredSubscription upstream = new Operators.DeferredSubscription();
  private final AtomicBoolean over = new AtomicBoolean();
  private volatile boolean ended;
  private @Nullable PointRead<T> last;
  private long firstDeadline = Long.MAX_VALUE;
  private long located = Long.MAX_VALUE;
  private boolean sent;
  private Context context = Context.empty();
  private int rows;
  private @Nullable Throwable stray;

  ReadBatch(ReadQueue<T> queue) {
    this.queue = queue;
  }

  /** Takes a read in, unless the read is over by now. */
  void take(PointRead<T> read, PointRead.Stage from) {
    members.incrementAndGet();
    if (!read.move(from, this)) {
      members.decrementAndGet();
      return;
    }
    PointRead<T> same = byKey.putIfAbsent(read.key(), read);
    if (same == null) {
      reads.add(read);
    } else {
      same.addSibling(read);
    }
    firstDeadline = Math.min(firstDeadline, read.deadline());
    located = Math.min(located, read.located());
    if (last == null || read.deadline() > last.deadline()) {
      last = read;
    }
  }

  /**
   * Tells whether a read may be part of it: values that are compared with a list must be of one
   * type.
   */
  boolean suits(ShardKey key) {
    if (reads.isEmpty()) {
      return true;
    }
    ShardKey first = reads.get(0).key();
    boolean alike = first.size() == key.size();
    for (int i = 0; alike && i < key.size(); i++) {
      alike = first.type(i) == key.type(i);
    }
    return alike;
  }

  /** Takes no more reads in, and tells whether any read still wants the batch. */
  boolean filled() {
    return members.decrementAndGet() > 0;
  }

  /** The number of keys that it asks for. */
  int size() {
    return reads.size();
  }

  /** The earliest epoch by which the shard of a read was found. */
  long located() {
    return located;
  }

  List<ShardKey> keys() {
    List<ShardKey> keys = new ArrayList<>(reads.size());
    for (PointRead<T> read : reads) {
      keys.add(read.key());
    }
    return keys;
  }

  /** The read that gathers a key's rows, or null if the key is not asked for. */
  @Nullable PointRead<T> of(ShardKey key) {
    return byKey.get(key);
  }

  /** The times of the read that may wait longest. */
  Timeouts timeouts() {
    return last().timeouts();
  }

  /** The remaining times, or null if it is late already. */
  @Nullable Timeouts left(long now) {
    long elapsed = now - last().start();
    return elapsed < 1_000_000 ? timeouts() : timeouts().after(Duration.ofNanos(elapsed));
  }

  ShardTimeoutException late(long now) {
    return last().lateWaiting(queue.shard(), now, queue.statement());
  }

  private PointRead<T> last() {
    PointRead<T> read = last;
    if (read == null) {
      throw new IllegalStateException("no reads");
    }
    return read;
  }

  /** The time when the first of its reads must be at its end. */
  long firstDeadline() {
    return firstDeadline;
  }

  /** Sends the statement, with no lock held. */
  void send() {
    sent = true;
    context = Observed.parentOf(reads.get(0).context());
    try {
      queue.rows(this).subscribe(this);
    } catch (Throwable e) {
      // Catches fatal errors too, because a caller's stack may be too deep: the drain must go on.
      onError(e);
    }
  }

  /** Tells whether it is over, and its reads have been told. */
  boolean ended() {
    return ended;
  }

  /** A read has given up. The statement is ended once no read is left. */
  void left() {
    if (members.decrementAndGet() == 0) {
      abandon();
    }
  }

  /**
   * Fails the reads whose deadline has passed and returns the next deadline. Once the batch is
   * sent, the last reads to be late are failed by the statement's own clock, which holds the server
   * to it, too.
   */
  long expire(long now) {
    long end = sent ? last().deadline() : Long.MAX_VALUE;
    long next = Long.MAX_VALUE;
    if (over.get()) {
      return next;
    }
    for (PointRead<T> head : reads) {
      for (PointRead<T> read = head; read != null; read = read.sibling()) {
        if (read.over() || read.deadline() >= end) {
          continue;
        }
        if (!read.expire(this, queue.shard(), now, queue.statement())) {
          next = Math.min(next, read.deadline());
        } else if (members.decrementAndGet() == 0 && now < end) {
          abandon();
        }
      }
    }
    return next;
  }

  private void abandon() {
    if (over.compareAndSet(false, true)) {
      upstream.cancel();
      end();
    }
  }

  @Override
  public Context currentContext() {
    return context;
  }

  @Override
  public void onSubscribe(Subscription subscription) {
    upstream.request(Long.MAX_VALUE);
    upstream.set(subscription);
  }

  @Override
  public void onNext(Found<T> found) {
    if (over.get()) {
      return;
    }
    if (!(found.failure() instanceof LocateAnew) && ++rows > queue.bounds().maxRows()) {
      if (over.compareAndSet(false, true)) {
        upstream.cancel();
        refused(new TooManyRowsException(queue.bounds().maxRows(), queue.statement()));
      }
      return;
    }
    PointRead<T> read = found.of();
    T value = found.value();
    Throwable failure = found.failure();
    if (read != null && value != null) {
      read.addRow(value);
    } else if (read != null && failure != null) {
      read.failure(failure);
    } else if (stray == null) {
      stray = failure;
    }
  }

  @Override
  public void onComplete() {
    if (!over.compareAndSet(false, true)) {
      return;
    }
    Throwable nobodys = stray;
    if (nobodys != null) {
      refused(nobodys);
      return;
    }
    queue.telling(true);
    for (PointRead<T> head : reads) {
      List<T> found = head.rows();
      Throwable failure = head.failure();
      each(
          head,
          read -> {
            if (failure instanceof LocateAnew) {
              read.again(this, queue.shard());
            } else if (failure == null) {
              read.answer(this, found, queue.statement());
            } else {
              read.fail(this, failure);
            }
          });
    }
    end();
  }

  @Override
  public void onError(Throwable error) {
    if (!over.compareAndSet(false, true)) {
      Operators.onErrorDropped(error, context);
    } else if (byOneOfThem(error)) {
      refused(error);
    } else {
      fail(error);
    }
  }

  /**
   * Tells whether the server refused the batch for what it asks or finds, which one key may have
   * caused.
   */
  private static boolean byOneOfThem(Throwable error) {
    return error instanceof R2dbcNonTransientException
        && !(error instanceof R2dbcPermissionDeniedException)
        && ((R2dbcException) error).getErrorCode() != 0;
  }

  /** Looks by halves for the key that the error comes from. */
  private void refused(Throwable error) {
    int size = reads.size();
    if (size == 1) {
      fail(error);
      return;
    }
    queue.again(half(reads.subList(0, size / 2)), half(reads.subList(size / 2, size)));
    end();
  }

  private ReadBatch<T> half(List<PointRead<T>> heads) {
    ReadBatch<T> half = new ReadBatch<>(queue);
    for (PointRead<T> head : heads) {
      each(
          head,
          read -> {
            read.forget();
            half.take(read, this);
          });
    }
    return half;
  }

  private void fail(Throwable error) {
    queue.telling(true);
    reads.forEach(head -> each(head, read -> read.fail(this, error)));
    end();
  }

  private static <T> void each(PointRead<T> head, Consumer<PointRead<T>> action) {
    PointRead<T> read = head;
    while (read != null) {
      PointRead<T> next = read.sibling();
      action.accept(read);
      read = next;
    }
  }

  private void end() {
    ended = true;
    queue.telling(false);
    queue.drain();
  }
}
