package io.shardflux.spring.lifecycle;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.context.SmartLifecycle;
import reactor.core.publisher.Mono;

/** Closes something for good when the web server has stopped. */
abstract class ClosingLifecycle implements SmartLifecycle {

  /** Started before the web server and stopped after it, whose phases are 1024 and 2048 below. */
  public static final int PHASE = DEFAULT_PHASE - 4096;

  private static final Logger log = LoggerFactory.getLogger(ClosingLifecycle.class);

  private final String what;
  private final Mono<Void> close;
  private volatile boolean running;

  /**
   * A lifecycle that only closes something.
   *
   * @param what its name in the log
   * @param close closes it once subscribed to
   */
  ClosingLifecycle(String what, Mono<Void> close) {
    this.what = what;
    this.close = close;
  }

  @Override
  public void start() {
    running = true;
  }

  /**
   * The wait is bounded by the close itself, and by {@code
   * spring.lifecycle.timeout-per-shutdown-phase}.
   */
  @Override
  public final void stop(Runnable callback) {
    close
        .doFinally(
            end -> {
              running = false;
              callback.run();
            })
        .subscribe(
            nothing -> {},
            error -> log.warn("{} was not closed whole: {}", what, error.toString()));
  }

  @Override
  public final void stop() {
    stop(() -> {});
  }

  @Override
  public final boolean isRunning() {
    return running;
  }

  /** A pause ends in a new start, which a closed bean can't have. */
  @Override
  public final boolean isPauseable() {
    return false;
  }

  @Override
  public final int getPhase() {
    return PHASE;
  }
}
