package io.shardflux.r2dbc;

import static io.shardflux.r2dbc.MovedByHand.FROM;
import static io.shardflux.r2dbc.MovedByHand.TO;
import static io.shardflux.r2dbc.MovedByHand.keys;
import static io.shardflux.r2dbc.TestShards.BOUND;
import static org.assertj.core.api.Assertions.assertThat;

import io.r2dbc.spi.Result;
import io.shardflux.r2dbc.failure.ShardUnavailableException;
import io.shardflux.r2dbc.failure.TopologyChangedException;
import io.shardflux.r2dbc.insert.InsertOutcome;
import io.shardflux.r2dbc.scatter.FailurePolicy;
import io.shardflux.r2dbc.scatter.ShardSignal;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.router.ShardKey;
import io.shardflux.router.TransitionStrategy.Phase;
import io.shardflux.servers.TestServers;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.BiFunction;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.test.StepVerifier;

/**
 * A router that knew of no move when it began to stand still, and wakes up when one is over: no
 * trigger refuses what it sends to the old place.
 */
@Tag("same-on-any-server")
class MovedAtRestIntegrationTests {

  private static final long KEY = keys(true, 2).get(0);
  private static final long FRESH = keys(true, 2).get(1);

  private final MovedByHand move =
      new MovedByHand(
          TestServers.shared(),
          options -> options.with(Timeouts.defaults().withAcquire(Duration.ofSeconds(2))));

  @AfterEach
  void close() {
    move.end();
  }

  /** A statement, and the value of the key that it is for afterwards. */
  private record Use(long key, long expected, BiFunction<ShardRouter, Long, Mono<Long>> statement) {

    Mono<Long> on(ShardRouter router) {
      return statement.apply(router, key);
    }
  }

  private static Mono<Long> add(ShardRouter router, long id) {
    return router
        .on("users", ShardKey.of(id))
        .sql("UPDATE users SET n = n + 1 WHERE id = :id")
        .bind("id", id)
        .rowsUpdated();
  }

  private static Mono<Long> insert(ShardRouter router, long id) {
    return router
        .on("users", ShardKey.of(id))
        .sql("INSERT INTO users (id, n) VALUES (:id, 1)")
        .bind("id", id)
        .rowsUpdated();
  }

  private static Mono<Long> stored(ShardRouter router, long id) {
    return router
        .<Long>inserts(
            "users",
            "INSERT INTO users (id, n) VALUES (:id, 1)",
            ShardKey::of,
            each -> Map.of("id", each))
        .store(Flux.just(id))
        .filter(InsertOutcome.Stored.class::isInstance)
        .count();
  }

  private static Mono<Long> inTransaction(ShardRouter router, long id) {
    return router
        .on("users", ShardKey.of(id))
        .inTransaction(
            connection ->
                Flux.from(
                        connection
                            .createStatement("INSERT INTO users (id, n) VALUES (" + id + ", 1)")
                            .execute())
                    .concatMap(Result::getRowsUpdated))
        .single();
  }

  private static Mono<Long> ofKeys(ShardRouter router, long id) {
    return router
        .onKeys("users", List.of(ShardKey.of(id)))
        .sql("UPDATE users SET n = n + 1 WHERE id IN (:keys)")
        .onFailure(FailurePolicy.failFast())
        .rowsUpdated()
        .ofType(ShardSignal.Row.class)
        .map(row -> (Long) row.value())
        .reduce(0L, Long::sum);
  }

  private static Mono<Long> read(ShardRouter router, long id) {
    return router
        .on("users", ShardKey.of(id))
        .sql("SELECT n FROM users WHERE id = :id")
        .bind("id", id)
        .map((row, metadata) -> Objects.requireNonNull(row.get(0, Long.class)))
        .one();
  }

  private static Mono<Long> joined(ShardRouter router, long id) {
    return router
        .coalesced(
            "users",
            "SELECT id, n FROM users WHERE id IN (:keys)",
            (row, metadata) -> ShardKey.of(Objects.requireNonNull(row.get("id", Long.class))),
            (row, metadata) -> Objects.requireNonNull(row.get("n", Long.class)))
        .one(ShardKey.of(id));
  }

