package io.shardflux.driver;

import static io.shardflux.driver.DriverShards.BOUND;
import static io.shardflux.driver.DriverShards.IDS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.r2dbc.spi.Connection;
import io.r2dbc.spi.R2dbcBadGrammarException;
import io.r2dbc.spi.Result;
import io.r2dbc.spi.Row;
import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.r2dbc.ShardRouterBuilder;
import io.shardflux.r2dbc.coalesce.KeyedReads;
import io.shardflux.r2dbc.scatter.FailurePolicy;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.router.KeyColumn;
import io.shardflux.router.KeyType;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardKey;
import io.shardflux.router.ShardingStrategy;
import io.shardflux.router.TableRule;
import io.shardflux.router.UuidOrder;
import io.shardflux.servers.Database;
import io.shardflux.servers.TestServers;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Random;
import java.util.UUID;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import reactor.core.publisher.Flux;

/** Keys of bytes, in SQL and by the router, and UUIDs that a column holds as bytes. */
class BinaryKeysIntegrationTests {

  private static final List<String> UUID_TABLES = List.of("plain", "swapped");

  private static final Random RANDOM = new Random(7);

  @SuppressWarnings("NullAway.Init")
  private static ShardRouter router;

  @SuppressWarnings("NullAway.Init")
  private static ShardfluxConnectionFactory factory;

  @BeforeAll
  static void start() {
    List<Database> databases = TestServers.shared().freshDatabases("binary_keys");
    ShardRouterBuilder builder =
        ShardRouter.builder()
            .strategy("by_bytes", ShardingStrategy.hash(IDS))
            .table(sharded("things", new KeyColumn("id", KeyType.BINARY)))
            .table(sharded("blobs", new KeyColumn("id", KeyType.BINARY)))
            .table(sharded("plain", KeyColumn.uuid("id", UuidOrder.PLAIN)))
            .table(sharded("swapped", KeyColumn.uuid("id", UuidOrder.SWAPPED)));
    IntStream.range(0, databases.size())
        .mapToObj(i -> Shard.of("shard_" + i, databases.get(i).r2dbcUrl()))
        .forEach(builder::shard);
    router = builder.build();
    factory = ShardfluxConnectionFactory.of(router);
    for (String table : List.of("things", "plain", "swapped")) {
      everywhere("CREATE TABLE " + table + " (id BINARY(16) PRIMARY KEY, name VARCHAR(50))");
    }
    everywhere("CREATE TABLE blobs (id VARBINARY(40) PRIMARY KEY, name VARCHAR(50))");
  }

  @AfterAll
  static void close() {
    router.close().block(BOUND);
  }

  private static TableRule sharded(String table, KeyColumn column) {
    return new TableRule.Sharded(table, List.of(column), "by_bytes");
  }

  private static void everywhere(String sql) {
    router.onAll().sql(sql).onFailure(FailurePolicy.failFast()).rowsUpdated().blockLast(BOUND);
  }

  private static Flux<Result> run(String sql, @Nullable Object... values) {
    return Flux.usingWhen(
        factory.create(),
        connection -> Flux.from(DriverShards.bound(connection, sql, values).execute()),
        Connection::close);
  }

  private static long updated(String sql, @Nullable Object... values) {
    return Objects.requireNonNull(
        run(sql, values).concatMap(Result::getRowsUpdated).reduce(0L, Long::sum).block(BOUND));
  }

  private static List<String> names(String sql, @Nullable Object... values) {
    return Objects.requireNonNull(
        Flux.usingWhen(
                factory.create(),
                connection ->
                    Flux.from(DriverShards.bound(connection, sql, values).execute())
                        .concatMap(result -> result.map((row, metadata) -> name(row))),
                Connection::close)
            .collectList()
            .block(BOUND));
  }

  private static String name(Row row) {
    return Objects.requireNonNull(row.get("name", String.class));
  }

  private static long shards(String sql, Object... values) {
    Explanation explanation = factory.explain(sql, values).block(BOUND);
    return Objects.requireNonNull(explanation).parts().size();
  }

  private static byte[] bytes(int length) {
    byte[] bytes = new byte[length];
    RANDOM.nextBytes(bytes);
    return bytes;
  }

  private static String hex(byte[] bytes) {
    return HexFormat.of().formatHex(bytes);
  }

