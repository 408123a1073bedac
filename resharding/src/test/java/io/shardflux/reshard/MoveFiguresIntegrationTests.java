package io.shardflux.reshard;

import static io.shardflux.reshard.MoveFixture.BOUND;
import static io.shardflux.reshard.MoveFixture.S0;
import static io.shardflux.reshard.MoveFixture.S1;
import static org.assertj.core.api.Assertions.assertThat;

import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardingStrategy;
import io.shardflux.servers.Database;
import io.shardflux.servers.DatabaseServer;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.parallel.Isolated;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** The figures of moves, as ratios of one run; by hand, with {@code -Dmoves.figures=true}. */
@EnabledIfSystemProperty(named = "moves.figures", matches = "true")
@Isolated
class MoveFiguresIntegrationTests {

  private static final int ROWS = Integer.getInteger("moves.rows", 500_000);
  private static final int WRITERS = 32;
  private static final Duration BEFORE = Duration.ofSeconds(15);
  private static final Duration LONG = Duration.ofHours(1);

  /** Rows a second of a whole move, and of a dump that is loaded, on the same servers. */
  @Test
  void aMoveAgainstADump() throws IOException {
    try (MoveFixture fixture = new MoveFixture("{type: fixed, shard: shard_0}")) {
      fill(fixture.router(0));
      double dump = dump(fixture.databases.get(0), fixture.databases.get(2));
      long rest = heap();
      ShardMoves moves = fixture.moves(0, MoveJob.Guards.ALL);
      MovePlan plan =
          moves.plan("by_user", ShardingStrategy.fixed(S1)).blockOptional(BOUND).orElseThrow();
      long job = moves.start(MoveFixture.brief(plan)).blockOptional(BOUND).orElseThrow();
      Map<String, Long> phases = new LinkedHashMap<>();
      long[] most = {rest};
      moves
          .progress(job)
          .doOnNext(
              at -> {
                phases.putIfAbsent(at.ended() ? "ENDED" : at.phase(), System.nanoTime());
                most[0] = Math.max(most[0], heap());
              })
          .blockLast(LONG);
      System.out.println(phases.keySet());
      double copy = seconds(phases, "PREPARE", "VERIFY");
      double whole = seconds(phases, "PREPARE", "CLEAN");
      System.out.printf(
          Locale.ROOT,
          "%,d rows: dump and load %.1f s, copy %.1f s (%.2f of its rows/s), with verify and switch"
              + " %.1f s (%.2f), clean %.1f s; heap at most %d MiB above rest%n",
          ROWS,
          dump,
          copy,
          dump / copy,
          whole,
          dump / whole,
          seconds(phases, "CLEAN", "ENDED"),
          (most[0] - rest) >> 20);
      assertThat(count(fixture.router(0), S1)).isEqualTo(ROWS);
      assertThat(count(fixture.router(0), S0)).isZero();
    }
  }

  private static void fill(ShardRouter router) {
    String insert = "INSERT INTO users (id, name, version) ";
    run(router, insert + "VALUES (1, REPEAT('n', 90), 0)");
    for (int rows = 1; rows < ROWS; rows *= 2) {
      run(
          router,
          insert
              + "SELECT id + "
              + rows
              + ", CONCAT(SHA1(id), REPEAT('n', 50)), id % 7 FROM users WHERE id <= "
              + Math.min(rows, ROWS - rows));
    }
  }

  private static void run(ShardRouter router, String sql) {
    Mono.from(
            router
                .on(S0)
                .inConnection(
                    connection ->
                        Flux.from(connection.createStatement(sql).execute())
                            .concatMap(result -> result.getRowsUpdated())
                            .then(Mono.just(1))))
        .block(LONG);
  }

  private static long count(ShardRouter router, ShardId shard) {
    return router
        .on(shard)
        .sql("SELECT COUNT(*) FROM users")
        .map((row, metadata) -> ((Number) Objects.requireNonNull(row.get(0))).longValue())
        .one()
        .blockOptional(BOUND)
        .orElseThrow();
  }

  private static double dump(Database from, Database to) throws IOException {
    String command =
        tool("dump")
            + arguments(from.server())
            + " --single-transaction --no-tablespaces "
            + from.name()
            + " users | "
            + tool("")
            + arguments(to.server())
            + " "
            + to.name();
    long start = System.nanoTime();
    Process process =
        new ProcessBuilder("bash", "-o", "pipefail", "-c", command).inheritIO().start();
    assertThat(process.onExit().orTimeout(1, TimeUnit.HOURS).join().exitValue()).isZero();
    return (System.nanoTime() - start) / 1e9;
  }

