package io.shardflux.reshard;

import static io.shardflux.reshard.MoveFixture.BOUND;
import static io.shardflux.reshard.MoveFixture.S0;
import static io.shardflux.reshard.MoveFixture.S1;
import static org.assertj.core.api.Assertions.assertThat;

import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.reshard.job.MoveJob;
import io.shardflux.reshard.plan.MovePlan.Code;
import io.shardflux.reshard.progress.MoveProgress;
import io.shardflux.router.ShardingStrategy;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;

/** A unique value goes from one row to another while both changes wait with many others. */
class HandedValuesIntegrationTests {

  private static final int USERS = 24_000;

  /** A row of the third piece, and behind the two that the next owner begins with. */
  private static final int COPIED_TWICE = 19_000;

  @Test
  void aValueThatChangesHandsFarBehindIsApplied() {
    try (MoveFixture fixture = new MoveFixture("{type: fixed, shard: shard_0}")) {
      ShardRouter router = fixture.router(0);
      fill(router);
      AtomicBoolean handed = new AtomicBoolean();
      MoveJob.Guards guards =
          new MoveJob.Guards() {
            @Override
            public Mono<Void> before(String what) {
              // All rows are copied by then.
              return what.equals("verify") && handed.compareAndSet(false, true)
                  ? blocking(() -> handOver(router))
                  : Mono.empty();
            }
          };
      assertThat(moved(fixture, guards).error()).isNull();
      assertThat(handed).isTrue();
      assertThat(arrived(router)).isEqualTo(USERS + " " + (USERS + 2) + " user " + USERS);
    }
  }

  /** Rows that were copied and not noted are behind the place where the next owner goes on. */
  @Test
  void aValueThatChangesHandsWhereAnOwnerDiedIsApplied() {
    try (MoveFixture fixture = new MoveFixture("{type: fixed, shard: shard_0}")) {
      ShardRouter router = fixture.router(0);
      fill(router);
      AtomicInteger copied = new AtomicInteger();
      AtomicBoolean died = new AtomicBoolean();
      MoveJob.Guards guards =
          new MoveJob.Guards() {
            @Override
            public Mono<Void> before(String what) {
              if (what.equals("copy") && copied.incrementAndGet() == 6) {
                return blocking(() -> taken(router, COPIED_TWICE));
              }
              return what.equals("apply") && copied.get() == 4 && died.compareAndSet(false, true)
                  ? blocking(() -> given(router, COPIED_TWICE))
                      .then(Mono.error(new IllegalStateException("died")))
                  : Mono.empty();
            }
          };
      moved(fixture, guards);
      assertThat(died).isTrue();
      assertThat(arrived(router)).startsWith(USERS + " ").endsWith(" user " + COPIED_TWICE);
    }
  }

  private static Mono<Void> blocking(Runnable work) {
    return Mono.<Void>fromRunnable(work).subscribeOn(Schedulers.boundedElastic());
  }

  private static void fill(ShardRouter router) {
    router
        .onAll()
        .sql("ALTER TABLE users ADD UNIQUE KEY by_name (name)")
        .rowsUpdated()
        .blockLast(BOUND);
    update(router, "INSERT INTO users VALUES (1, 'user 1', 0)");
    for (int made = 1; made < USERS; made *= 2) {
      update(
          router,
          "INSERT INTO users SELECT id + "
              + made
              + ", CONCAT('user ', id + "
              + made
              + "), 0 FROM users WHERE id <= "
              + Math.min(made, USERS - made));
    }
  }

  /** Moves all rows; errors on the way do not end it. */
  private static MoveProgress moved(MoveFixture fixture, MoveJob.Guards guards) {
    ShardMoves moves = fixture.hasty(0, guards);
    long job =
        moves
            .plan(MoveFixture.STRATEGY, ShardingStrategy.fixed(S1))
            .map(plan -> MoveFixture.brief(plan.accepting(Code.UNIQUE_KEY)))
            .flatMap(moves::start)
            .blockOptional(BOUND)
            .orElseThrow();
    return Objects.requireNonNull(
        moves
            .progress(job)
            .takeUntil(at -> at.error() != null && !at.error().contains("died"))
            .blockLast(BOUND));
  }

  private static @Nullable String arrived(ShardRouter router) {
    return router
        .on(S1)
        .sql(
            "SELECT CONCAT(COUNT(*), ' ', SUM(version), ' ', MAX(IF(id = 1, name, ''))) FROM users")
        .map((row, metadata) -> row.get(0, String.class))
        .one()
        .block(BOUND);
  }

  /** The first row changes first, then all, then the last row gives its value to the first. */
  private static void handOver(ShardRouter router) {
    update(router, "UPDATE users SET version = version + 1 WHERE id = 1");
    update(router, "UPDATE users SET version = version + 1 WHERE id > 1");
    given(router, USERS);
    taken(router, USERS);
  }

  private static void given(ShardRouter router, int giver) {
    update(router, "UPDATE users SET name = 'given', version = version + 1 WHERE id = " + giver);
  }

  private static void taken(ShardRouter router, int giver) {
    update(
        router, "UPDATE users SET name = 'user " + giver + "', version = version + 1 WHERE id = 1");
  }

  private static void update(ShardRouter router, String sql) {
    router.on(S0).sql(sql).rowsUpdated().block(BOUND);
  }
}
