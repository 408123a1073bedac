package io.shardflux.spring;

import io.shardflux.r2dbc.ShardRouter;
import java.time.Duration;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.context.SmartLifecycle;

/**
 * Warms the router up before the web server starts, and closes it when that has stopped. A closed
 * router stays closed, so a context that was stopped is not to be started again.
 */
final class RouterLifecycle implements SmartLifecycle {

  /** Started before the web server and stopped after it, whose phases are 1024 and 2048 below. */
  static final int PHASE = DEFAULT_PHASE - 4096;

  private static final Logger log = LoggerFactory.getLogger(RouterLifecycle.class);
  private static final Duration WARM_UP = Duration.ofSeconds(5);

  private final ShardRouter router;
  private volatile boolean running;

  RouterLifecycle(ShardRouter router) {
    this.router = router;
  }

  /** Runs on the thread that starts the application; a shard that is down delays it at most. */
  @Override
  public void start() {
    running = true;
    try {
      router.warmUp().toFuture().get(WARM_UP.toSeconds(), TimeUnit.SECONDS);
    } catch (TimeoutException e) {
      log.info("not every shard answers within {} s; starting without", WARM_UP.toSeconds());
    } catch (ExecutionException e) {
      log.warn("not every shard could be warmed up: {}", String.valueOf(e.getCause()));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** Bounded by the router, and by {@code spring.lifecycle.timeout-per-shutdown-phase}. */
  @Override
  public void stop(Runnable callback) {
    router
        .close()
        .doFinally(
            end -> {
              running = false;
              callback.run();
            })
        .subscribe(
            nothing -> {},
            error -> log.warn("the router was not closed whole: {}", error.toString()));
  }

  @Override
  public void stop() {
    stop(() -> {});
  }

  @Override
  public boolean isRunning() {
    return running;
  }

  /** A pause ends in a new start, which a closed router can't have. */
  @Override
  public boolean isPauseable() {
    return false;
  }

  @Override
  public int getPhase() {
    return PHASE;
  }
}
