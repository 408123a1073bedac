package io.shardflux.driver;

import static io.shardflux.driver.DriverShards.BOUND;
import static io.shardflux.driver.DriverShards.IDS;
import static org.assertj.core.api.Assertions.assertThat;

import io.r2dbc.spi.Connection;
import io.shardflux.r2dbc.failure.TopologyChangedException;
import io.shardflux.router.ShardKey;
import io.shardflux.router.TransitionStrategy.Phase;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.test.StepVerifier;

/** Writes of several keys while some of the keys are on their way to another shard. */
class MovingWritesIntegrationTests extends MovingUsers {

  private static final String MANY = "/* shardflux: scatter-writes=true */ ";
  private static final long MATE =
      STAYING.stream()
          .filter(id -> OLD.locate(ShardKey.of(id)).equals(IDS.get(0)))
          .findFirst()
          .orElseThrow();

  private static String text(String sql) {
    return sql.replace(":all", listed(all()))
        .replace(":moving", listed(MOVING))
        .replace(":here", listed(List.of(KEY_1, MATE)));
  }

  /** Rows that don't count are there with another value, on the shard that does not own them. */
  private void strays(Phase phase) {
    published(Phase.COPYING);
    MOVING.forEach(id -> at(2, "INSERT INTO users VALUES (" + id + ", 100)"));
    if (phase == Phase.SWITCHED) {
      switched();
      at(0, "UPDATE fence SET closed = 0");
      MOVING.forEach(id -> at(0, "UPDATE users SET n = 100 WHERE id = " + id));
      at(0, "UPDATE fence SET closed = 1");
    }
    known();
  }

  /**
   * A write in the beginning, where seven users have a 1 each.
   *
   * @param sum of the column behind it
   */
  private record Case(String sql, long changed, long sum) {}

  private static final List<Case> CASES =
      List.of(
          new Case("UPDATE users SET n = n + 1", 7, 14),
          new Case("UPDATE users SET n = n + 1 WHERE n = 1", 7, 14),
          new Case("UPDATE users SET n = n + 1 WHERE n > 50", 0, 7),
          new Case("UPDATE users SET n = n + 1 WHERE id IN (:all)", 7, 14),
          new Case("UPDATE users SET n = n + 1 WHERE id IN (:moving)", 3, 10),
          new Case("UPDATE users SET n = n + 1 WHERE id IN (:here)", 2, 9),
          new Case("UPDATE users u SET u.n = 3 WHERE u.id IN (:here) OR u.id IN (:moving)", 4, 15),
          new Case("UPDATE users u JOIN users v ON u.id = v.id SET u.n = v.n + 1", 7, 14),
          new Case(
              "UPDATE users u LEFT JOIN users v ON u.id = v.id AND v.n > 50 SET u.n = 2 WHERE v.id IS NULL",
              7,
              14),
          new Case("DELETE FROM users", 7, 0),
          new Case("DELETE FROM users WHERE id IN (:all)", 7, 0),
          new Case("DELETE FROM users WHERE id IN (:here)", 2, 5),
          new Case("DELETE FROM users WHERE n = 1 AND id IN (:moving)", 3, 4),
          new Case("DELETE u FROM users u JOIN users v ON u.id = v.id WHERE v.n < 50", 7, 0),
          new Case(
              "INSERT INTO users (id, n) VALUES (1001, 1), (1002, 1), (1003, 1), (1004, 1)",
              4,
              11));

