package io.shardflux.benchmarks;

import io.shardflux.benchmarks.Report.Ratio;
import io.shardflux.cluster.ClusterRouter;
import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.reshard.ShardMoves;
import io.shardflux.reshard.plan.MoveOptions;
import io.shardflux.reshard.plan.MovePlan;
import io.shardflux.reshard.progress.MoveEvent;
import io.shardflux.reshard.progress.MoveProgress;
import io.shardflux.router.KeyColumn;
import io.shardflux.router.KeyRange;
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
import java.util.function.BiConsumer;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import java.util.function.ToDoubleFunction;
import java.util.function.UnaryOperator;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * Moves the rows of a table from one server to another, alone against a dump that is loaded, and
 * back under writers; and reads by key, with and without a control server. All in this process.
 */
final class Moves implements AutoCloseable {

  private static final Duration BOUND = Duration.ofHours(1);
  private static final int WRITERS = 32;

  /** Rounds of reads, and those before that find code not yet compiled. */
  private static final int READS = 7;

  private static final int WARMING = 8;
  private static final double MIB = 1 << 20;

  /** The time in which a move has nothing to do but to apply what is written. */
  private static final String CAUGHT_UP = "caught up";

  private static final String TOLD = "told";

  private static final ShardId FROM = ShardId.of("shard_0");
  private static final ShardId TO = ShardId.of("shard_1");

  private final List<Database> databases;
  private final int rows;
  private final Duration pass;
  private final ClusterRouter cluster;

  /** Writes, too, and does no move. */
  private final ClusterRouter second;

  private final ShardMoves moves;
  private final ServerCpu source;
  private final ServerCpu target;
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
    this.source = ServerCpu.of(cluster.router(), FROM);
    this.target = ServerCpu.of(cluster.router(), TO);
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

  /** Each is first in every second round, as code gets faster with time. */
  void reads() {
    ShardRouter plain =
        ShardRouter.builder()
            .shard(Shard.of(FROM.value(), databases.get(0).r2dbcUrl()))
            .strategy("by_id", ShardingStrategy.fixed(FROM))
            .table(new TableRule.Sharded("users", List.of(KeyColumn.integer("id")), "by_id"))
            .build();
    double[] with = new double[READS];
    double[] without = new double[READS];
    double[] ratios = new double[READS];
    for (int round = -WARMING; round < READS; round++) {
      boolean first = round % 2 == 0;
      double before = perSecond(() -> read(first ? cluster.router() : plain));
      double behind = perSecond(() -> read(first ? plain : cluster.router()));
      if (round >= 0) {
        with[round] = first ? before : behind;
        without[round] = first ? behind : before;
        ratios[round] = with[round] / without[round];
      }
    }
    plain.close().block(BOUND);
    figure("reads by key, with control", median(with), "/s");
    figure("reads by key, without", median(without), "/s");
    ratio("reads by key, with control / without", median(ratios));
  }

  private static double median(double[] values) {
    Arrays.sort(values);
    return values[values.length / 2];
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
    Map<String, Moment> begun =
        moved(
            ShardingStrategy.fixed(TO),
            rows,
            UnaryOperator.identity(),
            (at, moments) -> most.accumulateAndGet(heap(), Math::max));
    double copy = seconds(begun, "COPY", "VERIFY");
    double verified = seconds(begun, "COPY", "SWITCH");
    double whole = seconds(begun, "PREPARE", "HOLD");
    figure("copy", rows / copy, "rows/s");
    figure("copy and verify", rows / verified, "rows/s");
    figure("all until the keys have moved", rows / whole, "rows/s");
    cpu(begun, "COPY", "VERIFY");
    cpu(begun, "VERIFY", "SWITCH");
    String last = "";
    for (String phase : begun.keySet()) {
      if (!last.isEmpty()) {
        figure("phase " + last, seconds(begun, last, phase), "s");
      }
      last = phase;
    }
    figure("heap above rest, at most", (most.get() - rest) / MIB, "MiB");
    if (dump != null) {
      figure("dump that is loaded", rows / dump, "rows/s");
      ratio("rows/s, copy / dump that is loaded", dump / copy);
      ratio("rows/s, copy and verify / dump that is loaded", dump / verified);
      ratio("rows/s, all until the keys have moved / dump that is loaded", dump / whole);
    }
  }

