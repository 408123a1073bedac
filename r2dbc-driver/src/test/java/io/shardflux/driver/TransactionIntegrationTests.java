package io.shardflux.driver;

import static io.shardflux.driver.DriverShards.BOUND;
import static io.shardflux.driver.DriverShards.bound;
import static org.assertj.core.api.Assertions.assertThat;

import io.r2dbc.spi.Connection;
import io.r2dbc.spi.IsolationLevel;
import io.r2dbc.spi.Option;
import io.r2dbc.spi.R2dbcBadGrammarException;
import io.r2dbc.spi.Result;
import io.r2dbc.spi.TransactionDefinition;
import java.util.Objects;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.reactivestreams.Publisher;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.test.StepVerifier;

/** Transactions that write one shard, as they do by default. */
class TransactionIntegrationTests {

  private static final TransactionDefinition READ_ONLY =
      new TransactionDefinition() {
        @Override
        public <T> @Nullable T getAttribute(Option<T> option) {
          return option.equals(TransactionDefinition.READ_ONLY) ? option.cast(true) : null;
        }
      };

  private static DriverShards shards;

  @BeforeAll
  static void load() {
    shards = new DriverShards();
    shards.load(12);
  }

  @AfterAll
  static void close() {
    shards.close();
  }

  @AfterEach
  void clean() {
    shards
        .updated("/* shardflux: scatter-writes=true */ DELETE FROM users WHERE id > 12")
        .block(BOUND);
  }

  @Test
  void aCommitKeepsAndARollbackUndoes() {
    StepVerifier.create(
            in(
                connection ->
                    Flux.concat(
                        connection.beginTransaction(),
                        insert(connection, 30).then(),
                        connection.commitTransaction(),
                        connection.beginTransaction(),
                        insert(connection, 33).then(),
                        connection.rollbackTransaction())))
        .expectComplete()
        .verify(BOUND);
    assertThat(there(30)).isTrue();
    assertThat(there(33)).isFalse();
  }

  @Test
  void aConnectionClosedInItRollsBack() {
    StepVerifier.create(
            in(
                connection ->
                    Flux.concat(connection.beginTransaction(), insert(connection, 30).then())))
        .expectComplete()
        .verify(BOUND);
    assertThat(there(30)).isFalse();
  }

  @Test
  void aSecondShardIsRefusedWithBothNames() {
    StepVerifier.create(
            in(
                connection ->
                    Flux.concat(
                        connection.beginTransaction(),
                        insert(connection, 30).then(),
                        insert(connection, 31).then())))
        .expectErrorSatisfies(
            error ->
                assertThat(error)
                    .isInstanceOf(R2dbcBadGrammarException.class)
                    .hasMessageStartingWith(
                        "TRANSACTION_SHARD: shard_1: a write in a transaction that has written"
                            + " shard_0"))
        .verify(BOUND);
    assertThat(there(30)).isFalse();
  }

  @Test
  void allShardsAreReadInItWithWhatItWrote() {
    StepVerifier.create(
            in(
                connection ->
                    Flux.concat(
                        Mono.from(connection.beginTransaction()).then(Mono.<Long>empty()),
                        insert(connection, 30),
                        read(connection, "SELECT COUNT(*) FROM users"),
                        read(connection, "SELECT id FROM users ORDER BY id DESC LIMIT 2"),
                        Mono.from(connection.rollbackTransaction()).then(Mono.<Long>empty()),
                        read(connection, "SELECT COUNT(*) FROM users"))))
        .expectNext(1L, 13L, 30L, 12L, 12L)
        .expectComplete()
        .verify(BOUND);
  }

  @Test
  void readsOfAReadOnlyOneGoAnywhere() {
    StepVerifier.create(
            in(
                connection ->
                    Flux.concat(
                        Mono.from(connection.beginTransaction(READ_ONLY)).then(Mono.<Long>empty()),
                        read(connection, "SELECT COUNT(*) FROM users"),
                        read(connection, "SELECT id FROM users WHERE id = 1"),
                        read(connection, "SELECT id FROM users WHERE id = 2"),
                        Mono.from(connection.commitTransaction()).then(Mono.<Long>empty()))))
        .expectNext(12L, 1L, 2L)
        .expectComplete()
        .verify(BOUND);
    StepVerifier.create(
            in(
                connection ->
                    Flux.concat(
                        connection.beginTransaction(READ_ONLY), insert(connection, 30).then())))
        .expectErrorMatches(error -> String.valueOf(error.getMessage()).contains("read only"))
        .verify(BOUND);
  }

