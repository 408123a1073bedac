package io.shardflux.reshard.transfer;

import io.shardflux.router.Internal;

/** A connection to each side, over which rows are put on the target. */
@Internal
public record Lane(Session source, Session target) {

  Lane back() {
    return new Lane(/* source= */ target, /* target= */ source);
  }
}
