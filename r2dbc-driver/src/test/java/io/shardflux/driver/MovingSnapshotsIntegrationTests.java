package io.shardflux.driver;

import static io.shardflux.driver.DriverShards.BOUND;
import static io.shardflux.driver.DriverShards.IDS;

import io.r2dbc.spi.Connection;
import io.shardflux.r2dbc.failure.TopologyChangedException;
import io.shardflux.r2dbc.settings.ReadConsistency;
import io.shardflux.router.TransitionStrategy.Phase;
import java.util.Objects;
import java.util.function.Function;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.test.StepVerifier;

/** Snapshots of tables whose keys move, of which rows stand on two shards. */
class MovingSnapshotsIntegrationTests extends MovingUsers {

  private static final String COUNT = "SELECT COUNT(*) FROM users";

  @BeforeEach
  void begin() {
    router.operations().createTransactionTables().block(BOUND);
    started();
    published(Phase.COPYING);
    known();
    switched();
    known();
  }

  private Flux<Long> snapshot(Function<Connection, Flux<Long>> work) {
    return Flux.usingWhen(
            factory.create(),
            connection ->
                Mono.from(connection.beginTransaction())
                    .thenMany(Flux.defer(() -> work.apply(connection)))
                    .concatWith(Mono.from(connection.commitTransaction()).then(Mono.empty())),
            Connection::close)
        .contextWrite(ReadConsistency.SNAPSHOT.inContext());
  }

  @Test
  void countsEachRowOnce() {
    StepVerifier.create(snapshot(connection -> read(connection, COUNT).repeat(1)))
        .expectNext(7L, 7L)
        .expectComplete()
        .verify(BOUND);
  }

  /**
   * Its view has the copies that were left behind, and the topology says no more which they are.
   */
  @Test
  void isToldOfAMoveThatEndsUnderIt() {
    StepVerifier.create(
            snapshot(
                connection ->
                    read(connection, COUNT)
                        .concatWith(
                            done(
                                () -> {
                                  cleaned();
                                  newest = topology(newest.epoch() + 1, NEXT);
                                  known();
                                }))
                        .concatWith(Flux.defer(() -> read(connection, COUNT)))))
        .expectNext(7L)
        .expectError(TopologyChangedException.class)
        .verify(BOUND);
  }

  @Test
  void isRefusedByShardsNames() {
    StepVerifier.create(
            router
                .inTransaction(
                    transaction ->
                        Flux.fromIterable(IDS)
                            .concatMap(
                                shard ->
                                    transaction
                                        .on(shard)
                                        .sql(COUNT)
                                        .map(
                                            (row, metadata) ->
                                                Objects.requireNonNull(row.get(0, Long.class)))
                                        .one()))
                .contextWrite(ReadConsistency.SNAPSHOT.inContext()))
        .expectErrorMatches(
            error ->
                error instanceof IllegalStateException
                    && String.valueOf(error.getMessage()).startsWith("TABLE_MOVING: [users]"))
        .verify(BOUND);
  }
}
