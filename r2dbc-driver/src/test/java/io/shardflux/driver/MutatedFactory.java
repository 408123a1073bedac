package io.shardflux.driver;

import io.shardflux.driver.plan.SqlEngine;
import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.r2dbc.spi.Snapshot;
import io.shardflux.router.ShardId;
import io.shardflux.sql.Prepared;
import io.shardflux.sql.gather.Gather;
import io.shardflux.sql.merge.Plan;
import io.shardflux.sql.statement.Binds;
import io.shardflux.sql.statement.Hints;
import io.shardflux.sql.statement.PlannerOptions;
import io.shardflux.sql.statement.RefusedSqlException;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Mono;

/** Drivers whose plans are changed before they are run. */
public final class MutatedFactory {

  private MutatedFactory() {}

  /** Over a router, with its plans changed. */
  public static ShardfluxConnectionFactory of(ShardRouter router, UnaryOperator<Plan> mutation) {
    return new ShardfluxConnectionFactory(new Engine(router, mutation));
  }

  /** Over a router, with what it gathers changed. */
  public static ShardfluxConnectionFactory ofGathers(
      ShardRouter router, UnaryOperator<Gather> mutation) {
    return new ShardfluxConnectionFactory(new GatheringEngine(router, mutation));
  }

  private static final class GatheringEngine extends SqlEngine {

    private final UnaryOperator<Gather> mutation;

    GatheringEngine(ShardRouter router, UnaryOperator<Gather> mutation) {
      super(router, PlannerOptions.defaults());
      this.mutation = mutation;
    }

    @Override
    public @Nullable Gather gather(Prepared prepared, RefusedSqlException refusal) {
      Gather gather = super.gather(prepared, refusal);
      return gather == null ? null : mutation.apply(gather);
    }
  }

  private static final class Engine extends SqlEngine {

    private final UnaryOperator<Plan> mutation;

    Engine(ShardRouter router, UnaryOperator<Plan> mutation) {
      super(router, PlannerOptions.defaults());
      this.mutation = mutation;
    }

    @Override
    public Mono<Plan> plan(
        Snapshot snapshot, Prepared prepared, Binds binds, Hints hints, @Nullable ShardId bound) {
      return super.plan(snapshot, prepared, binds, hints, bound).map(mutation);
    }
  }
}
