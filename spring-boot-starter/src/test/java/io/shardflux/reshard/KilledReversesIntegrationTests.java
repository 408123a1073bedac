package io.shardflux.reshard;

import static org.assertj.core.api.Assertions.assertThat;

import io.shardflux.cluster.Jobs.Job;
import io.shardflux.reshard.ProcessesFixture.Child;
import io.shardflux.reshard.progress.JobState.Phase;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.parallel.Isolated;

/**
 * Moves that are taken back after many writes at the new place, by movers of which one is killed
 * meanwhile: each write is at the old place then. {@code ReverseIntegrationTests} has the controls.
 */
@Tag("same-on-any-server")
@Isolated
@EnabledIfSystemProperty(named = "moves.rounds", matches = "[0-9]+")
class KilledReversesIntegrationTests {

  /** 10 by hand. */
  private static final int ROUNDS = Integer.getInteger("moves.rounds", 1);

  /** The writes at the new place before the way back; 100000 by hand. */
  private static final int WRITES = Integer.getInteger("moves.writes", 2_000);

  private static final long SEED = Long.getLong("moves.seed", System.nanoTime());

  private final Random random = new Random(SEED);

  @Test
  void whatIsWrittenAtTheNewPlaceIsAtTheOldOne() throws IOException, InterruptedException {
    try (ProcessesFixture fixture = new ProcessesFixture()) {
      List<Child> writers = new ArrayList<>();
      int count = ROUNDS > 1 ? 4 : 2;
      IntStream.range(0, count)
          .mapToObj(i -> fixture.child("writer", "" + i, "" + count))
          .forEach(writers::add);
      writers.forEach(writer -> writer.awaits("ready"));
      Movers movers = new Movers(fixture);
      for (int round = 1; round <= ROUNDS; round++) {
        int written = reversed(fixture, movers);
        writers.forEach(writer -> writer.order("REST"));
        writers.forEach(writer -> writer.awaits("REST"));
        List<String> different = fixture.misplaced();
        different.addAll(fixture.told.wrong);
        System.out.printf(
            "seed %d, round %d: %d writes at the new place, killed in %s, %d different%n",
            SEED, round, written, movers.died, different.size());
        assertThat(different).isEmpty();
        assertThat(movers.all()).isEqualTo(round);
        writers.forEach(writer -> writer.order("WRITE"));
      }
      System.out.println(fixture.told);
      assertThat(fixture.told.refused())
          .as("of %d", fixture.told.writes())
          .isLessThan(1 + fixture.told.writes() / 100);
    }
  }

  /** Moves and takes that back; gives how many writes there were in between. */
  private int reversed(ProcessesFixture fixture, Movers movers) throws InterruptedException {
    long end = System.nanoTime() + Duration.ofSeconds(60 + WRITES / 100).toNanos();
    long number = movers.started("hold", 1);
    int before = -1;
    int written = 0;
    boolean wanted = false;
    boolean died = false;
    // Some are killed before the keys go back, while what was written flows there.
    Phase at = random.nextInt(3) == 0 ? Phase.HOLD : Phase.REVERSE;
    for (Job job = fixture.job(number); !job.ended(); job = fixture.job(number)) {
      assertThat(System.nanoTime() - end).as("job %s, seed %d", job, SEED).isNegative();
      // The moment at which something happens is random by intent; nothing is waited for.
      Thread.sleep(5);
      Phase phase = Movers.phase(job);
      int now = fixture.told.writes();
      if (phase == Phase.HOLD && before < 0) {
        before = now;
      }
      if (phase == Phase.HOLD && !wanted && now - before >= WRITES) {
        written = now - before;
        movers.want("REVERSE", number);
        wanted = true;
      }
      boolean kill =
          at == Phase.HOLD
              ? phase == at && before >= 0 && now - before >= WRITES / 2
              : phase.compareTo(at) >= 0;
      if (kill && !died) {
        died = movers.dies(job, false, 1 + random.nextInt(20));
      }
    }
    return written;
  }
}
