package io.shardflux.driver;

import static io.shardflux.driver.DriverShards.BOUND;
import static io.shardflux.driver.DriverShards.IDS;
import static org.assertj.core.api.Assertions.assertThat;

import io.r2dbc.spi.Connection;
import io.r2dbc.spi.IsolationLevel;
import io.shardflux.r2dbc.failure.TopologyChangedException;
import io.shardflux.router.ShardKey;
import io.shardflux.router.TransitionStrategy.Phase;
import java.util.List;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.test.StepVerifier;

/** Transactions that are under way while keys come to their shard, or leave it. */
class MovingTransactionsIntegrationTests extends MovingUsers {

  private static final String THERE = "/* shardflux: shard=shard_2 */ SELECT COUNT(*) FROM users";

  private Flux<Long> transaction(IsolationLevel level, Function<Connection, Flux<Long>> work) {
    return Flux.usingWhen(
        factory.create(),
        connection ->
            Mono.from(connection.setTransactionIsolationLevel(level))
                .then(Mono.from(connection.beginTransaction()))
                .thenMany(Flux.defer(() -> work.apply(connection)))
                .concatWith(Mono.from(connection.commitTransaction()).then(Mono.empty())),
        Connection::close);
  }

  private static Flux<Long> run(Connection connection, String sql) {
    return sql.contains("UPDATE") && !sql.contains("FOR UPDATE")
        ? changed(connection, sql).flux()
        : read(connection, sql);
  }

  private static IsolationLevel level(String name) {
    return IsolationLevel.valueOf(name);
  }

  private static String text(String sql) {
    return sql.replace(":one", String.valueOf(KEY_1)).replace(":moving", listed(MOVING));
  }

  /** The view of such a transaction is older than the rows that came. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "REPEATABLE READ | SELECT n FROM users WHERE id = :one",
        "REPEATABLE READ | SELECT COUNT(*) FROM users WHERE id IN (:moving)",
        "REPEATABLE READ | SELECT n FROM users WHERE id = :one FOR UPDATE",
        "REPEATABLE READ | UPDATE users SET n = 5 WHERE id = :one",
      })
  void doesNotMissRowsThatCame(String level, String sql) {
    started();
    StepVerifier.create(
            transaction(
                level(level),
                connection ->
                    read(connection, THERE)
                        .thenMany(
                            done(
                                () -> {
                                  published(Phase.COPYING);
                                  known();
                                  switched();
                                  known();
                                }))
                        .thenMany(Flux.defer(() -> run(connection, text(sql))))))
        .expectErrorSatisfies(
            error -> assertThat(error).isInstanceOf(TopologyChangedException.class))
        .verify(BOUND);
    StepVerifier.create(transaction(level(level), connection -> run(connection, text(sql))))
        .expectNextCount(1)
        .expectComplete()
        .verify(BOUND);
  }

  /** A transaction that was on the shard which its keys left is told that, and not refused. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "SELECT n FROM users WHERE id = :one",
        "SELECT COUNT(*) FROM users WHERE id IN (:moving)",
        "UPDATE users SET n = 5 WHERE id = :one"
      })
  void isToldThatItsKeysLeft(String sql) {
    started();
    StepVerifier.create(
            transaction(
                IsolationLevel.READ_COMMITTED,
                connection ->
                    read(connection, of(KEY_1))
                        .thenMany(done(this::moved))
                        .thenMany(Flux.defer(() -> run(connection, text(sql))))))
        .expectError(TopologyChangedException.class)
        .verify(BOUND);
  }

  /** What a late router's transaction does not find is not told to be nowhere. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "SELECT n FROM users WHERE id = :one",
        "SELECT id FROM users WHERE id IN (:moving)",
        "SELECT n FROM users WHERE id = :one FOR UPDATE",
        "UPDATE users SET n = 5 WHERE id = :one",
        "UPDATE users SET n = 5 WHERE id IN (:one, :mate)",
        "SELECT id FROM users WHERE id IN (:one, :mate)"
      })
  void doesNotTakeForMissingWhatLeft(String sql) {
    started();
    published(Phase.COPYING);
    known();
    long mate = mate();
    StepVerifier.create(
            transaction(
                IsolationLevel.READ_COMMITTED,
                connection ->
                    read(connection, of(mate))
                        .thenMany(
                            done(
                                () -> {
                                  switched();
                                  cleaned();
                                  control.sureFor.set(1);
                                }))
                        .thenMany(
                            Flux.defer(
                                () ->
                                    run(
                                        connection,
                                        text(sql).replace(":mate", String.valueOf(mate)))))
                        .filter(n -> !sql.contains(":mate"))))
        .expectError(TopologyChangedException.class)
        .verify(BOUND);
  }

  /** A view of the source from when the keys were elsewhere may be older than what came back. */
  @Test
  void doesNotTakeForNewWhatCameBack() {
    started();
    published(Phase.COPYING);
    known();
    switched();
    known();
    at(2, add(KEY_1));
    StepVerifier.create(
            transaction(
                IsolationLevel.REPEATABLE_READ,
                connection ->
                    read(connection, of(mate()))
                        .thenMany(
                            done(
                                () -> {
                                  at(0, "UPDATE fence SET closed = 0");
                                  at(0, add(KEY_1));
                                  reversed();
                                }))
                        .thenMany(Flux.defer(() -> read(connection, of(KEY_1))))))
        .expectError(TopologyChangedException.class)
        .verify(BOUND);
    StepVerifier.create(read(of(KEY_1))).expectNext(2L).expectComplete().verify(BOUND);
  }

  private static long mate() {
    return STAYING.stream()
        .filter(id -> OLD.locate(ShardKey.of(id)).equals(IDS.get(0)))
        .findFirst()
        .orElseThrow();
  }

  /** Rows that it saw on one shard would be seen on another one, too, or on none. */
  @Test
  void ofSeveralShardsMeetsEachRowOnceOrIsToldThatKeysMoved() {
    started();
    String all = "SELECT COUNT(*) FROM users";
    for (IsolationLevel level :
        List.of(IsolationLevel.REPEATABLE_READ, IsolationLevel.READ_COMMITTED)) {
      StepVerifier.create(
              transaction(
                  level,
                  connection ->
                      read(connection, all)
                          .concatWith(
                              done(
                                  () -> {
                                    published(Phase.COPYING);
                                    known();
                                    MOVING.forEach(
                                        id -> at(2, "INSERT INTO users VALUES (" + id + ", 1)"));
                                  }))
                          .concatWith(Flux.defer(() -> read(connection, all)))
                          .concatWith(
                              done(
                                  () -> {
                                    switched();
                                    known();
                                  }))
                          .concatWith(Flux.defer(() -> read(connection, all)))))
          .expectNext(7L, 7L)
          .expectError(TopologyChangedException.class)
          .verify(BOUND);
      begunAnew();
    }
  }

  /** Others' keys that come and go elsewhere are nothing to it. */
  @Test
  void goesOnWhereNothingMoved() {
    started();
    long far =
        STAYING.stream()
            .filter(id -> OLD.locate(ShardKey.of(id)).equals(IDS.get(1)))
            .findFirst()
            .orElseThrow();
    StepVerifier.create(
            transaction(
                IsolationLevel.REPEATABLE_READ,
                connection ->
                    read(connection, of(far))
                        .concatWith(done(this::moved))
                        .concatWith(Flux.defer(() -> run(connection, add(far))))
                        .concatWith(Flux.defer(() -> read(connection, of(far))))))
        .expectNext(1L, 1L, 2L)
        .expectComplete()
        .verify(BOUND);
  }
}
