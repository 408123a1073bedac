package io.shardflux.driver;

import static io.shardflux.driver.DriverShards.BOUND;

import io.r2dbc.spi.Connection;
import io.shardflux.r2dbc.failure.TopologyChangedException;
import io.shardflux.router.TransitionStrategy.Phase;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.test.StepVerifier;

/** Results that were asked for before keys moved, and are consumed long behind that. */
@Tag("same-on-any-server")
class KeptResultsIntegrationTests extends MovingUsers {

  private static final String[] READS = {
    "SELECT COUNT(*) FROM users WHERE id = :one",
    "SELECT COUNT(*) FROM users WHERE id IN (:moving)",
    "SELECT COUNT(*) FROM users WHERE id IN (:all)",
    "SELECT COUNT(*) FROM users",
    "SELECT COUNT(*) FROM (SELECT id FROM users ORDER BY id LIMIT 100) t WHERE id = :one",
  };

  private static String text(String read) {
    return read.replace(":one", String.valueOf(KEY_1))
        .replace(":moving", listed(MOVING))
        .replace(":all", listed(all()));
  }

  private static long expected(String read) {
    return read.contains(":one") ? 1 : read.contains(":moving") ? 3 : 7;
  }

  private Flux<Long> kept(String sql, Runnable meanwhile) {
    return Flux.usingWhen(
        factory.create(),
        connection ->
            Flux.from(connection.createStatement(sql).execute())
                .delayUntil(kept -> done(meanwhile))
                .concatMap(MovingUsers::numbers),
        Connection::close);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2, 3})
  void areOfTheNewestTopology(int which) {
    started();
    for (Runnable move : new Runnable[] {this::moved, this::movedBack}) {
      StepVerifier.create(kept(text(READS[which]), move))
          .expectNext(expected(READS[which]))
          .expectComplete()
          .verify(BOUND);
    }
  }

  /** A result that waits for its consumer in one phase, and is consumed in another one. */
  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2, 3})
  void areOfTheNewestPhase(int which) {
    started();
    published(Phase.COPYING);
    known();
    StepVerifier.create(
            kept(
                text(READS[which]),
                () -> {
                  switched();
                  known();
                  cleaned();
                }))
        .expectNext(expected(READS[which]))
        .expectComplete()
        .verify(BOUND);
  }

  /** The keys come back to where they began, as when a move is reversed. */
  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2, 3})
  void areOfTheNewestPhaseWhereKeysCameBack(int which) {
    started();
    published(Phase.COPYING);
    known();
    switched();
    known();
    StepVerifier.create(kept(text(READS[which]), this::reversed))
        .expectNext(expected(READS[which]))
        .expectComplete()
        .verify(BOUND);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1})
  void sayInATransactionThatKeysMoved(int which) {
    started();
    StepVerifier.create(
            Flux.usingWhen(
                factory.create(),
                connection ->
                    Mono.from(connection.beginTransaction())
                        .thenMany(read(connection, of(KEY_1)))
                        .thenMany(connection.createStatement(text(READS[which])).execute())
                        .delayUntil(kept -> done(this::moved))
                        .concatMap(MovingUsers::numbers),
                Connection::close))
        .expectError(TopologyChangedException.class)
        .verify(BOUND);
  }
}
