package io.shardflux.driver;

import static io.shardflux.driver.DriverShards.BOUND;
import static org.assertj.core.api.Assertions.assertThat;

import io.shardflux.r2dbc.settings.PoolOptions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.reactivestreams.Subscription;
import reactor.core.publisher.BaseSubscriber;
import reactor.test.StepVerifier;

/** All places of streams are taken by slow readers. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class StreamsIntegrationTests {

  private static final int STREAMS = 2;

  private final DriverShards shards =
      new DriverShards(
          builder -> builder.pool(PoolOptions.builder().maxSize(4).streams(STREAMS).build()));
  private final List<Slow> readers = new ArrayList<>();

  @BeforeAll
  void takeAll() {
    shards.everywhere("INSERT INTO users VALUES (1, 'a', 5, 'DE')");
    for (int rows = 1; rows < 2_048; rows *= 2) {
      shards.everywhere(
          "INSERT INTO users SELECT id + " + rows + ", name, age, country FROM users");
    }
    for (int i = 0; i < STREAMS; i++) {
      Slow reader = new Slow();
      readers.add(reader);
      shards.rows(row -> row.get(0), "SELECT id FROM users").subscribe(reader);
    }
    shards
        .router
        .operations()
        .statistics()
        .filter(all -> all.stream().allMatch(shard -> shard.pool().acquired() == STREAMS))
        .repeatWhenEmpty(tries -> tries.delayElements(Duration.ofMillis(20)))
        .block(BOUND);
  }

  @AfterAll
  void close() {
    readers.forEach(BaseSubscriber::dispose);
    shards.awaitIdle();
    shards.close();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "SELECT name FROM users WHERE id = 7",
        "SELECT name FROM users WHERE id IN (7, 8, 9, 10) ORDER BY id",
        "SELECT u.name FROM users u JOIN orders o ON o.user_id = u.id WHERE u.id = 7",
        "SELECT id FROM users WHERE id = 7 AND id = 8",
        "SELECT id FROM users ORDER BY id LIMIT 5",
        "SELECT COUNT(*), MAX(id) FROM users WHERE age = 5",
        "SELECT code FROM countries LIMIT 3",
        "UPDATE users SET age = 6 WHERE id = 7",
        "SELECT 1",
      })
  void leaveConnectionsToOthers(String sql) {
    StepVerifier.create(shards.rows(row -> row.get(0), sql).then()).expectComplete().verify(BOUND);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "/* shardflux: timeout=300ms */ SELECT id FROM users WHERE age > 3",
        "/* shardflux: timeout=300ms */ SELECT id FROM users WHERE id BETWEEN 1 AND 1000000",
        "/* shardflux: timeout=300ms */ SELECT id FROM users ORDER BY id",
        "/* shardflux: timeout=300ms */ SELECT id, COUNT(*) FROM users GROUP BY id",
        "/* shardflux: timeout=300ms */ SELECT DISTINCT name FROM users",
        "/* shardflux: timeout=300ms, shard=shard_1 */ SELECT id FROM users",
        "/* shardflux: timeout=300ms */ SELECT label FROM settings",
      })
  void areNotMore(String sql) {
    StepVerifier.create(shards.rows(row -> row.get(0), sql))
        .expectErrorSatisfies(
            error ->
                assertThat(error)
                    .hasMessageContaining("overloaded, all of its 2 streams are taken for 300 ms"))
        .verify(BOUND);
  }

  /** Takes one row and no more. */
  private static final class Slow extends BaseSubscriber<Object> {

    @Override
    protected void hookOnSubscribe(Subscription subscription) {
      request(1);
    }
  }
}
