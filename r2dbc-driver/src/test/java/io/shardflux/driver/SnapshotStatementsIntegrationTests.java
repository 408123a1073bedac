package io.shardflux.driver;

import static io.shardflux.driver.DriverShards.BOUND;
import static io.shardflux.driver.DriverShards.bound;
import static org.assertj.core.api.Assertions.assertThat;

import io.r2dbc.spi.Connection;
import io.r2dbc.spi.R2dbcBadGrammarException;
import io.r2dbc.spi.Result;
import io.shardflux.r2dbc.settings.PoolOptions;
import io.shardflux.r2dbc.settings.ReadConsistency;
import io.shardflux.r2dbc.settings.TransactionMode;
import io.shardflux.r2dbc.settings.TransactionOptions;
import java.util.List;
import java.util.Objects;
import java.util.function.Function;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.reactivestreams.Publisher;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.test.StepVerifier;

/** The driver's reads of all shards as of one instant. */
class SnapshotStatementsIntegrationTests {

  private static final String SNAPSHOT = "/* shardflux: consistency=snapshot */ ";

  /** Of users 1 to 12. */
  private static final long SUM = 78;

  private DriverShards shards;

  @BeforeEach
  void open() {
    shards =
        new DriverShards(
            router ->
                router
                    .transactions(TransactionOptions.defaults().withMode(TransactionMode.ATOMIC))
                    .pool(PoolOptions.builder().maxSize(8).build()));
    shards.router.operations().createTransactionTables().block(BOUND);
    shards.load(12);
  }

  @AfterEach
  void close() {
    shards.awaitIdle();
    shards.close();
  }

  private <T> Flux<T> transaction(Function<Connection, Publisher<T>> work) {
    return shards.on(
        connection ->
            Flux.concat(
                Mono.from(connection.beginTransaction()).then(Mono.<T>empty()),
                Flux.defer(() -> work.apply(connection)),
                Mono.from(connection.commitTransaction()).then(Mono.<T>empty())));
  }

  private static Mono<Long> changed(Connection connection, String sql, Object... values) {
    return Flux.defer(() -> bound(connection, sql, values).execute())
        .concatMap(Result::getRowsUpdated)
        .single();
  }

  private static Mono<Long> one(Connection connection, String sql) {
    return Flux.defer(() -> bound(connection, sql).execute())
        .concatMap(result -> result.map(row -> Objects.requireNonNull(row.get(0, Long.class))))
        .single();
  }

  private Mono<Long> read(String sql) {
    return shards.on(connection -> one(connection, sql)).single();
  }

  private Flux<Long> transfer(int from, int to) {
    return transaction(
        connection ->
            changed(connection, "UPDATE users SET age = age - 1 WHERE id = ?", from)
                .then(changed(connection, "UPDATE users SET age = age + 1 WHERE id = ?", to)));
  }

  private Disposable transferring() {
    return Flux.range(0, 4)
        .flatMap(lane -> transfer(3 * lane + 1, 3 * lane + 2).onErrorComplete().repeat(), 4)
        .subscribe();
  }

  /** One statement, its groups on several shards, and one that gathers. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "SELECT SUM(age) FROM users",
        "SELECT SUM(t.age) FROM (SELECT age, COUNT(*) OVER () AS n FROM users) t",
      })
  void oneStatementIsOfOneInstant(String sql) {
    Disposable running = transferring();
    try {
      assertThat(read(SNAPSHOT + sql).repeat(7).collectList().block(BOUND))
          .hasSize(8)
          .containsOnly(SUM);
      // Without it one is wrong soon.
      assertThat(read(sql).repeat().any(sum -> sum != SUM).block(BOUND)).isTrue();
    } finally {
      running.dispose();
    }
  }

  @Test
  void aTransactionIsOfOneInstant() {
    List<Long> seen =
        transaction(
                connection ->
                    Flux.concat(
                        one(connection, "SELECT age FROM users WHERE id = 1"),
                        Flux.from(transfer(1, 2))
                            .contextWrite(ReadConsistency.EACH_SHARD.inContext())
                            .thenMany(updated("INSERT INTO countries VALUES ('AT', 'Austria')"))
                            .thenMany(one(connection, "SELECT age FROM users WHERE id = 2")),
                        one(connection, "SELECT SUM(age) FROM users"),
                        one(connection, "SELECT COUNT(*) FROM countries")))
            .contextWrite(ReadConsistency.SNAPSHOT.inContext())
            .collectList()
            .block(BOUND);
    assertThat(seen).containsExactly(1L, 2L, SUM, 0L);
    assertThat(read("SELECT age FROM users WHERE id = 2").block(BOUND)).isEqualTo(3);
  }

  private Mono<Long> updated(String sql) {
    return shards.updated(sql).contextWrite(ReadConsistency.EACH_SHARD.inContext());
  }

  @Test
  void whatIsNoReadIsRefused() {
    for (String sql :
        List.of(
            "UPDATE users SET age = 1 WHERE id = 1",
            "SELECT age FROM users WHERE id = 1 FOR UPDATE",
            "SELECT age FROM users WHERE id = 1 LOCK IN SHARE MODE")) {
      StepVerifier.create(shards.updated(SNAPSHOT + sql))
          .expectErrorMatches(
              error ->
                  error instanceof R2dbcBadGrammarException said && said.getErrorCode() == 1792)
          .verify(BOUND);
    }
    StepVerifier.create(
            transaction(connection -> one(connection, SNAPSHOT + "SELECT age FROM users")))
        .expectErrorMessage(
            "consistency: snapshot, of a statement in a transaction without (expected: the"
                + " transaction begun so, or none)")
        .verify(BOUND);
    StepVerifier.create(read("/* shardflux: consistency=strong */ SELECT age FROM users"))
        .expectErrorMessage("consistency: strong (expected: snapshot or each-shard)")
        .verify(BOUND);
  }

  /** Rows that nobody takes to their end leave no connection taken. */
  @Test
  void aCancelFreesAllShards() {
    StepVerifier.create(
            shards
                .on(
                    connection ->
                        Flux.from(bound(connection, SNAPSHOT + "SELECT id FROM users").execute())
                            .concatMap(result -> result.map(row -> row.get(0, Long.class) != null)))
                .take(1))
        .expectNext(true)
        .expectComplete()
        .verify(BOUND);
    shards.awaitIdle();
  }
}