  private static String arguments(DatabaseServer server) {
    return " --protocol=tcp --host=%s --port=%d --user=%s"
        .formatted(server.host(), server.port(), server.user());
  }

  /** The client of the embedded servers, or the one of the path. */
  private static String tool(String what) throws IOException {
    Path cache = Path.of(System.getProperty("user.home"), ".cache", "shardflux");
    String name = what.isEmpty() ? "mariadb" : "mariadb-" + what;
    if (!Files.isDirectory(cache)) {
      return name;
    }
    try (Stream<Path> files = Files.walk(cache, 4)) {
      return files
          .filter(file -> file.endsWith(Path.of("bin", name)))
          .map(Path::toString)
          .findFirst()
          .orElse(name);
    }
  }

  private static double seconds(Map<String, Long> phases, String from, String to) {
    return (at(phases, to) - at(phases, from)) / 1e9;
  }

  private static long at(Map<String, Long> phases, String phase) {
    return Objects.requireNonNull(phases.get(phase), phase);
  }

  /** The bytes that are in use, without garbage. */
  private static long heap() {
    System.gc();
    return ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed();
  }

  /** What writers feel of a copy and of its switch. */
  @Test
  void writersUnderAMove() {
    int users = 20_000;
    try (MoveFixture fixture = new MoveFixture("{type: fixed, shard: shard_0}")) {
      fixture.load(users);
      Queue<Write> writes = new ConcurrentLinkedQueue<>();
      AtomicBoolean over = new AtomicBoolean();
      Mono<Void> writing =
          Flux.range(0, WRITERS)
              .flatMap(
                  lane -> Mono.defer(() -> write(fixture, users, writes)).repeat(() -> !over.get()),
                  WRITERS)
              .then()
              .cache();
      writing.subscribe();
      Mono.delay(BEFORE.multipliedBy(2)).block();
      long start = System.nanoTime();
      ShardMoves moves = fixture.moves(0, MoveJob.Guards.ALL);
      MovePlan plan =
          moves.plan("by_user", ShardingStrategy.fixed(S1)).blockOptional(BOUND).orElseThrow();
      long job = moves.start(MoveFixture.brief(plan)).blockOptional(BOUND).orElseThrow();
      Map<String, Long> phases = new LinkedHashMap<>();
      moves
          .progress(job)
          .doOnNext(at -> phases.putIfAbsent(at.ended() ? "ENDED" : at.phase(), System.nanoTime()))
          .blockLast(LONG);
      over.set(true);
      writing.block(BOUND);
      List<Write> all = new ArrayList<>(writes);
      print("before", all, start - BEFORE.toNanos(), start);
      print("copy and verify", all, at(phases, "PREPARE"), at(phases, "SWITCH"));
      print("switch", all, at(phases, "SWITCH"), at(phases, "CLEAN"));
      print("clean", all, at(phases, "CLEAN"), at(phases, "ENDED"));
      assertThat(all).noneMatch(write -> write.nanos() > 1_000_000_000L);
    }
  }

  private record Write(long at, long nanos) {}

  private static Mono<Long> write(MoveFixture fixture, int users, Queue<Write> writes) {
    long id = 1L + ThreadLocalRandom.current().nextInt(users);
    long start = System.nanoTime();
    return fixture
        .update(id)
        .doOnNext(rows -> writes.add(new Write(start, System.nanoTime() - start)))
        .onErrorResume(
            error -> {
              System.out.println("refused: " + error.getMessage());
              return Mono.empty();
            });
  }

  private static void print(String what, List<Write> all, long from, long to) {
    long[] nanos =
        all.stream()
            .filter(write -> write.at() >= from && write.at() < to)
            .mapToLong(Write::nanos)
            .sorted()
            .toArray();
    if (nanos.length == 0) {
      System.out.println(what + ": none");
      return;
    }
    System.out.printf(
        Locale.ROOT,
        "%s: %,.0f writes/s, p50 %.1f ms, p99 %.1f ms, longest %.1f ms%n",
        what,
        nanos.length * 1e9 / (to - from),
        nanos[nanos.length / 2] / 1e6,
        nanos[nanos.length * 99 / 100] / 1e6,
        nanos[nanos.length - 1] / 1e6);
  }
}
