package io.shardflux.reshard;

import static io.shardflux.reshard.MoveFixture.BOUND;
import static io.shardflux.reshard.MoveFixture.S0;
import static io.shardflux.reshard.MoveFixture.S1;
import static org.assertj.core.api.Assertions.assertThat;

import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.reshard.job.MoveJob;
import io.shardflux.reshard.plan.MovePlan;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardKey;
import io.shardflux.router.ShardingStrategy;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * Each way in which SQL changes a row: what is done on the source while its rows move must be there
 * afterwards, as one database has it that was told the same.
 */
class CapturedChangesIntegrationTests {

  private static final ShardingStrategy NEXT = ShardingStrategy.hash(List.of(S0, S1));
  private static final int USERS = 60;

  private static final List<String> TABLES =
      List.of(
          "ALTER TABLE users ADD mail VARCHAR(50), ADD UNIQUE (mail)",
          "UPDATE users SET mail = CONCAT('m', id)");

  /** The users 1 to 60 have as many orders as their number modulo 3. */
  private static final List<String> CHANGES =
      List.of(
          "INSERT INTO users VALUES (101, 'a', 1, 'm101'), (102, 'b', 1, NULL)",
          "INSERT INTO users (id, name, version) SELECT id + 200, name, 9 FROM users WHERE id < 9",
          "INSERT IGNORE INTO users VALUES (1, 'ignored', 5, 'x'), (103, 'kept', 5, 'm103')",
          // Another row goes, as its unique value is taken.
          "REPLACE INTO users VALUES (104, 'replaces two', 2, 'm2')",
          "REPLACE INTO users VALUES (3, 'replaces three', 2, 'm3')",
          "REPLACE INTO users SET id = 105, name = 'new', version = 2, mail = 'm105'",
          "INSERT INTO users VALUES (106, 'changes four', 2, 'm4') ON DUPLICATE KEY UPDATE name ="
              + " 'four', version = version + 10",
          "INSERT INTO users VALUES (5, 'five', 2, 'm5') ON DUPLICATE KEY UPDATE id = 107",
          "UPDATE users SET version = version + 1 WHERE id BETWEEN 6 AND 20",
          "UPDATE users SET name = name WHERE id = 21",
          "UPDATE users SET version = 7 ORDER BY id DESC LIMIT 3",
          "UPDATE users u JOIN orders o ON o.user_id = u.id SET u.version = u.version + 100,"
              + " o.total = o.total + 1 WHERE u.id BETWEEN 22 AND 30",
          // Rows change keys: among those that move, those that stay, and both.
          "UPDATE users SET id = id + 300 WHERE id BETWEEN 31 AND 36",
          "UPDATE orders SET user_id = user_id + 300 WHERE user_id BETWEEN 31 AND 36",
          "UPDATE orders SET no = no + 50 WHERE user_id BETWEEN 37 AND 42",
          // Two rows exchange a unique value.
          "UPDATE users SET mail = 'between' WHERE id = 43",
          "UPDATE users SET mail = 'm43' WHERE id = 44",
          "UPDATE users SET mail = 'm44' WHERE id = 43",
          "DELETE FROM users WHERE id = 45",
          "DELETE FROM users WHERE id > 45 ORDER BY id LIMIT 2",
          "DELETE u, o FROM users u JOIN orders o ON o.user_id = u.id WHERE u.id IN (49, 50)",
          "DELETE FROM orders USING orders JOIN users ON user_id = id WHERE id BETWEEN 52 AND 56",
          "DELETE FROM users WHERE id = 57",
          "INSERT INTO users VALUES (57, 'again', 0, 'm57')");

  @Test
  void allOfThemArrive() {
    try (MoveFixture fixture = new MoveFixture("{type: fixed, shard: shard_0}")) {
      fixture.load(USERS);
      for (ShardId shard : List.of(S0, S1)) {
        run(fixture.router(0), shard, TABLES);
      }
      ShardRouter one =
          ShardRouter.builder().shard(Shard.of("one", fixture.databases.get(2).r2dbcUrl())).build();
      ShardId alone = ShardId.of("one");
      run(one, alone, MoveFixture.TABLES);
      copy(fixture.router(0), one, alone);
      run(one, alone, CHANGES);
      // Each table is verified.
      Mono<Void> once = all(fixture.router(0), S0, CHANGES).cache();
      ShardMoves moves =
          fixture.hasty(
              0,
              new MoveJob.Guards() {
                @Override
                public Mono<Void> before(String what) {
                  return what.equals("verify") ? once : Mono.empty();
                }
              });
      MovePlan plan =
          moves
              .plan("by_user", NEXT)
              .map(found -> found.accepting(MovePlan.Code.UNIQUE_KEY))
              .blockOptional(BOUND)
              .orElseThrow();
      long job = moves.start(MoveFixture.brief(plan)).blockOptional(BOUND).orElseThrow();
      assertThat(Objects.requireNonNull(moves.progress(job).blockLast(BOUND)).error()).isNull();
      assertThat(rows(fixture.router(0), S0, S1)).isEqualTo(rows(one, alone));
      fixture
          .rows()
          .forEach(
              (id, found) ->
                  assertThat(found)
                      // Of the third server, which is no shard.
                      .filteredOn(row -> !row.startsWith("shard_2|"))
                      .singleElement()
                      .asString()
                      .startsWith(NEXT.locate(ShardKey.of(id)) + "|"));
      one.close().block(BOUND);
    }
  }

