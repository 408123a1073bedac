package io.shardflux.r2dbc;

import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * What holds for every shard of a router.
 *
 * @param pool the bounds of a pool that has none of its own
 * @param timeouts the times of a statement that names none
 * @param breaker when a server counts as down
 * @param reads what is done for reads
 * @param slowStatement from when on a statement is logged, or null if none is
 */
record RouterOptions(
    PoolBounds pool,
    Timeouts timeouts,
    BreakerBounds breaker,
    ReadOptions reads,
    @Nullable Duration slowStatement) {

  static RouterOptions defaults() {
    return new RouterOptions(
        PoolBounds.defaults(),
        Timeouts.defaults(),
        BreakerBounds.defaults(),
        ReadOptions.defaults(),
        null);
  }

  RouterOptions with(PoolBounds other) {
    return new RouterOptions(other, timeouts, breaker, reads, slowStatement);
  }

  RouterOptions with(Timeouts other) {
    return new RouterOptions(pool, other, breaker, reads, slowStatement);
  }

  RouterOptions with(BreakerBounds other) {
    return new RouterOptions(pool, timeouts, other, reads, slowStatement);
  }

  RouterOptions with(ReadOptions other) {
    return new RouterOptions(pool, timeouts, breaker, other, slowStatement);
  }

  RouterOptions withSlowStatement(Duration other) {
    return new RouterOptions(pool, timeouts, breaker, reads, other);
  }
}
