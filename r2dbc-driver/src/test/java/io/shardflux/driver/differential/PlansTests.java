package io.shardflux.driver.differential;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.shardflux.router.ShardId;
import io.shardflux.router.ShardKey;
import io.shardflux.router.Topology;
import io.shardflux.sql.Prepared;
import io.shardflux.sql.SqlPlanner;
import io.shardflux.sql.merge.Plan;
import io.shardflux.sql.schema.Catalog;
import io.shardflux.sql.statement.Binds;
import io.shardflux.sql.statement.PlannerOptions;
import io.shardflux.sql.statement.RefusedSqlException;
import io.shardflux.sql.statement.Routing;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.EnumSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/**
 * The plans of the differential test's texts, as one digest: a change of the planner's structure
 * must leave it as it is. {@code -Dplans.digest=?} fails with the digest of these sources, which
 * the changed ones are then given.
 */
class PlansTests {

  private static final int TEXTS = 20_000;
  private static final int READS = 100;
  private static final int READS_AND_WRITES = 115;

  private final List<Table> tables = DifferentialTables.all();
  private final Topology topology = topology();
  private final Catalog catalog =
      Catalog.of(
          tables.stream().collect(Collectors.toMap(Table::name, PlansTests::columns)),
          Catalog.Quotients.KEPT);
  private final SqlPlanner planner = SqlPlanner.of(PlannerOptions.defaults());

  private Topology topology() {
    Topology.Builder builder = Topology.builder();
    DifferentialTables.SHARDS.forEach(builder::shard);
    DifferentialTables.strategies().forEach(builder::strategy);
    tables.forEach(table -> builder.table(table.rule()));
    return builder.build();
  }

  private static List<Catalog.Column> columns(Table table) {
    return table.columns().stream()
        .map(
            column ->
                new Catalog.Column(
                    column.name(),
                    column.type().toLowerCase(Locale.ROOT),
                    column.nullable(),
                    column.kind().text() ? column.kind().collation() : null,
                    table.columns().indexOf(column) < table.primary(),
                    Catalog.Filling.GIVEN))
        .toList();
  }

  @Test
  void areWhatTheyWere() throws NoSuchAlgorithmException {
    String expected = System.getProperty("plans.digest", "");
    assumeTrue(!expected.isEmpty(), "plans.digest");
    StatementGenerator reads =
        new StatementGenerator(new Random(1), tables, EnumSet.noneOf(ServerBug.class));
    WriteGenerator writes = new WriteGenerator(new Random(2), tables);
    MessageDigest digest = MessageDigest.getInstance("SHA-256");
    for (int i = 0; i < TEXTS; i++) {
      Generated text = i % READS_AND_WRITES < READS ? reads.read() : writes.write();
      digest.update((text + " -> " + plan(text.sharded()) + "\n").getBytes(StandardCharsets.UTF_8));
    }
    assertThat(HexFormat.of().formatHex(digest.digest())).isEqualTo(expected);
  }

  private String plan(Generated.Rendered text) {
    try {
      Prepared prepared = planner.prepare(text.sql(), catalog, topology);
      Binds binds = binds(prepared.markers(), text.binds());
      Routing routing = prepared.route(binds, prepared.hints());
      Plan plan = prepared.plan(binds, prepared.hints(), shards(routing));
      return prepared.kind() + " " + new TreeSet<>(prepared.tables()) + " " + plan;
    } catch (RefusedSqlException refused) {
      return refused.code() + " " + refused.getMessage();
    }
  }

  private static Binds binds(List<@Nullable String> markers, Map<Object, Generated.Value> values) {
    return Binds.of(
        Stream.iterate(0, i -> i + 1)
            .limit(markers.size())
            .map(i -> values.get(markers.get(i) == null ? i : markers.get(i)).value())
            .toArray());
  }

  /** The shards of the keys; of a table whose rows are elsewhere, all. */
  private List<ShardId> shards(Routing routing) {
    if (routing instanceof Routing.On on) {
      return List.of(on.shard());
    }
    if (routing instanceof Routing.Rows rows) {
      return rows.keys().stream().map(key -> located(rows.table(), key)).toList();
    }
    if (routing instanceof Routing.Keys keys) {
      return keys.keys().stream()
          .map(key -> located(keys.table(), key))
          .distinct()
          .sorted()
          .toList();
    }
    if (routing instanceof Routing.Together together) {
      return together.parts().stream()
          .flatMap(part -> shards(part).stream())
          .distinct()
          .sorted()
          .toList();
    }
    return routing instanceof Routing.Nowhere || routing instanceof Routing.Anywhere
        ? DifferentialTables.SHARDS.subList(0, 1)
        : DifferentialTables.SHARDS;
  }

  private ShardId located(String table, ShardKey key) {
    return topology.locate(table, key).blockOptional(Duration.ofSeconds(5)).orElseThrow();
  }
}
