package io.shardflux.spring;

import io.shardflux.r2dbc.ShardIds;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.context.SmartLifecycle;

/** Gives the node of the ids back when the web server has stopped; there is nothing to start. */
final class IdsLifecycle implements SmartLifecycle {

  private static final Logger log = LoggerFactory.getLogger(IdsLifecycle.class);

  private final ShardIds ids;
  private volatile boolean running;

  IdsLifecycle(ShardIds ids) {
    this.ids = ids;
  }

  @Override
  public void start() {
    running = true;
  }

  /** Bounded by the ids' times, and by {@code spring.lifecycle.timeout-per-shutdown-phase}. */
  @Override
  public void stop(Runnable callback) {
    ids.close()
        .doFinally(
            end -> {
              running = false;
              callback.run();
            })
        .subscribe(
            nothing -> {}, error -> log.warn("{} was not closed whole: {}", ids, error.toString()));
  }

  @Override
  public void stop() {
    stop(() -> {});
  }

  @Override
  public boolean isRunning() {
    return running;
  }

  /** A pause ends in a new start, which closed ids can't have. */
  @Override
  public boolean isPauseable() {
    return false;
  }

  @Override
  public int getPhase() {
    return RouterLifecycle.PHASE;
  }
}
