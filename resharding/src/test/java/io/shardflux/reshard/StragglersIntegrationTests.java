package io.shardflux.reshard;

import static io.shardflux.reshard.MoveFixture.BOUND;
import static io.shardflux.reshard.MoveFixture.S1;
import static org.assertj.core.api.Assertions.assertThat;

import io.r2dbc.spi.Connection;
import io.r2dbc.spi.ConnectionFactories;
import io.r2dbc.spi.Result;
import io.shardflux.reshard.job.MoveJob;
import io.shardflux.reshard.plan.MovePlan;
import io.shardflux.router.ShardKey;
import io.shardflux.router.ShardingStrategy;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * A statement that was sent before a switch, by a process that stopped between its look at the
 * lease and the sending, and that arrives when the triggers are gone.
 */
class StragglersIntegrationTests {

  private static final ShardingStrategy NEXT = ShardingStrategy.fixed(S1);

  /** With the control: a late statement is done at the old place unless its connection is ended. */
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void aStatementThatComesBehindTheMoveIsNotDone(boolean ends) {
    try (MoveFixture fixture = new MoveFixture("{type: fixed, shard: shard_0}")) {
      fixture.load(3);
      Connection still = connection(fixture);
      Connection busy = connection(fixture);
      run(busy, "CREATE TABLE other (id INT PRIMARY KEY)").block(BOUND);
      run(busy, "START TRANSACTION").block(BOUND);
      run(busy, "INSERT INTO other VALUES (1)").block(BOUND);
      fixture.run(
          fixture.moves(
              0,
              new MoveJob.Guards() {
                @Override
                public boolean endsStragglers() {
                  return ends;
                }
              }),
          NEXT,
          MovePlan.Code.OTHER_CLIENT);
      Long stored =
          run(still, "INSERT INTO users VALUES (100, 'late', 0)")
              .onErrorResume(error -> Mono.just(0L))
              .block(BOUND);
      assertThat(stored).isEqualTo(ends ? 0 : 1);
      assertThat(fixture.rows().containsKey(100L)).isNotEqualTo(ends);
      // An open transaction of other tables goes on, and so does the router.
      assertThat(run(busy, "COMMIT").block(BOUND)).isZero();
      assertThat(fixture.insert(101).block(BOUND)).isEqualTo(1);
      assertThat(fixture.rows().get(101L))
          .singleElement()
          .asString()
          .startsWith(NEXT.locate(ShardKey.of(101)) + "|");
      Mono.when(still.close(), busy.close()).onErrorComplete().block(BOUND);
    }
  }

  private static Connection connection(MoveFixture fixture) {
    Connection connection =
        Mono.<Connection>from(ConnectionFactories.get(fixture.databases.get(0).r2dbcUrl()).create())
            .blockOptional(BOUND)
            .orElseThrow();
    run(connection, "DO 0").block(BOUND);
    return connection;
  }

  private static Mono<Long> run(Connection connection, String sql) {
    return Flux.from(connection.createStatement(sql).execute())
        .concatMap(Result::getRowsUpdated)
        .reduce(0L, Long::sum);
  }
}