  /** By its collation the key is the same, and the text is another one. */
  @ParameterizedTest
  @ValueSource(strings = {"verify", "note SWITCH"})
  void aKeyThatIsWrittenOtherwiseArrives(String when) {
    try (MoveFixture fixture = new MoveFixture("{type: fixed, shard: shard_0}")) {
      fixture.load(20);
      for (ShardId shard : List.of(S0, S1)) {
        run(
            fixture.router(0),
            shard,
            List.of(
                "ALTER TABLE orders ADD tag VARCHAR(20) COLLATE utf8mb4_general_ci NOT NULL DEFAULT"
                    + " 'tag', DROP PRIMARY KEY,"
                    + " ADD PRIMARY KEY (user_id, no, tag)"));
      }
      Mono<Void> once =
          all(
                  fixture.router(0),
                  S0,
                  List.of(
                      "UPDATE orders SET tag = 'TAG' WHERE user_id < 9",
                      "DELETE FROM orders WHERE user_id = 10",
                      "INSERT INTO orders VALUES (10, 1, 1, NULL, 'Tag')"))
              .cache();
      ShardMoves moves =
          fixture.hasty(
              0,
              new MoveJob.Guards() {
                @Override
                public Mono<Void> before(String what) {
                  return what.equals(when) ? once : Mono.empty();
                }
              });
      fixture.run(moves, ShardingStrategy.fixed(S1));
      assertThat(
              fixture
                  .router(0)
                  .on(S1)
                  .sql(
                      "SELECT GROUP_CONCAT(DISTINCT user_id ORDER BY user_id) FROM orders WHERE"
                          + " BINARY tag <> 'tag'")
                  .map((row, metadata) -> row.get(0, String.class))
                  .one()
                  .block(BOUND))
          .isEqualTo("1,2,4,5,7,8,10");
    }
  }

  /** No trigger sees what becomes of a partition as a whole: the move stops before its switch. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "ALTER TABLE users TRUNCATE PARTITION low",
        "ALTER TABLE users DROP PARTITION low",
        "ALTER TABLE users EXCHANGE PARTITION low WITH TABLE other"
      })
  void whatBecomesOfAPartitionStopsTheMove(String sql) {
    try (MoveFixture fixture = new MoveFixture("{type: fixed, shard: shard_0}")) {
      fixture.load(20);
      for (ShardId shard : List.of(S0, S1)) {
        run(
            fixture.router(0),
            shard,
            List.of(
                "CREATE TABLE other LIKE users",
                "ALTER TABLE users PARTITION BY RANGE (id) (PARTITION low VALUES LESS THAN (10),"
                    + " PARTITION high VALUES LESS THAN MAXVALUE)"));
      }
      ShardMoves moves =
          fixture.hasty(
              0,
              new MoveJob.Guards() {
                @Override
                public Mono<Void> before(String what) {
                  return what.equals("note SWITCH")
                      ? all(fixture.router(0), S0, List.of(sql)).onErrorComplete()
                      : Mono.empty();
                }
              });
      long job = fixture.startedBriefly(moves, ShardingStrategy.fixed(S1));
      assertThat(moves.progress(job).filter(at -> at.error() != null).blockFirst(BOUND))
          .satisfies(
              at -> {
                assertThat(Objects.requireNonNull(at).phase()).isEqualTo("SWITCH");
                assertThat(at.error()).startsWith("table: users, emptied, made anew or without");
              });
      assertThat(fixture.router(0).topology().locate("users", ShardKey.of(7)).block(BOUND))
          .isEqualTo(S0);
    }
  }

  private static void run(ShardRouter router, ShardId shard, List<String> statements) {
    all(router, shard, statements).block(BOUND);
  }

  /** One after the other, as a client does that is no router. */
  private static Mono<Void> all(ShardRouter router, ShardId shard, List<String> statements) {
    return Flux.fromIterable(statements)
        .concatMap(sql -> router.on(shard).sql(sql).rowsUpdated())
        .then();
  }

  private static void copy(ShardRouter from, ShardRouter to, ShardId alone) {
    run(to, alone, TABLES.subList(0, 1));
    run(
        to,
        alone,
        Stream.of(
                "SELECT CONCAT_WS(', ', id, QUOTE(name), version, QUOTE(mail)), 'users' FROM users",
                "SELECT CONCAT_WS(', ', user_id, no, total, IF(note IS NULL, 'NULL',"
                    + " CONCAT('x', QUOTE(HEX(note))))), 'orders' FROM orders")
            .flatMap(sql -> texts(from, S0, sql).stream())
            .toList());
  }

  private static List<String> texts(ShardRouter router, ShardId shard, String sql) {
    return router
        .on(shard)
        .sql(sql)
        .map((row, metadata) -> "INSERT INTO " + row.get(1) + " VALUES (" + row.get(0) + ")")
        .all()
        .collectList()
        .blockOptional(BOUND)
        .orElseThrow();
  }

  /** All rows of some shards, sorted. */
  private static List<String> rows(ShardRouter router, ShardId... shards) {
    List<String> rows = new ArrayList<>();
    for (ShardId shard : shards) {
      rows.addAll(
          texts(
              router,
              shard,
              "SELECT CONCAT_WS(', ', id, name, version, COALESCE(mail, 'none')), 'users' FROM"
                  + " users UNION ALL SELECT CONCAT_WS(', ', user_id, no, total,"
                  + " COALESCE(HEX(note), 'none')), 'orders' FROM orders"));
    }
    Collections.sort(rows);
    return rows;
  }
}
