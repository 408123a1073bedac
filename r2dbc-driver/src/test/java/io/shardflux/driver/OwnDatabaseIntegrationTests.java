package io.shardflux.driver;

import static io.shardflux.driver.DriverShards.BOUND;

import io.shardflux.r2dbc.settings.GatherOptions;
import io.shardflux.servers.Database;
import io.shardflux.servers.TestServers;
import io.shardflux.sql.statement.RefusalCode;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Tables named with their database, and groups by unique keys, as servers' catalogs tell them. */
class OwnDatabaseIntegrationTests extends GatheringShards {

  @Test
  void theOwnDatabaseIsLeftOutAndAnotherIsRefused() {
    String own = "own_" + Long.toString(ThreadLocalRandom.current().nextLong(1L << 40), 36);
    List<Database> databases =
        TestServers.shared().servers().stream().map(server -> server.createDatabase(own)).toList();
    try (DriverShards some =
        new DriverShards(databases, builder -> builder, ShardfluxConnectionFactory::of)) {
      try {
        some.load(9);
        namesTheDatabase(some, own + ".");
      } finally {
        some.everywhere("DROP DATABASE " + own);
      }
    }
  }

  private static void namesTheDatabase(DriverShards some, String own) {
    expect(
        numbers(some, "SELECT d.users.id FROM d.users WHERE d.users.id = ?".replace("d.", own), 3),
        3L);
    expect(numbers(some, "SELECT SUM(id) FROM d.users".replace("d.", own)), 45L);
    expect(
        numbers(
            some,
            "SELECT SUM(d.a.age) FROM d.users a JOIN (SELECT COUNT(*) OVER () AS n FROM d.orders) o"
                    .replace("d.", own)
                + " ON o.n = 13 + d.a.id * 0".replace("d.", own)),
        45L * 13);
    expect(
        some.updated("UPDATE d.users SET age = 50 WHERE id IN (1, 2)".replace("d.", own)).flux(),
        2L);
    refused(numbers(some, "SELECT COUNT(*) FROM mysql.user"), RefusalCode.UNKNOWN_TABLE);
    refused(
        numbers(some, "SELECT COUNT(*) FROM information_schema.tables"), RefusalCode.UNKNOWN_TABLE);
  }

  /** Each other column of a table has one value for a value of its unique key. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "SELECT id FROM users GROUP BY name HAVING COUNT(*) = 1 AND MAX(id) = 3 | 3",
        "SELECT u.id FROM users u JOIN orders o ON o.user_id = u.id GROUP BY u.name ORDER BY"
            + " SUM(o.total) DESC LIMIT 1 | 7",
        "SELECT id FROM users GROUP BY name HAVING STDDEV(age) = 0 AND ROUND(MAX(age), 1) = 4 | 4",
      })
  void columnsBesideAUniqueKeyAreKnown(String sql, long expected) {
    DriverShards some = shards(9, GatherOptions.defaults());
    some.everywhere("ALTER TABLE users MODIFY name VARCHAR(100) NOT NULL");
    some.factory.check().block(BOUND);
    if (!sql.contains("STDDEV")) {
      refused(numbers(some, sql), RefusalCode.NOT_GROUPED);
    }
    some.everywhere("ALTER TABLE users ADD UNIQUE KEY (name)");
    some.factory.check().block(BOUND);
    expect(numbers(some, sql), expected);
    // A key that may be NULL tells nothing.
    some.everywhere("ALTER TABLE users MODIFY name VARCHAR(100) NULL");
    some.factory.check().block(BOUND);
    if (!sql.contains("STDDEV")) {
      refused(numbers(some, sql), RefusalCode.NOT_GROUPED);
    }
  }
}
