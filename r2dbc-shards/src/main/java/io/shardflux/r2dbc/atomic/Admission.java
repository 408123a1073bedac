package io.shardflux.r2dbc.atomic;

import io.shardflux.r2dbc.failure.ShardTimeoutException;
import io.shardflux.r2dbc.failure.ShardUnavailableException;
import io.shardflux.r2dbc.failure.ShardUnavailableException.Why;
import io.shardflux.r2dbc.shard.ShardServers;
import io.shardflux.router.ShardId;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;

/**
 * Lets transactions have connections so that they never wait for each other in a circle. Each
 * shard's last connection is kept for the one transaction that is preferred, so that this one
 * always gets on, and then the next. Connections are counted by transactions over shards alone; all
 * other users of a pool end by themselves. Thread-safe.
 */
final class Admission {

  private final int mostWaiting;

  // All guarded by this.
  private final Map<ShardServers, Integer> held = new HashMap<>();
  private final Set<Pass> waiting = new LinkedHashSet<>();
  private @Nullable Ticket preferred;

  private final Queue<Pass> through = new ConcurrentLinkedQueue<>();
  private final AtomicInteger letting = new AtomicInteger();

  /**
   * An admission.
   *
   * @param mostWaiting the transactions that may wait for a shard at once
   */
  Admission(int mostWaiting) {
    this.mostWaiting = mostWaiting;
  }

  /** A transaction that may have connections. */
  static final class Ticket {

    /** The connections that it has, guarded by the admission. */
    private int passes;
  }

  /**
   * Uses a connection of a shard once one may be had, within that time.
   *
   * @param use takes the connection, and ends when it was given back
   */
  <T> Flux<T> within(ShardServers shard, Ticket ticket, Duration time, Flux<T> use) {
    return Flux.using(
        () -> queue(shard, ticket),
        pass ->
            pass.granted
                .asMono()
                .timeout(time, Mono.error(() -> late(shard.id(), time)))
                .thenMany(use),
        pass -> letThrough(leave(pass)));
  }

  /** One after the other: a use that fails at once lets the next one through, in the same stack. */
  private void letThrough(List<Pass> granted) {
    through.addAll(granted);
    if (letting.getAndIncrement() > 0) {
      return;
    }
    int seen = 1;
    do {
      for (Pass next = through.poll(); next != null; next = through.poll()) {
        next.granted.tryEmitEmpty();
      }
      seen = letting.addAndGet(-seen);
    } while (seen > 0);
  }

  private static ShardTimeoutException late(ShardId shard, Duration time) {
    return new ShardTimeoutException(
        shard,
        ShardTimeoutException.Bound.ACQUIRE,
        time,
        time,
        0,
        "connection for a transaction over shards");
  }

  /** A connection that a transaction has, or waits for. */
  private static final class Pass {

    private final ShardServers shard;
    private final Ticket ticket;
    private final Sinks.Empty<Void> granted = Sinks.empty();

    Pass(ShardServers shard, Ticket ticket) {
      this.shard = shard;
      this.ticket = ticket;
    }
  }

  private Pass queue(ShardServers shard, Ticket ticket) {
    Pass pass = new Pass(shard, ticket);
    List<Pass> granted;
    synchronized (this) {
      if (waiting.stream().filter(each -> each.shard == shard).count() >= mostWaiting) {
        throw new ShardUnavailableException(
            shard.id(),
            Why.OVERLOADED,
            "overloaded, "
                + mostWaiting
                + " transactions over shards wait for a connection (expected: fewer; raise"
                + " pool.max-size or pool.max-pending, or ask less)",
            null);
      }
      waiting.add(pass);
      granted = granted();
    }
    letThrough(granted);
    return pass;
  }

  private synchronized List<Pass> leave(Pass pass) {
    if (!waiting.remove(pass)) {
      held.computeIfPresent(pass.shard, (shard, count) -> count == 1 ? null : count - 1);
      if (--pass.ticket.passes == 0 && preferred == pass.ticket) {
        preferred = null;
      }
    }
    return granted();
  }

  // Called under the lock.
  private List<Pass> granted() {
    List<Pass> all = new ArrayList<>();
    for (Iterator<Pass> each = waiting.iterator(); each.hasNext(); ) {
      Pass pass = each.next();
      if (mayHave(pass)) {
        each.remove();
        held.merge(pass.shard, 1, Integer::sum);
        pass.ticket.passes++;
        all.add(pass);
      }
    }
    return all;
  }

  // Called under the lock.
  private boolean mayHave(Pass pass) {
    int most = pass.shard.maxConnections();
    if (held.getOrDefault(pass.shard, 0) < most - 1) {
      return true;
    }
    // One that has nothing yet stands in nobody's way.
    if (preferred == null && (pass.ticket.passes > 0 || most == 1)) {
      preferred = pass.ticket;
    }
    return preferred == pass.ticket;
  }
}