  @Test
  void aSavepointBeforeTheFirstStatementIsSetThere() {
    StepVerifier.create(
            in(
                connection ->
                    Flux.concat(
                        connection.createSavepoint("first"),
                        insert(connection, 30).then(),
                        connection.createSavepoint("second"),
                        insert(connection, 33).then(),
                        connection.rollbackTransactionToSavepoint("second"),
                        connection.commitTransaction())))
        .expectComplete()
        .verify(BOUND);
    assertThat(there(30)).isTrue();
    assertThat(there(33)).isFalse();
    StepVerifier.create(
            in(
                connection ->
                    Flux.concat(
                        connection.createSavepoint("first"),
                        insert(connection, 36).then(),
                        connection.rollbackTransactionToSavepoint("first"),
                        connection.commitTransaction())))
        .expectComplete()
        .verify(BOUND);
    assertThat(there(36)).isFalse();
  }

  @Test
  void itsIsolationLevelIsTheServers() {
    StepVerifier.create(
            in(
                connection ->
                    Flux.concat(
                        connection.setTransactionIsolationLevel(IsolationLevel.SERIALIZABLE),
                        connection.beginTransaction(),
                        Flux.defer(
                            () -> {
                              assertThat(connection.getTransactionIsolationLevel())
                                  .isEqualTo(IsolationLevel.SERIALIZABLE);
                              return read(connection, "SELECT id FROM users WHERE id = 3").then();
                            }),
                        connection.commitTransaction())))
        .expectComplete()
        .verify(BOUND);
  }

  @Test
  void withoutAutoCommitATransactionBeginsByItself() {
    StepVerifier.create(
            in(
                connection ->
                    Flux.concat(
                        connection.setAutoCommit(false),
                        insert(connection, 30).then(),
                        connection.rollbackTransaction(),
                        insert(connection, 31).then(),
                        connection.setAutoCommit(true))))
        .expectComplete()
        .verify(BOUND);
    assertThat(there(30)).isFalse();
    assertThat(there(31)).isTrue();
  }

  @Test
  void whatAnyShardAnswersBindsItToNone() {
    for (int id : new int[] {30, 31, 32}) {
      StepVerifier.create(
              in(
                  connection ->
                      Flux.concat(
                          Mono.from(connection.beginTransaction()).then(Mono.<Long>empty()),
                          read(connection, "SELECT COUNT(*) FROM countries"),
                          read(connection, "SELECT 7"),
                          insert(connection, id),
                          read(connection, "SELECT COUNT(*) FROM countries"),
                          Mono.from(connection.commitTransaction()).then(Mono.<Long>empty()))))
          .expectNext(0L, 7L, 1L, 0L)
          .expectComplete()
          .verify(BOUND);
      assertThat(there(id)).isTrue();
    }
  }

  @Test
  void rowsAreLockedInIt() {
    StepVerifier.create(
            in(
                connection ->
                    Flux.concat(
                        Mono.from(connection.beginTransaction()).then(Mono.<Long>empty()),
                        read(connection, "SELECT id FROM users WHERE id = 3 FOR UPDATE"),
                        Mono.from(connection.commitTransaction()).then(Mono.<Long>empty()))))
        .expectNext(3L)
        .expectComplete()
        .verify(BOUND);
  }

  @Test
  void whatItSetsInItsSessionIsGoneAfterIt() {
    StepVerifier.create(
            in(
                connection ->
                    Flux.concat(
                        connection.beginTransaction(),
                        insert(connection, 30).then(),
                        Flux.from(
                                connection
                                    .createStatement("SET @seen = 1, sql_mode = 'ANSI_QUOTES'")
                                    .execute())
                            .concatMap(Result::getRowsUpdated)
                            .then(),
                        connection.commitTransaction())))
        .expectComplete()
        .verify(BOUND);
    StepVerifier.create(
            shards.on(
                connection ->
                    Flux.concat(
                        Mono.from(connection.beginTransaction()).then(Mono.<Integer>empty()),
                        insert(connection, 33).then(Mono.<Integer>empty()),
                        Flux.from(
                                connection
                                    .createStatement(
                                        "SELECT @seen IS NULL AND @@sql_mode NOT LIKE '%ANSI%'")
                                    .execute())
                            .concatMap(result -> result.map(row -> row.get(0, Integer.class))))))
        .expectNext(1)
        .expectComplete()
        .verify(BOUND);
  }

  private static <T> Flux<T> in(Function<Connection, Publisher<T>> work) {
    return shards.on(work);
  }

  private static Mono<Long> insert(Connection connection, int id) {
    return Flux.defer(
            () ->
                bound(connection, "INSERT INTO users (id, name) VALUES (?, ?)", id, "x").execute())
        .concatMap(Result::getRowsUpdated)
        .single();
  }

  private static Flux<Long> read(Connection connection, String sql) {
    return Flux.defer(() -> connection.createStatement(sql).execute())
        .concatMap(result -> result.map(row -> Objects.requireNonNull(row.get(0, Long.class))));
  }

  private static boolean there(int id) {
    return Boolean.TRUE.equals(
        shards.rows(row -> 1, "SELECT 1 FROM users WHERE id = ?", id).hasElements().block(BOUND));
  }
}
