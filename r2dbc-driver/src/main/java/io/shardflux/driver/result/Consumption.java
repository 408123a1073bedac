package io.shardflux.driver.result;

import java.util.concurrent.atomic.AtomicBoolean;

/** Makes sure that a result is consumed once, as itself or as a filtered one. */
final class Consumption {

  private final AtomicBoolean begun = new AtomicBoolean();

  /** Begins the consumption. */
  void begin() {
    if (!begun.compareAndSet(false, true)) {
      throw twice();
    }
  }

  /** Checks that the consumption has not begun. */
  void check() {
    if (begun.get()) {
      throw twice();
    }
  }

  private static IllegalStateException twice() {
    return new IllegalStateException("result: consumed twice (expected: once)");
  }
}
