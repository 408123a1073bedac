package io.shardflux.driver;

import static io.shardflux.driver.DriverShards.BOUND;
import static org.assertj.core.api.Assertions.assertThat;

import io.r2dbc.spi.Connection;
import io.shardflux.r2dbc.failure.TopologyChangedException;
import io.shardflux.router.TransitionStrategy.Phase;
import java.time.Duration;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.test.StepVerifier;

/** SQL of keys that are on their way to another shard. */
class MovingSqlIntegrationTests extends MovingUsers {

  @Test
  void aWriteWaitsForTheSwitchAndAReadDoesNot() {
    started();
    published(Phase.SWITCHING);
    known();
    StepVerifier.create(changed(add(KEY_1)))
        .expectSubscription()
        .expectNoEvent(Duration.ofMillis(50))
        .then(
            () -> {
              StepVerifier.create(read(of(KEY_1))).expectNext(1L).expectComplete().verify(BOUND);
              switched();
              known();
            })
        .expectNext(1L)
        .expectComplete()
        .verify(BOUND);
    StepVerifier.create(read(of(KEY_1))).expectNext(2L).expectComplete().verify(BOUND);
  }

  @Test
  void aLateWriteIsPutAgain() {
    started();
    switched();
    // The router knows of no move.
    StepVerifier.create(changed(add(KEY_1))).expectNext(1L).expectComplete().verify(BOUND);
    StepVerifier.create(read(of(KEY_1))).expectNext(2L).expectComplete().verify(BOUND);
  }

  @Test
  void rowsOfSeveralShardsGoWhereTheirKeysWent() {
    started();
    published(Phase.COPYING);
    known();
    cleaned();
    at(1, "DELETE FROM users");
    at(0, "DELETE FROM users");
    at(0, "UPDATE fence SET closed = 1");
    published(Phase.SWITCHED);
    List<Long> all = all();
    String rows = all.stream().map(id -> "(" + id + ", 5)").collect(Collectors.joining(", "));
    StepVerifier.create(changed("INSERT INTO users (id, n) VALUES " + rows))
        .expectNext(7L)
        .expectComplete()
        .verify(BOUND);
    for (long id : all) {
      StepVerifier.create(read(of(id))).expectNext(5L).expectComplete().verify(BOUND);
    }
  }

  @Test
  void definitionsAreRefusedMeanwhile() {
    started();
    published(Phase.COPYING);
    known();
    StepVerifier.create(
            changed("/* shardflux: every-shard=true */ ALTER TABLE users ADD COLUMN x INT"))
        .expectErrorMatches(error -> String.valueOf(error.getMessage()).contains("TABLE_MOVING"))
        .verify(BOUND);
  }

  @Test
  void whatFindsNothingIsPutAgain() {
    started();
    published(Phase.COPYING);
    known();
    switched();
    cleaned();
    control.sureFor.set(2);
    StepVerifier.create(read(of(KEY_1))).expectNext(1L).expectComplete().verify(BOUND);
  }

  @Test
  void whatTouchesNoRowGoesWhereTheTableIs() {
    started();
    at(2, "DROP TABLE users");
    Flux<Long> reads = read("SELECT n FROM users WHERE id = NULL").repeat(20);
    StepVerifier.create(reads).expectComplete().verify(BOUND);
    published(Phase.COPYING);
    known();
    StepVerifier.create(reads).expectComplete().verify(BOUND);
  }

