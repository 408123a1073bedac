package io.shardflux.driver;

import java.time.Duration;
import org.jspecify.annotations.Nullable;

/** What callers give, checked before anything is done with it. */
final class Arguments {

  private Arguments() {}

  static void require(@Nullable Object value, String name) {
    if (value == null) {
      throw new IllegalArgumentException(name + ": null (expected: a value)");
    }
  }

  static void requireName(String value, String name) {
    require(value, name);
    if (value.isEmpty()) {
      throw new IllegalArgumentException(name + ": empty (expected: a name)");
    }
  }

  /** Zero is for no such time. */
  static void requireTime(Duration time, String name) {
    require(time, name);
    if (time.isNegative() || (time.toMillis() == 0 && !time.isZero())) {
      throw new IllegalArgumentException(name + ": " + time + " (expected: zero, or 1 ms or more)");
    }
  }
}
