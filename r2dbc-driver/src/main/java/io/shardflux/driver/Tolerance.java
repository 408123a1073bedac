package io.shardflux.driver;

import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** What a failed shard does to a read of several, as a hint's {@code failure-policy} says. */
enum Tolerance {
  /** The read fails; the default. */
  FAIL,
  /** Its rows are missing, which is told behind those of the others. */
  PARTIAL;

  static Tolerance of(@Nullable String hint) {
    if (hint == null) {
      return FAIL;
    }
    return switch (hint.toLowerCase(Locale.ROOT)) {
      case "fail" -> FAIL;
      case "partial" -> PARTIAL;
      default ->
          throw new IllegalArgumentException(
              "failure-policy: " + hint + " (expected: fail or partial)");
    };
  }
}
