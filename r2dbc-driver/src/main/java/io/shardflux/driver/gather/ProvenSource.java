package io.shardflux.driver.gather;

import io.r2dbc.spi.Row;
import io.r2dbc.spi.RowMetadata;
import io.shardflux.driver.result.Source;
import java.util.function.BiFunction;
import org.jspecify.annotations.Nullable;
import org.reactivestreams.Subscription;
import reactor.core.CoreSubscriber;
import reactor.core.Disposable;
import reactor.core.Disposables;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Operators;
import reactor.util.context.Context;

/**
 * Rows that are asked for while it is proven that they count: none is requested before that, and
 * they have no end before it.
 */
record ProvenSource(Source source, Mono<Void> proof) implements Source {

  @Override
  public <T> Flux<T> rows(BiFunction<Row, RowMetadata, ? extends T> mapping) {
    return new Proven<T>(source.rows(mapping), proof);
  }

  @Override
  public Flux<Long> updates() {
    return new Proven<>(source.updates(), proof);
  }

  private static final class Proven<T> extends Flux<T> {

    private final Flux<T> rows;
    private final Mono<Void> proof;

    Proven(Flux<T> rows, Mono<Void> proof) {
      this.rows = rows;
      this.proof = proof;
    }

    @Override
    public void subscribe(CoreSubscriber<? super T> actual) {
      Waiting<T> waiting = new Waiting<>(actual);
      actual.onSubscribe(waiting);
      waiting.prove(proof);
      if (!waiting.over()) {
        rows.subscribe(waiting);
      }
    }
  }

  /** Takes rows, and keeps the requests for them until they are proven. */
  private static final class Waiting<T> extends Operators.DeferredSubscription
      implements CoreSubscriber<T> {

    private final CoreSubscriber<? super T> actual;
    private final Disposable.Swap proving = Disposables.swap();

    // Guarded by this.
    private @Nullable Subscription rows;
    private boolean proven;
    private boolean ended;
    private boolean over;

    Waiting(CoreSubscriber<? super T> actual) {
      this.actual = actual;
    }

    void prove(Mono<Void> proof) {
      proving.update(
          proof
              .contextWrite(any -> actual.currentContext())
              .subscribe(nothing -> {}, this::failed, this::proven));
    }

    synchronized boolean over() {
      return over;
    }

    private void proven() {
      Subscription open;
      boolean all;
      synchronized (this) {
        proven = true;
        open = rows;
        all = ended && !over;
        over |= all;
      }
      if (all) {
        actual.onComplete();
      } else if (open != null) {
        set(open);
      }
    }

    private void failed(Throwable error) {
      if (end()) {
        cancelRows();
        actual.onError(error);
      }
    }

    /** Ends it; false if it is over. */
    private synchronized boolean end() {
      boolean ends = !over;
      over = true;
      return ends;
    }

    private void cancelRows() {
      Subscription open;
      synchronized (this) {
        open = rows;
      }
      if (open != null) {
        open.cancel();
      }
    }

    @Override
    public void onSubscribe(Subscription subscription) {
      boolean open;
      boolean late;
      synchronized (this) {
        rows = subscription;
        open = proven;
        late = over;
      }
      if (late) {
        subscription.cancel();
      } else if (open) {
        set(subscription);
      }
    }

    @Override
    public void onNext(T row) {
      actual.onNext(row);
    }

    @Override
    public void onError(Throwable error) {
      if (end()) {
        proving.dispose();
        actual.onError(error);
      } else {
        Operators.onErrorDropped(error, actual.currentContext());
      }
    }

    @Override
    public void onComplete() {
      synchronized (this) {
        ended = true;
        if (!proven || over) {
          return;
        }
        over = true;
      }
      actual.onComplete();
    }

    @Override
    public void cancel() {
      super.cancel();
      end();
      proving.dispose();
      cancelRows();
    }

    @Override
    public Context currentContext() {
      return actual.currentContext();
    }
  }
}