  private Mono<Long> counted() {
    return move.router
        .onAll()
        .sql("SELECT COUNT(*) FROM users WHERE :owned(users)")
        .onFailure(FailurePolicy.failFast())
        .map((row, metadata) -> Objects.requireNonNull(row.get(0, Long.class)))
        .rows()
        .reduce(0L, Long::sum);
  }

  static Stream<Named<Use>> uses() {
    return Stream.of(
        Named.of("an update", new Use(KEY, 2, MovedAtRestIntegrationTests::add)),
        Named.of("an insert", new Use(FRESH, 1, MovedAtRestIntegrationTests::insert)),
        Named.of("rows", new Use(FRESH, 1, MovedAtRestIntegrationTests::stored)),
        Named.of("a transaction", new Use(FRESH, 1, MovedAtRestIntegrationTests::inTransaction)),
        Named.of("an update of keys", new Use(KEY, 2, MovedAtRestIntegrationTests::ofKeys)),
        Named.of("a read", new Use(KEY, 1, MovedAtRestIntegrationTests::read)),
        Named.of("a joined read", new Use(KEY, 1, MovedAtRestIntegrationTests::joined)));
  }

  static Stream<Named<Use>> answers() {
    return uses().filter(use -> List.of("an update", "a read").contains(use.getName()));
  }

  /** A whole move that the router does not hear of. */
  private void moved() {
    insert(move.router, KEY).block(BOUND);
    move.copy();
    move.clean();
    move.published(Phase.SWITCHED).published(null);
  }

  @ParameterizedTest
  @MethodSource("uses")
  void whatIsSentLateGoesWhereItsKeyWent(Use use) {
    moved();
    move.standsStill(0);
    StepVerifier.create(use.on(move.router)).expectNext(1L).expectComplete().verify(BOUND);
    assertThat(move.values(use.key())).isEqualTo(Map.of(TO, use.expected()));
  }

  /** The control: a router that takes what it knows for the newest asks the old place. */
  @ParameterizedTest
  @MethodSource("uses")
  void withoutTheLookItGoesToTheOldPlace(Use use) {
    moved();
    move.standsStill(0);
    move.blind(true);
    Long found = use.on(move.router).defaultIfEmpty(0L).block(BOUND);
    if (use.key() == FRESH) {
      assertThat(move.values(FRESH)).isEqualTo(Map.of(FROM, 1L));
    } else {
      assertThat(found).isZero();
    }
  }

  /** It was sent in time, and its answer comes when the router wakes up. */
  @ParameterizedTest
  @MethodSource("answers")
  void anAnswerThatFoundNothingDoesNotCount(Use use) {
    moved();
    move.standsStill(1);
    StepVerifier.create(use.on(move.router)).expectNext(1L).expectComplete().verify(BOUND);
    assertThat(move.values(use.key())).isEqualTo(Map.of(TO, use.expected()));
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void aLateCountMeetsEachRowOnce(boolean blind) {
    insert(move.router, KEY).block(BOUND);
    move.copy();
    move.published(Phase.SWITCHED);
    move.standsStill(0);
    move.blind(blind);
    StepVerifier.create(counted()).expectNext(blind ? 2L : 1L).expectComplete().verify(BOUND);
  }

  @Test
  void aWriteOfKeysThatFoundNothingIsToldSo() {
    moved();
    move.standsStill(1);
    StepVerifier.create(ofKeys(move.router, KEY))
        .expectError(TopologyChangedException.class)
        .verify(BOUND);
    StepVerifier.create(ofKeys(move.router, KEY)).expectNext(1L).expectComplete().verify(BOUND);
  }

  @Test
  void nothingIsSentWhileNobodyTellsOfALaterTopology() {
    moved();
    move.standsStill(0);
    move.dies();
    StepVerifier.create(
            move.router
                .on("users", ShardKey.of(FRESH))
                .sql("INSERT INTO users (id, n) VALUES (:id, 1)")
                .bind("id", FRESH)
                .timeouts(Timeouts.defaults().withAcquire(Duration.ofMillis(100)))
                .rowsUpdated())
        .expectErrorSatisfies(
            error ->
                assertThat(error)
                    .isInstanceOf(ShardUnavailableException.class)
                    .hasMessage(
                        "shard_0: users: its keys may have moved, and neither the control server"
                            + " nor a shard's database tells (expected: an answer within 100 ms)"))
        .verify(BOUND);
    assertThat(move.values(FRESH)).isEmpty();
  }
}
