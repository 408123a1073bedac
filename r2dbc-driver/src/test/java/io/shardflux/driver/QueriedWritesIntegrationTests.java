package io.shardflux.driver;

import static io.shardflux.driver.DriverShards.BOUND;
import static io.shardflux.driver.DriverShards.IDS;
import static org.assertj.core.api.Assertions.assertThat;

import io.r2dbc.spi.Connection;
import io.r2dbc.spi.R2dbcDataIntegrityViolationException;
import io.r2dbc.spi.R2dbcException;
import io.r2dbc.spi.Result;
import io.shardflux.r2dbc.settings.GatherOptions;
import io.shardflux.sql.gather.QueriedWrite;
import io.shardflux.sql.statement.RefusalCode;
import io.shardflux.sql.statement.ShardSql;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.test.StepVerifier;

/** Writes whose rows a query finds first. */
class QueriedWritesIntegrationTests extends GatheringShards {

  private static final String NINTH =
      "INSERT INTO orders (user_id, no, total) SELECT id, 9, age FROM users";

  private static final String OLD =
      "/* shardflux: read-then-write=true */ DELETE FROM users WHERE id < 100 AND age IN (SELECT"
          + " no + 20 FROM orders)";

  private DriverShards shards(int users) {
    return shards(users, GatherOptions.defaults());
  }

  private static void expect(Mono<Long> updated, long rows) {
    expect(updated.flux(), rows);
  }

  private static long count(DriverShards shards, String from) {
    return shards
        .rows(row -> row.get(0, Long.class), "SELECT COUNT(*) FROM " + from)
        .single()
        .blockOptional(BOUND)
        .orElseThrow();
  }

  @Test
  void boundsAreToldBeforeAnythingIsWritten() {
    DriverShards few = shards(30, GatherOptions.builder().maxRows(25).maxBytes(1_500).build());
    refused(few.updated(NINTH), RefusalCode.TOO_MANY_GATHERED_ROWS);
    // So many rows come of fewer.
    refused(
        few.updated(
            "INSERT INTO users (id) SELECT u.id * 99 + o.no FROM users u, orders o WHERE u.id < 9 AND o.user_id < 9"),
        RefusalCode.TOO_MANY_GATHERED_ROWS);
    refused(
        few.updated(
            "/* shardflux: gather=99 */ INSERT INTO users (id, name) SELECT id + 99, REPEAT(name, 9) FROM users"),
        RefusalCode.TOO_MANY_GATHERED_ROWS);
    refused(
        few.updated(
            "/* shardflux: read-then-write=true */ UPDATE users SET age = 1 ORDER BY name LIMIT 26"),
        RefusalCode.TOO_MANY_GATHERED_ROWS);
    assertThat(count(few, "orders WHERE no = 9")).isZero();
    assertThat(count(few, "users")).isEqualTo(30);
    assertThat(count(few, "users WHERE age = 1")).isEqualTo(1);
    expect(few.updated("/* shardflux: gather=30 */ " + NINTH), 30);
    expect(
        few.updated(
            "/* shardflux: read-then-write=true */ UPDATE users SET age = 1 ORDER BY name LIMIT 25"),
        25);
    isClean(few);
  }

  @Test
  void whatIsForbiddenIsRefused() {
    DriverShards some = shards(9);
    assertThat(
            refused(
                    some.updated(OLD.substring(OLD.indexOf("DELETE"))),
                    RefusalCode.CROSS_SHARD_JOIN)
                .wayOut())
        .contains("read-then-write=true");
    refused(
        some.updated("/* shardflux: gather=false */ " + NINTH), RefusalCode.SCATTERED_WRITE_FORM);
    refused(some.updated("/* shardflux: scatter=false */ " + NINTH), RefusalCode.SCATTER_FORBIDDEN);
    refused(
        some.updated("/* shardflux: scatter-writes=false */ " + NINTH),
        RefusalCode.SCATTERED_WRITE);
    refused(
        some.updated(
            "INSERT INTO orders (user_id, no) SELECT id, 9 FROM users ON DUPLICATE KEY UPDATE total = age"),
        RefusalCode.SCATTERED_WRITE_FORM);
    refused(
        some.updated(
            "INSERT INTO orders (user_id, no) SELECT id, 9 FROM users ON DUPLICATE KEY UPDATE user_id = no"),
        RefusalCode.KEY_UPDATE);
    assertThat(count(some, "orders WHERE no = 9")).isZero();
  }

  /** A transaction keeps what it has, and nothing is written beside it. */
  @Test
  void aTransactionRefusesIt() {
    DriverShards some = shards(9);
    List<String> told =
        some.on(
                connection ->
                    Flux.from(connection.beginTransaction())
                        .thenMany(updated(connection, "UPDATE users SET age = 70 WHERE id = 3"))
                        .thenMany(
                            Flux.just(NINTH, OLD)
                                .concatMap(
                                    sql ->
                                        updated(connection, sql)
                                            .map(String::valueOf)
                                            .onErrorResume(
                                                error ->
                                                    Mono.just(String.valueOf(error.getMessage())))))
                        .concatWith(Mono.from(connection.commitTransaction()).then(Mono.empty())))
            .collectList()
            .block(BOUND);
    assertThat(told).hasSize(2).allMatch(error -> error.startsWith("GATHER_IN_TRANSACTION"));
    assertThat(count(some, "orders WHERE no = 9")).isZero();
    assertThat(count(some, "users WHERE age = 70")).isEqualTo(1);
  }

  private static Flux<Long> updated(Connection connection, String sql) {
    return Flux.from(connection.createStatement(sql).execute()).concatMap(Result::getRowsUpdated);
  }

