package io.shardflux.spring.lifecycle;

import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.router.Internal;
import java.time.Duration;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.publisher.Mono;

/**
 * Warms the router up before the web server starts, and closes it when that has stopped. A closed
 * router stays closed, so a context that was stopped must not be started again.
 */
@Internal
public final class RouterLifecycle extends ClosingLifecycle {

  private static final Logger log = LoggerFactory.getLogger(RouterLifecycle.class);

  /**
   * Longer than a first connection may take by default, because readiness comes behind the warm-up.
   */
  private static final Duration WARM_UP = Duration.ofSeconds(30);

  private final ShardRouter router;

  /**
   * A lifecycle of a router.
   *
   * @param close closes it, and what stands on it before, once subscribed to
   */
  public RouterLifecycle(ShardRouter router, Mono<Void> close) {
    super("the router", close);
    this.router = router;
  }

  /**
   * Runs on the thread that starts the application. A shard that is down delays it by this time at
   * most.
   */
  @Override
  public void start() {
    super.start();
    try {
      Mono.defer(router::warmUp).toFuture().get(WARM_UP.toSeconds(), TimeUnit.SECONDS);
    } catch (TimeoutException e) {
      log.info(
          "not every shard was warmed up within {} s; starting without (expected: servers that"
              + " answer; shardflux.pool.connect-timeout bounds each opening)",
          WARM_UP.toSeconds());
    } catch (ExecutionException e) {
      log.warn("not every shard could be warmed up: {}", String.valueOf(e.getCause()));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
