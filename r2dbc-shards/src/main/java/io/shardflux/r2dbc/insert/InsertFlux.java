package io.shardflux.r2dbc.insert;

import io.r2dbc.spi.R2dbcNonTransientResourceException;
import io.shardflux.r2dbc.failure.LocateAnew;
import io.shardflux.r2dbc.failure.PoolClosingException;
import io.shardflux.r2dbc.failure.ShardErrors;
import io.shardflux.r2dbc.failure.TopologyChangedException;
import io.shardflux.r2dbc.insert.DefaultRowInserts.Answer;
import io.shardflux.r2dbc.insert.InsertQueue.Batch;
import io.shardflux.router.ShardId;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Queue;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.reactivestreams.Publisher;
import org.reactivestreams.Subscription;
import reactor.core.CoreSubscriber;
import reactor.core.Disposable;
import reactor.core.Disposables;
import reactor.core.publisher.BaseSubscriber;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Operators;
import reactor.util.concurrent.Queues;
import reactor.util.context.Context;

/** The outcomes of rows; see {@link RowInserts#store}. */
final class InsertFlux<T> extends Flux<InsertOutcome<T>> {

  private static final int HELD_PER_SHARD = 2_000;
  private static final int HELD_IN_ALL = 20_000;
  private static final long BYTES_PER_SHARD = 2 << 20;
  private static final long BYTES_IN_ALL = 32 << 20;

  /** Rows that the source may owe; it is asked for a quarter of them at least. */
  private static final int OWED = 256;

  private static final int MOVES_SURVIVED = 3;

  /** The number of times that a row's shard may not take it because its key moves. */
  private static final int REFUSALS_SURVIVED = 5;

  private final DefaultRowInserts<T> inserts;
  private final Publisher<? extends T> rows;

  InsertFlux(DefaultRowInserts<T> inserts, Publisher<? extends T> rows) {
    this.inserts = inserts;
    this.rows = rows;
  }

  @Override
  public void subscribe(CoreSubscriber<? super InsertOutcome<T>> actual) {
    Flux.<T>from(rows)
        .map(inserts::read)
        .flatMapSequentialDelayError(inserts::place, DefaultRowInserts.LOOKUPS_AT_ONCE, 1)
        .subscribe(new Stream<>(inserts, actual));
  }

  /**
   * An outcome that the consumer has not taken yet.
   *
   * @param bytes those of its row
   */
  private record Ended<T>(InsertOutcome<T> outcome, long bytes) {}

  /**
   * One subscription. Everything that happens is put in line as an event, and one thread at a time
   * takes it from there. So a field that is neither volatile nor atomic belongs to that thread.
   */
  private static final class Stream<T> implements CoreSubscriber<InsertRow<T>>, Subscription {

    private final DefaultRowInserts<T> inserts;
    private final CoreSubscriber<? super InsertOutcome<T>> actual;
    private final Queue<Runnable> events = Queues.<Runnable>unboundedMultiproducer().get();
    private final AtomicInteger draining = new AtomicInteger();
    private final AtomicLong wanted = new AtomicLong();
    private final Disposable.Composite moving = Disposables.composite();
    private final Map<ShardId, Lane> lanes = new HashMap<>();
    private final Deque<Ended<T>> outcomes = new ArrayDeque<>();
    private volatile boolean over;
    private @Nullable Subscription source;
    private boolean sourceEnded;
    private @Nullable Throwable sourceError;
    private int owed;
    private int held;
    private long heldBytes;

    Stream(DefaultRowInserts<T> inserts, CoreSubscriber<? super InsertOutcome<T>> actual) {
      this.inserts = inserts;
      this.actual = actual;
    }

    @Override
    public Context currentContext() {
      return actual.currentContext();
    }

    @Override
    public void onSubscribe(Subscription subscription) {
      source = subscription;
      actual.onSubscribe(this);
    }

    @Override
    public void onNext(InsertRow<T> row) {
      happened(() -> took(row));
    }

    @Override
    public void onError(Throwable error) {
      happened(() -> endedSource(error));
    }

    @Override
    public void onComplete() {
      happened(() -> endedSource(null));
    }

    @Override
    public void request(long n) {
      if (Operators.validate(n)) {
        wanted.accumulateAndGet(n, Operators::addCap);
        drain();
      }
    }

    @Override
    public void cancel() {
      over = true;
      source().cancel();
      drain();
    }

