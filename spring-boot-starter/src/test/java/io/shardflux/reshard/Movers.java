package io.shardflux.reshard;

import io.shardflux.cluster.Jobs.Job;
import io.shardflux.reshard.ProcessesFixture.Child;
import io.shardflux.reshard.progress.JobState;
import io.shardflux.reshard.progress.JobState.Phase;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Routers in JVMs of their own that do moves, die meanwhile, and are replaced. */
final class Movers {

  private static final int COUNT = 2;
  private static final Duration PATIENCE = Duration.ofSeconds(2);

  private final ProcessesFixture fixture;
  private final List<Child> awake = new ArrayList<>();
  private final List<Child> asleep = new ArrayList<>();

  /** How many died, or stood still, in each phase. */
  final Map<Phase, Integer> died = new EnumMap<>(Phase.class);

  /** The last statement of the last one. */
  final Map<Phase, String> statements = new EnumMap<>(Phase.class);

  private int zombies;

  Movers(ProcessesFixture fixture) {
    this.fixture = fixture;
    filled();
  }

  private void filled() {
    while (awake.size() < COUNT) {
      Child mover = fixture.child("mover");
      mover.awaits("ready");
      awake.add(mover);
    }
  }

  /** Starts a move to a strategy; gives the job's number. */
  long started(String order, int strategy) {
    Child starter = awake.get(0);
    starter.order(order + " " + strategy);
    return Long.parseLong(starter.awaits("job"));
  }

  void want(String wanted, long job) {
    awake.get(awake.size() - 1).order("want " + wanted + " " + job);
  }

  static Phase phase(Job job) {
    return JobState.parse(job.state()).phase();
  }

  int of(Phase phase) {
    return died.getOrDefault(phase, 0);
  }

  int all() {
    return died.values().stream().mapToInt(Integer::intValue).sum();
  }

  int zombies() {
    return zombies;
  }

  /**
   * Has the mover that does the job die at one of its next statements, or stand still there.
   *
   * @param wakes whether it goes on later, with {@link #wakeAll}
   * @param statement the number of the statement, from 1
   * @return whether it did
   */
  boolean dies(Job job, boolean wakes, int statement) throws InterruptedException {
    Child owner = owner(job);
    if (owner == null || !isGone(owner, (wakes ? "STOP " : "KILL ") + statement)) {
      return false;
    }
    Phase phase = phase(fixture.job(job.id()));
    died.merge(phase, 1, Integer::sum);
    statements.put(phase, String.valueOf(owner.dying()));
    System.out.printf(
        "death %d, in %s%s, at: %s%n", all(), phase, wakes ? ", wakes up" : "", owner.dying());
    awake.remove(owner);
    if (wakes) {
      zombies++;
      asleep.add(owner);
    }
    filled();
    return true;
  }

  private @Nullable Child owner(Job job) {
    return awake.stream()
        .filter(
            mover -> job.owned() && job.owner().contains("process " + mover.process.pid() + " "))
        .findFirst()
        .orElse(null);
  }

  private static boolean isGone(Child owner, String signal) throws InterruptedException {
    owner.order("die " + signal);
    long end = System.nanoTime() + PATIENCE.toNanos();
    while (owner.dying() == null && System.nanoTime() < end) {
      Thread.sleep(2);
    }
    if (owner.dying() == null) {
      owner.order("spare");
      owner.awaits("spared");
    }
    return owner.dying() != null;
  }

  /** Those that wake may own the next job, and die in their turn. */
  void wakeAll() {
    asleep.forEach(Child::goOn);
    awake.addAll(asleep);
    asleep.clear();
  }
}
