package io.shardflux.driver;

import static io.shardflux.driver.DriverShards.BOUND;
import static org.assertj.core.api.Assertions.assertThat;

import io.r2dbc.spi.Connection;
import io.r2dbc.spi.IsolationLevel;
import io.r2dbc.spi.R2dbcBadGrammarException;
import io.r2dbc.spi.R2dbcRollbackException;
import io.r2dbc.spi.Result;
import io.shardflux.r2dbc.ShardTarget;
import io.shardflux.r2dbc.settings.PoolOptions;
import java.time.Duration;
import java.util.Objects;
import java.util.function.Function;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.reactivestreams.Publisher;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** Settings that a statement by the driver made in a session, and what the next user meets. */
class SessionStateIntegrationTests {

  /** The state of a session that a plain statement sees. */
  private static final String STATE =
      "SELECT CONCAT_WS('|', @@autocommit, @@sql_mode, @@time_zone, @@transaction_isolation,"
          + " @@sql_select_limit, @@innodb_lock_wait_timeout, @@character_set_client, DATABASE())";

  private static DriverShards shards;
  private static ShardTarget target;
  private static String asOpened;

  @BeforeAll
  static void load() {
    shards = new DriverShards(router -> router.pool(PoolOptions.builder().maxSize(1).build()));
    target = shards.router.on(DriverShards.IDS.get(0));
    asOpened = asked(STATE);
  }

  @AfterAll
  static void close() {
    shards.close();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "/* shardflux: shard=shard_0 */ SET autocommit = 0",
        "/* shardflux: shard=shard_0 */ SET NAMES gbk",
        "/* shardflux: shard=shard_0 */ USE information_schema",
        "/* shardflux: shard=shard_0 */ SELECT GET_LOCK('driver', 0)",
        "/* shardflux: shard=shard_0 */ SELECT @v := 1",
        "/* shardflux: shard=shard_0 */ SET SESSION TRANSACTION READ ONLY",
        "/* shardflux: shard=shard_0 */ CREATE TEMPORARY TABLE users (id INT)",
        "/* shardflux: shard=shard_0 */ LOCK TABLES users READ",
        "/* shardflux: key=3 */ SELECT LAST_INSERT_ID(id) FROM users WHERE id = 3",
      })
  void whatAHintedStatementLeavesIsNotMet(String sql) {
    String before = connectionId();
    boolean ran = done(connection -> ran(connection, sql));
    assertNothingIsMet(before, ran);
    before = connectionId();
    ran =
        done(
            connection ->
                Flux.from(connection.createBatch().add(sql).execute())
                    .concatMap(Result::getRowsUpdated));
    assertNothingIsMet(before, ran);
    before = connectionId();
    ran =
        done(
            connection ->
                Flux.concat(
                    Mono.from(connection.beginTransaction()),
                    ran(connection, "SELECT id FROM users WHERE id = 3"),
                    ran(connection, sql),
                    Mono.from(connection.commitTransaction())));
    assertThat(ran).isTrue();
    assertNothingIsMet(before, true);
  }

  private static void assertNothingIsMet(String before, boolean ran) {
    assertThat(shards.updated("REPLACE INTO users (id) VALUES (3)").block(BOUND)).isPositive();
    assertThat(asked(STATE)).isEqualTo(asOpened);
    // A statement that is refused without a transaction is sent to nobody.
    assertThat(connectionId().equals(before)).isEqualTo(!ran);
  }

  @Test
  void whatATransactionIsToldCostsNoConnection() {
    String before = connectionId();
    on(
        connection ->
            Flux.concat(
                Mono.from(connection.setTransactionIsolationLevel(IsolationLevel.SERIALIZABLE)),
                Mono.from(connection.setLockWaitTimeout(Duration.ofSeconds(7))),
                Mono.from(connection.setAutoCommit(false)),
                ran(connection, "UPDATE users SET name = 'a' WHERE id = 3"),
                Mono.from(connection.commitTransaction()),
                ran(connection, "UPDATE users SET name = 'b' WHERE id = 3"),
                Mono.from(connection.rollbackTransaction())));
    on(connection -> ran(connection, "UPDATE users SET name = 'c' WHERE id IN (1, 2, 3)"));
    assertThat(asked(STATE)).isEqualTo(asOpened);
    assertThat(connectionId()).isEqualTo(before);
  }

  @Test
  void looksAtTablesAndSettingsCostNoConnection() {
    String before = connectionId();
    for (int i = 0; i < 5; i++) {
      assertThat(shards.factory.check().block(BOUND)).isEmpty();
      assertThat(done(connection -> ran(connection, "SELECT id FROM users WHERE id = 3"))).isTrue();
      assertThat(done(connection -> ran(connection, "SELECT COUNT(*) FROM users"))).isTrue();
    }
    String setting = "SELECT CONCAT(@@sql_mode, @@SESSION.time_zone)";
    assertThat(asked(setting)).isNotEmpty();
    on(
        connection ->
            Flux.concat(
                Mono.from(connection.beginTransaction()),
                ran(connection, "SELECT id FROM users WHERE id = 3"),
                ran(connection, setting),
                Mono.from(connection.commitTransaction())));
    assertThat(connectionId()).isEqualTo(before);
  }

  private static Flux<Long> ran(Connection connection, String sql) {
    return Flux.from(connection.createStatement(sql).execute()).concatMap(Result::getRowsUpdated);
  }

  /** Tells whether the statement was sent, rather than refused. */
  private static boolean done(Function<Connection, Publisher<?>> work) {
    try {
      on(work);
      return true;
    } catch (R2dbcBadGrammarException refused) {
      assertThat(refused).hasMessageContaining("SESSION_STATE");
      return false;
    } catch (R2dbcRollbackException ended) {
      // LOCK TABLES commits by itself.
      assertThat(ended).hasMessageContaining("expected: none that commits");
      return true;
    }
  }

  private static String connectionId() {
    return asked("SELECT CONCAT(CONNECTION_ID())");
  }

  private static void on(Function<Connection, Publisher<?>> work) {
    shards.on(connection -> Flux.from(work.apply(connection)).then()).blockLast(BOUND);
  }

  private static String asked(String sql) {
    return Objects.requireNonNull(
        target
            .sql(sql)
            .map((row, metadata) -> Objects.requireNonNull(row.get(0, String.class)))
            .one()
            .block(BOUND));
  }
}
