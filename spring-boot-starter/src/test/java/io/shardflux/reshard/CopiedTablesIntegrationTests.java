package io.shardflux.reshard;

import static org.assertj.core.api.Assertions.assertThat;

import io.shardflux.reshard.job.MoveJob;
import io.shardflux.reshard.plan.Intent;
import io.shardflux.reshard.plan.MovePlan;
import io.shardflux.reshard.progress.MoveProgress;
import io.shardflux.reshard.progress.MoveProgress.Wanted;
import io.shardflux.router.ShardId;
import io.shardflux.router.TableRule;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;

/** Reference tables that come to one more shard while writers of the SQL driver go on. */
@Tag("same-on-any-server")
class CopiedTablesIntegrationTests {

  private static final int ROWS = 5_000;
  private static final int WRITERS = 8;

  /** Longer than the lease, and than the mover waits for a router that it does not hear of. */
  private static final Duration STANDS_STILL = Duration.ofSeconds(5);

  private static final long SEED = Long.getLong("copies.seed", System.nanoTime());

  /** Copies a table under writers of two routers; gives the rows that are not the same on all. */
  private static List<String> copied(String added, MoveJob.Guards guards) {
    try (CopyFixture fixture = new CopyFixture(2, ROWS, added)) {
      CopyWriters writers = new CopyWriters(WRITERS, ROWS);
      writers.begun(List.of(fixture.factory(0), fixture.factory(1)), SEED);
      ShardMoves moves = fixture.moves(0, guards);
      fixture.moves(1, guards);
      long job = CopyFixture.started(moves, fixture.intent());
      MoveProgress end = CopyFixture.ended(moves, job);
      writers.stop();
      System.out.println(
          "seed " + SEED + ": " + writers.writes() + " writes, told " + writers.told());
      assertThat(end.error()).isNull();
      assertThat(writers.writes()).isGreaterThan(WRITERS);
      if (guards.appliesWhileJoining()) {
        assertThat(writers.told().keySet()).allMatch(told -> told.startsWith("transient "));
      }
      List<String> differences = fixture.differences();
      assertThat(writers.wrong(fixture.rows(0))).isEmpty();
      if (differences.isEmpty()) {
        fixture.checkClean();
        TableRule rule = fixture.routers.get(1).router().topology().tables().get("countries");
        assertThat(rule).isEqualTo(new TableRule.Reference("countries"));
        for (ShardId shard : List.of(CopyFixture.S0, CopyFixture.S1, fixture.added)) {
          assertThat(
                  CopyFixture.read(
                          fixture.factory(1),
                          "/* shardflux: shard=" + shard + " */ " + CopyFixture.ROWS)
                      .collectList()
                      .block(CopyFixture.BOUND))
              .isEqualTo(fixture.rows(2));
        }
      }
      return differences;
    }
  }

  /** Writers lock the source before the target, or the other way round. */
  @ParameterizedTest
  @ValueSource(strings = {"shard_2", "another"})
  void noWriteIsMissingOnTheCopy(String added) {
    assertThat(copied(added, MoveJob.Guards.ALL)).as("seed %d", SEED).isEmpty();
  }

  @Test
  void theSameCheckFindsWhatIsNotAppliedWhileTheCopyJoins() {
    MoveJob.Guards careless =
        new MoveJob.Guards() {
          @Override
          public boolean appliesWhileJoining() {
            return false;
          }
        };
    assertThat(copied("shard_2", careless)).as("seed %d", SEED).isNotEmpty();
  }

