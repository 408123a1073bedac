package io.shardflux.sql;

import io.shardflux.router.KeyColumn;
import io.shardflux.router.KeyRange;
import io.shardflux.router.KeyType;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardKey;
import io.shardflux.router.ShardingStrategy;
import io.shardflux.router.TableRule;
import io.shardflux.router.Topology;
import io.shardflux.sql.merge.Plan;
import io.shardflux.sql.schema.Catalog;
import io.shardflux.sql.statement.Binds;
import io.shardflux.sql.statement.PlannerOptions;
import io.shardflux.sql.statement.Routing;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Tables of all kinds over three shards, and statements planned over them. */
public final class Shop {

  static final ShardId A = ShardId.of("a");
  static final ShardId B = ShardId.of("b");
  static final ShardId C = ShardId.of("c");

  static final Topology TOPOLOGY = topology();
  static final Catalog CATALOG = catalog();

  private static final SqlPlanner PLANNER = SqlPlanner.of(PlannerOptions.defaults());

  private Shop() {}

  private static Topology topology() {
    Map<KeyRange, ShardId> ranges = new LinkedHashMap<>();
    ranges.put(KeyRange.below(100), A);
    ranges.put(KeyRange.of(100, 200), B);
    ranges.put(KeyRange.from(200), C);
    return Topology.builder()
        .shard(A)
        .shard(B)
        .shard(C)
        .strategy("hash", ShardingStrategy.hash(List.of(A, B, C)))
        .strategy("range", ShardingStrategy.range(ranges))
        .table(new TableRule.Sharded("users", List.of(KeyColumn.integer("id")), "hash"))
        .table(new TableRule.Sharded("orders", List.of(KeyColumn.integer("user_id")), "hash"))
        .table(new TableRule.Sharded("events", List.of(KeyColumn.integer("at")), "range"))
        .table(
            new TableRule.Sharded(
                "docs", List.of(KeyColumn.text("tenant"), KeyColumn.integer("id")), "hash"))
        .table(new TableRule.Sharded("names", List.of(KeyColumn.text("name")), "hash"))
        .table(new TableRule.Sharded("days", List.of(new KeyColumn("day", KeyType.DATE)), "hash"))
        .table(new TableRule.Sharded("visits", List.of(KeyColumn.integer("slot")), "hash"))
        .table(new TableRule.Reference("countries"))
        .table(new TableRule.Reference("cities"))
        .table(new TableRule.Pinned("config", B))
        .build();
  }

  private static Catalog catalog() {
    return Catalog.of(
        Map.of(
            "users",
            List.of(
                key("id", "bigint"),
                text("name", "utf8mb4_general_ci"),
                column("age", "int"),
                text("country", "utf8mb4_general_ci"),
                column("balance", "decimal(10,2)"),
                column("score", "double"),
                column("created", "datetime(6)"),
                new Catalog.Column(
                    "kind",
                    "enum('x','y')",
                    true,
                    "utf8mb4_general_ci",
                    false,
                    Catalog.Filling.GIVEN),
                column("flag", "tinyint(1)"),
                text("nick", "utf8mb4_0900_ai_ci"),
                column("data", "json"),
                column("raw", "varbinary(9)")),
            "orders",
            List.of(
                key("id", "bigint"),
                key("user_id", "bigint"),
                column("total", "decimal(10,2)"),
                text("note", "utf8mb4_general_ci")),
            "events",
            List.of(key("at", "bigint"), text("what", "utf8mb4_general_ci")),
            "docs",
            List.of(
                new Catalog.Column(
                    "tenant", "varchar(20)", false, "utf8mb4_bin", true, Catalog.Filling.GIVEN),
                key("id", "bigint"),
                text("body", "utf8mb4_general_ci")),
            "names",
            List.of(text("name", "utf8mb4_general_ci")),
            "days",
            List.of(key("day", "date"), column("visits", "int")),
            "countries",
            List.of(
                new Catalog.Column(
                    "code", "varchar(2)", false, "utf8mb4_general_ci", true, Catalog.Filling.GIVEN),
                text("title", "utf8mb4_general_ci")),
            "visits",
            List.of(
                new Catalog.Column("slot", "bigint", false, null, true, Catalog.Filling.COMPUTED),
                column("n", "int")),
            "cities",
            List.of(
                new Catalog.Column("id", "int", false, null, true, Catalog.Filling.NUMBERED),
                text("title", "utf8mb4_general_ci")),
            "config",
            List.of(text("k", "utf8mb4_general_ci"), text("v", "utf8mb4_general_ci"))),
        Catalog.Quotients.KEPT);
  }

  private static Catalog.Column key(String name, String type) {
    return new Catalog.Column(name, type, false, null, true, Catalog.Filling.GIVEN);
  }

  private static Catalog.Column column(String name, String type) {
    return new Catalog.Column(name, type, true, null, false, Catalog.Filling.GIVEN);
  }

  private static Catalog.Column text(String name, String collation) {
    return new Catalog.Column(name, "varchar(50)", true, collation, false, Catalog.Filling.GIVEN);
  }

  static Prepared prepare(String sql) {
    return PLANNER.prepare(sql, CATALOG, TOPOLOGY);
  }

  static Routing route(String sql, @Nullable Object... values) {
    Prepared prepared = prepare(sql);
    return prepared.route(Binds.of(Arrays.asList(values)), prepared.hints());
  }

  static Plan plan(String sql, @Nullable Object... values) {
    return plan(sql, Binds.of(Arrays.asList(values)));
  }

  private static Plan plan(String sql, Binds binds) {
    Prepared prepared = prepare(sql);
    return prepared.plan(binds, prepared.hints(), shards(prepared.route(binds, prepared.hints())));
  }

  public static Plan.Scatter scatter(String sql, @Nullable Object... values) {
    return (Plan.Scatter) plan(sql, Binds.of(Arrays.asList(values)));
  }

  /** The texts that the shards are sent for a scattered read. */
  static String shardSql(String sql) {
    return scatter(sql).parts().get(0).sql().text();
  }

  /** The shards that a routing comes to, as a driver asks the topology for them. */
  static List<ShardId> shards(Routing routing) {
    if (routing instanceof Routing.On on) {
      return List.of(on.shard());
    }
    if (routing instanceof Routing.Everywhere everywhere) {
      return List.copyOf(everywhere.shards());
    }
    if (routing instanceof Routing.Rows rows) {
      return rows.keys().stream().map(key -> locate(rows.table(), key)).toList();
    }
    Set<ShardId> shards = new LinkedHashSet<>();
    if (routing instanceof Routing.Keys keys) {
      keys.keys().forEach(key -> shards.add(locate(keys.table(), key)));
    } else if (routing instanceof Routing.Ranges ranges) {
      ShardingStrategy strategy = TOPOLOGY.strategy(ranges.table());
      ranges.ranges().forEach(range -> shards.addAll(strategy.touching(range)));
    } else if (routing instanceof Routing.Together together) {
      together.parts().forEach(part -> shards.addAll(shards(part)));
    } else {
      shards.add(A);
    }
    return List.copyOf(shards);
  }

  static ShardId locate(String table, ShardKey key) {
    return TOPOLOGY.strategy(table).locate(key);
  }
}
