package io.shardflux.benchmarks;

import io.shardflux.router.KeyColumn;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardingStrategy;
import io.shardflux.router.TableRule;
import io.shardflux.router.Topology;
import io.shardflux.sql.Prepared;
import io.shardflux.sql.SqlPlanner;
import io.shardflux.sql.merge.Plan;
import io.shardflux.sql.schema.Catalog;
import io.shardflux.sql.schema.Catalog.Column;
import io.shardflux.sql.statement.Binds;
import io.shardflux.sql.statement.PlannerOptions;
import io.shardflux.sql.statement.Routing;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;

/** The cost of a plan: from a known text and its values to the texts for ten shards. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class Plans {

  private static final String POINT = Contender.SELECT + " WHERE id = ?";
  private static final String ALL_SHARDS =
      Contender.SELECT + " WHERE name > ? ORDER BY name, id LIMIT 20";

  private final Topology topology = topology();
  private final Catalog catalog = catalog();
  private final SqlPlanner planner = SqlPlanner.of(PlannerOptions.defaults());
  private long next;

  /** Makes the texts known to the planner. */
  @Setup
  public void prepare() {
    planner.prepare(POINT, catalog, topology);
    planner.prepare(ALL_SHARDS, catalog, topology);
  }

  @Benchmark
  public Plan pointRead() {
    long id = SampleStrategies.FIRST_INTEGER + (next++ & (SampleStrategies.KEYS - 1));
    return plan(POINT, Binds.of(id));
  }

  @Benchmark
  public Plan orderedReadOfAllShards() {
    return plan(ALL_SHARDS, Binds.of("User 5"));
  }

  private Plan plan(String sql, Binds binds) {
    Prepared prepared = Objects.requireNonNull(planner.cached(sql, catalog, topology));
    Routing routing = prepared.route(binds, prepared.hints());
    return prepared.plan(binds, prepared.hints(), shards(routing));
  }

  /** The shards that the driver would name; a routing by keys has one key here. */
  private List<ShardId> shards(Routing routing) {
    return routing instanceof Routing.Keys keys
        ? List.of(topology.strategy(keys.table()).locate(keys.keys().get(0)))
        : List.copyOf(((Routing.Everywhere) routing).shards());
  }

  private static Topology topology() {
    Topology.Builder builder =
        Topology.builder()
            .strategy("hash", ShardingStrategy.hash(SampleStrategies.TEN))
            .table(new TableRule.Sharded("users", List.of(KeyColumn.integer("id")), "hash"));
    SampleStrategies.TEN.forEach(builder::shard);
    return builder.build();
  }

  private static Catalog catalog() {
    return Catalog.of(
        Map.of(
            "users",
            List.of(
                new Column("id", "bigint", false, null, true, Catalog.Filling.GIVEN),
                text("username", "varchar(64)"),
                text("email", "varchar(255)"),
                text("name", "varchar(255)"))));
  }

  private static Column text(String name, String type) {
    return new Column(name, type, false, "utf8mb4_bin", false, Catalog.Filling.GIVEN);
  }
}