  /** Every row is where its bytes lead to, as SQL says it too. */
  private static void assertOwned(String table) {
    for (ShardId shard : IDS) {
      String owns =
          router
              .topology()
              .strategy(table)
              .owns(shard, List.of(new KeyColumn("id", KeyType.BINARY)))
              .block(BOUND);
      Long strays =
          router
              .on(shard)
              .sql("SELECT COUNT(*) FROM " + table + " WHERE NOT " + owns)
              .map((row, metadata) -> Objects.requireNonNull(row.get(0, Long.class)))
              .one()
              .block(BOUND);
      assertThat(strays).as(table + " on " + shard).isZero();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"things", "blobs"})
  void writesAndReadsByBytesInEveryForm(String table) {
    List<byte[]> ids = IntStream.range(0, 24).mapToObj(i -> bytes(16)).toList();
    String insert = "INSERT INTO " + table + " (id, name) VALUES ";
    for (int i = 0; i < ids.size(); i++) {
      byte[] id = ids.get(i);
      assertThat(
              switch (i % 4) {
                case 0 -> updated(insert + "(?, ?)", id, "n" + i);
                case 1 -> updated(insert + "(?, ?)", ByteBuffer.wrap(id), "n" + i);
                case 2 -> updated(insert + "(0x" + hex(id) + ", ?)", "n" + i);
                default -> updated(insert + "(X'" + hex(id) + "', ?)", "n" + i);
              })
          .isEqualTo(1);
    }
    assertOwned(table);
    String select = "SELECT name FROM " + table + " WHERE id ";
    for (int i = 0; i < ids.size(); i++) {
      byte[] id = ids.get(i);
      assertThat(names(select + "= ?", id)).containsExactly("n" + i);
      assertThat(names(select + "= ?", ByteBuffer.wrap(id))).containsExactly("n" + i);
      assertThat(names(select + "= 0x" + hex(id))).containsExactly("n" + i);
      assertThat(names(select + "IN (x'" + hex(id) + "', ?)", bytes(16))).containsExactly("n" + i);
      assertThat(names("/* shardflux: key=0x" + hex(id) + " */ " + select + "= ?", id))
          .containsExactly("n" + i);
    }
    assertThat(shards(select + "= ?", ids.get(0))).isOne();
    assertThat(shards(select + "= 0x" + hex(ids.get(0)))).isOne();
    assertThat(names(select + "IN (?, ?, ?)", ids.get(3), ids.get(4), ids.get(5)))
        .containsExactlyInAnyOrder("n3", "n4", "n5");
    assertThat(names(select + "IS NOT NULL ORDER BY id"))
        .isEqualTo(
            IntStream.range(0, ids.size())
                .boxed()
                .sorted((a, b) -> Arrays.compareUnsigned(ids.get(a), ids.get(b)))
                .map(i -> "n" + i)
                .toList());
    assertThat(names(select + "= 'no such id'")).isEmpty();
    assertThat(updated("DELETE FROM " + table + " WHERE id IN (?, ?)", ids.get(0), ids.get(1)))
        .isEqualTo(2);
    assertThat(updated("UPDATE " + table + " SET name = 'x' WHERE id = ?", ids.get(2))).isOne();
    assertThat(names(select + "= ?", ids.get(2))).containsExactly("x");
  }

  @Test
  void refusesBytesThatTheColumnWouldFillUpOrCut() {
    for (Object id : List.of(bytes(15), bytes(17), ByteBuffer.wrap(bytes(2)), "short", "ä", 5)) {
      assertRefused("KEY_VALUE", "INSERT INTO things (id, name) VALUES (?, 'x')", id);
    }
    assertRefused("KEY_VALUE", "INSERT INTO things (id, name) VALUES (0xff, 'x')");
    assertRefused("KEY_VALUE", "INSERT INTO blobs (id, name) VALUES (?, 'x')", bytes(41));
    assertRefused("KEY_VALUE", "INSERT INTO swapped (id, name) VALUES (?, 'x')", bytes(15));
    assertRefused(
        "KEY_VALUE", "INSERT INTO swapped (id, name) VALUES (?, 'x')", UUID.randomUUID() + "");
    assertThatThrownBy(() -> updated("INSERT INTO things (id, name) VALUES (?, 'x')", bytes(15)))
        .hasMessageContaining("things.id: a value of 15 bytes (expected: all bytes of binary(16))");
  }

