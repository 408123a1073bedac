package io.shardflux.sql.prepare;

import io.shardflux.router.Internal;
import io.shardflux.router.ShardId;
import io.shardflux.sql.ahead.Ahead;
import io.shardflux.sql.ahead.AheadPlanner;
import io.shardflux.sql.analysis.Analysis;
import io.shardflux.sql.analysis.Block;
import io.shardflux.sql.analysis.Place;
import io.shardflux.sql.gather.Gather;
import io.shardflux.sql.gather.GatherPlanner;
import io.shardflux.sql.keys.ClusterRouter;
import io.shardflux.sql.merge.Merge;
import io.shardflux.sql.merge.Plan;
import io.shardflux.sql.merge.ShardPlanner;
import io.shardflux.sql.scatter.ScatterLimit;
import io.shardflux.sql.scatter.ScatterPlanner;
import io.shardflux.sql.scatter.ScatterQuery;
import io.shardflux.sql.scatter.UnionRewrite;
import io.shardflux.sql.schema.Schema;
import io.shardflux.sql.schema.Scope;
import io.shardflux.sql.statement.Binds;
import io.shardflux.sql.statement.PlannerOptions;
import io.shardflux.sql.statement.RefusalCode;
import io.shardflux.sql.statement.RefusedSqlException;
import io.shardflux.sql.statement.Routing;
import io.shardflux.sql.statement.StatementKind;
import io.shardflux.sql.statement.ValueRouter;
import io.shardflux.sql.syntax.Query;
import io.shardflux.sql.syntax.SqlText;
import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Prepares a query.
 *
 * @param apart whether each shard's groups are rows of their own
 */
@Internal
public record ReadPreparation(
    SqlText text, Schema schema, PlannerOptions options, Analysis analysis, boolean apart) {

  public StatementPlan plan(Query query) {
    Several several = several(query);
    ValueRouter router = ClusterRouter.of(analysis.colocation(), schema);
    if (!query.locks()) {
      return new StatementPlan(
          StatementKind.READ,
          router,
          permitted(several.planner()),
          several.ahead(),
          several.gather(),
          null);
    }
    RefusedSqlException refusal =
        new RefusedSqlException(RefusalCode.SCATTERED_LOCK, "FOR UPDATE or FOR SHARE");
    return new StatementPlan(
        StatementKind.LOCKING_READ, lockable(router), permitted(StatementPlan.refusing(refusal)));
  }

  /**
   * The ways to an answer from several shards.
   *
   * @param planner plans the merge, or refuses it
   * @param ahead what must run first so that it can be planned again, where the merge is refused;
   *     null if nothing may
   * @param gather the rows that one server must be given so that it answers alone, where the merge
   *     is refused; null if no server could answer then
   */
  private record Several(ShardPlanner planner, @Nullable Ahead ahead, @Nullable Gather gather) {}

  /** The plan of a query some of whose markers are written as one. */
  ShardPlanner alike(Query query) {
    ShardPlanner planner = several(query).planner();
    return planner instanceof AlikeMarkers refused ? refused.refusing() : planner;
  }

  private Several several(Query query) {
    Query.Select select = query.select();
    if (select == null) {
      List<Scope.Column> columns = analysis.query(query, Place.outermost()).columns();
      return planned(query, () -> new UnionRewrite(text, schema, options).plan(query, columns));
    }
    Block block = analysis.select(query, select);
    return planned(query, () -> new ScatterPlanner(text, query, analysis, block, apart).plan());
  }

  /**
   * Plans for several shards. A query that is refused here may still be sent to one shard as it is.
   */
  private Several planned(Query query, Supplier<ScatterQuery> planner) {
    try {
      ScatterQuery scattered = planner.get();
      PlannerOptions bounds = options;
      return new Several(
          (binds, hints, shards) -> scatter(scattered, bounds, binds, shards), null, null);
    } catch (RefusedSqlException e) {
      boolean mayBeAlike = e.code() == RefusalCode.NOT_GROUPED && text.markers().size() > 1;
      boolean otherwise = GatherPlanner.gathers(e);
      return new Several(
          mayBeAlike ? new AlikeMarkers(this, e) : StatementPlan.refusing(e),
          otherwise ? new AheadPlanner(text, schema, options).plan(query) : null,
          otherwise ? new GatherPlanner(text, schema).plan(query) : null);
    }
  }

  private static Plan scatter(
      ScatterQuery query, PlannerOptions options, Binds binds, List<ShardId> shards) {
    ScatterLimit limit = ScatterLimit.of(query, binds, options.maxOffset());
    Merge merge =
        new Merge(query.shape(), binds, limit.offset(), limit.count(), options.maxMergedRows());
    return new Plan.Scatter(
        query.parts(shards, limit.offset(), limit.count()), merge, query.columns());
  }

  private static ShardPlanner permitted(ShardPlanner several) {
    return (binds, hints, shards) -> {
      if (Boolean.FALSE.equals(hints.scatter())) {
        throw new RefusedSqlException(RefusalCode.SCATTER_FORBIDDEN, shards.size() + " shards");
      }
      return several.plan(binds, hints, shards);
    };
  }

  /** Refuses a lock on one copy of a reference table, which would not lock the other copies. */
  private static ValueRouter lockable(ValueRouter router) {
    return binds -> {
      Routing routing = router.route(binds);
      if (routing instanceof Routing.Anywhere) {
        throw new RefusedSqlException(
            RefusalCode.SCATTERED_LOCK, "FOR UPDATE or FOR SHARE of a reference table");
      }
      return routing;
    };
  }
}