  @Test
  void aRefusedRowLeavesNoneAnywhere() {
    DriverShards some = shards(30);
    some.updated("INSERT INTO orders (user_id, no) VALUES (29, 9)").block(BOUND);
    StepVerifier.create(some.updated(NINTH))
        .expectErrorSatisfies(
            error -> {
              assertThat(error)
                  .isInstanceOf(R2dbcDataIntegrityViolationException.class)
                  .hasMessageEndingWith(
                      "nothing was written, all of [shard_0, shard_1, shard_2] rolled back");
              assertThat(((R2dbcException) error).getErrorCode()).isEqualTo(1062);
            })
        .verify(BOUND);
    assertThat(count(some, "orders WHERE no = 9")).isEqualTo(1);
    // The server that makes the rows tells what a column does not take.
    StepVerifier.create(
            some.updated("INSERT INTO users (id, country) SELECT id + 99, name FROM users"))
        .expectErrorSatisfies(
            error -> assertThat(((R2dbcException) error).getErrorCode()).isEqualTo(1406))
        .verify(BOUND);
    isClean(some);
  }

  /** Several statements for each shard are one write. */
  @Test
  void manyRowsAreOneWrite() {
    DriverShards many = shards(30);
    for (int there = 30; there < 3_000; there *= 2) {
      expect(
          many.updated(
              "INSERT INTO users SELECT id + ?, LEFT(REPEAT(name, 9), 99), age, country FROM users WHERE name <> ?",
              there,
              "nobody"),
          there);
    }
    assertThat(count(many, "users")).isEqualTo(3_840);
    assertThat(
            IDS.stream()
                .map(
                    shard ->
                        many.router
                            .on(shard)
                            .sql("SELECT COUNT(*) FROM users")
                            .map((row, metadata) -> row.get(0, Long.class))
                            .one()
                            .block(BOUND)))
        .containsOnly(1_280L);
    many.updated("INSERT INTO users (id) VALUES (7839)").block(BOUND);
    StepVerifier.create(
            many.updated(
                "INSERT INTO users (id, name) SELECT id + 4000, name FROM users WHERE id <= 3840"))
        .expectError()
        .verify(BOUND);
    assertThat(count(many, "users")).isEqualTo(3_841);
    expect(
        many.updated(
            "/* shardflux: read-then-write=true */ DELETE FROM users WHERE id > (SELECT MAX(no) FROM orders) + 111"),
        3_841 - 114);
  }

  /** A row that no longer satisfies the table's own condition once its key was read is left. */
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void conditionsAreCheckedAgain(boolean checked) {
    DriverShards some = shards(30);
    ShardfluxConnectionFactory late =
        MutatedFactory.ofWrites(some.router, write -> readEarly(write, checked));
    Long deleted =
        Flux.usingWhen(
                late.create(),
                connection ->
                    updated(
                        connection,
                        "/* shardflux: read-then-write=true */ DELETE FROM users WHERE age = 5 AND id IN (SELECT no + 4 FROM orders)"),
                Connection::close)
            .blockLast(BOUND);
    assertThat(deleted).isEqualTo(checked ? 1 : 3);
  }

  private static QueriedWrite readEarly(QueriedWrite write, boolean checked) {
    ShardSql keys = ((QueriedWrite.Keys) write.found()).sql();
    ShardSql others = new ShardSql(keys.text().replace("age = 5 AND ", ""), keys.markers());
    ShardSql head = write.head();
    return new QueriedWrite(
        new QueriedWrite.Keys(others),
        checked ? head : new ShardSql(head.text().replace("(age = 5) AND ", ""), head.markers()),
        write.tail());
  }

  /** A write and what is gathered for it have one turn, and others wait for it. */
  @Test
  void aWriteHasOneTurn() {
    DriverShards one = shards(12, GatherOptions.builder().concurrency(1).build());
    String keys =
        "/* shardflux: read-then-write=true */ UPDATE users a JOIN users b ON b.age = a.age + 1 SET"
            + " a.country = 'PL' WHERE a.id < b.id";
    StepVerifier.create(
            Flux.range(10, 6)
                .flatMap(no -> one.updated(NINTH.replace("9", "" + no)), 6)
                .concatWith(one.updated(keys)))
        .expectNext(12L, 12L, 12L, 12L, 12L, 12L, 11L)
        .expectComplete()
        .verify(BOUND);
    isClean(one);
  }

  @Test
  void aCancelLeavesNothing() {
    DriverShards given = shards(20);
    for (int after = 0; after < 60; after += 3) {
      Disposable write = given.updated(NINTH).subscribe(rows -> {}, error -> {});
      Mono.delay(Duration.ofMillis(after)).block(BOUND);
      write.dispose();
      assertThat(count(given, "orders WHERE no = 9")).isIn(0L, 20L);
      given
          .updated("/* shardflux: scatter-writes=true */ DELETE FROM orders WHERE no = 9")
          .block(BOUND);
    }
    isClean(given);
  }

  @Test
  void theWayIsExplained() {
    DriverShards some = shards(3);
    Explanation made = explained(some, NINTH + " WHERE age > ?", 3);
    assertThat(made.merge())
        .startsWith("first gather on shard_")
        .endsWith(
            "; at most 10000 rows, then to their shards INSERT INTO orders (`user_id`, `no`, `total`) VALUES …");
    assertThat(made.parts()).hasSize(4);
    Explanation keys = explained(some, OLD);
    assertThat(keys.merge())
        .startsWith("first ")
        .endsWith(
            "DELETE `users` FROM `users` AS `users` WHERE (id < 100) AND (`users`.`id`) IN (…)");
  }

  private static Explanation explained(DriverShards shards, String sql, Object... values) {
    return shards.factory.explain(sql, values).blockOptional(BOUND).orElseThrow();
  }
}
