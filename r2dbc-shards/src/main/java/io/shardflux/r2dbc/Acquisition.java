package io.shardflux.r2dbc;

import io.r2dbc.spi.Connection;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.reactivestreams.Subscription;
import reactor.core.CoreSubscriber;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Operators;
import reactor.util.context.Context;

/**
 * A connection out of a pool, which is either delivered or given up, never both.
 *
 * <p>r2dbc-pool releases a connection when it is cancelled, also while it hands that connection
 * over: the caller then uses what the next caller is given too, and the two read each other's
 * answers. Here a cancel reaches the pool only as long as nothing was delivered, and a connection
 * that comes after it goes back at once.
 */
final class Acquisition extends Mono<Connection> {

  private final Mono<? extends Connection> source;

  Acquisition(Mono<? extends Connection> source) {
    this.source = source;
  }

  @Override
  public void subscribe(CoreSubscriber<? super Connection> actual) {
    source.subscribe(new Handover(actual));
  }

  private enum State {
    WAITING,
    DELIVERED,
    GIVEN_UP
  }

  private static final class Handover implements CoreSubscriber<Connection>, Subscription {

    private final CoreSubscriber<? super Connection> actual;
    private final AtomicReference<State> state = new AtomicReference<>(State.WAITING);
    private @Nullable Subscription upstream;

    Handover(CoreSubscriber<? super Connection> actual) {
      this.actual = actual;
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
      if (upstream != null) {
        upstream.request(n);
      }
    }

    @Override
    public void cancel() {
      if (state.compareAndSet(State.WAITING, State.GIVEN_UP) && upstream != null) {
        upstream.cancel();
      }
    }

    @Override
    public void onNext(Connection connection) {
      if (state.compareAndSet(State.WAITING, State.DELIVERED)) {
        actual.onNext(connection);
        actual.onComplete();
      } else {
        Flux.from(connection.close()).onErrorComplete().subscribe();
      }
    }

    @Override
    public void onError(Throwable error) {
      if (state.compareAndSet(State.WAITING, State.DELIVERED)) {
        actual.onError(error);
      } else {
        Operators.onErrorDropped(error, currentContext());
      }
    }

    @Override
    public void onComplete() {
      if (state.compareAndSet(State.WAITING, State.DELIVERED)) {
        actual.onComplete();
      }
    }
  }
}
