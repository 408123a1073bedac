package io.shardflux.reshard.watch;

import io.shardflux.router.Internal;
import java.time.Duration;

/**
 * The load of a source above which the copying waits.
 *
 * @param history the length of InnoDB's history list
 * @param changes changes that wait to be applied
 * @param window the time over which more of them must wait each time, until the move falls behind
 */
@Internal
public record LoadLimits(long history, long changes, Duration window) {

  public static final LoadLimits DEFAULTS =
      new LoadLimits(1_000_000, 50_000, Duration.ofMinutes(2));
}
