package io.shardflux.benchmarks;

import io.shardflux.benchmarks.Report.Ratio;
import io.shardflux.cluster.ClusterRouter;
import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.reshard.ShardMoves;
import io.shardflux.reshard.plan.MovePlan;
import io.shardflux.reshard.progress.MoveEvent;
import io.shardflux.reshard.progress.MoveProgress;
import io.shardflux.router.KeyColumn;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardKey;
import io.shardflux.router.ShardingStrategy;
import io.shardflux.router.TableRule;
import io.shardflux.servers.Database;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import java.util.function.Supplier;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * Moves the rows of a table from one server to another, alone against a dump that is loaded, and
 * back under writers; and reads by key, with and without a control server. All in this process.
 */
final class Moves implements AutoCloseable {

  private static final Duration BOUND = Duration.ofHours(1);
  private static final int WRITERS = 32;
  private static final double MIB = 1 << 20;
  private static final ShardId FROM = ShardId.of("shard_0");
  private static final ShardId TO = ShardId.of("shard_1");

  private final List<Database> databases;
  private final int rows;
  private final Duration pass;
  private final ClusterRouter cluster;

  /** Writes, too, and does no move. */
  private final ClusterRouter second;

  private final ShardMoves moves;
  private final List<Measured.OneFigure> figures = new ArrayList<>();
  private final List<Ratio> ratios = new ArrayList<>();

  /**
   * Makes the table on the first server.
   *
   * @param databases three empty ones, each on a server of its own; the third gets the dump
   * @param rows how many rows the table has
   * @param pass the length of what is measured without a move
   */
  Moves(List<Database> databases, int rows, Duration pass) {
    this.databases = List.copyOf(databases);
    this.rows = rows;
    this.pass = pass;
    this.cluster = ClusterRouter.open(document()).blockOptional(BOUND).orElseThrow();
    this.second = ClusterRouter.open(document()).blockOptional(BOUND).orElseThrow();
    this.moves = ShardMoves.of(cluster);
    for (String sql : filling()) {
      run(sql);
    }
  }

  private String document() {
    return """
        shards:
          shard_0: {url: '%s'}
          shard_1: {url: '%s'}
        strategies:
          by_id: {type: fixed, shard: shard_0}
        tables:
          users: {key: {id: integer}, strategy: by_id}
        timeouts: {acquire: 500ms}
        control: {create-tables: true, lease: 1s, poll: 100ms}
        """
        .formatted(databases.get(0).r2dbcUrl(), databases.get(1).r2dbcUrl());
  }

  private List<String> filling() {
    List<String> filling = new ArrayList<>();
    filling.add("CREATE TABLE users (id BIGINT PRIMARY KEY, name VARCHAR(100), version INT)");
    filling.add("INSERT INTO users VALUES (1, REPEAT('n', 90), 0)");
    for (int made = 1; made < rows; made *= 2) {
      filling.add(
          "INSERT INTO users SELECT id + "
              + made
              + ", CONCAT(SHA1(id), REPEAT('n', 50)), id % 7 FROM users WHERE id <= "
              + Math.min(made, rows - made));
    }
    return filling;
  }

  /** A statement may take longer than the application's may. */
  private void run(String sql) {
    cluster
        .router()
        .on(FROM)
        .inConnection(
            connection ->
                Flux.from(connection.createStatement(sql).execute())
                    .concatMap(result -> result.getRowsUpdated())
                    .then(Mono.just(1)))
        .blockLast(BOUND);
  }

  /** What was measured until now. */
  Measured measured() {
    return new Measured(figures, ratios);
  }

  /** Alternately with and without a control server. */
  void reads() {
    ShardRouter plain =
        ShardRouter.builder()
            .shard(Shard.of(FROM.value(), databases.get(0).r2dbcUrl()))
            .strategy("by_id", ShardingStrategy.fixed(FROM))
            .table(new TableRule.Sharded("users", List.of(KeyColumn.integer("id")), "by_id"))
            .build();
    double[][] all = new double[2][5];
    for (int round = -1; round < all[0].length; round++) {
      double with = perSecond(() -> read(cluster.router()));
      double without = perSecond(() -> read(plain));
      if (round >= 0) {
        all[0][round] = with;
        all[1][round] = without;
      }
    }
    plain.close().block(BOUND);
    Arrays.sort(all[0]);
    Arrays.sort(all[1]);
    double with = all[0][all[0].length / 2];
    double without = all[1][all[1].length / 2];
    figure("reads by key, with control", with, "/s");
    figure("reads by key, without", without, "/s");
    ratios.add(new Ratio("moves: reads by key, with control / without", with / without));
  }

  private double perSecond(Supplier<Mono<Long>> work) {
    long start = System.nanoTime();
    AtomicLong done = new AtomicLong();
    Flux.range(0, WRITERS)
        .flatMap(
            lane ->
                Mono.defer(work)
                    .doOnNext(done::addAndGet)
                    .repeat(() -> System.nanoTime() - start < pass.toNanos()),
            WRITERS)
        .blockLast(BOUND);
    return done.get() * 1e9 / (System.nanoTime() - start);
  }

  private Mono<Long> read(ShardRouter router) {
    long id = any();
    return router
        .on("users", ShardKey.of(id))
        .sql("SELECT version FROM users WHERE id = :id")
        .bind("id", id)
        .map((row, metadata) -> 1L)
        .one();
  }

