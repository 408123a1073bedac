package io.shardflux.reshard;

import static io.shardflux.reshard.MoveFixture.S0;
import static io.shardflux.reshard.MoveFixture.S1;
import static io.shardflux.reshard.MoveFixture.S2;
import static org.assertj.core.api.Assertions.assertThat;

import io.shardflux.reshard.job.MoveJob;
import io.shardflux.router.ShardingStrategy;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.parallel.Isolated;
import reactor.core.publisher.Mono;

/** Moves under writers, of two routers: each write that was acknowledged is there, once. */
@Tag("same-on-any-server")
@Isolated
class MoveRacesIntegrationTests {

  /** With four steps in place of one. */
  private static final boolean ALL = Boolean.getBoolean("moves.all");

  private static final String OLD =
      ALL ? "{type: hash, shards: [shard_0, shard_1]}" : "{type: fixed, shard: shard_0}";
  private static final ShardingStrategy BEFORE =
      ALL ? ShardingStrategy.hash(List.of(S0, S1)) : ShardingStrategy.fixed(S0);
  private static final ShardingStrategy NEXT =
      ShardingStrategy.hash(ALL ? List.of(S0, S1, S2) : List.of(S0, S2));

  @Test
  void noWriteIsLostNorDoubled() {
    RaceWriters run = run(MoveJob.Guards.ALL);
    assertThat(run.wrong(NEXT)).isEmpty();
    assertThat(run.acknowledged.get()).isGreaterThan(RaceWriters.USERS);
    assertThat(run.refused)
        .as("of %s", run.acknowledged)
        .hasSizeLessThan(1 + run.acknowledged.get() / 50);
  }

  /** Where movers are killed, too, is tested by each build; see KilledMoversIntegrationTests. */
  @Test
  @EnabledIfSystemProperty(named = "moves.all", matches = "true")
  void norWhileTheMoverFails() {
    RaceWriters run = run(new Dying(0.1));
    assertThat(run.wrong(NEXT)).isEmpty();
  }

  /** The control: without the fence the same check must see lost writes. */
  @Test
  void withoutTheFenceWritesAreLost() {
    RaceWriters run =
        run(
            new MoveJob.Guards() {
              @Override
              public boolean closesFence() {
                return false;
              }
            });
    assertThat(run.wrong(NEXT)).isNotEmpty();
  }

  /** Dies at random pieces of work, and is gone on with by the other router or itself. */
  static final class Dying implements MoveJob.Guards {

    private final double rate;
    final AtomicInteger died = new AtomicInteger();

    Dying(double rate) {
      this.rate = rate;
    }

    @Override
    public Mono<Void> before(String what) {
      return Mono.defer(
          () -> {
            // An error of that look refuses a reverse, as a table that was altered does.
            boolean mayDie = !what.equals("return check");
            if (mayDie
                && ThreadLocalRandom.current().nextDouble() < rate
                && died.incrementAndGet() < 20) {
              return Mono.error(new IllegalStateException("died before " + what));
            }
            return Mono.empty();
          });
    }
  }

  private static RaceWriters run(MoveJob.Guards guards) {
    try (MoveFixture fixture = new MoveFixture(OLD)) {
      fixture.load(RaceWriters.USERS);
      fixture.addThirdWithTables();
      fixture.router();
      RaceWriters run = new RaceWriters(fixture, BEFORE, NEXT);
      fixture.moves(1, guards);
      run.writeWhile(() -> fixture.run(fixture.moves(0, guards), NEXT));
      run.found = fixture.rows();
      fixture.checkClean();
      return run;
    }
  }
}
