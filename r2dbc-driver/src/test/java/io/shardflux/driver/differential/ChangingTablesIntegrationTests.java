package io.shardflux.driver.differential;

import static org.assertj.core.api.Assertions.assertThat;

import io.r2dbc.spi.ConnectionFactories;
import io.r2dbc.spi.ConnectionFactory;
import io.r2dbc.spi.R2dbcException;
import io.r2dbc.spi.Row;
import io.shardflux.driver.ShardfluxConnectionFactory;
import io.shardflux.driver.differential.ChangingTable.Field;
import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.r2dbc.ShardRouterBuilder;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.router.KeyColumn;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardKey;
import io.shardflux.router.ShardingStrategy;
import io.shardflux.router.TableRule;
import io.shardflux.servers.Database;
import io.shardflux.servers.TestServers;
import io.shardflux.sql.statement.RefusalCode;
import io.shardflux.sql.statement.RefusedSqlException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * Tables are altered at random between statements made at random: each answer is that of one
 * database with the same tables, or the statement is refused, and no row lies where it does not
 * belong. Others by {@code -Dchanging.seed=1 -Dchanging.seeds=20 -Dchanging.steps=200}.
 */
class ChangingTablesIntegrationTests {

  private static final Duration BOUND = Duration.ofSeconds(60);
  private static final int STATEMENTS = 4;
  private static final List<ShardId> SHARDS =
      List.of(ShardId.of("shard_0"), ShardId.of("shard_1"), ShardId.of("shard_2"));

  /** Refusals that may come where columns are others than a rule says, or may not be merged. */
  private static final Set<RefusalCode> REFUSALS =
      EnumSet.of(
          RefusalCode.KEY_COLLATION,
          RefusalCode.UNSORTABLE,
          RefusalCode.SYNTAX,
          RefusalCode.SET_OPERATION);

  private final long seed = Long.getLong("changing.seed", 7);
  private final int seeds = Integer.getInteger("changing.seeds", 1);
  private final int steps = Integer.getInteger("changing.steps", 10);

  private final Map<ChangingTable, ShardId> disordered = new HashMap<>();
  private final List<String> failures = new ArrayList<>();
  private final List<String> log = new ArrayList<>();
  private int answered;
  private int refused;

  /** The outcome of a statement. */
  private record Outcome(
      @Nullable List<String> rows, @Nullable RefusalCode code, @Nullable Throwable error) {

    @Override
    public String toString() {
      return rows != null ? rows.toString() : code != null ? code.name() : String.valueOf(error);
    }
  }

  @Test
  void answersAsOneDatabaseWhileTablesChange() {
    TestServers servers = TestServers.shared();
    List<Database> databases = servers.freshDatabases("changing");
    try (Sides sides = new Sides(databases, servers.freshDatabases("unchanged").get(0))) {
      for (long each = seed; each < seed + seeds; each++) {
        run(sides, each);
      }
    }
    System.out.println("Changing tables: " + answered + " answered, " + refused + " refused");
    assertThat(failures).isEmpty();
    assertThat(refused).as("of %s", answered).isLessThan(answered);
  }

  private void run(Sides sides, long one) {
    Random random = new Random(one);
    List<ChangingTable> tables =
        List.of(
            new ChangingTable("t", new Field("id", "INT"), random),
            new ChangingTable("u", new Field("id", "INT"), random),
            new ChangingTable(
                "n",
                new Field("name", "VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"),
                random));
    disordered.clear();
    log.clear();
    for (ChangingTable table : tables) {
      everywhere(sides, List.of("DROP TABLE IF EXISTS " + table.name, table.create()));
    }
    ChangingStatements statements = new ChangingStatements(random, tables);
    for (int step = 0; step < steps && failures.isEmpty(); step++) {
      if (step > 1) {
        change(sides, tables.get(random.nextInt(tables.size())), random);
      }
      for (int i = 0; i < STATEMENTS && failures.isEmpty(); i++) {
        ask(sides, statements.next(), one, step);
      }
      if (failures.isEmpty()) {
        tables.forEach(table -> compare(sides, table, one));
      }
    }
  }

  private void change(Sides sides, ChangingTable table, Random random) {
    ShardId last = disordered.remove(table);
    if (last != null) {
      log.add(last + ": as the others");
      table.ordered().forEach(sql -> sides.on(last, sql));
    }
    everywhere(sides, table.change());
    if (random.nextInt(4) == 0) {
      ShardId shard = SHARDS.get(random.nextInt(SHARDS.size()));
      log.add(shard + ": " + table.disordered());
      sides.on(shard, table.disordered());
      disordered.put(table, shard);
    }
  }

  private void everywhere(Sides sides, List<String> changes) {
    for (String sql : changes) {
      log.add(sql);
      SHARDS.forEach(shard -> sides.on(shard, sql));
      sides.whole(sql);
    }
  }

