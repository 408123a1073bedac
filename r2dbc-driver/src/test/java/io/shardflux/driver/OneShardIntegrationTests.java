package io.shardflux.driver;

import static io.shardflux.driver.DriverShards.BOUND;
import static io.shardflux.driver.DriverShards.IDS;
import static org.assertj.core.api.Assertions.assertThat;

import io.r2dbc.spi.Connection;
import io.shardflux.router.ShardingStrategy;
import io.shardflux.router.TransitionStrategy;
import io.shardflux.router.TransitionStrategy.Phase;
import io.shardflux.router.TransitionStrategy.Step;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import reactor.core.publisher.Mono;

/** A strategy that has all rows on one shard, where statements are as for a pinned table. */
@Tag("same-on-any-server")
class OneShardIntegrationTests extends MovingUsers {

  private static final List<String> READS =
      List.of(
          "SELECT SUM(n) OVER (ORDER BY id) FROM users ORDER BY 1 DESC LIMIT 1",
          "SELECT COUNT(*) FROM users u JOIN users v ON u.n = v.n WHERE u.id > v.id",
          "SELECT SUM(n) FROM users WHERE id > (SELECT MIN(id) FROM users)",
          "SELECT id FROM users WHERE id > 0 EXCEPT SELECT id FROM users WHERE n > 2 LIMIT 1",
          "SELECT MAX(id) FROM users GROUP BY n WITH ROLLUP LIMIT 1");

  private static final List<String> WRITES =
      List.of(
          "UPDATE users SET n = n + 1",
          "UPDATE users SET n = n + 1 ORDER BY id LIMIT 2",
          "INSERT INTO users SELECT id + 100, n FROM users",
          "UPDATE users u JOIN users v ON u.id = v.id + 1 SET u.n = v.n",
          "DELETE FROM users WHERE n > 1 ORDER BY id LIMIT 1");

  private static final List<Long> FOUND = List.of(7L, 21L, 6L, 1L, 7L);
  private static final List<Long> CHANGED = List.of(7L, 2L, 7L, 12L, 1L);

  private void onOneShard(boolean moving) {
    ShardingStrategy one = ShardingStrategy.fixed(IDS.get(0));
    newest = topology(newest.epoch() + 1, one);
    known();
    for (long id = 1; id <= 7; id++) {
      at(0, "INSERT INTO users VALUES (" + id + ", 1)");
    }
    if (moving) {
      at(2, "INSERT INTO users VALUES (3, 100)");
      newest =
          topology(
              newest.epoch() + 1,
              TransitionStrategy.of(
                  one,
                  NEXT,
                  List.of(
                      new Step(IDS.get(0), IDS.get(1), Phase.COPYING),
                      new Step(IDS.get(0), IDS.get(2), Phase.COPYING))));
      known();
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void isAskedAsItIs(boolean moving) {
    onOneShard(moving);
    for (int i = 0; i < READS.size(); i++) {
      assertThat(read(READS.get(i)).blockFirst(BOUND)).as(READS.get(i)).isEqualTo(FOUND.get(i));
    }
    for (int i = 0; i < WRITES.size(); i++) {
      assertThat(changed(WRITES.get(i)).block(BOUND)).as(WRITES.get(i)).isEqualTo(CHANGED.get(i));
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void isAskedInATransactionAsItIs(boolean moving) {
    onOneShard(moving);
    for (int i = 0; i < WRITES.size(); i++) {
      String write = WRITES.get(i);
      Long count =
          Mono.usingWhen(
                  factory.create(),
                  connection ->
                      Mono.from(connection.beginTransaction())
                          .then(changed(connection, write))
                          .flatMap(
                              rows -> Mono.from(connection.commitTransaction()).thenReturn(rows)),
                  Connection::close)
              .block(BOUND);
      assertThat(count).as(write).isEqualTo(CHANGED.get(i));
    }
  }
}
