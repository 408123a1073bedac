package io.shardflux.reshard;

import static org.assertj.core.api.Assertions.assertThat;

import io.shardflux.cluster.Jobs.Job;
import io.shardflux.reshard.ProcessesFixture.Child;
import io.shardflux.reshard.progress.JobState;
import io.shardflux.reshard.progress.JobState.Phase;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Isolated;

/**
 * Moves by JVMs that are killed at a statement, or stand still there and wake up as former owners,
 * under the writers of other JVMs, which stand still across a switch or a whole move. Every write
 * that was acknowledged is there, once.
 */
@Tag("same-on-any-server")
@Isolated
class KilledMoversIntegrationTests {

  /** How many movers are killed; more, in moves of more steps, by {@code -Dmoves.kills=50}. */
  private static final int KILLS = ProcessesFixture.KILLS;

  /** Whether each phase must be hit. */
  private static final boolean ALL = KILLS >= 20;

  private static final long SEED = Long.getLong("moves.seed", System.nanoTime());

  /** Whether writers stand still over moves: those are what the look on the way back is for. */
  private static final boolean STANDING = ALL || ProcessesFixture.WITHOUT.equals("look");

  private static final int WRITERS = STANDING ? 4 : 2;

  /** The least number of movers that die in each phase. */
  private static final int OF_PHASE = 3;

  private static final Set<Phase> PHASES =
      EnumSet.of(
          Phase.PREPARE,
          Phase.COPY,
          Phase.VERIFY,
          Phase.SWITCH,
          Phase.HOLD,
          Phase.CLEAN,
          Phase.REVERSE,
          Phase.UNDO,
          Phase.STAY);

  /** How rarely a mover dies in a phase that was hit often enough, so that later ones are, too. */
  private static final int RARELY = ALL ? 200 : 60;

  /** The most of one move, which must come to its end. */
  private static final int OF_MOVE = 6;

  private final Random random = new Random(SEED);
  private final long deadline = System.nanoTime() + Duration.ofMinutes(5L + KILLS).toNanos();
  private final List<Child> writers = new ArrayList<>();
  private int acrossSwitches;
  private int acrossMoves;

  /** What the job of a move has been through. */
  private enum Course {
    FORTH,
    BACK,
    STAY
  }

  @Test
  void noAcknowledgedWriteIsLostNorDoubled() throws IOException, InterruptedException {
    try (ProcessesFixture fixture = new ProcessesFixture()) {
      IntStream.range(0, WRITERS)
          .mapToObj(i -> fixture.child("writer", "" + i, "" + WRITERS))
          .forEach(writers::add);
      writers.forEach(writer -> writer.awaits("ready"));
      Movers movers = new Movers(fixture);
      int at = 0;
      int moves = 0;
      for (; !enough(movers); moves++) {
        int next = (at + 1) % ProcessesFixture.STRATEGIES.size();
        Course course = Course.values()[moves % 3];
        moved(fixture, movers, next, course, moves);
        at = course == Course.BACK ? at : next;
      }
      movers.wakeAll();
      for (Child writer : writers) {
        writer.order("stop");
        writer.awaitExit();
      }
      System.out.printf(
          "seed %d: %d moves, %d movers died, of whom %d woke up later; %d writers stood still across a switch, %d over a move%n",
          SEED, moves, movers.all(), movers.zombies(), acrossSwitches, acrossMoves);
      movers.died.forEach(
          (phase, times) ->
              System.out.printf(
                  "  %-8s %2d, as at: %s%n", phase, times, movers.statements.get(phase)));
      System.out.println(fixture.told);
      checked(fixture, movers);
    }
  }

