package io.shardflux.api.client;

import io.shardflux.router.Internal;
import java.time.Duration;

/**
 * Bounds on how long a client may make the application wait.
 *
 * @param silentBody the longest time in which nothing of a request's body comes although it is
 *     waited for
 * @param slowestReading bytes a second that a client must take of an answer, while there are some
 *     to be taken
 * @param slowReading the time over which that is measured
 */
@Internal
public record ClientBounds(Duration silentBody, int slowestReading, Duration slowReading) {

  /** The defaults, with another bound for bodies. */
  public ClientBounds(Duration silentBody) {
    this(silentBody, 1_000, Duration.ofSeconds(60));
  }

  public static ClientBounds defaults() {
    return new ClientBounds(Duration.ofSeconds(30));
  }
}
