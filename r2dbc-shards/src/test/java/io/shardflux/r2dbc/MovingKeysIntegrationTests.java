package io.shardflux.r2dbc;

import static io.shardflux.r2dbc.MovedByHand.FROM;
import static io.shardflux.r2dbc.MovedByHand.TO;
import static io.shardflux.r2dbc.MovedByHand.keys;
import static io.shardflux.r2dbc.TestShards.BOUND;
import static org.assertj.core.api.Assertions.assertThat;

import io.r2dbc.spi.Connection;
import io.r2dbc.spi.IsolationLevel;
import io.shardflux.r2dbc.failure.ShardUnavailableException;
import io.shardflux.r2dbc.failure.TopologyChangedException;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.router.ShardKey;
import io.shardflux.router.TransitionStrategy.Phase;
import io.shardflux.servers.TestServers;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Function;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;
import reactor.test.StepVerifier;

/** Statements by key while their key goes from one shard to another. */
class MovingKeysIntegrationTests {

  private static final long KEY = keys(true, 1).get(0);
  private static final long STAYING = keys(false, 1).get(0);

  private final MovedByHand move = new MovedByHand(TestServers.shared(), options -> options);

  @AfterEach
  void close() {
    move.end();
  }

  private static Mono<Long> insert(ShardRouter router, long id) {
    return router
        .on("users", ShardKey.of(id))
        .sql("INSERT INTO users (id, n) VALUES (:id, 1)")
        .bind("id", id)
        .rowsUpdated();
  }

  private Mono<Long> add(long id) {
    return move.router
        .on("users", ShardKey.of(id))
        .sql("UPDATE users SET n = n + 1 WHERE id = :id")
        .bind("id", id)
        .rowsUpdated();
  }

  private Mono<Long> read(long id) {
    return reads(id).next();
  }

  private Flux<Long> reads(long id) {
    return move.router
        .on("users", ShardKey.of(id))
        .sql("SELECT n FROM users WHERE id = :id")
        .bind("id", id)
        .map((row, metadata) -> Objects.requireNonNull(row.get(0, Long.class)))
        .all();
  }

  private void started() {
    insert(move.router, KEY).block(BOUND);
    insert(move.router, STAYING).block(BOUND);
    move.fence();
  }

  /** The rows are at both places, and the fence of the first is closed. */
  private void switched() {
    move.close();
    move.copy();
    move.published(Phase.SWITCHED);
  }

  @Test
  void aWriteWaitsForTheSwitchAndAReadDoesNot() {
    started();
    move.published(Phase.COPYING).known();
    StepVerifier.create(add(KEY)).expectNext(1L).expectComplete().verify(BOUND);
    move.published(Phase.SWITCHING).known();
    StepVerifier.create(add(KEY))
        .expectSubscription()
        .expectNoEvent(Duration.ofMillis(50))
        .then(
            () -> {
              StepVerifier.create(read(KEY)).expectNext(2L).expectComplete().verify(BOUND);
              StepVerifier.create(add(STAYING)).expectNext(1L).expectComplete().verify(BOUND);
              switched();
              move.known();
            })
        .expectNext(1L)
        .expectComplete()
        .verify(BOUND);
    assertThat(move.values(KEY)).isEqualTo(Map.of(FROM, 2L, TO, 3L));
  }

  @Test
  void aWriteThatStaysUnswitchedFailsAndIsNotSent() {
    started();
    move.published(Phase.SWITCHING).known();
    Timeouts brief = Timeouts.defaults().withAcquire(Duration.ofMillis(100));
    StepVerifier.create(
            move.router
                .on("users", ShardKey.of(KEY))
                .sql("UPDATE users SET n = 9 WHERE id = :id")
                .bind("id", KEY)
                .timeouts(brief)
                .rowsUpdated())
        .expectErrorSatisfies(
            error ->
                assertThat(error)
                    .isInstanceOf(ShardUnavailableException.class)
                    .hasMessage(
                        "shard_0: users: its keys move to shard_2, and have not been switched within"
                            + " 100 ms (expected: within that time; nothing was sent, try"
                            + " again)"))
        .verify(BOUND);
    assertThat(move.values(KEY)).isEqualTo(Map.of(FROM, 1L));
  }

  @Test
  void aLateWriteIsPutAgainWhereTheKeyWent() {
    started();
    // The router knows of no move at all.
    move.published(Phase.COPYING).published(Phase.SWITCHING);
    switched();
    StepVerifier.create(add(KEY)).expectNext(1L).expectComplete().verify(BOUND);
    assertThat(move.values(KEY)).isEqualTo(Map.of(FROM, 1L, TO, 2L));
  }

  @Test
  void aLateWriteWaitsWhereTheSwitchIsUnderWay() {
    started();
    move.published(Phase.COPYING).known();
    move.published(Phase.SWITCHING);
    move.close();
    StepVerifier.create(add(KEY))
        .expectSubscription()
        .expectNoEvent(Duration.ofMillis(50))
        .then(
            () -> {
              switched();
              move.known();
            })
        .expectNext(1L)
        .expectComplete()
        .verify(BOUND);
    assertThat(move.values(KEY)).isEqualTo(Map.of(FROM, 1L, TO, 2L));
  }

  @Test
  void aWriteThatIsRefusedAgainAndAgainFails() {
    started();
    move.published(Phase.COPYING).known();
    move.close();
    StepVerifier.create(add(KEY))
        .expectErrorSatisfies(
            error ->
                assertThat(error)
                    .isInstanceOf(TopologyChangedException.class)
                    .hasMessageStartingWith(
                        "shard_0: shardflux: the row moves to another shard (expected: "))
        .verify(BOUND);
    assertThat(move.values(KEY)).isEqualTo(Map.of(FROM, 1L));
  }