  private static void assertRefused(String code, String sql, Object... values) {
    assertThatThrownBy(() -> updated(sql, values))
        .isInstanceOf(R2dbcBadGrammarException.class)
        .hasMessageContaining(code);
  }

  /** BINARY(n) is compared with all its bytes, so that a shorter value is none of its. */
  @Test
  void aShorterValueIsNoKeyOfALongerColumn() {
    byte[] id = new byte[16];
    id[0] = 'a';
    updated("INSERT INTO things (id, name) VALUES (?, 'padded')", id);
    for (String form : List.of("'a'", "x'61'", "'a\\0'")) {
      assertThat(names("SELECT name FROM things WHERE id = " + form)).as(form).isEmpty();
      for (ShardId shard : IDS) {
        assertThat(
                names(
                    "/* shardflux: shard="
                        + shard
                        + " */ SELECT name FROM things WHERE id = "
                        + form))
            .as(form)
            .isEmpty();
      }
    }
  }

  @Test
  void uuidsAreTheBytesOfTheirColumn() {
    for (String table : UUID_TABLES) {
      List<UUID> ids = IntStream.range(0, 12).mapToObj(i -> UUID.randomUUID()).toList();
      UuidOrder order = UuidOrder.valueOf(table.toUpperCase(Locale.ROOT));
      for (UUID id : ids) {
        assertThat(updated("INSERT INTO " + table + " (id, name) VALUES (?, ?)", id, "" + id))
            .isOne();
      }
      assertOwned(table);
      String select = "SELECT name FROM " + table + " WHERE id ";
      for (UUID id : ids) {
        assertThat(names(select + "= ?", id)).containsExactly("" + id);
        assertThat(names(select + "= ?", order.bytes(id))).containsExactly("" + id);
        assertThat(names(select + "IN (?) AND name = ?", id, id)).containsExactly("" + id);
        assertThat(names("/* shardflux: key=" + id + " */ " + select + "= ?", id))
            .containsExactly("" + id);
        assertThat(shards(select + "= ?", id)).isOne();
      }
      assertThat(names(select + "<> ?", ids.get(0))).hasSize(11);
      assertThat(names(select + "NOT IN (?, ?)", ids.get(0), ids.get(1))).hasSize(10);
      assertThat(
              names(
                  "SELECT a.name FROM "
                      + table
                      + " a JOIN "
                      + table
                      + " b ON a.id = b.id WHERE b.id = ?",
                  ids.get(2)))
          .containsExactly("" + ids.get(2));
      assertThat(updated("UPDATE " + table + " SET name = 'x' WHERE id = ?", ids.get(3))).isOne();
      assertThat(updated("DELETE FROM " + table + " WHERE id IN (?, ?)", ids.get(4), ids.get(5)))
          .isEqualTo(2);
    }
  }

  /** Its text would be no row's, and the answer would be empty without a word. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "SELECT a.name FROM things a RIGHT JOIN swapped USING (id) WHERE swapped.id = ?",
        "WITH RECURSIVE n AS (SELECT 1 x UNION ALL SELECT x + 1 FROM n WHERE x < 3) SELECT name"
            + " FROM n JOIN swapped b ON n.x < 9 WHERE b.id = ?",
        "SELECT name FROM (SELECT id, name, ROW_NUMBER() OVER (ORDER BY name) n FROM swapped) d"
            + " WHERE d.id = ?",
        "SELECT name FROM (SELECT id, MAX(name) name FROM swapped GROUP BY id, name) d WHERE d.id"
            + " = ?",
        "SELECT name FROM (SELECT id, name FROM swapped ORDER BY name LIMIT 100) d WHERE d.id = ?",
        "SELECT name FROM swapped WHERE COALESCE(id) = ?",
        "SELECT name FROM swapped WHERE CASE id WHEN ? THEN 1 END",
        "SELECT name FROM swapped WHERE NULLIF(id, ?) IS NULL",
        "SELECT name FROM things WHERE ? IN (SELECT id FROM swapped)",
      })
  void aUuidIsSentAsBytesOrRefused(String sql) {
    UUID id = UUID.randomUUID();
    updated("INSERT INTO swapped (id, name) VALUES (?, 'here')", id);
    try {
      assertThat(names(sql, id)).contains("here");
    } catch (R2dbcBadGrammarException refused) {
      assertThat(refused).hasMessageContaining("KEY_VALUE: a UUID");
    } finally {
      updated("DELETE FROM swapped WHERE id = ?", id);
    }
  }

  /** Where it is certain that no such key is meant, a UUID is its text. */
  @Test
  void aUuidOfAnotherColumnIsText() {
    UUID id = UUID.randomUUID();
    updated("INSERT INTO swapped (id, name) VALUES (?, LOWER(?))", id, id);
    for (String comparison : List.of("=", "LIKE")) {
      assertThat(names("SELECT name FROM swapped WHERE name " + comparison + " ?", id))
          .as(comparison)
          .containsExactly("" + id);
    }
    assertThat(updated("UPDATE swapped SET name = CONCAT('x', ?) WHERE id = ?", id, id)).isOne();
    assertThat(names("SELECT name FROM swapped WHERE name = CONCAT('x', ?)", id)).hasSize(1);
    assertThat(
            updated(
                "INSERT INTO swapped (id, name) SELECT ?, 'copy' FROM swapped WHERE id = ? ON"
                    + " DUPLICATE KEY UPDATE name = 'copied'",
                id,
                id))
        .isPositive();
    assertThat(names("SELECT name FROM swapped WHERE id = ?", id)).containsExactly("copied");
    updated("DELETE FROM swapped WHERE id = ?", id);
  }