  private void checked(ProcessesFixture fixture, Movers movers) {
    List<String> wrong = fixture.misplaced();
    wrong.addAll(fixture.told.wrong);
    wrong.stream().limit(10).forEach(System.out::println);
    if (!ProcessesFixture.WITHOUT.isEmpty()) {
      assertThat(wrong).as("a control, seed %d", SEED).isNotEmpty();
      return;
    }
    Ledger told = fixture.told;
    assertThat(wrong).as("seed %d", SEED).isEmpty();
    assertThat(told.unserved).as("keys that do not move").isEmpty();
    assertThat(told.served.get()).isPositive();
    assertThat(told.writes()).isGreaterThan(Ledger.USERS);
    assertThat(told.kinds).hasSizeGreaterThanOrEqualTo(9);
    assertThat(told.reads.get()).isPositive();
    assertThat(told.refused()).as("of %d", told.writes()).isLessThan(1 + told.writes() / 100);
    if (ALL) {
      assertThat(PHASES)
          .allSatisfy(phase -> assertThat(movers.of(phase)).isGreaterThanOrEqualTo(OF_PHASE));
      assertThat(acrossSwitches).isPositive();
      assertThat(acrossMoves).isPositive();
    }
  }

  private boolean enough(Movers movers) {
    return movers.all() >= KILLS
        && (!STANDING || acrossMoves > 0)
        && (!ALL || PHASES.stream().allMatch(phase -> movers.of(phase) >= OF_PHASE));
  }

  /** Moves to a strategy, and maybe back, while movers die. */
  private void moved(ProcessesFixture fixture, Movers movers, int strategy, Course course, int move)
      throws InterruptedException {
    Child still = STANDING && (move % 4 == 3 || !ALL) ? writers.get(2) : null;
    if (still != null) {
      still.order("CALM");
      still.awaits("CALM");
      still.stop();
    }
    long number = movers.started(course == Course.FORTH ? "move" : "hold", strategy);
    Sleeper sleeper = new Sleeper(writers.get(1));
    int most = movers.all() + OF_MOVE;
    for (Job job = fixture.job(number); !job.ended(); job = fixture.job(number)) {
      assertThat(System.nanoTime() - deadline).as("job %s, seed %d", job, SEED).isNegative();
      // The moment at which something happens is random by intent; nothing is waited for.
      Thread.sleep(5 + random.nextInt(40));
      Phase phase = Movers.phase(job);
      if (phase == Phase.HOLD && course != Course.FORTH && random.nextInt(20) == 0) {
        movers.want(course == Course.BACK ? "REVERSE" : "STAY", number);
      }
      sleeper.at(job);
      boolean lacks = movers.of(phase) < OF_PHASE;
      if (!enough(movers)
          && (lacks || movers.all() < Math.min(most, KILLS))
          && random.nextInt(lacks ? 4 : RARELY) == 0) {
        boolean wakes = random.nextInt(3) == 0 || ProcessesFixture.WITHOUT.equals("token");
        movers.dies(job, wakes, 1 + random.nextInt(12));
      }
      if (random.nextInt(100) == 0) {
        movers.wakeAll();
      }
    }
    // Each of its steps must be over for those that slept, too.
    movers.wakeAll();
    sleeper.wake();
    if (still != null) {
      still.goOn();
      still.order("WRITE");
      still.awaits("WRITE");
      acrossMoves++;
    }
  }

  /** A writer that stands still for some of the moves' switches. */
  private final class Sleeper {

    private final Child writer;
    private final boolean sleeps = random.nextBoolean();
    private String stoppedAt = "";
    private long until;

    private Sleeper(Child writer) {
      this.writer = writer;
    }

    private void at(Job job) {
      JobState state = JobState.parse(job.state());
      boolean switching = state.phase() == Phase.SWITCH || state.phase() == Phase.VERIFY;
      if (until == 0 && sleeps && switching) {
        writer.stop();
        stoppedAt = state.step() + "";
        until = System.nanoTime() + Duration.ofMillis(3_500 + random.nextInt(3_000)).toNanos();
      }
      if (isAsleep()) {
        boolean over = !switching || !stoppedAt.equals(state.step() + "");
        if (over) {
          acrossSwitches++;
        }
        if (over || System.nanoTime() > until) {
          wake();
        }
      }
    }

    private boolean isAsleep() {
      return !stoppedAt.isEmpty();
    }

    private void wake() {
      if (isAsleep()) {
        writer.goOn();
        stoppedAt = "";
      }
    }
  }
}