  /** Each piece of the work fails once, so that another owner goes on at that point. */
  @Test
  void goesOnWhereAnotherOwnerLeftIt() {
    boolean all = Boolean.getBoolean("copies.faults");
    Map<String, Integer> failed = new ConcurrentHashMap<>();
    Set<String> some = Set.of("copy", "join", "there");
    MoveJob.Guards failing =
        new MoveJob.Guards() {
          @Override
          public Mono<Void> before(String what) {
            return (all || some.contains(what)) && failed.merge(what, 1, Integer::sum) == 1
                ? Mono.error(new AssertionError("fault before " + what))
                : Mono.empty();
          }
        };
    try (CopyFixture fixture = new CopyFixture(2, ROWS, "shard_2")) {
      CopyWriters writers = new CopyWriters(WRITERS, ROWS);
      writers.begun(List.of(fixture.factory(0), fixture.factory(1)), SEED);
      ShardMoves moves = fixture.moves(0, failing);
      fixture.moves(1, failing);
      long job = CopyFixture.started(moves, fixture.intent());
      MoveProgress end = CopyFixture.ended(moves, job);
      writers.stop();
      System.out.println("faults: " + failed + ", told " + writers.told());
      assertThat(end.phase()).isEqualTo("CLEAN");
      assertThat(fixture.differences()).as("seed %d", SEED).isEmpty();
      assertThat(writers.wrong(fixture.rows(2))).as("seed %d", SEED).isEmpty();
      fixture.checkClean();
    }
  }

  /**
   * A router whose process stands still while a copy joins, in the middle of its writes, and wakes
   * up with the topology of before.
   */
  @Test
  @EnabledIfSystemProperty(named = "copies.processes", matches = "true")
  void noWriteOfARouterThatStoodStillIsMissing() throws IOException {
    try (CopyFixture fixture = new CopyFixture(1, ROWS, "shard_2")) {
      Path document = Files.createTempFile("copies", ".yaml");
      Files.writeString(document, fixture.document);
      Process process = process(document);
      Set<Integer> stored = ConcurrentHashMap.newKeySet();
      Map<String, Integer> refused = new ConcurrentHashMap<>();
      Thread reader = new Thread(() -> listen(process, stored, refused), "output of the process");
      reader.setDaemon(true);
      reader.start();
      Awaitility.await().atMost(CopyFixture.BOUND).until(() -> stored.size() > 20);
      MoveJob.Guards stopping =
          new MoveJob.Guards() {
            @Override
            public Mono<Void> before(String what) {
              return what.equals("join")
                  ? Mono.<Void>fromRunnable(() -> signal(process, "STOP"))
                      .subscribeOn(Schedulers.boundedElastic())
                      .doOnSuccess(
                          stopped ->
                              Mono.delay(STANDS_STILL, Schedulers.boundedElastic())
                                  .subscribe(over -> signal(process, "CONT")))
                  : Mono.empty();
            }
          };
      ShardMoves moves = fixture.moves(0, stopping);
      MoveProgress end = CopyFixture.ended(moves, CopyFixture.started(moves, fixture.intent()));
      int before = stored.size();
      Awaitility.await().atMost(CopyFixture.BOUND).until(() -> stored.size() > before + 20);
      process.outputWriter().append("end\n").flush();
      process.onExit().orTimeout(60, TimeUnit.SECONDS).join();
      System.out.println("stored " + stored.size() + ", refused " + refused);
      assertThat(end.error()).isNull();
      assertThat(fixture.differences()).isEmpty();
      List<Integer> there =
          fixture.rows(2).stream()
              .map(row -> Integer.valueOf(row.substring(0, row.indexOf('|'))))
              .toList();
      assertThat(there).containsAll(stored);
      Files.delete(document);
    }
  }

  private static Process process(Path document) throws IOException {
    return new ProcessBuilder(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-Xmx192m",
            "-XX:TieredStopAtLevel=1",
            "-XX:+UseSerialGC",
            "-cp",
            System.getProperty("java.class.path"),
            CopyWriterProcess.class.getName(),
            document.toString())
        .redirectError(ProcessBuilder.Redirect.INHERIT)
        .start();
  }

  private static void listen(Process process, Set<Integer> stored, Map<String, Integer> refused) {
    process
        .inputReader()
        .lines()
        .forEach(
            line -> {
              String[] words = line.split(" ", 3);
              if (words[0].equals("stored")) {
                stored.add(Integer.valueOf(words[1]));
              } else if (words[0].equals("refused")) {
                refused.merge(words[2].replaceAll("[0-9]+", "#"), 1, Integer::sum);
              }
            });
  }

