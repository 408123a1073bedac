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
import org.junit.jupiter.api.Test;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;

/** A unique value goes from one row to another while both changes wait with many others. */
class HandedValuesIntegrationTests {

  private static final int USERS = 12_000;

  @Test
  void aValueThatChangesHandsFarBehindIsApplied() {
    try (MoveFixture fixture = new MoveFixture("{type: fixed, shard: shard_0}")) {
      ShardRouter router = fixture.router(0);
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
      AtomicBoolean handed = new AtomicBoolean();
      ShardMoves moves =
          fixture.hasty(
              0,
              new MoveJob.Guards() {
                @Override
                public Mono<Void> before(String what) {
                  // All rows are copied by then.
                  return what.equals("verify") && handed.compareAndSet(false, true)
                      ? Mono.<Void>fromRunnable(() -> handOver(router))
                          .subscribeOn(Schedulers.boundedElastic())
                      : Mono.empty();
                }
              });
      long job =
          moves
              .plan(MoveFixture.STRATEGY, ShardingStrategy.fixed(S1))
              .map(plan -> MoveFixture.brief(plan.accepting(Code.UNIQUE_KEY)))
              .flatMap(moves::start)
              .blockOptional(BOUND)
              .orElseThrow();
      MoveProgress end =
          Objects.requireNonNull(
              moves.progress(job).takeUntil(at -> at.error() != null).blockLast(BOUND));
      assertThat(end.error()).isNull();
      assertThat(handed).isTrue();
      assertThat(
              router
                  .on(S1)
                  .sql(
                      "SELECT CONCAT(COUNT(*), ' ', SUM(version), ' ', MAX(IF(id = 1, name, '')))"
                          + " FROM users")
                  .map((row, metadata) -> row.get(0, String.class))
                  .one()
                  .block(BOUND))
          .isEqualTo(USERS + " " + (USERS + 2) + " user " + USERS);
    }
  }

  /** The first row changes first, then all, then the last row gives its value to the first. */
  private static void handOver(ShardRouter router) {
    update(router, "UPDATE users SET version = version + 1 WHERE id = 1");
    update(router, "UPDATE users SET version = version + 1 WHERE id > 1");
    update(router, "UPDATE users SET name = 'given', version = version + 1 WHERE id = " + USERS);
    update(
        router, "UPDATE users SET name = 'user " + USERS + "', version = version + 1 WHERE id = 1");
  }

  private static void update(ShardRouter router, String sql) {
    router.on(S0).sql(sql).rowsUpdated().block(BOUND);
  }
}