  static List<Named<Function<ShardTarget, Mono<Long>>>> uses() {
    return List.of(
        Named.of(
            "inConnection",
            target -> target.inConnection(MovingKeysIntegrationTests::update).single()),
        Named.of(
            "inTransaction",
            target -> target.inTransaction(MovingKeysIntegrationTests::update).single()),
        Named.of(
            "begin",
            target ->
                target
                    .begin(IsolationLevel.REPEATABLE_READ)
                    .flatMap(
                        begun ->
                            begun
                                .sql("UPDATE users SET n = n + 1 WHERE id = " + KEY)
                                .rowsUpdated()
                                .flatMap(count -> begun.commit().thenReturn(count))
                                .onErrorResume(
                                    error -> begun.rollback().then(Mono.error(error))))));
  }

  private static Flux<Long> update(Connection connection) {
    return Flux.from(
            connection.createStatement("UPDATE users SET n = n + 1 WHERE id = " + KEY).execute())
        .concatMap(result -> result.getRowsUpdated());
  }

  @ParameterizedTest
  @MethodSource("uses")
  void aTransactionThatTheFenceMetIsToldSoAndRunsAgain(Function<ShardTarget, Mono<Long>> use) {
    started();
    move.published(Phase.COPYING).known();
    move.close();
    Mono<Long> run = use.apply(move.router.on("users", ShardKey.of(KEY)));
    StepVerifier.create(run).expectError(TopologyChangedException.class).verify(BOUND);
    move.published(Phase.SWITCHING).known();
    switched();
    Mono.delay(Duration.ofMillis(50), Schedulers.boundedElastic()).subscribe(tick -> move.known());
    StepVerifier.create(run).expectNext(1L).expectComplete().verify(BOUND);
    assertThat(move.values(KEY)).isEqualTo(Map.of(FROM, 1L, TO, 2L));
  }

  /** The key has left, its rows are deleted, and the router finds nothing where it was. */
  private void left(int sureFor) {
    started();
    move.published(Phase.COPYING).known();
    move.close();
    move.copy();
    move.clean();
    move.published(Phase.SWITCHED);
    move.sureFor(sureFor);
  }

  @ParameterizedTest
  @MethodSource("uses")
  void aTransactionThatFoundNothingIsNotCommitted(Function<ShardTarget, Mono<Long>> use) {
    left(2);
    Mono<Long> run = use.apply(move.router.on("users", ShardKey.of(KEY)));
    StepVerifier.create(run).expectError(TopologyChangedException.class).verify(BOUND);
    StepVerifier.create(run).expectNext(1L).expectComplete().verify(BOUND);
    assertThat(move.values(KEY)).isEqualTo(Map.of(TO, 2L));
  }

  @Test
  void aReadThatFoundNothingIsPutAgain() {
    left(2);
    StepVerifier.create(reads(KEY)).expectNext(1L).expectComplete().verify(BOUND);
  }

  @Test
  void aWriteThatFoundNothingIsPutAgain() {
    left(2);
    StepVerifier.create(add(KEY)).expectNext(1L).expectComplete().verify(BOUND);
    assertThat(move.values(KEY)).isEqualTo(Map.of(TO, 2L));
  }

  @Test
  void aReadOfWhichRowsWereGivenIsToldThatItsKeyLeft() {
    started();
    move.published(Phase.COPYING).known();
    switched();
    move.sureFor(2);
    StepVerifier.create(reads(KEY))
        .expectNext(1L)
        .expectErrorSatisfies(
            error ->
                assertThat(error)
                    .isInstanceOf(TopologyChangedException.class)
                    .hasMessage(
                        "shard_0: users: its keys moved to another shard (expected: the same"
                            + " shard) while they were read, and rows may be missing; read"
                            + " again"))
        .verify(BOUND);
  }

  @Test
  void whatFindsNothingOfAKeyThatIsThereIsTold() {
    started();
    move.published(Phase.COPYING).known();
    long other = keys(true, 2).get(1);
    move.sureFor(2);
    StepVerifier.create(reads(other)).expectComplete().verify(BOUND);
    move.sureFor(2);
    StepVerifier.create(add(other)).expectNext(0L).expectComplete().verify(BOUND);
  }

  @Test
  void aLostControlServerStopsTheKeysThatMoveAlone() {
    started();
    move.published(Phase.COPYING).known();
    move.dies();
    Timeouts brief = Timeouts.defaults().withAcquire(Duration.ofMillis(100));
    StepVerifier.create(
            move.router
                .on("users", ShardKey.of(KEY))
                .sql("SELECT n FROM users WHERE id = :id")
                .bind("id", KEY)
                .timeouts(brief)
                .map((row, metadata) -> row.get(0))
                .one())
        .expectErrorSatisfies(
            error ->
                assertThat(error)
                    .isInstanceOf(ShardUnavailableException.class)
                    .hasMessage(
                        "shard_0: users: its keys move to shard_2, and the control server does not"
                            + " answer (expected: an answer within 100 ms; tables whose keys stay"
                            + " are served)"))
        .verify(BOUND);
    StepVerifier.create(add(STAYING)).expectNext(1L).expectComplete().verify(BOUND);
    move.lives();
    StepVerifier.create(add(KEY)).expectNext(1L).expectComplete().verify(BOUND);
  }
}
