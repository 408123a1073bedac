package io.shardflux.r2dbc.scatter;

import io.shardflux.router.ShardId;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Predicate;
import org.reactivestreams.Publisher;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** The effect of a shard's error on a scatter, by its policy. Used by one subscription. */
final class Ending {

  private final FailurePolicy policy;
  private final int asked;
  private final Predicate<? super Throwable> endsAll;
  private final AtomicBoolean ended = new AtomicBoolean();

  // Guarded by this.
  private final Map<ShardId, Throwable> gathered = new LinkedHashMap<>();

  Ending(FailurePolicy policy, int asked, Predicate<? super Throwable> endsAll) {
    this.policy = policy;
    this.asked = asked;
    this.endsAll = endsAll;
  }

  /**
   * The signals that follow a shard's rows in place of its error.
   *
   * @param failed the error as a signal
   */
  <T> Publisher<T> of(ShardId shard, Throwable error, T failed) {
    if (endsAll.test(error)) {
      return first(error);
    }
    if (policy instanceof FailurePolicy.FailFast) {
      return first(error);
    }
    return policy instanceof FailurePolicy.Together together
        ? gathered(together, shard, error)
        : Mono.just(failed);
  }

  /** The first error ends all; a second one would only be dropped. */
  private <T> Publisher<T> first(Throwable error) {
    return ended.getAndSet(true) ? Flux.never() : Flux.error(error);
  }

  private <T> Publisher<T> gathered(
      FailurePolicy.Together together, ShardId shard, Throwable error) {
    int count = add(shard, error);
    if (count == asked) {
      return all(together);
    }
    return count == 1
        ? Mono.delay(together.moment()).flatMapMany(tick -> all(together))
        : Flux.never();
  }

  private <T> Flux<T> all(FailurePolicy.Together together) {
    return Flux.defer(() -> Flux.error(together.error().apply(errors(), asked)));
  }

  private synchronized int add(ShardId shard, Throwable error) {
    gathered.put(shard, error);
    return gathered.size();
  }

  private synchronized Map<ShardId, Throwable> errors() {
    return new LinkedHashMap<>(gathered);
  }
}