  private long any() {
    return 1L + ThreadLocalRandom.current().nextInt(rows);
  }

  /** A move while nobody writes, against a dump that is loaded, if there is a program for it. */
  void copy() throws IOException {
    Double dump = Dump.seconds(databases.get(0), databases.get(2), "users");
    long rest = heap();
    AtomicLong most = new AtomicLong(rest);
    Map<String, Long> begun = moved(at -> most.accumulateAndGet(heap(), Math::max));
    double copy = seconds(begun, "COPY", "VERIFY");
    double whole = seconds(begun, "PREPARE", "CLEAN");
    figure("copy", rows / copy, "rows/s");
    figure("copy, with all before CLEAN", rows / whole, "rows/s");
    figure("clean", rows / seconds(begun, "CLEAN", "ENDED"), "rows/s");
    figure("heap above rest, at most", (most.get() - rest) / MIB, "MiB");
    if (dump != null) {
      figure("dump that is loaded", rows / dump, "rows/s");
      ratios.add(new Ratio("moves: rows/s, copy / dump that is loaded", dump / copy));
      ratios.add(new Ratio("moves: rows/s, whole move / dump that is loaded", dump / whole));
    }
  }

  /** Moves all rows to the other server; gives when each phase began. */
  private Map<String, Long> moved(Consumer<MoveProgress> looking) {
    ShardId to = cluster.router().topology().strategy("users").shards().contains(FROM) ? TO : FROM;
    Map<String, Long> begun = new LinkedHashMap<>();
    Mono<Void> told =
        moves
            .events()
            .doOnNext(event -> noted(event, begun))
            .takeUntil(MoveEvent.Ended.class::isInstance)
            .then()
            .cache();
    told.subscribe();
    MovePlan plan =
        moves.plan("by_id", ShardingStrategy.fixed(to)).blockOptional(BOUND).orElseThrow();
    long job =
        moves
            .start(plan.with(plan.options().toBuilder().rollbackWindow(Duration.ZERO).build()))
            .blockOptional(BOUND)
            .orElseThrow();
    MoveProgress end = moves.progress(job).doOnNext(looking).blockLast(BOUND);
    told.block(BOUND);
    if (end == null || end.error() != null || count(to) != rows) {
      throw new IllegalStateException(
          "move: " + end + ", " + count(to) + " rows (expected: no error, and " + rows + ")");
    }
    return begun;
  }

  private static void noted(MoveEvent event, Map<String, Long> begun) {
    if (event instanceof MoveEvent.PhaseBegan phase) {
      begun.put(phase.phase(), System.nanoTime());
    } else if (event instanceof MoveEvent.Ended) {
      begun.put("ENDED", System.nanoTime());
    }
  }

  private long count(ShardId shard) {
    return cluster
        .router()
        .on(shard)
        .sql("SELECT COUNT(*) FROM users")
        .map((row, metadata) -> Objects.requireNonNull(row.get(0, Long.class)))
        .one()
        .blockOptional(BOUND)
        .orElseThrow();
  }

  private static double seconds(Map<String, Long> begun, String from, String to) {
    return (at(begun, to) - at(begun, from)) / 1e9;
  }

  private static long at(Map<String, Long> begun, String phase) {
    return Objects.requireNonNull(begun.get(phase), phase);
  }

  /** The bytes that are in use, without garbage. */
  private static long heap() {
    System.gc();
    return ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed();
  }

  /** What writers of two routers feel of a copy and of its switch. */
  void writers() {
    WriteLanes lanes = new WriteLanes(WRITERS, this::write);
    long start;
    Map<String, Long> begun;
    try {
      Mono.delay(pass.multipliedBy(2)).block();
      start = System.nanoTime();
      begun = moved(at -> {});
    } finally {
      lanes.end();
    }
    WriteLanes.Felt before = lanes.between(start - pass.toNanos(), start);
    WriteLanes.Felt copy = lanes.between(at(begun, "COPY"), at(begun, "SWITCH"));
    WriteLanes.Felt turn = lanes.between(at(begun, "SWITCH"), at(begun, "CLEAN"));
    felt("before", before);
    felt("under copy and verify", copy);
    felt("at the switch", turn);
    ratios.add(
        new Ratio("moves: writes/s, under copy / before", copy.perSecond() / before.perSecond()));
    ratios.add(new Ratio("moves: p50 of writes, at switch / before", turn.p50() / before.p50()));
    ratios.add(new Ratio("moves: p99 of writes, at switch / before", turn.p99() / before.p99()));
  }

  private Mono<Long> write() {
    long id = any();
    return (id % 2 == 0 ? cluster : second)
        .router()
        .on("users", ShardKey.of(id))
        .sql("UPDATE users SET version = version + 1 WHERE id = :id")
        .bind("id", id)
        .rowsUpdated();
  }

  private void felt(String when, WriteLanes.Felt felt) {
    figure("writes " + when, felt.perSecond(), "/s");
    figure("writes " + when + ", p50", felt.p50(), "ms");
    figure("writes " + when + ", p99", felt.p99(), "ms");
    figure("writes " + when + ", longest", felt.longest(), "ms");
  }

  private void figure(String what, double value, String unit) {
    figures.add(new Measured.OneFigure(what, value, unit));
  }

  @Override
  public void close() {
    moves.close().block(BOUND);
    second.close().block(BOUND);
    cluster.close().block(BOUND);
  }
}
