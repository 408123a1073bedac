package io.shardflux.benchmarks;

import io.r2dbc.spi.Connection;
import io.r2dbc.spi.ConnectionFactory;
import io.shardflux.benchmarks.Report.Ratio;
import io.shardflux.driver.ShardfluxConnectionFactory;
import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.r2dbc.ShardRouterBuilder;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.router.KeyColumn;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardingStrategy;
import io.shardflux.router.TableRule;
import io.shardflux.servers.Database;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.LongStream;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * Joins tables by another column than their key, and gathers rows: against one scattered read of as
 * many rows, and against one server that has all of them. All in this process, one read at a time.
 */
final class Joins implements AutoCloseable {

  /** The rows of the smaller side. */
  private static final int SMALL = 100;

  private static final Duration BOUND = Duration.ofMinutes(10);
  private static final int ROUNDS = 5;

  private static final String SCATTERED = "SELECT id, code, label FROM cities";
  private static final String JOINED =
      "SELECT c.id, c.label, p.id AS person FROM cities c JOIN people p ON p.code = c.code";
  private static final String TURNED =
      "SELECT c.id, c.label, p.id AS person FROM people p JOIN cities c ON p.code = c.code";
  private static final String NUMBERED =
      "SELECT id, name, ROW_NUMBER() OVER (PARTITION BY code % 100 ORDER BY name, id) AS n FROM ";
  private static final String POINT = "SELECT name FROM people WHERE id = 7";

  private final List<Database> databases;
  private final int rows;
  private final Duration pass;
  private final ShardRouter router;
  private final ConnectionFactory connections;

  /**
   * Makes the tables.
   *
   * @param databases empty ones, each on a server of its own
   * @param rows the rows of the larger side
   * @param pass the length of what is measured at a time
   */
  Joins(List<Database> databases, int rows, Duration pass) {
    this.databases = List.copyOf(databases);
    this.rows = rows;
    this.pass = pass;
    List<ShardId> ids =
        LongStream.range(0, databases.size()).mapToObj(i -> ShardId.of("shard_" + i)).toList();
    ShardRouterBuilder builder =
        ShardRouter.builder()
            .strategy("by_id", ShardingStrategy.modulo(ids))
            .table(new TableRule.Sharded("people", List.of(KeyColumn.integer("id")), "by_id"))
            .table(new TableRule.Sharded("cities", List.of(KeyColumn.integer("id")), "by_id"))
            .table(new TableRule.Pinned("everybody", ids.get(0)));
    for (int i = 0; i < ids.size(); i++) {
      builder.shard(Shard.of(ids.get(i).value(), databases.get(i).r2dbcUrl()));
    }
    this.router = builder.build();
    this.connections = ShardfluxConnectionFactory.of(router);
    fill(ids);
  }

  private void fill(List<ShardId> ids) {
    String columns = " (id BIGINT PRIMARY KEY, name VARCHAR(64) NOT NULL, code BIGINT NOT NULL";
    for (int i = 0; i < ids.size(); i++) {
      String own = " WHERE id % " + databases.size() + " = " + i;
      run(ids.get(i), "CREATE TABLE people" + columns + ", KEY (code))");
      run(
          ids.get(i),
          "CREATE TABLE cities (id BIGINT PRIMARY KEY, code BIGINT NOT NULL, label VARCHAR(64))");
      run(ids.get(i), "CREATE TABLE everybody" + columns + ")");
      run(ids.get(i), "INSERT INTO everybody VALUES (1, 'Person 1', 1)");
      for (int made = 1; made < rows; made *= 2) {
        run(
            ids.get(i),
            "INSERT INTO everybody SELECT id + "
                + made
                + ", CONCAT('Person ', id + "
                + made
                + "), id + "
                + made
                + " FROM everybody WHERE id <= "
                + Math.min(made, rows - made));
      }
      run(ids.get(i), "INSERT INTO people SELECT * FROM everybody" + own);
      run(
          ids.get(i),
          "INSERT INTO cities SELECT id, id * 7, CONCAT('City ', id) FROM everybody"
              + own
              + " AND id <= "
              + SMALL);
    }
  }

  private void run(ShardId shard, String sql) {
    router
        .on(shard)
        .inConnection(
            connection ->
                Flux.from(connection.createStatement(sql).execute())
                    .concatMap(result -> result.getRowsUpdated())
                    .then(Mono.just(1)))
        .blockLast(BOUND);
  }

  /** Each read in turn, a pass for each in each round; the figures are medians of all rounds. */
  Measured measured() {
    List<String> names =
        List.of(
            "scattered read of 100 rows",
            "join by another column, 100 rows",
            "join by another column, written the other way round",
            "gather of all rows",
            "the same by one server",
            "read by key");
    List<String> texts =
        List.of(SCATTERED, JOINED, TURNED, NUMBERED + "people", NUMBERED + "everybody", POINT);
    List<Integer> expected = List.of(SMALL, joined(), joined(), rows, rows, 1);
    double[][] medians = new double[texts.size()][ROUNDS];
    for (int round = -1; round < ROUNDS; round++) {
      for (int i = 0; i < texts.size(); i++) {
        double median = median(texts.get(i), expected.get(i));
        if (round >= 0) {
          medians[i][round] = median;
        }
      }
    }
    List<Measured.OneFigure> figures = new ArrayList<>();
    double[] p50 = new double[texts.size()];
    for (int i = 0; i < p50.length; i++) {
      Arrays.sort(medians[i]);
      p50[i] = medians[i][ROUNDS / 2];
      figures.add(new Measured.OneFigure(names.get(i) + ", p50", p50[i], "ms"));
    }
    return new Measured(
        figures,
        List.of(
            new Ratio("joins: p50, join / scattered read", p50[1] / p50[0]),
            new Ratio("joins: p50, join the other way round / scattered read", p50[2] / p50[0]),
            new Ratio(
                "joins: p50, gather / (3 x one server + 50 ms)", p50[3] / (3 * p50[4] + 50))));
  }

  /** The people whose code a city has. */
  private int joined() {
    return Math.min(SMALL, rows / 7);
  }

  /** The median time of a read in ms. */
  private double median(String sql, int expected) {
    List<Long> times = new ArrayList<>();
    long start = System.nanoTime();
    while (times.isEmpty() || System.nanoTime() - start < pass.toNanos()) {
      long from = System.nanoTime();
      long found = count(sql);
      times.add(System.nanoTime() - from);
      if (found != expected) {
        throw new IllegalStateException(sql + ": " + found + " rows (expected: " + expected + ")");
      }
    }
    times.sort(null);
    return times.get(times.size() / 2) / 1e6;
  }

  private long count(String sql) {
    return Flux.usingWhen(
            connections.create(),
            connection ->
                Flux.from(connection.createStatement(sql).execute())
                    .concatMap(result -> result.map((row, metadata) -> 1)),
            Connection::close)
        .count()
        .blockOptional(BOUND)
        .orElseThrow();
  }

  @Override
  public void close() {
    router.close().block(BOUND);
  }
}
