package io.shardflux.sql;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.shardflux.router.ShardKey;
import io.shardflux.sql.merge.Plan;
import io.shardflux.sql.statement.Binds;
import io.shardflux.sql.statement.Hints;
import io.shardflux.sql.statement.Routing;
import io.shardflux.sql.statement.ShardSql;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.time.LocalDate;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class RoutingTests {

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "id = 42 | 42",
        "42 = id | 42",
        "(id) = (42) | 42",
        "`id` = 42 AND age > 3 | 42",
        "u.id = 42 | 42",
        "ID = 42 | 42",
        "id IN (1, 2, 3) | 1 2 3",
        "id IN (1, NULL, 1) | 1",
        "id = 1 OR id = 2 | 1 2",
        "id = 1 OR (id = 2 AND age = 3) | 1 2",
        "id IN (1, 2) AND id IN (2, 3) | 2",
        "id IN (1, 2, 3) AND id > 2 | 3",
        "id = '42' | 42",
        "id = 42.0 | 42",
        "id = 4.2e1 | 42",
        "id = -7 | -7",
        "id = TRUE | 1",
        "id = 18446744073709551615 | 18446744073709551615",
        "id = 1 AND NOT (id = 2) AND id NOT IN (3, NULL) AND id <=> 4 | 1",
        "(id, age) = (1, 2) | 1",
        "(id, age) IN ((1, 2), (3, 4)) | 1 3",
        "id = 5 AND EXISTS (SELECT 1 FROM orders o WHERE o.user_id = u.id) | 5",
      })
  void routesByKeys(String condition, String keys) {
    Routing routing = Shop.route("SELECT * FROM users u WHERE " + condition);
    assertThat(routing).isInstanceOf(Routing.Keys.class);
    List<String> routed = ((Routing.Keys) routing).keys().stream().map(ShardKey::toString).toList();
    assertThat(routed).containsExactly(keys.split(" "));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "id = NULL",
        "id = 1 AND id = 2",
        "id = 42.5",
        "id IN (NULL)",
        "1 = 0",
        "FALSE",
        "NULL",
        "id > 5 AND id < 5",
        "id = 99999999999999999999",
        "id = 1 AND age = 2 AND 1 = 2",
      })
  void touchesNoRowWhereNoneCanBe(String condition) {
    assertThat(Shop.route("SELECT COUNT(*) FROM users WHERE " + condition))
        .isEqualTo(new Routing.Nowhere());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "id = 1 OR age = 2",
        "id + 0 = 1",
        "NOT id = 1",
        "id = age",
        "id = '42abc'",
        "id = ' 42'",
        "id = 0x2A",
        "id = 9007199254740993e0",
        "id = 1 XOR age = 3",
        "(id = 1) IS TRUE",
        "id IN (1, age)",
        "id = 1 = 0",
        "id <> 1",
        "id IS NULL",
        "id = DATE '2026-01-01'",
        "1",
      })
  void goesEverywhereWhereKeysAreNotKnown(String condition) {
    assertThat(Shop.route("SELECT * FROM users WHERE " + condition))
        .isInstanceOf(Routing.Everywhere.class);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "at BETWEEN 10 AND 99 | a",
        "at < 100 | a",
        "at <= 100 | a b",
        "at >= 100 AND at < 200 | b",
        "199 < at | c",
        "at = 5 OR at > 250 | a c",
        "at BETWEEN 150 AND 160 OR at BETWEEN 170 AND 180 | b",
        "at > 99.5 | a b c",
      })
  void prunesShardsByRanges(String condition, String shards) {
    Routing routing = Shop.route("SELECT * FROM events WHERE " + condition);
    assertThat(Shop.shards(routing).stream().map(Object::toString))
        .containsExactlyInAnyOrder(shards.split(" "));
  }

  @Test
  void routesByCompositeKeys() {
    assertThat(Shop.route("SELECT * FROM docs WHERE id IN (1, 2) AND tenant = 'x'"))
        .isEqualTo(new Routing.Keys("docs", List.of(ShardKey.of("x", 1), ShardKey.of("x", 2))));
    assertThat(Shop.route("SELECT * FROM docs WHERE tenant = 'x  ' AND id = ?", 3))
        .isEqualTo(new Routing.Keys("docs", List.of(ShardKey.of("x", 3))));
    assertThat(Shop.route("SELECT * FROM docs WHERE id = 1"))
        .isInstanceOf(Routing.Everywhere.class);
  }

  @Test
  void routesByBoundValues() {
    String sql = "SELECT * FROM users WHERE id = ?";
    Routing seven = new Routing.Keys("users", List.of(ShardKey.of(7)));
    for (Object value :
        List.of(7, 7L, (short) 7, BigInteger.valueOf(7), new BigDecimal("7.00"), 7.0, "7")) {
      assertThat(Shop.route(sql, value)).isEqualTo(seven);
    }
    assertThat(Shop.route(sql, (Object) null)).isEqualTo(new Routing.Nowhere());
    assertThat(Shop.route(sql, UUID.randomUUID())).isInstanceOf(Routing.Everywhere.class);
    assertThat(Shop.route("SELECT * FROM days WHERE day = :d", LocalDate.of(2026, 1, 2)))
        .isEqualTo(new Routing.Keys("days", List.of(ShardKey.of(LocalDate.of(2026, 1, 2)))));
    assertThat(Shop.route("SELECT * FROM days WHERE day = '2026-01-02'"))
        .isEqualTo(new Routing.Keys("days", List.of(ShardKey.of(LocalDate.of(2026, 1, 2)))));
    assertThat(Shop.route("SELECT * FROM days WHERE day = '2026-1-2'"))
        .isInstanceOf(Routing.Everywhere.class);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "SELECT 1 FROM users u JOIN orders o ON o.user_id = u.id WHERE o.user_id = 5",
        "SELECT 1 FROM users u LEFT JOIN orders o ON o.user_id = u.id WHERE u.id = 5",
        "SELECT 1 FROM users u LEFT JOIN orders o ON o.user_id = u.id WHERE o.user_id = 5",
        "SELECT 1 FROM orders o RIGHT JOIN users u ON o.user_id = u.id WHERE u.id = 5",
        "SELECT 1 FROM users u, orders o WHERE u.id = 5 AND u.id = o.user_id",
        "SELECT 1 FROM (SELECT id, name FROM users) x WHERE x.id = 5",
        "SELECT 1 FROM (SELECT id AS k, COUNT(*) FROM users GROUP BY id) x WHERE x.k = 5",
        "SELECT 1 FROM (SELECT id FROM users WHERE id = 5) x JOIN orders o ON o.user_id = x.id",
        "WITH w AS (SELECT user_id k FROM orders) SELECT 1 FROM w WHERE k = 5",
        "WITH w (k) AS (SELECT user_id FROM orders) SELECT 1 FROM w JOIN users ON id = k AND k = 5",
        "SELECT id FROM users WHERE id = 5 UNION SELECT user_id FROM orders WHERE user_id = 5",
        "SELECT 1 FROM (SELECT id FROM users UNION ALL SELECT user_id FROM orders) x WHERE id = 5",
        "SELECT 1 FROM users u WHERE u.id IN (SELECT user_id FROM orders) AND u.id = 5",
        "SELECT (SELECT MAX(d.x) FROM (SELECT total x FROM orders WHERE user_id = u.id) d) FROM"
            + " users u WHERE u.id = 5",
        "SELECT (WITH d AS (SELECT total x FROM orders WHERE user_id = u.id) SELECT MAX(x) FROM d)"
            + " FROM users u WHERE u.id = 5",
        "SELECT 1 FROM countries c LEFT JOIN users u ON u.country = c.code AND u.id = 5",
        "DELETE FROM users WHERE id = 5",
        "UPDATE users u JOIN orders o ON o.user_id = u.id SET u.age = 1 WHERE o.user_id = 5",
        "UPDATE users SET id = 5, age = 1 WHERE id = 5",
        "UPDATE users SET id = id WHERE id = 5",
        "UPDATE users u SET u.id = '5' WHERE u.id IN (5) AND age = 2",
        "INSERT INTO users (age, id) VALUES (1, 5) ON DUPLICATE KEY UPDATE id = VALUES(id), age ="
            + " 2",
        "INSERT INTO users (age, id) VALUES (1, 5) ON DUPLICATE KEY UPDATE id = 5",
        "INSERT INTO users (age, id) VALUES (1, 5) ON DUPLICATE KEY UPDATE users.id = users.id",
        "INSERT INTO users (age, id) VALUES (1, 5) AS new ON DUPLICATE KEY UPDATE id = new.id",
        "INSERT INTO users (age, id) VALUES (1, 5) AS new (a, b) ON DUPLICATE KEY UPDATE id = b",
        "INSERT INTO users SET id = 5, age = 1 AS new ON DUPLICATE KEY UPDATE id = new.id",
        "INSERT INTO orders (user_id, id) SELECT id, age FROM users WHERE id = 5",
        "/* shardflux: key=5 */ SELECT 1 FROM users",
      })
  void carriesKeysThroughTheStatement(String sql) {
    assertThat(Shop.plan(sql))
        .isInstanceOfSatisfying(
            Plan.Direct.class,
            direct ->
                assertThat(direct.part().shard()).isEqualTo(Shop.locate("users", ShardKey.of(5))));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "SELECT 1 FROM users u LEFT JOIN orders o ON o.user_id = u.id AND o.user_id = 5",
        "SELECT 1 FROM users u LEFT JOIN orders o ON o.user_id = u.id AND u.id = 5",
        "SELECT 1 FROM users u WHERE EXISTS (SELECT 1 FROM orders o WHERE o.user_id = u.id OR u.id"
            + " = 5)",
        "SELECT 1 FROM users u WHERE u.id NOT IN (SELECT user_id FROM orders WHERE user_id = 5)",
        "SELECT 1 FROM (SELECT age, MAX(id) m FROM users GROUP BY age) x WHERE x.m = 5",
      })
  void takesNoKeyOfWhatDoesNotHoldOfEveryRow(String sql) {
    assertThat(Shop.shards(Shop.route(sql))).hasSize(3);
  }

  /** A condition on the rows that a limit, a window or a group left is none of the rows in it. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "SELECT * FROM (SELECT id FROM users ORDER BY age LIMIT 1) d WHERE d.id = 5",
        "SELECT * FROM (SELECT * FROM users ORDER BY age LIMIT 1 OFFSET 1) d WHERE d.id IN (5, 6)",
        "SELECT * FROM (SELECT * FROM (SELECT id FROM users LIMIT 1) d) e WHERE e.id = 5",
        "SELECT * FROM (SELECT * FROM (SELECT id FROM users) d LIMIT 1) e WHERE e.id = 5",
        "WITH d AS (SELECT id FROM users ORDER BY age LIMIT 1) SELECT * FROM d WHERE id = 5",
        "WITH d AS (SELECT id FROM users LIMIT 1), e (k) AS (SELECT id FROM d) SELECT * FROM e"
            + " WHERE k = 5",
        "SELECT * FROM (SELECT id FROM users UNION ALL (SELECT user_id FROM orders LIMIT 1)) d"
            + " WHERE d.id = 5",
        "SELECT * FROM (SELECT id FROM users UNION SELECT user_id FROM orders LIMIT 1) d WHERE"
            + " d.id = 5",
        "SELECT * FROM (SELECT id, tenant FROM docs UNION ALL SELECT user_id, note FROM orders"
            + " LIMIT 1) d WHERE d.id = 5 AND d.tenant = 'x'",
        "SELECT * FROM users u JOIN (SELECT user_id k FROM orders ORDER BY total LIMIT 1) d ON"
            + " d.k = u.id WHERE u.id = 5",
        "SELECT * FROM users u JOIN (SELECT user_id id FROM orders ORDER BY total LIMIT 1) d USING"
            + " (id) WHERE u.id = 5",
        "SELECT * FROM users u WHERE u.id = 5 AND u.id IN (SELECT k FROM (SELECT user_id k FROM"
            + " orders LIMIT 1) d)",
        "SELECT * FROM users u WHERE u.id = 5 AND EXISTS (SELECT 1 FROM (SELECT user_id k FROM"
            + " orders ORDER BY total LIMIT 1) d WHERE d.k = u.id)",
        "SELECT (SELECT MAX(d.total) FROM (SELECT * FROM orders ORDER BY total LIMIT 1) d WHERE"
            + " d.user_id = u.id) FROM users u WHERE u.id = 5",
        "SELECT * FROM (SELECT id, ROW_NUMBER() OVER (ORDER BY age) FROM users) d WHERE d.id = 5",
        "SELECT * FROM (SELECT id, COUNT(*) FROM users GROUP BY age) d WHERE d.id = 5",
        "SELECT * FROM (SELECT MIN(age), id FROM users) d WHERE d.id = 5",
        "SELECT * FROM (SELECT id, COUNT(*) FROM users GROUP BY id WITH ROLLUP) d WHERE d.id = 5",
        "DELETE FROM users WHERE id IN (SELECT id FROM (SELECT id FROM users LIMIT 1) d) AND id"
            + " IN (5, 6)",
      })
  void takesNoKeyThroughWhatChoosesAmongAllRows(String sql) {
    assertThat(Shop.shards(Shop.route(sql))).hasSize(3);
  }

  /** The row would stay on the shard of the key that it had. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "UPDATE users SET id = 7 WHERE id = 5",
        "UPDATE users SET id = 5 WHERE age = 1",
        "INSERT INTO users (id) VALUES (5) ON DUPLICATE KEY UPDATE id = 7",
      })
  void aHintOfAKeyPermitsNoOtherKnownKey(String sql) {
    assertThatThrownBy(() -> Shop.route("/* shardflux: key=5 */ " + sql))
        .hasMessageContaining("KEY_UPDATE: users.id");
    assertThat(Shop.route("/* shardflux: shard=b */ " + sql)).isEqualTo(new Routing.On(Shop.B));
    assertThat(Shop.route("/* shardflux: key=5 */ UPDATE users SET id = 5 WHERE id = 5"))
        .isEqualTo(new Routing.Keys("users", List.of(ShardKey.of(5))));
  }

  @Test
  void routesTablesOfOneShardAndOfAll() {
    assertThat(Shop.route("SELECT * FROM config")).isEqualTo(new Routing.On(Shop.B));
    assertThat(
            Shop.route(
                "SELECT (SELECT MAX(d.x) FROM (SELECT v AS x FROM config WHERE k = c.k) d) FROM"
                    + " config c"))
        .isEqualTo(new Routing.On(Shop.B));
    assertThat(Shop.route("SELECT * FROM countries")).isEqualTo(new Routing.Anywhere());
    assertThat(Shop.route("SELECT 1")).isEqualTo(new Routing.Anywhere());
    assertThat(Shop.plan("UPDATE countries SET title = 'x'"))
        .isInstanceOfSatisfying(Plan.Writes.class, writes -> assertThat(writes.copies()).isTrue());
  }

  @Test
  void splitsInsertedRowsByShard() {
    String sql =
        "INSERT INTO users (id, name) VALUES (1, 'a;?'), (:k, ?), (3, \"b\")"
            + " ON DUPLICATE KEY UPDATE name = :k";
    Plan plan = Shop.plan(sql, 7, "x");
    assertThat(plan).isInstanceOf(Plan.Writes.class);
    assertThat(plan.parts())
        .extracting(Plan.Part::sql)
        .containsExactly(
            new ShardSql(
                "INSERT INTO users (id, name) VALUES (1, 'a;?') ON DUPLICATE KEY UPDATE name = ?",
                List.of(0)),
            new ShardSql(
                "INSERT INTO users (id, name) VALUES (?, ?), (3, \"b\") ON DUPLICATE KEY UPDATE"
                    + " name = ?",
                List.of(0, 1, 0)));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "REPLACE INTO users (id, name) VALUES (1, 'a'), (2, 'b'), (3, 'c'), (4, 'd')",
        "UPDATE users SET age = 1 WHERE id IN (1, 2, 3, 4) AND age > 0",
        "DELETE FROM users WHERE id = 1 OR id = 2 OR 3 = id OR (id = 4 AND name = 'x')",
        "DELETE FROM docs WHERE (tenant, id) IN (('a', 1), ('b', 2), ('c', 3))",
        "UPDATE users u JOIN orders o ON u.id = o.user_id SET u.age = 1 WHERE o.user_id IN (1, 2,"
            + " 3, 4)",
      })
  void writesTheKeysThatAreNamed(String sql) {
    assertThat(Shop.plan(sql))
        .isInstanceOfSatisfying(Plan.Writes.class, writes -> assertThat(writes.keyed()).isTrue());
  }

  @Test
  void doesNotCallAPermittedWriteKeyed() {
    assertThat(Shop.plan("/* shardflux: scatter-writes=true */ DELETE FROM users WHERE id > 5"))
        .isInstanceOfSatisfying(Plan.Writes.class, writes -> assertThat(writes.keyed()).isFalse());
  }

  @Test
  void sendsTheTextAsItIsWithoutItsHint() {
    Prepared prepared =
        Shop.prepare(
            "/* shardflux: timeout=250ms, scatter=false, read-preference='replica' */ SELECT /* x"
                + " */ * FROM users WHERE id=:id AND name='?:id' ; ");
    assertThat(prepared.markers()).containsExactly("id");
    assertThat(prepared.hints().timeout()).hasMillis(250);
    assertThat(prepared.hints().readPreference()).isEqualTo("replica");
    Plan plan = prepared.plan(Binds.of(1), prepared.hints(), List.of(Shop.A));
    assertThat(plan.parts().get(0).sql())
        .isEqualTo(
            new ShardSql(
                "SELECT /* x */ * FROM users WHERE id=? AND name='?:id'",
                List.of(0),
                List.of(new ShardSql.Source("users", "users", ShardSql.Way.CONDITION, 34, 54))));
  }

  @Test
  void wantsAsManyValuesAsMarkers() {
    Prepared prepared = Shop.prepare("SELECT * FROM users WHERE id = ?");
    assertThatThrownBy(() -> prepared.route(Binds.NONE, Hints.NONE))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("values: 0 (expected: 1)");
  }
}