  /** As MySQL's own function has it, where the server is one. */
  @Test
  void theOrdersAreThoseOfTheServer() {
    String version =
        router
            .on(IDS.get(0))
            .sql("SELECT VERSION()")
            .map((row, metadata) -> Objects.requireNonNull(row.get(0, String.class)))
            .one()
            .block(BOUND);
    if (String.valueOf(version).contains("MariaDB")) {
      return;
    }
    UUID id = UUID.randomUUID();
    for (UuidOrder order : UuidOrder.values()) {
      byte[] bytes =
          router
              .on(IDS.get(0))
              .sql("SELECT UUID_TO_BIN(?, ?)")
              .bind(0, id.toString())
              .bind(1, order == UuidOrder.SWAPPED ? 1 : 0)
              .map((row, metadata) -> Objects.requireNonNull(row.get(0, byte[].class)))
              .one()
              .block(BOUND);
      assertThat(bytes).isEqualTo(order.bytes(id));
    }
  }

  @Test
  void theRouterTakesUuidsAndBytesAlike() {
    List<UUID> ids = IntStream.range(0, 9).mapToObj(i -> UUID.randomUUID()).toList();
    for (UUID id : ids) {
      byte[] bytes = UuidOrder.SWAPPED.bytes(id);
      assertThat(router.locate("swapped", ShardKey.of(id)).block(BOUND))
          .isEqualTo(router.locate("swapped", ShardKey.of(bytes)).block(BOUND));
      router
          .on("swapped", ShardKey.of(id))
          .sql("INSERT INTO swapped (id, name) VALUES (?, ?)")
          .bind(0, bytes)
          .bind(1, "r" + id)
          .rowsUpdated()
          .block(BOUND);
    }
    assertOwned("swapped");
    assertThat(
            router
                .onKeys("swapped", ids.stream().map(id -> ShardKey.of(id)).toList())
                .sql("SELECT name FROM swapped WHERE id IN (:keys)")
                .map((row, metadata) -> name(row))
                .rows()
                .collectList()
                .block(BOUND))
        .containsExactlyInAnyOrderElementsOf(ids.stream().map(id -> "r" + id).toList());
    KeyedReads<String> reads =
        router.coalesced(
            "swapped",
            "SELECT id, name FROM swapped WHERE id IN (:keys)",
            (row, metadata) -> ShardKey.of(row.get("id", byte[].class)),
            (row, metadata) -> name(row));
    assertThat(
            Flux.fromIterable(ids)
                .flatMapSequential(id -> reads.one(ShardKey.of(id)))
                .collectList()
                .block(BOUND))
        .isEqualTo(ids.stream().map(id -> "r" + id).toList());
  }

  @Test
  void aColumnThatHoldsNoUuidIsAFault() {
    everywhere("ALTER TABLE plain MODIFY id VARBINARY(20) NOT NULL");
    try {
      assertThat(String.valueOf(factory.check().block(BOUND)))
          .contains(
              "plain.id: varbinary(20) (expected: BINARY(16), as the key is a UUID in bytes)");
    } finally {
      everywhere("ALTER TABLE plain MODIFY id BINARY(16) NOT NULL");
    }
  }
}