    private void happened(Runnable event) {
      events.add(event);
      drain();
    }

    private void drain() {
      if (draining.getAndIncrement() != 0) {
        return;
      }
      int seen = 1;
      while (seen != 0) {
        for (Runnable event = events.poll(); event != null; event = events.poll()) {
          if (!over) {
            event.run();
          }
        }
        if (over) {
          free();
        } else {
          lanes.values().forEach(Lane::begin);
          emit();
          ask();
        }
        seen = draining.addAndGet(-seen);
      }
    }

    private void free() {
      moving.dispose();
      lanes.values().forEach(Lane::cancel);
      lanes.clear();
      outcomes.clear();
    }

    private void emit() {
      long limit = wanted.get();
      long emitted = 0;
      for (; emitted < limit && !over && !outcomes.isEmpty(); emitted++) {
        Ended<T> ended = outcomes.remove();
        held--;
        heldBytes -= ended.bytes();
        actual.onNext(ended.outcome());
      }
      if (emitted > 0 && limit != Long.MAX_VALUE) {
        wanted.addAndGet(-emitted);
      }
      if (sourceEnded && held == 0 && !over) {
        end();
      }
    }

    private void end() {
      over = true;
      Throwable error = sourceError;
      if (error == null) {
        actual.onComplete();
      } else {
        actual.onError(error);
      }
    }

    private void ask() {
      long shards = inserts.shards();
      long room = Math.min(HELD_PER_SHARD * shards, HELD_IN_ALL) - held - owed;
      long more = Math.min(room, OWED - owed);
      boolean full = heldBytes >= Math.min(BYTES_PER_SHARD * shards, BYTES_IN_ALL);
      if (more >= OWED / 4 && !full && !sourceEnded && !over) {
        owed += (int) more;
        source().request(more);
      }
    }

    private void took(InsertRow<T> row) {
      owed--;
      held++;
      heldBytes += row.bytes();
      line(row);
    }

    /** Puts a row in line for its shard. */
    private void line(InsertRow<T> row) {
      ShardId shard = row.shard();
      if (shard != null) {
        lanes.computeIfAbsent(shard, Lane::new).queue.add(row);
      } else {
        Throwable refusal = Objects.requireNonNull(row.refusal());
        ended(row, new InsertOutcome.Refused<>(row.row(), refusal));
      }
    }

    private void ended(InsertRow<T> row, InsertOutcome<T> outcome) {
      outcomes.add(new Ended<>(outcome, row.bytes()));
    }

    private void endedSource(@Nullable Throwable error) {
      sourceEnded = true;
      sourceError = error;
    }

    private Subscription source() {
      Subscription subscription = source;
      if (subscription == null) {
        throw new IllegalStateException("not subscribed");
      }
      return subscription;
    }

    /** The statements to one shard, one after the other. */
    private final class Lane {

      private final ShardId shard;
      private final InsertQueue<T> queue = new InsertQueue<>(inserts.sql());
      private @Nullable Sending sending;
      private boolean placing;

      Lane(ShardId shard) {
        this.shard = shard;
      }

      void begin() {
        if (sending == null && !placing && !queue.isEmpty()) {
          Sending next = new Sending(this, queue.next());
          sending = next;
          inserts.send(shard, next.batch, next.decided).subscribe(next);
        }
      }

      void cancel() {
        Sending now = sending;
        if (now != null) {
          now.cancel();
        }
      }

      void answered(Batch<T> batch, Answer answer) {
        sending = null;
        queue.takes(answer.room());
        Long affected = answer.affected();
        if (affected == null) {
          tooLong(batch, answer.room());
        } else if (inserts.sql().proves(affected, batch.size())) {
          queue.stored(batch);
          end(batch, row -> new InsertOutcome.Stored<>(row, shard));
        } else {
          unknown(batch, unproven(affected, batch.size()));
        }
      }

      void failed(Batch<T> batch, Throwable error, boolean unsent) {
        sending = null;
        if (unsent && error instanceof PoolClosingException closing) {
          move(batch, closing);
        } else if (isLeft(error)) {
          placeAnew(batch, error);
        } else if (ShardErrors.ofOneRow(error)) {
          queue.suspected(batch);
          if (batch.size() == 1) {
            refuse(batch, error);
          }
        } else if (unsent || ShardErrors.refusedWrite(error)) {
          queue.failed();
          refuse(batch, error);
        } else {
          queue.failed();
          unknown(batch, error);
        }
      }

