package io.shardflux.driver;

import static io.shardflux.driver.DriverShards.BOUND;
import static io.shardflux.driver.DriverShards.IDS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.r2dbc.spi.Connection;
import io.r2dbc.spi.R2dbcException;
import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.r2dbc.settings.GatherOptions;
import io.shardflux.r2dbc.settings.PoolOptions;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.router.KeyColumn;
import io.shardflux.router.ShardingStrategy;
import io.shardflux.router.TableRule;
import io.shardflux.servers.TestServers;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ThreadLocalRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.test.StepVerifier;

/** Reads whose shards, or whose one server, are sent rows of others with the text. */
class BroadcastIntegrationTests extends GatheringShards {

  private static final int CANCELS = Integer.getInteger("gather.cancels", 50);

  private static final String JOINED =
      "SELECT COUNT(*) FROM settings s JOIN users u ON u.age = s.id";

  private final Map<String, Integer> plans = new ConcurrentHashMap<>();

  /** Users of whom more than may be gathered, and two settings. */
  private DriverShards shards(int users, PoolOptions pool) {
    DriverShards made =
        shards(
            users,
            builder ->
                builder
                    .gathers(GatherOptions.builder().maxRows(60).build())
                    .pool(pool)
                    .timeouts(Timeouts.of(BOUND).withAcquire(BOUND.minusSeconds(1))),
            router -> MutatedFactory.noting(router, plan -> plans.merge(plan, 1, Integer::sum)));
    made.updated("INSERT INTO settings (label) VALUES ('x'), ('user 2')").block(BOUND);
    return made;
  }

