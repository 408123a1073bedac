package io.shardflux.driver.row;

import io.shardflux.router.Internal;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/** Checks the arguments of callers before anything is done with them. */
@Internal
public final class Arguments {

  private Arguments() {}

  public static void require(@Nullable Object value, String name) {
    if (value == null) {
      throw new IllegalArgumentException(name + ": null (expected: a value)");
    }
  }

  public static void requireName(String value, String name) {
    require(value, name);
    if (value.isEmpty()) {
      throw new IllegalArgumentException(name + ": empty (expected: a name)");
    }
  }

  /** Checks a time; zero means that there is no such time. */
  public static void requireTime(Duration time, String name) {
    require(time, name);
    if (time.isNegative() || (time.toMillis() == 0 && !time.isZero())) {
      throw new IllegalArgumentException(name + ": " + time + " (expected: zero, or 1 ms or more)");
    }
  }
}
