package io.shardflux.reshard.watch;

import io.shardflux.router.Internal;

/**
 * The load of a source as it was seen last.
 *
 * @param changes about how many changes wait; {@link #NOT_KNOWN} as the other one
 * @param history the length of InnoDB's history list
 */
@Internal
public record SourceLoad(long changes, long history) {

  public static final long NOT_KNOWN = -1;
  public static final SourceLoad UNKNOWN = new SourceLoad(NOT_KNOWN, NOT_KNOWN);
}