  /**
   * A moment of {@link System#nanoTime}.
   *
   * @param source the CPU of the first server until then, in seconds; zero where that can't be told
   * @param target the same of the other server
   * @param mover the same of this process
   */
  private record Moment(long nanos, double source, double target, double mover) {

    double servers() {
      return source + target;
    }
  }

  private Moment now() {
    return new Moment(
        System.nanoTime(), source.seconds(), target.seconds(), ServerCpu.ofThis().seconds());
  }

  /** Moves rows to another server, which has so many then; gives when each phase began. */
  private Map<String, Moment> moved(
      ShardingStrategy next,
      long arriving,
      UnaryOperator<MoveOptions.Builder> options,
      BiConsumer<MoveProgress, Map<String, Moment>> looking) {
    Map<String, Moment> begun = new LinkedHashMap<>();
    Mono<Void> told =
        moves
            .events()
            .doOnNext(event -> noted(event, begun))
            .takeUntil(MoveEvent.Ended.class::isInstance)
            .then()
            .cache();
    told.subscribe();
    ShardId to = isAt(FROM) ? TO : FROM;
    MovePlan plan = moves.plan("by_id", next).blockOptional(BOUND).orElseThrow();
    long job =
        moves
            .start(
                plan.with(
                    options
                        .apply(plan.options().toBuilder().rollbackWindow(Duration.ZERO))
                        .build()))
            .blockOptional(BOUND)
            .orElseThrow();
    MoveProgress end =
        moves.progress(job).doOnNext(at -> looking.accept(at, begun)).blockLast(BOUND);
    told.block(BOUND);
    if (end == null || end.error() != null || count(to) != arriving) {
      throw new IllegalStateException(
          "move: " + end + ", " + count(to) + " rows (expected: no error, and " + arriving + ")");
    }
    return begun;
  }