  private DriverShards shards(int users) {
    return shards(users, PoolOptions.defaults());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "SELECT COUNT(*) FROM settings s JOIN users u ON u.age = s.id | 4 | broadcast",
        "SELECT COUNT(*) FROM users u JOIN settings s ON u.age = s.id | 4 | broadcast",
        "SELECT COUNT(*) FROM users u LEFT JOIN settings s ON u.age = s.id | 100 | broadcast",
        "SELECT COUNT(*) FROM settings s RIGHT JOIN users u ON u.age = s.id | 100 | broadcast",
        "SELECT SUM(u.id) FROM users u, settings s WHERE s.label = u.name | 2 | broadcast",
        "SELECT COUNT(*) FROM users u WHERE u.age IN (SELECT s.id + 0 FROM settings s) | 4 |"
            + " broadcast",
        "SELECT COUNT(*) FROM users u WHERE NOT EXISTS (SELECT 1 FROM settings s WHERE s.id ="
            + " u.age) | 96 | broadcast",
        "WITH s AS (SELECT id FROM settings) SELECT COUNT(*) FROM users u JOIN s ON u.age = s.id |"
            + " 4 | broadcast",
        "SELECT COUNT(*) FROM settings s LEFT JOIN users u ON u.age = s.id | 4 | gather",
        "SELECT COUNT(*) FROM settings s LEFT JOIN users u ON u.age = s.id + 100 AND u.id < 9 | 2 |"
            + " rows in the text",
      })
  void theSmallerSideIsSentWhereThatIsRight(String sql, long expected, String plan) {
    DriverShards large = shards(100);
    expect(numbers(large, sql), expected);
    assertThat(plans).as(sql).containsKey(plan);
    assertThat(plans.containsKey("broadcast")).isEqualTo(plan.equals("broadcast"));
    isClean(large);
  }

  /** In rows that a text has, servers would find the alias where a table's column is meant. */
  @Test
  void aNameOfTwoInGroupsIsFoundInTables() {
    DriverShards large = shards(100);
    String sql = "SELECT MIN(u.id) AS %s FROM users u JOIN settings s ON u.age = s.id GROUP BY %s";
    List<Long> expected =
        numbers(large, sql.formatted("least", "s.label")).sort().collectList().block(BOUND);
    assertThat(expected).hasSize(2);
    assertThat(plans).containsKey("broadcast");
    plans.clear();
    assertThat(numbers(large, sql.formatted("label", "label")).sort().collectList().block(BOUND))
        .isEqualTo(expected);
    assertThat(plans).doesNotContainKeys("broadcast", "rows in the text");
  }

  /** The breaker of the shard that has none of the keys is open. */
  @Test
  void aMentionThatIsJoinedByItsKeyIsAskedForTheKeysAlone() {
    DriverShards large = shards(100);
    String sql = "SELECT COUNT(*) FROM settings s JOIN users u ON u.id = s.id";
    expect(numbers(large, sql), 2L);
    large.router.operations().openBreaker(IDS.get(0)).block(BOUND);
    // Of the ids 1 and 2, which are on the other two.
    expect(numbers(large, sql), 2L);
    assertThat(plans).containsKey("broadcast");
    large.router.operations().closeBreaker(IDS.get(0)).block(BOUND);
  }

  /** Of two that are not small the first has more rows than may be; no row of it is left out. */
  @Test
  void oneThatHasTooManyRowsIsToldThoughTheOtherWasRead() {
    DriverShards large = shards(100);
    for (int i = 0; i < 4; i++) {
      large.updated("INSERT INTO settings (label) SELECT label FROM settings").block(BOUND);
    }
    StepVerifier.create(
            numbers(
                large,
                "SELECT ROW_NUMBER() OVER (ORDER BY u.age) FROM users u JOIN settings s ON u.age <"
                    + " s.id"))
        .expectErrorSatisfies(
            error -> assertThat(error).hasMessageContaining("TOO_MANY_GATHERED_ROWS"))
        .verify(BOUND);
    isClean(large);
  }

  @Test
  void rowsComeInTheOrderThatTheStatementSays() {
    DriverShards large = shards(100);
    String sql =
        "SELECT u.id FROM settings s JOIN users u ON u.age = s.id ORDER BY s.label DESC, u.id"
            + " LIMIT 3";
    // Of the ages 1 and 2; the label of 1 comes last.
    expect(numbers(large, sql), 1L, 51L, 2L);
    assertThat(plans).containsKey("broadcast");
  }

  @Test
  void theWaysAreShownWithWhatIsKnownOfTheRows() {
    DriverShards large = shards(100);
    String before = merge(large, JOINED);
    assertThat(before)
        .contains("broadcast of settings (an unknown number of rows; at most 262144 characters)")
        .contains("to shard_0, shard_1, shard_2")
        .contains("otherwise gather on")
        .contains("60 rows");
    expect(numbers(large, JOINED), 4L);
    assertThat(merge(large, JOINED)).contains("broadcast of settings (about 2 rows;");
  }

  private static String merge(DriverShards shards, String sql) {
    return String.valueOf(shards.factory.explain(sql).blockOptional(BOUND).orElseThrow().merge());
  }

  @Test
  void aCancelLeavesNothing() {
    DriverShards given = shards(60);
    for (int i = 0; i < CANCELS; i++) {
      int after = ThreadLocalRandom.current().nextInt(40);
      boolean late = i % 2 == 1;
      Disposable read =
          numbers(given, (late ? "/* shardflux: timeout=" + (after + 1) + "ms */ " : "") + JOINED)
              .subscribe(row -> {}, error -> {});
      Mono.delay(Duration.ofMillis(after)).block(BOUND);
      read.dispose();
    }
    isClean(given);
    expect(numbers(given, JOINED), 4L);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2})
  void manyAtOnceWaitForNoConnectionOfTheirOwn(int connections) {
    DriverShards many = shards(60, PoolOptions.builder().maxSize(connections).minIdle(0).build());
    StepVerifier.create(Flux.range(0, 64).flatMap(i -> numbers(many, JOINED), 64))
        .thenConsumeWhile(count -> count == 4)
        .expectComplete()
        .verify(BOUND);
    isClean(many);
  }

  @Test
  void aServerThatDiesIsNamed() {
    TestServers servers = TestServers.shared();
    assumeTrue(servers.controllable(), "these servers can't be killed");
    DriverShards three = shards(9);
    expect(numbers(three, JOINED), 2L);
    try {
      // Only the users' shards are asked for the rest.
      servers.kill(three.databases.get(2).server());
      StepVerifier.create(numbers(three, JOINED))
          .expectErrorSatisfies(error -> assertThat(error).hasMessageContaining("shard_2"))
          .verify(BOUND);
    } finally {
      servers.restore();
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "settings MODIFY label VARCHAR(50) COLLATE utf8mb4_general_ci | SELECT COUNT(*) FROM"
            + " settings s JOIN users u ON u.age = s.id AND s.label = 'X' | 2",
        "settings MODIFY label INT | SELECT COUNT(*) FROM settings s JOIN users u ON u.age = s.id"
            + " AND s.label + 1 = 1 | 4",
        "users MODIFY age VARCHAR(9) | SELECT COUNT(*) FROM settings s JOIN users u ON u.age = s.id"
            + " | 4",
      })
  void tablesThatChangedMeanwhileAreReadAsTheyAre(String change, String sql, long expected) {
    DriverShards changed = shards(100);
    numbers(changed, sql).blockLast(BOUND);
    if (change.contains("label INT")) {
      changed.router.on(IDS.get(1)).sql("UPDATE settings SET label = '0'").rowsUpdated().block();
    }
    changed.everywhere("ALTER TABLE " + change);
    expect(numbers(changed, sql), expected);
  }

  /** A user who may only read, on servers that log what is put into temporary tables. */
  @Test
  void noRightIsNeededAndNothingGetsIntoABinaryLog() {
    DriverShards some = shards(9);
    String user = "reader" + ThreadLocalRandom.current().nextInt(1_000_000);
    some.everywhere("CREATE USER " + user + "@'%' IDENTIFIED BY 'pw'");
    IntStream.range(0, IDS.size())
        .forEach(
            i ->
                some.router
                    .on(IDS.get(i))
                    .sql("GRANT SELECT ON " + some.databases.get(i).name() + ".* TO " + user)
                    .rowsUpdated()
                    .block(BOUND));
    ShardRouter router = readers(some, user);
    try {
      ShardfluxConnectionFactory factory = ShardfluxConnectionFactory.of(router);
      String sql = "SELECT COUNT(*) OVER () FROM users LIMIT 1";
      List<String> before =
          told(some, some.onMariaDb() ? "SELECT @@gtid_current_pos" : "SELECT @@gtid_executed");
      expect(ones(factory, sql), 9L);
      expect(ones(factory, JOINED), 2L);
      StepVerifier.create(ones(MutatedFactory.inTables(router), sql))
          .expectErrorSatisfies(
              error ->
                  assertThat(error)
                      .isInstanceOf(R2dbcException.class)
                      .hasMessageContaining("GATHER_"))
          .verify(BOUND);
      StepVerifier.create(factory.explain(sql))
          .assertNext(
              explanation ->
                  assertThat(explanation.merge())
                      .contains("no temporary tables on shard_0: GATHER_", "shard_1: GATHER_"))
          .expectComplete()
          .verify(BOUND);
      assertThat(merge(some, sql)).doesNotContain("no temporary tables");
      if (some.onMariaDb()) {
        assertThat(
                told(
                    some,
                    some.onMariaDb() ? "SELECT @@gtid_current_pos" : "SELECT @@gtid_executed"))
            .isEqualTo(before);
      }
    } finally {
      router.close().block(BOUND);
      some.everywhere("DROP USER " + user);
    }
  }

  private static Flux<Long> ones(ShardfluxConnectionFactory factory, String sql) {
    return Flux.usingWhen(
        factory.create(), connection -> longs(connection, sql), Connection::close);
  }

  private static ShardRouter readers(DriverShards shards, String user) {
    var builder =
        ShardRouter.builder()
            .strategy("by_user", ShardingStrategy.modulo(IDS))
            .table(new TableRule.Sharded("users", List.of(KeyColumn.integer("id")), "by_user"))
            .table(new TableRule.Pinned("settings", IDS.get(1)));
    for (int i = 0; i < IDS.size(); i++) {
      String url = shards.databases.get(i).r2dbcUrl();
      builder.shard(
          Shard.of(
              IDS.get(i).value(),
              "r2dbc:mysql://" + user + ":pw@" + url.substring(url.indexOf('@') + 1)));
    }
    return builder.build();
  }

  @Test
  void aTransactionThatReadsOnlyIsSentRows() {
    DriverShards some = shards(9);
    expect(
        some.on(
            connection ->
                Flux.from(connection.beginTransaction(readOnly(null)))
                    .thenMany(longs(connection, JOINED))),
        2L);
  }
}
