package io.shardflux.driver;

import static io.shardflux.driver.DriverShards.BOUND;
import static org.assertj.core.api.Assertions.assertThat;

import io.r2dbc.spi.Blob;
import io.r2dbc.spi.Connection;
import io.r2dbc.spi.Option;
import io.r2dbc.spi.R2dbcBadGrammarException;
import io.r2dbc.spi.Result;
import io.r2dbc.spi.TransactionDefinition;
import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.sql.statement.PlannerOptions;
import io.shardflux.sql.statement.RefusalCode;
import io.shardflux.sql.statement.RefusedSqlException;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.function.Function;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.reactivestreams.Publisher;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.test.StepVerifier;

/** Whatever is refused has a code, first in its message and in its cause. */
class RefusalsIntegrationTests {

  private static final TransactionDefinition READ_ONLY =
      new TransactionDefinition() {
        @Override
        public <T> @Nullable T getAttribute(Option<T> option) {
          return option.equals(TransactionDefinition.READ_ONLY) ? option.cast(true) : null;
        }
      };

  private static DriverShards shards;

  @BeforeAll
  static void start() {
    shards = new DriverShards();
    shards.load(30);
  }

  @AfterAll
  static void stop() {
    shards.close();
  }

  private static Arguments refusal(
      RefusalCode code, String name, Function<Connection, Publisher<?>> work) {
    return Arguments.of(code, name, work);
  }

  private static Flux<?> run(Connection connection, String sql) {
    return Flux.from(connection.createStatement(sql).execute())
        .concatMap(result -> result.map((row, metadata) -> 1));
  }

  private static Flux<?> changed(Connection connection, String sql) {
    return Flux.from(connection.createStatement(sql).execute()).concatMap(Result::getRowsUpdated);
  }

  private static Flux<?> inTransaction(Connection connection, String... statements) {
    return Flux.from(connection.beginTransaction())
        .thenMany(Flux.fromArray(statements).concatMap(sql -> changed(connection, sql)));
  }

  static Stream<Arguments> refusals() {
    return Stream.of(
        refusal(
            RefusalCode.TRANSACTION_SHARD,
            "another shard",
            connection ->
                inTransaction(
                    connection,
                    "UPDATE users SET age = 1 WHERE id = 1",
                    "UPDATE users SET age = 1 WHERE id = 2")),
        refusal(
            RefusalCode.TRANSACTION_SHARD,
            "several shards, first",
            connection -> inTransaction(connection, "UPDATE users SET age = 1 WHERE id IN (1, 2)")),
        refusal(
            RefusalCode.TRANSACTION_SHARD,
            "several shards, later",
            connection ->
                inTransaction(
                    connection,
                    "UPDATE users SET age = 1 WHERE id = 1",
                    "UPDATE users SET age = 1 WHERE id IN (1, 2)")),
        refusal(
            RefusalCode.TRANSACTION_SHARD,
            "a read of several shards, where one alone may be used",
            connection ->
                Flux.from(connection.beginTransaction())
                    .thenMany(
                        run(
                            connection,
                            "/* shardflux: transactions=single */ SELECT * FROM users"))),
        refusal(
            RefusalCode.READ_ONLY_TRANSACTION,
            "a write in a transaction that reads",
            connection ->
                Flux.from(connection.beginTransaction(READ_ONLY))
                    .thenMany(changed(connection, "UPDATE users SET age = 1 WHERE id = 1"))),
        refusal(
            RefusalCode.GENERATED_VALUES,
            "generated values of several shards",
            connection ->
                connection
                    .createStatement("UPDATE users SET age = 1 WHERE id IN (1, 2)")
                    .returnGeneratedValues("id")
                    .execute()),
        refusal(
            RefusalCode.STREAM_VALUE,
            "a stream for several shards",
            connection ->
                connection
                    .createStatement("SELECT * FROM users WHERE name = ?")
                    .bind(0, Blob.from(Mono.just(ByteBuffer.wrap(new byte[1]))))
                    .execute()),
        refusal(
            RefusalCode.SESSION_STATE,
            "a user variable outside a transaction",
            connection -> run(connection, "SELECT @a FROM users WHERE id = 1")),
        refusal(
            RefusalCode.SESSION_STATE,
            "what others left, first in a transaction",
            connection ->
                inTransaction(connection, "UPDATE users SET age = LAST_INSERT_ID() WHERE id = 1")),
        refusal(RefusalCode.SYNTAX, "a misspelt verb", connection -> run(connection, "SELEC 1")),
        refusal(RefusalCode.STATEMENT, "DDL", connection -> run(connection, "DROP VIEW users")));
  }

  @ParameterizedTest(name = "{1}")
  @MethodSource("refusals")
  void everyRefusalHasACode(
      RefusalCode code, String name, Function<Connection, Publisher<?>> work) {
    StepVerifier.create(
            shards.on(connection -> Flux.from(work.apply(connection)).cast(Object.class)))
        .thenConsumeWhile(any -> true)
        .expectErrorSatisfies(error -> refused(error, code))
        .verify(BOUND);
  }

  @Test
  void aMergeThatHoldsTooMuchIsRefusedWhileItRuns() {
    ShardRouter router = shards.router;
    ShardfluxConnectionFactory few =
        ShardfluxConnectionFactory.of(router, PlannerOptions.builder().maxMergedRows(5).build());
    for (String sql :
        List.of(
            "SELECT COUNT(DISTINCT age) FROM users",
            "SELECT age, COUNT(*) AS n FROM users GROUP BY age ORDER BY n",
            "SELECT DISTINCT COUNT(*), age FROM users GROUP BY age")) {
      Flux.usingWhen(few.create(), connection -> run(connection, sql), Connection::close)
          .as(StepVerifier::create)
          .thenConsumeWhile(any -> true)
          .expectErrorSatisfies(error -> refused(error, RefusalCode.TOO_MANY_MERGED_ROWS))
          .verify(BOUND);
    }
  }

  @Test
  void whatSetsTheSessionMayBeATransactionsFirstStatement() {
    StepVerifier.create(
            shards.on(
                connection ->
                    inTransaction(
                            connection,
                            "UPDATE users SET age = LAST_INSERT_ID(age + 100) WHERE id = 4")
                        .thenMany(
                            Flux.from(
                                    connection.createStatement("SELECT LAST_INSERT_ID()").execute())
                                .concatMap(
                                    result ->
                                        result.map((row, metadata) -> row.get(0, Long.class))))
                        .cast(Object.class)))
        .expectNext(104L)
        .expectComplete()
        .verify(BOUND);
  }

  private static void refused(Throwable error, RefusalCode code) {
    assertThat(error)
        .isInstanceOf(R2dbcBadGrammarException.class)
        .message()
        .contains(code + ": ")
        .contains(code.wayOut());
    assertThat(error.getCause())
        .isInstanceOfSatisfying(
            RefusedSqlException.class, refusal -> assertThat(refusal.code()).isEqualTo(code));
  }
}