  private void ask(Sides sides, ChangingStatements.Made made, long one, int step) {
    log.add(made.sql());
    Outcome sharded = outcome(sides.driver, made);
    if (sharded.code() != null) {
      refused++;
      if (!REFUSALS.contains(sharded.code())) {
        fail(one, step, made.sql() + "\n  refused: " + sharded.error());
      }
      return;
    }
    answered++;
    Outcome whole = outcome(sides.whole, made);
    boolean same =
        sharded.rows() == null ? whole.rows() == null : sharded.rows().equals(whole.rows());
    if (!same) {
      fail(one, step, made.sql() + "\n  one: " + whole + "\n  driver: " + sharded);
    }
  }

  private void fail(long one, int step, String what) {
    failures.add(
        "seed " + one + ", step " + step + ": " + what + "\n  after " + String.join("\n  ", log));
  }

  private static Outcome outcome(ConnectionFactory factory, ChangingStatements.Made made) {
    try {
      List<String> rows =
          Flux.usingWhen(
                  Mono.from(factory.create()),
                  connection ->
                      Flux.from(connection.createStatement(made.sql()).execute())
                          .concatMap(
                              result ->
                                  made.table() == null
                                      ? result.map((row, metadata) -> shown(row))
                                      : Flux.from(result.getRowsUpdated()).map(String::valueOf)),
                  connection -> connection.close())
              .collectList()
              .blockOptional(BOUND)
              .orElseThrow();
      return new Outcome(rows.stream().sorted().toList(), null, null);
    } catch (R2dbcException error) {
      return error.getCause() instanceof RefusedSqlException refusal
          ? new Outcome(null, refusal.code(), error)
          : new Outcome(null, null, error);
    }
  }

  /** A text's spelling may be that of any row of its group. */
  private static String shown(Row row) {
    List<String> shown = new ArrayList<>();
    for (int i = 0; i < row.getMetadata().getColumnMetadatas().size(); i++) {
      shown.add(
          row.getMetadata().getColumnMetadata(i).getName()
              + "="
              + String.valueOf(row.get(i)).toLowerCase(Locale.ROOT));
    }
    return String.join(" ", shown);
  }

  /** Compares the rows themselves, and looks where they lie. */
  private void compare(Sides sides, ChangingTable table, long one) {
    String columns = table.fields().stream().map(Field::name).collect(Collectors.joining(", "));
    String sql = "SELECT " + columns + " FROM " + table.name;
    List<String> all = new ArrayList<>();
    for (ShardId shard : SHARDS) {
      all.addAll(sides.rows(shard, sql));
      for (String key : sides.rows(shard, "SELECT " + table.key.name() + " FROM " + table.name)) {
        String value = key.substring(key.indexOf('=') + 1);
        ShardKey wanted =
            table.key.isNumber() ? ShardKey.of(Long.parseLong(value)) : ShardKey.of(value);
        if (!shard.equals(sides.router.topology().locate(table.name, wanted).block(BOUND))) {
          failures.add("seed " + one + ": astray on " + shard + ": " + table.name + " " + value);
        }
      }
    }
    List<String> whole = outcome(sides.whole, new ChangingStatements.Made(sql, null)).rows();
    if (!all.stream().sorted().toList().equals(whole)) {
      failures.add(
          "seed "
              + one
              + ": rows of "
              + table.name
              + "\n  one: "
              + whole
              + "\n  shards: "
              + all
              + "\n  after "
              + String.join("\n  ", log));
    }
  }

  /** The shards with a driver over them, and one database. */
  private static final class Sides implements AutoCloseable {

    final ShardRouter router;
    final ShardfluxConnectionFactory driver;
    final ConnectionFactory whole;
    private final ShardRouter other;

    Sides(List<Database> databases, Database single) {
      ShardRouterBuilder builder =
          ShardRouter.builder()
              .strategy("by_id", ShardingStrategy.modulo(SHARDS))
              .strategy("by_name", ShardingStrategy.hash(SHARDS))
              .table(new TableRule.Sharded("t", List.of(KeyColumn.integer("id")), "by_id"))
              .table(new TableRule.Sharded("u", List.of(KeyColumn.integer("id")), "by_id"))
              .table(new TableRule.Sharded("n", List.of(KeyColumn.text("name")), "by_name"));
      for (int i = 0; i < SHARDS.size(); i++) {
        builder.shard(Shard.of(SHARDS.get(i).value(), databases.get(i).r2dbcUrl()));
      }
      router = builder.build();
      driver = ShardfluxConnectionFactory.of(router);
      other = ShardRouter.builder().shard(Shard.of("whole", single.r2dbcUrl())).build();
      whole = ConnectionFactories.get(Shard.of("whole", single.r2dbcUrl()).options());
    }

    void on(ShardId shard, String sql) {
      router.on(shard).sql(sql).rowsUpdated().block(BOUND);
    }

    void whole(String sql) {
      other.on(ShardId.of("whole")).sql(sql).rowsUpdated().block(BOUND);
    }

    List<String> rows(ShardId shard, String sql) {
      return router
          .on(shard)
          .sql(sql)
          .map((row, metadata) -> shown(row))
          .all()
          .collectList()
          .blockOptional(BOUND)
          .orElseThrow();
    }

    @Override
    public void close() {
      router.close().block(BOUND);
      other.close().block(BOUND);
    }
  }
}
