package io.shardflux.reshard;

import static org.assertj.core.api.Assertions.assertThat;

import io.shardflux.cluster.Jobs.Job;
import io.shardflux.reshard.ProcessesFixture.Child;
import io.shardflux.reshard.progress.JobState;
import io.shardflux.router.ShardingStrategy;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Isolated;

/**
 * Moves by JVMs that are killed, or stand still and wake up as former owners, under the writers of
 * other JVMs, one of which stands still across a switch. Every write that was acknowledged is
 * there, once.
 */
@Tag("same-on-any-server")
@Isolated
class KilledMoversIntegrationTests {

  /** How many movers are killed; more, in moves of more steps, by {@code -Dmoves.kills=50}. */
  private static final int KILLS = ProcessesFixture.KILLS;

  private static final long SEED = Long.getLong("moves.seed", System.nanoTime());

  private static final int MOVERS = 2;

  /** A phase in which fewer movers were killed is looked for. */
  private static final int RARE = 5;

  private final Random random = new Random(SEED);
  private final long deadline = System.nanoTime() + Duration.ofMinutes(5L + KILLS).toNanos();
  private final Map<String, Integer> killed = new TreeMap<>();
  private final List<Child> movers = new ArrayList<>();
  private final List<Child> asleep = new ArrayList<>();

  @Test
  void noAcknowledgedWriteIsLostNorDoubled() throws IOException, InterruptedException {
    try (ProcessesFixture fixture = new ProcessesFixture()) {
      List<Child> writers =
          List.of(fixture.child("writer", "0", "2"), fixture.child("writer", "1", "2"));
      writers.forEach(writer -> writer.awaits("ready"));
      movers.add(mover(fixture));
      movers.add(mover(fixture));
      int at = 0;
      int moves = 0;
      for (int kills = 0; kills < KILLS; moves++) {
        int next = (at + 1) % ProcessesFixture.STRATEGIES.size();
        boolean reversed = moves % 3 == 1;
        kills += moved(fixture, next, reversed, KILLS - kills, writers.get(1));
        at = reversed ? at : next;
      }
      wakeAll();
      for (Child writer : writers) {
        writer.order("stop");
        writer.awaitExit();
      }
      ShardingStrategy last = ProcessesFixture.STRATEGIES.get(at);
      System.out.printf(
          "seed %d: %d moves, killed %s, %d writes, %d of unknown end, %d reads failed%n",
          SEED,
          moves,
          killed,
          fixture.told.writes.get(),
          fixture.told.unknown.size(),
          fixture.told.unread.size());
      System.out.printf(
          "%d late writes, %d fenced, %d writes of keys that do not move%n",
          fixture.told.late.get(), fixture.told.fenced.get(), fixture.told.served.get());
      fixture.told.refused.forEach((error, times) -> System.out.println(times + " " + error));
      assertThat(fixture.misplaced(last)).as("seed %d", SEED).isEmpty();
      assertThat(fixture.told.wrong).as("seed %d", SEED).isEmpty();
      assertThat(fixture.told.writes.get()).isGreaterThan(Told.USERS);
      assertThat(fixture.told.unserved).as("keys that do not move").isEmpty();
      assertThat(fixture.told.served.get()).isPositive();
      assertThat(fixture.told.late.get()).isPositive();
      if (KILLS >= 50) {
        assertThat(killed)
            .allSatisfy((phase, times) -> assertThat(times).isGreaterThanOrEqualTo(3));
        assertThat(killed).hasSizeGreaterThanOrEqualTo(6);
      }
      assertThat(fixture.told.unknown.size()).isLessThan(1 + fixture.told.writes.get() / 100);
    }
  }

  private static Child mover(ProcessesFixture fixture) {
    Child mover = fixture.child("mover");
    mover.awaits("ready");
    return mover;
  }

  /** Moves to a strategy, or there and back; gives how many movers it killed meanwhile. */
  private int moved(
      ProcessesFixture fixture, int strategy, boolean reversed, int most, Child sleeper)
      throws InterruptedException {
    Child starter = movers.get(0);
    starter.order((reversed ? "hold " : "move ") + strategy);
    long number = Long.parseLong(starter.awaits("job"));
    int kills = 0;
    for (Job job = fixture.job(number); !job.ended(); job = fixture.job(number)) {
      assertThat(System.nanoTime() - deadline).as("job %s, seed %d", job, SEED).isNegative();
      // The moment at which something happens is random by intent; nothing is waited for.
      Thread.sleep(20 + random.nextInt(400));
      Job now = fixture.job(number);
      JobState.Phase phase = JobState.parse(now.state()).phase();
      if (reversed && phase == JobState.Phase.HOLD) {
        movers.get(movers.size() - 1).order("reverse " + number);
      }
      if (kills < most
          && random.nextInt(killed.getOrDefault(phase.name(), 0) < RARE ? 2 : 20) == 0) {
        kills += stopped(fixture, now);
      }
      if (random.nextInt(12) == 0) {
        sleeper.signal("STOP");
        Thread.sleep(random.nextInt(2_500));
        sleeper.signal("CONT");
      }
    }
    // Each of its steps must be over for those that slept, too.
    wakeAll();
    return kills;
  }

  /** Kills the mover that does the job, or has it stand still until a later kill. */
  private int stopped(ProcessesFixture fixture, Job job) {
    Child owner =
        movers.stream()
            .filter(
                mover ->
                    job.owned() && job.owner().contains("process " + mover.process.pid() + " "))
            .findFirst()
            .orElse(null);
    if (owner == null) {
      return 0;
    }
    killed.merge(JobState.parse(job.state()).phase().name(), 1, Integer::sum);
    movers.remove(owner);
    wakeAll();
    if (random.nextInt(3) == 0) {
      owner.signal("STOP");
      asleep.add(owner);
    } else {
      owner.process.destroyForcibly();
    }
    if (movers.size() < MOVERS) {
      movers.add(mover(fixture));
    }
    return 1;
  }

  /** Those that wake may own the next job, and be killed in their turn. */
  private void wakeAll() {
    asleep.forEach(former -> former.signal("CONT"));
    movers.addAll(asleep);
    asleep.clear();
  }
}
