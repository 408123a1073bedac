package io.shardflux.r2dbc.live;

import java.util.function.BooleanSupplier;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.reactivestreams.Subscription;
import reactor.core.CoreSubscriber;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.FluxOperator;
import reactor.core.publisher.Mono;
import reactor.util.context.Context;

/**
 * Rows of a key's shard, which count if the key is there when the first one comes: later rows are
 * of the view that this one is of. Otherwise a look behind the last one decides. Each read passes
 * through here, so that it is one stage and not several.
 */
final class LookedFlux<T> extends FluxOperator<T, T> {

  private final BooleanSupplier holds;
  private final Function<Boolean, Mono<Void>> look;

  /**
   * Rows that were not asked for yet.
   *
   * @param holds whether the key is known to be where it was
   * @param look errors if the key has left, by whether rows were given
   */
  LookedFlux(Flux<T> rows, BooleanSupplier holds, Function<Boolean, Mono<Void>> look) {
    super(rows);
    this.holds = holds;
    this.look = look;
  }

  @Override
  public void subscribe(CoreSubscriber<? super T> actual) {
    source.subscribe(new Looked<>(actual, this));
  }

  private static final class Looked<T> implements CoreSubscriber<T>, Subscription {

    private final CoreSubscriber<? super T> actual;
    private final LookedFlux<T> rows;
    private @Nullable Subscription upstream;
    private boolean given;
    private boolean sure;
    private volatile @Nullable Disposable looking;
    private volatile boolean cancelled;

    Looked(CoreSubscriber<? super T> actual, LookedFlux<T> rows) {
      this.actual = actual;
      this.rows = rows;
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
    public void onNext(T row) {
      if (!given) {
        given = true;
        sure = rows.holds.getAsBoolean();
      }
      actual.onNext(row);
    }

    @Override
    public void onError(Throwable error) {
      actual.onError(error);
    }

    @Override
    public void onComplete() {
      if (sure) {
        actual.onComplete();
        return;
      }
      Disposable look =
          rows.look
              .apply(given)
              .subscribe(none -> {}, actual::onError, actual::onComplete, currentContext());
      looking = look;
      if (cancelled) {
        look.dispose();
      }
    }

    @Override
    public void request(long rows) {
      if (upstream != null) {
        upstream.request(rows);
      }
    }

    @Override
    public void cancel() {
      cancelled = true;
      if (upstream != null) {
        upstream.cancel();
      }
      Disposable look = looking;
      if (look != null) {
        look.dispose();
      }
    }
  }
}
