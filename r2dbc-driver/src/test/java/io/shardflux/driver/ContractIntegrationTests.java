package io.shardflux.driver;

import static io.shardflux.driver.DriverShards.BOUND;
import static io.shardflux.driver.DriverShards.IDS;
import static io.shardflux.driver.DriverShards.bound;
import static org.assertj.core.api.Assertions.assertThat;

import io.r2dbc.spi.Batch;
import io.r2dbc.spi.Blob;
import io.r2dbc.spi.Connection;
import io.r2dbc.spi.R2dbcBadGrammarException;
import io.r2dbc.spi.Result;
import io.r2dbc.spi.ValidationDepth;
import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.r2dbc.ShardRouterBuilder;
import io.shardflux.r2dbc.settings.PoolOptions;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.router.KeyColumn;
import io.shardflux.router.ShardingStrategy;
import io.shardflux.router.TableRule;
import io.shardflux.sql.statement.PlannerOptions;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;
import reactor.test.StepVerifier;

/** R2DBC's demands on a driver that its TestKit does not test. */
class ContractIntegrationTests {

  private static final int USERS = 30;

  private static DriverShards shards;

  @BeforeAll
  static void load() {
    shards = new DriverShards();
    shards.load(USERS);
  }

  @AfterAll
  static void close() {
    shards.close();
  }

  private static Flux<Long> ids(Result result) {
    return Flux.from(result.map((row, metadata) -> Objects.requireNonNull(row.get(0, Long.class))));
  }

  private static Flux<Long> ids(Connection connection, String sql) {
    return Flux.defer(() -> connection.createStatement(sql).execute())
        .concatMap(ContractIntegrationTests::ids);
  }

  @Test
  void aReadOfABatchComesBeforeTheNextWrite() {
    shards.updated("INSERT INTO settings (id, label) VALUES (1000, 'x')").block(BOUND);
    StepVerifier.create(
            shards.on(
                connection -> {
                  Batch batch =
                      connection
                          .createBatch()
                          .add("SELECT id FROM users WHERE id = 7")
                          .add("SELECT id FROM settings WHERE id = 1000")
                          .add("DELETE FROM settings WHERE id = 1000")
                          .add("SELECT COUNT(*) FROM settings WHERE id = 1000");
                  return Flux.from(batch.execute())
                      .concatMap(result -> ids(result).delaySequence(Duration.ofMillis(300)), 8);
                }))
        .expectNext(7L, 1000L, 0L)
        .expectComplete()
        .verify(BOUND);
  }

  @Test
  void aBatchHoldsNoMoreRowsThanAMergeMay() {
    ShardfluxConnectionFactory narrow =
        ShardfluxConnectionFactory.of(
            shards.router,
            PlannerOptions.builder().maxMergedRows(USERS - 1).maxOffset(100).build());
    StepVerifier.create(
            Flux.usingWhen(
                narrow.create(),
                connection ->
                    Flux.from(connection.createBatch().add("SELECT id FROM users").execute())
                        .concatMap(ContractIntegrationTests::ids),
                Connection::close))
        .expectErrorMatches(
            error ->
                String.valueOf(error.getMessage())
                    .startsWith("TOO_MANY_MERGED_ROWS: more than 29 rows"))
        .verify(BOUND);
  }

  @Test
  void theFetchSizeBoundsAMergeAndChangesNoAnswer() {
    for (String order : List.of(" ORDER BY id", "")) {
      StepVerifier.create(
              shards
                  .on(
                      connection ->
                          Flux.from(
                                  connection
                                      .createStatement("SELECT id FROM users" + order)
                                      .fetchSize(1)
                                      .execute())
                              .concatMap(ContractIntegrationTests::ids))
                  .collectList())
          .assertNext(
              found ->
                  assertThat(order.isEmpty() ? found.stream().sorted().toList() : found)
                      .isEqualTo(LongStream.rangeClosed(1, USERS).boxed().toList()))
          .expectComplete()
          .verify(BOUND);
    }
  }

  @Test
  void aStreamIsForOneShardAlone() {
    for (String sql :
        List.of(
            "SELECT id FROM users WHERE name = ?",
            "/* shardflux: scatter-writes=true */ UPDATE users SET name = ?",
            "INSERT INTO countries VALUES ('XX', ?)")) {
      StepVerifier.create(shards.updated(sql, blob("user 7")))
          .expectErrorSatisfies(
              error ->
                  assertThat(error)
                      .isInstanceOf(R2dbcBadGrammarException.class)
                      .hasMessageStartingWith("STREAM_VALUE: a stream for several shards"))
          .verify(BOUND);
    }
    StepVerifier.create(
            shards.rows(
                row -> row.get(0, Long.class),
                "SELECT id FROM users WHERE id = 7 AND name = ?",
                blob("user 7")))
        .expectNext(7L)
        .expectComplete()
        .verify(BOUND);
  }

