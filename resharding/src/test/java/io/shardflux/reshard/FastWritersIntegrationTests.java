package io.shardflux.reshard;

import static io.shardflux.reshard.MoveFixture.BOUND;
import static io.shardflux.reshard.MoveFixture.S0;
import static io.shardflux.reshard.MoveFixture.S1;
import static org.assertj.core.api.Assertions.assertThat;

import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.reshard.job.MoveJob;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardingStrategy;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import reactor.core.publisher.Mono;

/** Changes that are more than the mover applies while writers wait. */
class FastWritersIntegrationTests {

  /** Longer than writers wait for their last changes. */
  private static final Duration SLOW = Duration.ofMillis(1_200);

  /** More than are applied at once. */
  private static final int ROWS = 10_000;

  /** Changes some rows right before a switch closes the fence, and is slow then, the first time. */
  private static final class Late implements MoveJob.Guards {

    private final ShardRouter router;
    private final int rows;
    private final AtomicInteger closed = new AtomicInteger();
    private final List<String> pieces = new CopyOnWriteArrayList<>();

    Late(ShardRouter router, int rows) {
      this.router = router;
      this.rows = rows;
    }

    @Override
    public Mono<Void> before(String what) {
      pieces.add(what);
      if (what.equals("close") && closed.getAndIncrement() == 0) {
        return update(router, "UPDATE users SET name = CONCAT('late ', id) WHERE id <= " + rows)
            .then();
      }
      return what.equals("last changes") && closed.get() == 1
          ? Mono.delay(SLOW).then()
          : Mono.empty();
    }
  }

  @Test
  void aSwitchWithTooManyLastChangesIsTakenBackAndTriedAgain() {
    assertThat(closed(ROWS)).isGreaterThan(1);
  }

  /** What was slow is over then, and nothing is left to be applied. */
  @Test
  void aSwitchWithFewLastChangesIsNotTakenBack() {
    assertThat(closed(5)).isEqualTo(1);
  }

  /** How often the fence is about to be closed in a move with so many last changes. */
  private static int closed(int rows) {
    try (MoveFixture fixture = new MoveFixture("{type: fixed, shard: shard_0}")) {
      ShardRouter router = fixture.router(0);
      fill(router);
      Late late = new Late(router, rows);
      fixture.run(fixture.moves(0, late), ShardingStrategy.fixed(S1));
      assertThat(late.pieces.indexOf("open")).isGreaterThan(late.pieces.lastIndexOf("close"));
      assertThat(number(router, S1, "SELECT COUNT(*) FROM users WHERE name LIKE 'late %'"))
          .isEqualTo(rows);
      assertThat(number(router, S0, "SELECT COUNT(*) FROM users")).isZero();
      fixture.checkClean();
      return late.closed.get();
    }
  }

  private static void fill(ShardRouter router) {
    update(router, "INSERT INTO users VALUES (1, 'u 1', 0)").block(BOUND);
    for (int made = 1; made < ROWS; made *= 2) {
      update(
              router,
              "INSERT INTO users SELECT id + "
                  + made
                  + ", CONCAT('u ', id), 0 FROM users WHERE id <= "
                  + Math.min(made, ROWS - made))
          .block(BOUND);
    }
  }

  private static Mono<Long> update(ShardRouter router, String sql) {
    return router.on(S0).sql(sql).rowsUpdated();
  }

  private static long number(ShardRouter router, ShardId shard, String sql) {
    return Objects.requireNonNull(
        router
            .on(shard)
            .sql(sql)
            .map((row, metadata) -> row.get(0, Long.class))
            .one()
            .block(BOUND));
  }
}
