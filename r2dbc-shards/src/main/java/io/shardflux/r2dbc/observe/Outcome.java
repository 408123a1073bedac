package io.shardflux.r2dbc.observe;

import io.shardflux.router.Internal;
import org.jspecify.annotations.Nullable;

/** Names the end of a statement in one word, for logs and meters. */
@Internal
public final class Outcome {

  private Outcome() {}

  /** {@code success}, {@code cancelled}, or the error's kind. */
  public static String of(@Nullable Throwable error, boolean cancelled) {
    if (cancelled) {
      return "cancelled";
    }
    return error == null ? "success" : ErrorCounts.Kind.of(error).label();
  }
}
