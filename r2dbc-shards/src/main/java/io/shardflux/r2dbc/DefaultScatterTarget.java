package io.shardflux.r2dbc;

import io.shardflux.r2dbc.scatter.FailurePolicy;
import io.shardflux.r2dbc.scatter.Reach;
import io.shardflux.r2dbc.statement.Binds;
import io.shardflux.r2dbc.statement.Work;

/** Several shards of a router. */
final class DefaultScatterTarget implements ScatterTarget {

  private final DefaultShardRouter router;
  private final Reach reach;

  DefaultScatterTarget(DefaultShardRouter router, Reach reach) {
    this.router = router;
    this.reach = reach;
  }

  @Override
  public ScatterSpec sql(String sql) {
    Work.Terms terms = Work.Terms.of(router.timeouts());
    return new DefaultScatterSpec(
        router,
        reach,
        router.template(sql),
        Binds.NONE,
        reach instanceof Reach.Keys ? terms.asBounded() : terms,
        FailurePolicy.tag());
  }
}
