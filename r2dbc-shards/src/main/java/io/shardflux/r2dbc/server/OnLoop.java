package io.shardflux.r2dbc.server;

import io.netty.util.concurrent.EventExecutor;
import java.util.concurrent.RejectedExecutionException;
import org.reactivestreams.Publisher;
import org.reactivestreams.Subscription;
import reactor.core.CoreSubscriber;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Operators;
import reactor.util.context.Context;

/**
 * A statement that is sent, and cancelled, on its connection's own event loop. That is where the
 * connection is closed and its answers are read. From another thread a statement may meet a channel
 * that is being closed, which the driver logs as an error; and a cancel may meet the answer's end,
 * by which the driver's queue may run two statements at once or none any more.
 */
final class OnLoop<T> extends Flux<T> {

  private final Publisher<? extends T> statement;
  private final EventExecutor loop;

  OnLoop(Publisher<? extends T> statement, EventExecutor loop) {
    this.statement = statement;
    this.loop = loop;
  }

  @Override
  public void subscribe(CoreSubscriber<? super T> actual) {
    Sending<T> sending = new Sending<>(actual, loop);
    actual.onSubscribe(sending);
    if (loop.inEventLoop()) {
      statement.subscribe(sending);
    } else {
      run(loop, () -> sending.begin(statement));
    }
  }

  private static void run(EventExecutor loop, Runnable step) {
    try {
      loop.execute(step);
    } catch (RejectedExecutionException gone) {
      // With its connections, which is what the driver says then.
      step.run();
    }
  }

  private static final class Sending<T> extends Operators.DeferredSubscription
      implements CoreSubscriber<T> {

    private final CoreSubscriber<? super T> actual;
    private final EventExecutor loop;

    Sending(CoreSubscriber<? super T> actual, EventExecutor loop) {
      this.actual = actual;
      this.loop = loop;
    }

    /** Sends the statement, unless it was cancelled: its connection may be another's by now. */
    void begin(Publisher<? extends T> statement) {
      if (!isCancelled()) {
        statement.subscribe(this);
      }
    }

    /**
     * Runs the cancel behind the loop's current work: that may be the answer's end, and there is
     * nothing to cancel then.
     */
    @Override
    public void cancel() {
      run(loop, super::cancel);
    }

    @Override
    public Context currentContext() {
      return actual.currentContext();
    }

    @Override
    public void onSubscribe(Subscription subscription) {
      set(subscription);
    }

    @Override
    public void onNext(T value) {
      actual.onNext(value);
    }

    @Override
    public void onError(Throwable error) {
      actual.onError(error);
    }

    @Override
    public void onComplete() {
      actual.onComplete();
    }
  }
}