  private static Blob blob(String text) {
    return Blob.from(Mono.just(ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8))));
  }

  @Test
  void aSavepointThatFailsLeavesNoConnectionTaken() {
    StepVerifier.create(
            shards.on(
                connection ->
                    Flux.concat(
                        Mono.from(connection.createSavepoint("\0")).then(Mono.<Long>empty()),
                        ids(connection, "SELECT id FROM users WHERE id = 7"))))
        .expectErrorMessage("savepoint: 1 characters (expected: from 1 to 64)")
        .verify(BOUND);
    StepVerifier.create(
            shards
                .router
                .operations()
                .statistics()
                .filter(all -> all.stream().allMatch(shard -> shard.pool().acquired() == 0))
                .repeatWhenEmpty(tries -> tries.delayElements(Duration.ofMillis(20)))
                .then())
        .expectComplete()
        .verify(Duration.ofSeconds(20));
  }

  @Test
  void statementsSideBySideAreInOneTransaction() {
    StepVerifier.create(
            shards.on(
                connection ->
                    Flux.concat(
                        connection.setAutoCommit(false),
                        Flux.range(0, 20)
                            .flatMap(
                                i ->
                                    Flux.defer(
                                            () ->
                                                bound(
                                                        connection,
                                                        "INSERT INTO users (id) VALUES (?)",
                                                        3000 + 3 * i)
                                                    .execute())
                                        .concatMap(Result::getRowsUpdated)
                                        .subscribeOn(Schedulers.parallel()))
                            .then(),
                        connection.rollbackTransaction())))
        .expectComplete()
        .verify(BOUND);
    StepVerifier.create(
            shards.rows(
                row -> row.get(0, Long.class), "SELECT COUNT(*) FROM users WHERE id >= 3000"))
        .expectNext(0L)
        .expectComplete()
        .verify(BOUND);
  }

  @Test
  void bytesAreSentWholeToEachShardAndAgain() {
    ShardRouterBuilder builder =
        ShardRouter.builder()
            .strategy("by_user", ShardingStrategy.modulo(IDS))
            .table(new TableRule.Sharded("users", List.of(KeyColumn.integer("id")), "by_user"));
    for (int i = 0; i < IDS.size(); i++) {
      String url = shards.databases.get(i).r2dbcUrl();
      builder.shard(
          Shard.of(
              "shard_" + i,
              url + (url.contains("?") ? "&" : "?") + "useServerPrepareStatement=true"));
    }
    ShardRouter router = builder.build();
    ByteBuffer name = ByteBuffer.wrap("user 7".getBytes(StandardCharsets.UTF_8));
    StepVerifier.create(
            Flux.usingWhen(
                ShardfluxConnectionFactory.of(router).create(),
                connection ->
                    Flux.defer(
                            () ->
                                bound(connection, "SELECT id FROM users WHERE name = ?", name)
                                    .execute())
                        .concatMap(ContractIntegrationTests::ids)
                        .repeat(5),
                Connection::close))
        .expectNext(7L, 7L, 7L, 7L, 7L, 7L)
        .expectComplete()
        .verify(BOUND);
    assertThat(name.remaining()).isEqualTo(6);
    router.close().block(BOUND);
  }

  @Test
  void aTransactionIsValidatedOnItsOwnConnection() {
    ShardRouter router =
        ShardRouter.builder()
            .shard(Shard.of("shard_1", shards.databases.get(1).r2dbcUrl()))
            .pool(
                PoolOptions.builder()
                    .maxSize(1)
                    .minIdle(0)
                    .maxPending(10)
                    .connectTimeout(Duration.ofSeconds(10))
                    .build())
            .table(new TableRule.Pinned("settings", IDS.get(1)))
            .build();
    StepVerifier.create(
            Flux.usingWhen(
                ShardfluxConnectionFactory.of(router).create(),
                connection ->
                    Flux.concat(
                        Mono.from(connection.beginTransaction()).then(Mono.<Boolean>empty()),
                        ids(connection, "SELECT COUNT(*) FROM settings WHERE id = -1")
                            .map(count -> count == 0),
                        connection.validate(ValidationDepth.REMOTE)),
                Connection::close))
        .expectNext(true, true)
        .expectComplete()
        .verify(BOUND);
    router.close().block(BOUND);
  }

  @Test
  void explainRefusesWhatWouldBeRefused() {
    StepVerifier.create(shards.factory.explain("SELECT LAST_INSERT_ID()"))
        .assertNext(
            plan -> {
              assertThat(plan.parts()).isEmpty();
              assertThat(plan.refusal()).hasMessageStartingWith("SESSION_STATE");
            })
        .expectComplete()
        .verify(BOUND);
    StepVerifier.create(
            shards.factory.explain("/* shardflux: shard=nowhere */ SELECT id FROM users"))
        .expectErrorMessage("shard: nowhere (expected: one of [shard_0, shard_1, shard_2])")
        .verify(BOUND);
    StepVerifier.create(
            shards.on(
                connection ->
                    Flux.concat(
                        Mono.from(connection.beginTransaction()).then(Mono.<String>empty()),
                        ids(connection, "SELECT id FROM users WHERE id = 7").map(String::valueOf),
                        Flux.defer(
                                () ->
                                    connection
                                        .createStatement("EXPLAIN SHARDS SELECT LAST_INSERT_ID()")
                                        .execute())
                            .concatMap(
                                result ->
                                    result.map(
                                        (row, metadata) ->
                                            String.valueOf(row.get("shard", String.class)))))))
        .expectNext("7", "shard_1")
        .expectComplete()
        .verify(BOUND);
  }
}
