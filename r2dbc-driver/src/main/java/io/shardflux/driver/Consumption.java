package io.shardflux.driver;

import java.util.concurrent.atomic.AtomicBoolean;

/** That a result is consumed once, as itself or as what is filtered of it. */
final class Consumption {

  private final AtomicBoolean begun = new AtomicBoolean();

  /** Begins it. */
  void begin() {
    if (!begun.compareAndSet(false, true)) {
      throw twice();
    }
  }

  /** Checks that it has yet to begin. */
  void check() {
    if (begun.get()) {
      throw twice();
    }
  }

  private static IllegalStateException twice() {
    return new IllegalStateException("result: consumed twice (expected: once)");
  }
}
