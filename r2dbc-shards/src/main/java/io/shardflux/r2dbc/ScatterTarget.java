package io.shardflux.r2dbc;

import io.shardflux.r2dbc.scatter.FailurePolicy;
import io.shardflux.r2dbc.scatter.Reach;
import io.shardflux.r2dbc.statement.Bindings;
import io.shardflux.r2dbc.statement.Work;

/**
 * Several shards: all, or those of a set of keys. Immutable and thread-safe; which they are is
 * asked anew with each subscription.
 */
public final class ScatterTarget {

  private final ShardRouter router;
  private final Reach reach;

  ScatterTarget(ShardRouter router, Reach reach) {
    this.router = router;
    this.reach = reach;
  }

  /**
   * A statement for each of the shards.
   *
   * @param sql one statement, its markers all {@code ?} or all {@code :name}; for a set of keys it
   *     has {@code IN (:keys)}, which becomes each shard's own keys, at most 1,000 a statement
   * @throws IllegalArgumentException if it is empty, above 1 MiB, or mixes both kinds of marker
   */
  public ScatterSpec sql(String sql) {
    Work.Terms terms = Work.Terms.of(router.timeouts());
    return new ScatterSpec(
        router,
        reach,
        router.template(sql),
        Bindings.NONE,
        reach instanceof Reach.Keys ? terms.asBounded() : terms,
        FailurePolicy.tag());
  }
}
