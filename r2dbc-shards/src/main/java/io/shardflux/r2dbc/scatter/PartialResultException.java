package io.shardflux.r2dbc.scatter;

import io.r2dbc.spi.R2dbcTransientResourceException;
import io.shardflux.router.ShardId;
import java.util.Map;

/**
 * Reports that fewer shards than {@link FailurePolicy#atLeast} asks for can answer. The shards'
 * errors are suppressed exceptions.
 */
public final class PartialResultException extends R2dbcTransientResourceException {

  private static final long serialVersionUID = 1L;

  PartialResultException(int required, int asked, Map<ShardId, Throwable> failures) {
    super(
        "shards: "
            + (asked - failures.size())
            + " of "
            + asked
            + " left (expected: at least "
            + required
            + "); failed: "
            + failures.keySet());
    failures.values().forEach(this::addSuppressed);
  }
}