  private static void signal(Process process, String name) {
    try {
      new ProcessBuilder("kill", "-" + name, Long.toString(process.pid()))
          .start()
          .onExit()
          .orTimeout(10, TimeUnit.SECONDS)
          .join();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** A job that is cancelled, before it is published that the copy joins or behind that. */
  @ParameterizedTest
  @ValueSource(strings = {"copy", "compare"})
  void aCancelTakesTheCopyAway(String at) {
    try (CopyFixture fixture = new CopyFixture(1, 100, "shard_2")) {
      MoveJob.Guards standing =
          new MoveJob.Guards() {
            @Override
            public Mono<Void> before(String what) {
              return what.equals(at) ? Mono.never() : Mono.empty();
            }

            @Override
            public boolean settles() {
              return false;
            }
          };
      ShardMoves moves = fixture.moves(0, standing);
      long job = CopyFixture.started(moves, fixture.intent());
      String phase = at.equals("copy") ? "COPY" : "SWITCH";
      moves
          .progress(job)
          .filter(progress -> progress.phase().equals(phase))
          .next()
          .block(CopyFixture.BOUND);
      moves.want(job, Wanted.CANCEL).block(CopyFixture.BOUND);
      MoveProgress end = CopyFixture.ended(moves, job);
      assertThat(end.phase()).isEqualTo("REVERSED");
      assertThat(fixture.routers.get(0).router().topology().tables().get("countries"))
          .isEqualTo(new TableRule.Reference("countries").absentOn(fixture.added));
      fixture.checkClean();
      assertThat(
              fixture
                  .routers
                  .get(0)
                  .router()
                  .on(fixture.added)
                  .sql("SHOW TABLES LIKE 'countries'")
                  .map((row, metadata) -> 1)
                  .all()
                  .collectList()
                  .block(CopyFixture.BOUND))
          .isEmpty();
    }
  }

  /** The tables come before the keys, whose joins are on the new shard then. */
  @Test
  void keysBringTheirReferenceTablesWithThem() {
    try (CopyFixture fixture = new CopyFixture(1, 100, "shard_2")) {
      for (int id = 1; id <= 60; id++) {
        CopyFixture.changed(
                fixture.factory(0), "INSERT INTO users VALUES (" + id + ", " + (1 + id % 50) + ")")
            .block(CopyFixture.BOUND);
      }
      MoveJob.Guards hasty =
          new MoveJob.Guards() {
            @Override
            public boolean settles() {
              return false;
            }
          };
      ShardMoves moves = fixture.moves(0, hasty);
      Intent spread =
          new Intent.Spread("by_user", List.of(CopyFixture.S0, CopyFixture.S1, fixture.added));
      MovePlan plan = moves.plan(spread).blockOptional(CopyFixture.BOUND).orElseThrow();
      assertThat(plan.parts())
          .extracting(MovePlan.Part::kind)
          .containsExactly(MovePlan.Kind.COPY, MovePlan.Kind.KEYS);
      assertThat(plan.refusals()).isEmpty();
      long job = CopyFixture.started(moves, spread);
      String joined = "SELECT u.id FROM users u JOIN countries c ON c.id = u.country";
      assertThat(CopyFixture.ended(moves, job).error()).isNull();
      assertThat(
              CopyFixture.read(fixture.factory(0), joined).collectList().block(CopyFixture.BOUND))
          .hasSize(60);
      assertThat(fixture.differences()).isEmpty();
      assertThat(
              fixture
                  .routers
                  .get(0)
                  .router()
                  .on(fixture.added)
                  .sql("SELECT COUNT(*) FROM users")
                  .map((row, metadata) -> row.get(0, Long.class))
                  .one()
                  .block(CopyFixture.BOUND))
          .isPositive();
    }
  }
}
