package io.shardflux.r2dbc.server;

import io.shardflux.router.Internal;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;

/**
 * Counts the statements under way on a shard, lets no more in once shut, and tells when none is
 * inside.
 */
@Internal
public final class Gate {

  private final AtomicInteger inside = new AtomicInteger();
  private final Queue<Sinks.Empty<Void>> waiting = new ConcurrentLinkedQueue<>();
  private volatile boolean shut;

  /**
   * Enters if the gate is open. A caller that got in must {@link #leave}.
   *
   * @return whether it got in
   */
  public boolean enter() {
    hold();
    if (shut) {
      leave();
      return false;
    }
    return true;
  }

  /**
   * Counts follow-up work of a statement that is already inside; allowed even after the gate was
   * shut.
   */
  public void hold() {
    inside.incrementAndGet();
  }

  public void leave() {
    if (inside.decrementAndGet() == 0) {
      tell();
    }
  }

  public void shut() {
    shut = true;
  }

  public void open() {
    shut = false;
  }

  public int inside() {
    return inside.get();
  }

  /** Completes when nothing is inside. */
  public Mono<Void> empty() {
    return Mono.defer(
        () -> {
          Sinks.Empty<Void> end = Sinks.empty();
          waiting.add(end);
          if (inside.get() == 0) {
            tell();
          }
          return end.asMono();
        });
  }

  private void tell() {
    for (Sinks.Empty<Void> end = waiting.poll(); end != null; end = waiting.poll()) {
      end.tryEmitEmpty();
    }
  }
}
