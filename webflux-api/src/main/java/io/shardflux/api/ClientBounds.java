package io.shardflux.api;

import java.time.Duration;

/**
 * What a client may make the application wait for.
 *
 * @param silentBody the longest time in which nothing of a request's body comes, though it is
 *     waited for
 */
record ClientBounds(Duration silentBody) {

  static ClientBounds defaults() {
    return new ClientBounds(Duration.ofSeconds(30));
  }
}
