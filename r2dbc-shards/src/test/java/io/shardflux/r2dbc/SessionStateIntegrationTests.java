package io.shardflux.r2dbc;

import static io.shardflux.r2dbc.TestShards.BOUND;
import static io.shardflux.r2dbc.TestShards.IDS;
import static org.assertj.core.api.Assertions.assertThat;

import io.r2dbc.spi.Connection;
import io.r2dbc.spi.Result;
import io.shardflux.servers.TestServers;
import java.util.List;
import java.util.function.Function;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.reactivestreams.Publisher;
import reactor.core.publisher.Flux;

/** What one user of a connection set in its session, and what the next one meets. */
class SessionStateIntegrationTests {

  private final List<Shard> shards = TestShards.fresh(TestServers.shared());
  private final ShardRouter router =
      TestShards.router(shards).pool(PoolBounds.defaults().withMaxSize(1)).build();
  private final ShardRouter other = TestShards.router(shards).build();
  private final ShardTarget target = router.on(IDS.get(0));

  @BeforeEach
  void load() {
    target
        .sql("CREATE TABLE users (id BIGINT PRIMARY KEY, name VARCHAR(99))")
        .rowsUpdated()
        .block(BOUND);
  }

  @AfterEach
  void close() {
    router.close().and(other.close()).block(BOUND);
  }

  @Test
  void aWriteIsStoredThoughAnotherUserLeftAutocommitOffByItsSetter() {
    target.inConnection(connection -> connection.setAutoCommit(false)).blockLast(BOUND);
    assertWritesAreStored();
  }

  @Test
  void aWriteIsStoredThoughAnotherUserLeftAutocommitOffByText() {
    target.inConnection(running("SET autocommit = 0")).blockLast(BOUND);
    assertWritesAreStored();
    target.sql("SET autocommit = 0").rowsUpdated().block(BOUND);
    assertThat(target.sql("DELETE FROM users").rowsUpdated().block(BOUND)).isEqualTo(1);
    assertWritesAreStored();
  }

  private void assertWritesAreStored() {
    assertThat(target.sql("INSERT INTO users VALUES (1, 'a')").rowsUpdated().block(BOUND))
        .isEqualTo(1);
    assertThat(
            other
                .on(IDS.get(0))
                .sql("SELECT COUNT(*) FROM users")
                .map((row, metadata) -> row.get(0, Long.class))
                .one()
                .block(BOUND))
        .isEqualTo(1);
  }

  private static Function<Connection, Publisher<Long>> running(String sql) {
    return connection ->
        Flux.from(connection.createStatement(sql).execute()).concatMap(Result::getRowsUpdated);
  }
}