  private void noted(MoveEvent event, Map<String, Moment> begun) {
    if (event instanceof MoveEvent.PhaseBegan phase) {
      begun.put(phase.phase(), now());
    } else if (event instanceof MoveEvent.Ended) {
      begun.put("ENDED", now());
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

  private void cpu(Map<String, Moment> begun, String phase, String next) {
    Moment from = at(begun, phase);
    Moment to = at(begun, next);
    figure("CPU of the source, " + phase, to.source() - from.source(), "s");
    figure("CPU of the target, " + phase, to.target() - from.target(), "s");
    figure("CPU of the mover, " + phase, to.mover() - from.mover(), "s");
  }

  private static double seconds(Map<String, Moment> begun, String from, String to) {
    return (at(begun, to).nanos() - at(begun, from).nanos()) / 1e9;
  }

  private static Moment at(Map<String, Moment> begun, String phase) {
    return Objects.requireNonNull(begun.get(phase), phase);
  }

  /** The bytes that are in use, without garbage. */
  private static long heap() {
    System.gc();
    return ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed();
  }

  /** What writers of two routers feel of a copy and of its switch. */
  void writers() {
    felt(ShardingStrategy.fixed(isAt(FROM) ? TO : FROM), rows, this::any, "");
  }

  /** What they feel where other keys of their table move. */
  void others() {
    ShardId here = isAt(FROM) ? FROM : TO;
    ShardId there = isAt(FROM) ? TO : FROM;
    long middle = rows / 2L + 1;
    ShardingStrategy halves =
        ShardingStrategy.range(Map.of(KeyRange.below(middle), here, KeyRange.from(middle), there));
    felt(
        halves,
        rows - rows / 2,
        () -> 1L + ThreadLocalRandom.current().nextInt(rows / 2),
        " of other keys");
  }

  private boolean isAt(ShardId shard) {
    return cluster.router().topology().strategy("users").shards().contains(shard);
  }

  private void felt(ShardingStrategy next, long arriving, LongSupplier key, String which) {
    WriteLanes lanes = new WriteLanes(WRITERS, () -> write(key.getAsLong()));
    ToDoubleFunction<Moment> leaving = isAt(TO) ? Moment::target : Moment::source;
    Moment first;
    Moment start;
    Map<String, Moment> begun;
    try {
      Mono.delay(pass.multipliedBy(2)).block();
      first = now();
      Mono.delay(pass).block();
      start = now();
      begun = moved(next, arriving, options -> options.switchesWhenTold(true), this::rest);
    } finally {
      lanes.end();
    }
    WriteLanes.Felt before = lanes.between(first.nanos(), start.nanos());
    WriteLanes.Felt copy = lanes.between(at(begun, "COPY").nanos(), at(begun, CAUGHT_UP).nanos());
    WriteLanes.Felt turn = lanes.between(at(begun, "SWITCH").nanos(), at(begun, "HOLD").nanos());
    String writes = "writes" + which;
    felt(writes + " before", before);
    felt(writes + " under copy and verify", copy);
    WriteLanes.Felt kept = lanes.between(at(begun, CAUGHT_UP).nanos(), at(begun, TOLD).nanos());
    felt(writes + " while the move waits to be told", kept);
    felt(writes + " at the switch", turn);
    figure(
        "move under " + writes,
        seconds(begun, "PREPARE", "HOLD") - seconds(begun, CAUGHT_UP, TOLD),
        "s");
    ratio(writes + "/s, under copy / before", copy.perSecond() / before.perSecond());
    ratio("p50 of " + writes + ", at switch / before", turn.p50() / before.p50());
    ratio("p99 of " + writes + ", at switch / before", turn.p99() / before.p99());
    double rest = perCpu(before, first, start);
    if (rest > 0) {
      double alone = perCpu(before, first, start, leaving);
      ratio(
          writes + " for a second of the source's CPU, while the move waits / before",
          perCpu(kept, at(begun, CAUGHT_UP), at(begun, TOLD), leaving) / alone);
      ratio(
          writes + " for a second of the source's CPU, under copy / before",
          perCpu(copy, at(begun, "COPY"), at(begun, CAUGHT_UP), leaving) / alone);
      ratio(
          writes + " for a second of the servers' CPU, under copy / before",
          perCpu(copy, at(begun, "COPY"), at(begun, CAUGHT_UP)) / rest);
    }
  }

  /** Lets a move that waits to be told go on after a while. */
  private void rest(MoveProgress at, Map<String, Moment> begun) {
    String held = at.report().throttledBy();
    if (begun.containsKey(TOLD) || held == null || !held.startsWith("switch: when-told")) {
      return;
    }
    Moment now = now();
    Moment since = begun.computeIfAbsent(CAUGHT_UP, first -> now);
    if (now.nanos() - since.nanos() > pass.toNanos()) {
      begun.put(TOLD, now);
      moves.want(at.job(), MoveProgress.Wanted.SWITCH).subscribe();
    }
  }

  private static double perCpu(WriteLanes.Felt felt, Moment from, Moment to) {
    return perCpu(felt, from, to, Moment::servers);
  }

  /** Writes for each second of the servers' CPU; zero where that can't be told. */
  private static double perCpu(
      WriteLanes.Felt felt, Moment from, Moment to, ToDoubleFunction<Moment> server) {
    double seconds = (to.nanos() - from.nanos()) / 1e9;
    double cpu = server.applyAsDouble(to) - server.applyAsDouble(from);
    return cpu > 0 ? felt.perSecond() * seconds / cpu : 0;
  }

  private Mono<Long> write(long id) {
    return (id % 2 == 0 ? cluster : second)
        .router()
        .on("users", ShardKey.of(id))
        .sql("UPDATE users SET version = version + 1 WHERE id = :id")
        .bind("id", id)
        .rowsUpdated();
  }

  private void felt(String which, WriteLanes.Felt felt) {
    figure(which, felt.perSecond(), "/s");
    figure(which + ", p50", felt.p50(), "ms");
    figure(which + ", p99", felt.p99(), "ms");
    figure(which + ", longest", felt.longest(), "ms");
  }

  private void figure(String what, double value, String unit) {
    figures.add(new Measured.OneFigure(what, value, unit));
    Bench.say("moves: %s: %.1f %s".formatted(what, value, unit));
  }

  private void ratio(String what, double value) {
    ratios.add(new Ratio("moves: " + what, value));
  }

  @Override
  public void close() {
    moves.close().block(BOUND);
    second.close().block(BOUND);
    cluster.close().block(BOUND);
  }
}