  @ParameterizedTest
  @EnumSource(names = {"COPYING", "SWITCHED"})
  void meetEachRowOnce(Phase phase) {
    started();
    for (Case each : CASES) {
      strays(phase);
      StepVerifier.create(changed(MANY + text(each.sql())))
          .as(each.sql())
          .expectNext(each.changed())
          .expectComplete()
          .verify(BOUND);
      assertThat(summed("SELECT n FROM users").get(1)).as(each.sql()).isEqualTo(each.sum());
      begunAnew();
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "UPDATE users SET n = n + 1",
        "UPDATE users SET n = n + 1 WHERE id IN (:all)",
        "UPDATE users SET n = n + 1 WHERE id IN (:here)",
        "DELETE FROM users WHERE id IN (:here)",
      })
  void waitForTheSwitch(String sql) {
    started();
    published(Phase.SWITCHING);
    known();
    StepVerifier.create(changed(MANY + text(sql)))
        .expectSubscription()
        .expectNoEvent(Duration.ofMillis(50))
        .then(
            () -> {
              switched();
              known();
            })
        .expectNext(sql.contains(":here") ? 2L : 7L)
        .expectComplete()
        .verify(BOUND);
    cleaned();
    assertThat(summed("SELECT n FROM users").get(1))
        .isEqualTo(sql.contains("DELETE") ? 5 : sql.contains(":here") ? 9 : 14);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "UPDATE users SET n = n + 1",
        "UPDATE users SET n = n + 1 WHERE id IN (:all)",
      })
  void waitForTheSwitchBack(String sql) {
    started();
    published(Phase.COPYING);
    known();
    switched();
    published(Phase.RETURNING);
    known();
    StepVerifier.create(changed(MANY + text(sql)))
        .expectSubscription()
        .expectNoEvent(Duration.ofMillis(50))
        .then(this::reversed)
        .expectNext(7L)
        .expectComplete()
        .verify(BOUND);
    assertThat(summed("SELECT n FROM users").get(1)).isEqualTo(14);
  }

  /** The shard's fence refuses them, or they find that rows have left: nothing of them is done. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "true | UPDATE users SET n = n + 1",
        "true | UPDATE users SET n = n + 1 WHERE id IN (:all)",
        "true | UPDATE users SET n = n + 1 WHERE id IN (:here)",
        "false | UPDATE users SET n = n + 1",
        "false | UPDATE users SET n = n + 1 WHERE id IN (:all)",
        "false | UPDATE users SET n = n + 1 WHERE id IN (:here)",
      })
  void areDoneAnewWhereTheyWereLate(boolean fenced, String sql) {
    started();
    published(Phase.COPYING);
    known();
    switched();
    if (!fenced) {
      cleaned();
      control.sureFor.set(1);
    }
    StepVerifier.create(changed(MANY + text(sql)))
        .expectNext(sql.contains(":here") ? 2L : 7L)
        .expectComplete()
        .verify(BOUND);
    assertThat(summed("SELECT n FROM users").get(1)).isEqualTo(sql.contains(":here") ? 9 : 14);
  }

  /** In a transaction of the caller's the caller is told to run it again. */
  @Test
  void inATransactionAreDoneOrTold() {
    started();
    published(Phase.COPYING);
    known();
    Mono<Long> transaction =
        Mono.usingWhen(
            factory.create(),
            connection ->
                Mono.from(connection.beginTransaction())
                    .then(
                        changed(connection, text("UPDATE users SET n = n + 1 WHERE id IN (:here)")))
                    .flatMap(count -> Mono.from(connection.commitTransaction()).thenReturn(count)),
            Connection::close);
    StepVerifier.create(transaction).expectNext(2L).expectComplete().verify(BOUND);
    switched();
    StepVerifier.create(transaction).expectError(TopologyChangedException.class).verify(BOUND);
    assertThat(summed("SELECT n FROM users").get(1)).isEqualTo(9);
  }

  @Test
  void locksRowsOfSeveralKeysOnOneShard() {
    started();
    published(Phase.COPYING);
    known();
    StepVerifier.create(
            Flux.usingWhen(
                factory.create(),
                connection ->
                    Mono.from(connection.beginTransaction())
                        .thenMany(
                            read(
                                connection,
                                text("SELECT n FROM users WHERE id IN (:here) FOR UPDATE"))),
                Connection::close))
        .expectNext(1L, 1L)
        .expectComplete()
        .verify(BOUND);
  }
}
