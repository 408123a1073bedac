package io.shardflux.driver;

import io.shardflux.driver.catalog.TableWatch;
import io.shardflux.driver.plan.SqlEngine;
import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.r2dbc.spi.Snapshot;
import io.shardflux.router.ShardId;
import io.shardflux.sql.Prepared;
import io.shardflux.sql.ahead.Ahead;
import io.shardflux.sql.gather.Gather;
import io.shardflux.sql.gather.QueriedWrite;
import io.shardflux.sql.merge.Plan;
import io.shardflux.sql.statement.Binds;
import io.shardflux.sql.statement.Hints;
import io.shardflux.sql.statement.PlannerOptions;
import io.shardflux.sql.statement.RefusedSqlException;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
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

  /** Over a router, with what it gathers changed; no subquery runs first. */
  public static ShardfluxConnectionFactory ofGathers(
      ShardRouter router, UnaryOperator<Gather> mutation) {
    return new ShardfluxConnectionFactory(new GatheringEngine(router, mutation));
  }

  /** Over a router, with what writes find first changed. */
  public static ShardfluxConnectionFactory ofWrites(
      ShardRouter router, UnaryOperator<QueriedWrite> mutation) {
    return new ShardfluxConnectionFactory(
        new SqlEngine(router, PlannerOptions.defaults()) {
          @Override
          public @Nullable QueriedWrite queried(Prepared prepared, RefusedSqlException refusal) {
            QueriedWrite write = super.queried(prepared, refusal);
            return write == null ? null : mutation.apply(write);
          }
        });
  }

  /** Over a router, with what runs first changed. */
  public static ShardfluxConnectionFactory ofFirsts(
      ShardRouter router, UnaryOperator<Ahead> mutation) {
    return new ShardfluxConnectionFactory(
        new SqlEngine(router, PlannerOptions.defaults()) {
          @Override
          public @Nullable Ahead ahead(Prepared prepared, RefusedSqlException refusal) {
            Ahead ahead = super.ahead(prepared, refusal);
            return ahead == null ? null : mutation.apply(ahead);
          }
        });
  }

  /**
   * Over a router, with what is taken note of counted.
   *
   * @param firsts whether subqueries may run first
   */
  public static ShardfluxConnectionFactory counting(
      ShardRouter router, boolean firsts, Consumer<String> plans) {
    AtomicInteger asked = new AtomicInteger();
    AtomicInteger held = new AtomicInteger();
    return new ShardfluxConnectionFactory(
        new SqlEngine(router, PlannerOptions.defaults()) {
          @Override
          public @Nullable Ahead ahead(Prepared prepared, RefusedSqlException refusal) {
            return firsts ? super.ahead(prepared, refusal) : null;
          }

          @Override
          public int few() {
            return FEW;
          }

          @Override
          public void noteScatter(String sql, Plan.Scatter plan) {
            plans.accept("merge");
          }

          @Override
          public void noteAhead(String sql) {
            plans.accept("run first");
          }

          @Override
          public void noteBindJoin(String sql) {
            plans.accept("bind join");
          }

          @Override
          public void noteBroadcast(String sql) {
            plans.accept("broadcast");
          }

          @Override
          public void noteSent(String sql) {
            plans.accept("rows in the text");
          }

          @Override
          public void noteTables(String sql) {
            plans.accept("temporary tables");
          }

          @Override
          public void noteStreamed(String sql) {
            plans.accept("rows that go on");
          }

          @Override
          public int mostHeld() {
            return held.incrementAndGet() % 3 == 0 ? super.mostHeld() : LITTLE;
          }

          @Override
          public void noteGather(String sql) {
            plans.accept("gather");
          }

          @Override
          public boolean readsJson() {
            return super.readsJson() && asked.incrementAndGet() % 3 != 0;
          }
        });
  }

  /** Over a router, told which ways a read takes that is not merged; no subquery runs first. */
  static ShardfluxConnectionFactory noting(ShardRouter router, Consumer<String> plans) {
    return new ShardfluxConnectionFactory(
        new SqlEngine(router, PlannerOptions.defaults()) {
          @Override
          public @Nullable Ahead ahead(Prepared prepared, RefusedSqlException refusal) {
            return null;
          }

          @Override
          public int few() {
            return FEW;
          }

          @Override
          public void noteBroadcast(String sql) {
            plans.accept("broadcast");
          }

          @Override
          public void noteSent(String sql) {
            plans.accept("rows in the text");
          }

          @Override
          public void noteTables(String sql) {
            plans.accept("temporary tables");
          }

          @Override
          public void noteGather(String sql) {
            plans.accept("gather");
          }
        });
  }

  /** Over a router, with rows always in temporary tables. */
  static ShardfluxConnectionFactory inTables(ShardRouter router) {
    return new ShardfluxConnectionFactory(
        new SqlEngine(router, PlannerOptions.defaults()) {
          @Override
          public boolean readsJson() {
            return false;
          }
        });
  }

  /**
   * Over a router, with the plans of reads changed that shards are sent rows with.
   *
   * @param joined the text that is planned in place of another
   */
  public static ShardfluxConnectionFactory ofBroadcasts(
      ShardRouter router, UnaryOperator<String> joined, UnaryOperator<Plan> mutation) {
    return new ShardfluxConnectionFactory(
        new SqlEngine(router, PlannerOptions.defaults()) {
          @Override
          public Mono<Prepared.WithRows> withRows(
              Prepared prepared,
              Set<Integer> mentions,
              List<Gather.Cut> cuts,
              Duration time,
              String sql) {
            String other = joined.apply(sql);
            return other.equals(sql)
                ? super.withRows(prepared, mentions, cuts, time, sql)
                : prepare(other, router.topology(), time)
                    .flatMap(planned -> super.withRows(planned, mentions, List.of(), time, other));
          }

          @Override
          public Mono<Plan> plan(
              Snapshot snapshot,
              Prepared prepared,
              Binds binds,
              Hints hints,
              @Nullable ShardId bound) {
            return super.plan(snapshot, prepared, binds, hints, bound)
                .map(
                    plan ->
                        plan.parts().get(0).sql().text().contains("JSON_TABLE(")
                            ? mutation.apply(plan)
                            : plan);
          }
        });
  }

  /** Over a router, told whenever a look at tables is made ready. */
  static ShardfluxConnectionFactory watching(ShardRouter router, Runnable look) {
    return new ShardfluxConnectionFactory(
        new SqlEngine(router, PlannerOptions.defaults()) {
          @Override
          public TableWatch watch() {
            look.run();
            return super.watch();
          }
        });
  }

  /**
   * Over a router, told which ways a read takes.
   *
   * @param mostHeld the characters of rows that are held; longer ones go on in chunks
   * @param sends whether rows may be sent with a text
   */
  static ShardfluxConnectionFactory holding(
      ShardRouter router, int mostHeld, boolean sends, Consumer<String> plans) {
    return new ShardfluxConnectionFactory(
        new SqlEngine(router, PlannerOptions.defaults()) {
          @Override
          public int mostHeld() {
            return mostHeld;
          }

          @Override
          public boolean readsJson() {
            return sends && super.readsJson();
          }

          @Override
          public void noteBroadcast(String sql) {
            plans.accept("broadcast");
          }

          @Override
          public void noteStreamed(String sql) {
            plans.accept("rows that go on");
          }

          @Override
          public void noteTables(String sql) {
            plans.accept("temporary tables");
          }
        });
  }

  /** So few characters that rows of tests are not held. */
  private static final int LITTLE = 600;

  /** So few rows that tables of tests are large. */
  private static final int FEW = 20;

  private static final class GatheringEngine extends SqlEngine {

    private final UnaryOperator<Gather> mutation;

    GatheringEngine(ShardRouter router, UnaryOperator<Gather> mutation) {
      super(router, PlannerOptions.defaults());
      this.mutation = mutation;
    }

    @Override
    public @Nullable Ahead ahead(Prepared prepared, RefusedSqlException refusal) {
      return null;
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
