package io.shardflux.cluster;

import io.shardflux.r2dbc.ShardOperations;
import io.shardflux.router.ShardId;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import reactor.core.publisher.Mono;

/** The operators' orders that a router obeys. Thread-safe. */
final class ObeyedOrders {

  private static final long NONE_SEEN = -1;

  private final ShardOperations operations;
  private final Map<ShardId, ShardOrder.Kind> obeyed = new LinkedHashMap<>();
  private long seen = NONE_SEEN;
  private boolean anew;
  private boolean read;

  ObeyedOrders(ShardOperations operations) {
    this.operations = operations;
  }

  /** Tells whether the orders of that state were obeyed. */
  synchronized boolean seen(long state) {
    return seen == state;
  }

  /** Has all orders obeyed anew: shards may have come, which obey none yet. */
  synchronized void again() {
    seen = NONE_SEEN;
    anew = true;
  }

  /** The orders that are obeyed; empty if none were ever read. */
  synchronized Optional<Map<ShardId, ShardOrder.Kind>> known() {
    return read ? Optional.of(Map.copyOf(obeyed)) : Optional.empty();
  }

  /** Takes back what is no longer ordered, and does what is. */
  synchronized void obey(long state, List<ShardOrder> orders) {
    Map<ShardId, ShardOrder.Kind> wanted = new LinkedHashMap<>();
    orders.forEach(order -> wanted.put(order.shard(), order.kind()));
    obeyed.forEach(
        (shard, kind) -> {
          if (wanted.get(shard) != kind) {
            takeBack(shard, kind);
          }
        });
    wanted.forEach(
        (shard, kind) -> {
          if (anew || obeyed.get(shard) != kind) {
            carryOut(shard, kind);
          }
        });
    obeyed.clear();
    obeyed.putAll(wanted);
    seen = state;
    read = true;
    anew = false;
  }

  private void carryOut(ShardId shard, ShardOrder.Kind kind) {
    done(
        switch (kind) {
          case DRAIN -> operations.drain(shard);
          case OPEN -> operations.openBreaker(shard);
        });
  }

  private void takeBack(ShardId shard, ShardOrder.Kind kind) {
    done(
        switch (kind) {
          case DRAIN -> operations.resume(shard);
          case OPEN -> operations.closeBreaker(shard);
        });
  }

  /**
   * Does it without waiting for its end. The shard may be gone, and then there is nothing to do.
   */
  private static void done(Mono<Void> work) {
    work.onErrorComplete().subscribe();
  }
}
