package io.shardflux.driver;

import static io.shardflux.driver.DriverShards.BOUND;
import static org.assertj.core.api.Assertions.assertThat;

import io.r2dbc.spi.Connection;
import io.r2dbc.spi.Result;
import io.shardflux.r2dbc.observe.HotKey;
import io.shardflux.router.ShardKey;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@Tag("same-on-any-server")
class HotKeysIntegrationTests {

  private static final int TIMES = 40;

  private final DriverShards shards = new DriverShards(router -> router.hotKeys(true));

  @AfterAll
  void close() {
    shards.close();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          7  | false | SELECT name FROM users WHERE id = 7
          8  | false | SELECT COUNT(*) FROM users WHERE id IN (8, 108, 109)
          10 | false | UPDATE users SET age = age + 1 WHERE id = 10
          11 | false | DELETE FROM users WHERE id = 11
          12 | false | REPLACE INTO users (id, name) VALUES (12, 'x'), (112, 'y')
          13 | false | SELECT o.no FROM users u JOIN orders o ON o.user_id = u.id WHERE o.user_id = 13
          14 | true  | SELECT name FROM users WHERE id = 14
          15 | true  | UPDATE users SET age = age + 1 WHERE id = 15
          16 | true  | REPLACE INTO users (id, name) VALUES (16, 'x')
          """)
  void aKeyThatSqlNamesIsCounted(long key, boolean inTransaction, String sql) {
    run(sql, inTransaction);
    HotKey counted =
        shards.router.operations().hotKeys("users").stream()
            .filter(hot -> hot.key().equals(ShardKey.of(key)))
            .findAny()
            .orElseThrow();
    assertThat(counted).isEqualTo(new HotKey(ShardKey.of(key), TIMES, TIMES));
  }

  private void run(String sql, boolean inTransaction) {
    Flux.usingWhen(
            shards.factory.create(),
            connection ->
                Flux.concat(
                    inTransaction ? Mono.from(connection.beginTransaction()) : Mono.empty(),
                    Flux.range(0, TIMES)
                        .concatMap(i -> connection.createStatement(sql).execute())
                        .concatMap(HotKeysIntegrationTests::consumed),
                    inTransaction ? Mono.from(connection.commitTransaction()) : Mono.empty()),
            Connection::close)
        .then()
        .block(BOUND);
  }

  private static Flux<Void> consumed(Result result) {
    return Flux.from(result.flatMap(segment -> Mono.empty()));
  }
}