      /** Tries several rows again as fewer, now that the server's bound is known. */
      private void tooLong(Batch<T> batch, long room) {
        if (batch.size() > 1) {
          queue.putBack(batch);
        } else {
          refuse(
              batch,
              new IllegalArgumentException(
                  "row: up to "
                      + batch.bytes()
                      + " bytes (expected: at most "
                      + room
                      + ", by the max_allowed_packet of "
                      + shard
                      + ")"));
        }
      }

      private void refuse(Batch<T> batch, Throwable error) {
        end(batch, row -> new InsertOutcome.Refused<>(row, error));
      }

      private void unknown(Batch<T> batch, Throwable error) {
        end(batch, row -> new InsertOutcome.Unknown<>(row, shard, error));
      }

      private void end(Batch<T> batch, Function<T, InsertOutcome<T>> outcome) {
        batch.rows().forEach(row -> ended(row, outcome.apply(row.row())));
      }

      private Throwable unproven(long affected, int rows) {
        return new R2dbcNonTransientResourceException(
            shard
                + ": "
                + affected
                + " rows stored (expected: "
                + rows
                + ", as many as were sent)");
      }

      /** Tells whether nothing was stored because keys of the rows are on their way elsewhere. */
      private static boolean isLeft(Throwable error) {
        return error instanceof LocateAnew
            || (error instanceof TopologyChangedException moved && moved.refused());
      }

      /** Rows whose keys stay come next again; the others go to where their keys are. */
      private void placeAnew(Batch<T> batch, Throwable error) {
        queue.failed();
        List<InsertRow<T>> moved = new ArrayList<>();
        for (InsertRow<T> row : batch.rows()) {
          if (row.moves() < REFUSALS_SURVIVED) {
            moved.add(row.moved());
          } else {
            ended(row, new InsertOutcome.Refused<>(row.row(), told(error)));
          }
        }
        if (!moved.isEmpty()) {
          placing = true;
          moving.add(
              inserts
                  .placedAnew(moved)
                  .contextWrite(currentContext())
                  .subscribe(rows -> happened(() -> placed(rows))));
        }
      }

      private void placed(List<InsertRow<T>> rows) {
        placing = false;
        List<InsertRow<T>> stay = new ArrayList<>();
        for (InsertRow<T> row : rows) {
          if (shard.equals(row.shard())) {
            stay.add(row);
          } else {
            line(row);
          }
        }
        queue.putBack(new Batch<>(stay, 0));
      }

      private Throwable told(Throwable error) {
        return error instanceof LocateAnew anew ? inserts.neverSent(shard, anew) : error;
      }

      /** The shard is leaving: its rows are located anew. */
      private void move(Batch<T> batch, PoolClosingException closing) {
        lanes.remove(shard);
        queue.putBack(batch);
        List<InsertRow<T>> moved = new ArrayList<>();
        for (InsertRow<T> row : queue.waiting()) {
          if (row.moves() < MOVES_SURVIVED) {
            moved.add(row.moved());
          } else {
            ended(row, new InsertOutcome.Refused<>(row.row(), closing.asUnavailable()));
          }
        }
        moving.add(
            Flux.fromIterable(moved)
                .flatMapSequential(inserts::place, DefaultRowInserts.LOOKUPS_AT_ONCE, 1)
                .contextWrite(currentContext())
                .subscribe(row -> happened(() -> line(row))));
      }
    }

    /** A statement under way. */
    private final class Sending extends BaseSubscriber<Answer> {

      private final Lane lane;
      private final Batch<T> batch;
      private final AtomicBoolean decided = new AtomicBoolean();
      private @Nullable Answer answer;

      Sending(Lane lane, Batch<T> batch) {
        this.lane = lane;
        this.batch = batch;
      }

      @Override
      public Context currentContext() {
        return Stream.this.currentContext();
      }

      @Override
      protected void hookOnNext(Answer value) {
        answer = value;
      }

      @Override
      protected void hookOnComplete() {
        Answer said = Objects.requireNonNull(answer);
        happened(() -> lane.answered(batch, said));
      }

      @Override
      protected void hookOnError(Throwable error) {
        boolean unsent = decided.compareAndSet(false, true);
        happened(() -> lane.failed(batch, error, unsent));
      }
    }
  }
}
