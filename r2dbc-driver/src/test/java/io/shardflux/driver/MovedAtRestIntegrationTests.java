package io.shardflux.driver;

import static io.shardflux.driver.DriverShards.BOUND;
import static io.shardflux.driver.DriverShards.IDS;
import static org.assertj.core.api.Assertions.assertThat;

import io.r2dbc.spi.Connection;
import io.shardflux.r2dbc.failure.TopologyChangedException;
import io.shardflux.router.ShardKey;
import java.util.Objects;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import reactor.core.publisher.Mono;
import reactor.test.StepVerifier;

/** The driver of a router that stood still at rest, and wakes up when a move is over. */
@Tag("same-on-any-server")
class MovedAtRestIntegrationTests extends MovingUsers {

  private static final long FRESH =
      LongStream.iterate(KEY_1 + 1, id -> id + 1)
          .filter(id -> !MOVING.contains(id) && !stays(id))
          .findFirst()
          .orElseThrow();

  private static final String INSERT = "INSERT INTO users (id, n) VALUES (" + FRESH + ", 1)";

  /** A whole move that the router does not hear of. */
  private void movedUnheard() {
    started();
    switched();
    cleaned();
    at(0, "DROP TRIGGER fence_INSERT");
    at(0, "DROP TRIGGER fence_UPDATE");
    newest = topology(newest.epoch() + 1, NEXT);
    control.sureFor.set(0);
  }

  private long rows(int shard, String condition) {
    return Objects.requireNonNull(
        read("/* shardflux: shard=shard_"
                + shard
                + " */ SELECT COUNT(*) FROM users WHERE "
                + condition)
            .blockFirst(BOUND));
  }

  @ParameterizedTest
  @ValueSource(strings = {"INSERT", "UPDATE", "SELECT", "JOINT", "COUNT"})
  void whatIsSentLateGoesWhereItsKeyWent(String kind) {
    movedUnheard();
    String both = "id IN (" + KEY_1 + ", " + onSecond() + ")";
    switch (kind) {
      case "INSERT" ->
          StepVerifier.create(changed(INSERT)).expectNext(1L).expectComplete().verify(BOUND);
      case "UPDATE" ->
          StepVerifier.create(changed(add(KEY_1))).expectNext(1L).expectComplete().verify(BOUND);
      case "SELECT" ->
          StepVerifier.create(read(of(KEY_1))).expectNext(1L).expectComplete().verify(BOUND);
      case "JOINT" ->
          StepVerifier.create(changed("UPDATE users SET n = n + 1 WHERE " + both))
              .expectNext(2L)
              .expectComplete()
              .verify(BOUND);
      default ->
          StepVerifier.create(read("SELECT COUNT(*) FROM users"))
              .expectNext(7L)
              .expectComplete()
              .verify(BOUND);
    }
    assertThat(rows(0, "id = " + FRESH)).isZero();
    assertThat(rows(2, "id = " + FRESH)).isEqualTo(kind.equals("INSERT") ? 1 : 0);
  }

  private static long onSecond() {
    return STAYING.stream()
        .filter(id -> IDS.get(1).equals(OLD.locate(ShardKey.of(id))))
        .findFirst()
        .orElseThrow();
  }

  /** It was sent in time, and its answer comes when the router wakes up. */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void anAnswerThatFoundNothingDoesNotCount(boolean write) {
    movedUnheard();
    control.sureFor.set(1);
    StepVerifier.create(write ? changed(add(KEY_1)) : read(of(KEY_1)))
        .expectNext(1L)
        .expectComplete()
        .verify(BOUND);
  }

  @Test
  void aTransactionIsNotCommittedAtTheOldPlace() {
    movedUnheard();
    control.sureFor.set(0);
    Mono<Long> transaction =
        Mono.usingWhen(
            factory.create(),
            connection ->
                Mono.from(connection.beginTransaction())
                    .then(changed(connection, INSERT))
                    .flatMap(count -> Mono.from(connection.commitTransaction()).thenReturn(count)),
            Connection::close);
    StepVerifier.create(transaction).expectError(TopologyChangedException.class).verify(BOUND);
    StepVerifier.create(transaction).expectNext(1L).expectComplete().verify(BOUND);
    assertThat(rows(0, "id = " + FRESH)).isZero();
  }

  @Test
  void aCountMeetsEachRowOnce() {
    started();
    switched();
    control.sureFor.set(0);
    StepVerifier.create(read("SELECT COUNT(*) FROM users"))
        .expectNext(7L)
        .expectComplete()
        .verify(BOUND);
  }
}