  @Test
  void aWriteThatFoundNothingIsPutAgain() {
    started();
    published(Phase.COPYING);
    known();
    switched();
    cleaned();
    control.sureFor.set(2);
    StepVerifier.create(changed(add(KEY_1))).expectNext(1L).expectComplete().verify(BOUND);
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void aTransactionThatIsLateIsToldSo(boolean fenced) {
    started();
    published(Phase.COPYING);
    known();
    switched();
    if (!fenced) {
      cleaned();
      control.sureFor.set(1);
    }
    Mono<Long> transaction =
        Mono.usingWhen(
            factory.create(),
            connection ->
                Mono.from(connection.beginTransaction())
                    .then(changed(connection, add(KEY_1)))
                    .flatMap(count -> Mono.from(connection.commitTransaction()).thenReturn(count))
                    .onErrorResume(
                        error ->
                            Mono.from(connection.rollbackTransaction())
                                .onErrorComplete()
                                .then(Mono.error(error))),
            Connection::close);
    StepVerifier.create(transaction).expectError(TopologyChangedException.class).verify(BOUND);
    known();
    StepVerifier.create(transaction).expectNext(1L).expectComplete().verify(BOUND);
    StepVerifier.create(read(of(KEY_1))).expectNext(2L).expectComplete().verify(BOUND);
  }

  private static final List<String> READS =
      List.of(
          "SELECT COUNT(*) FROM users",
          "SELECT SUM(n) FROM users",
          "SELECT u.n FROM users u ORDER BY u.id",
          "SELECT DISTINCT id FROM users",
          "SELECT COUNT(*) FROM users WHERE id IN (" + listed(all()) + ")",
          "SELECT COUNT(*) FROM users u LEFT JOIN users v ON u.id = v.id AND v.n < 9",
          "SELECT id FROM users WHERE n = 1 UNION SELECT id FROM users",
          "SELECT DISTINCT id, (SELECT COUNT(*) FROM users v WHERE v.id = u.id) FROM users u",
          "SELECT DISTINCT (SELECT MAX(v.n) FROM users v WHERE v.id = u.id) + 1, id FROM users u",
          "SELECT (SELECT MAX(v.n) FROM users v WHERE v.id = u.id), id FROM users u ORDER BY"
              + " (SELECT MAX(v.n) FROM users v WHERE v.id = u.id), id",
          "SELECT (SELECT MAX(v.n) FROM users v WHERE v.id = u.id), id FROM users u ORDER BY 1, 2");

  private List<List<Long>> answers() {
    return READS.stream().map(this::summed).toList();
  }

  /** As one database has it, in each phase of the move and behind it. */
  @Test
  void readsOfSeveralShardsMeetEachRowOnce() {
    started();
    List<List<Long>> rest = answers();
    published(Phase.COPYING);
    at(2, "INSERT INTO users VALUES (" + KEY_1 + ", 100)");
    known();
    assertThat(answers()).isEqualTo(rest);
    at(2, "DELETE FROM users WHERE id = " + KEY_1);
    published(Phase.SWITCHING);
    known();
    assertThat(answers()).isEqualTo(rest);
    switched();
    known();
    at(0, "UPDATE fence SET closed = 0");
    at(0, "UPDATE users SET n = 100 WHERE id = " + KEY_1);
    assertThat(answers()).isEqualTo(rest);
    cleaned();
    assertThat(answers()).isEqualTo(rest);
    newest = topology(newest.epoch() + 1, NEXT);
    known();
    assertThat(answers()).isEqualTo(rest);
  }

  /** Rows that are under way are of the shards' views, whatever is switched meanwhile. */
  @Test
  void aStreamGoesOnThroughASwitch() {
    started();
    published(Phase.COPYING);
    known();
    StepVerifier.create(read("SELECT id FROM users ORDER BY id"), 1)
        .expectNextCount(1)
        .then(
            () -> {
              switched();
              known();
            })
        .thenRequest(Long.MAX_VALUE)
        .expectNextCount(6)
        .expectComplete()
        .verify(BOUND);
  }

  /** A shard that was added has no tables until the first step begins. */
  @Test
  void aShardThatOwnsNothingYetNeedsNoTables() {
    started();
    List<List<Long>> rest = answers();
    at(2, "DROP TABLE users");
    published(Phase.COPYING);
    known();
    assertThat(answers()).isEqualTo(rest);
  }

  /** A read is put again where it is not known that rows lie where it asked for them. */
  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2, 4})
  void whatIsReadOfSeveralShardsLateIsReadAgain(int sureFor) {
    started();
    published(Phase.COPYING);
    known();
    switched();
    cleaned();
    control.sureFor.set(sureFor);
    StepVerifier.create(read("SELECT COUNT(*) FROM users"))
        .expectNext(7L)
        .expectComplete()
        .verify(BOUND);
  }

  /** A read that was planned before keys began to move, and is asked for behind that. */
  @Test
  void aReadThatWasPlannedAtRestMeetsEachRowOnce() {
    started();
    StepVerifier.create(
            Flux.usingWhen(
                factory.create(),
                connection ->
                    Flux.from(connection.createStatement("SELECT id FROM users").execute())
                        .doOnNext(
                            planned -> {
                              published(Phase.COPYING);
                              known();
                              // On a shard that the plan asks.
                              at(1, "INSERT INTO users VALUES (" + KEY_1 + ", 100)");
                            })
                        .concatMap(result -> result.map((row, metadata) -> row.get(0, Long.class))),
                Connection::close))
        .expectNextCount(7)
        .expectComplete()
        .verify(BOUND);
  }
}
