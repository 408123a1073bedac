package io.shardflux.sql;

import static org.assertj.core.api.Assertions.assertThat;

import io.shardflux.sql.merge.Plan;
import io.shardflux.sql.schema.Catalog;
import io.shardflux.sql.statement.Binds;
import io.shardflux.sql.statement.PlannerOptions;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Texts for shards name the columns that the user's text leaves to the server. */
class NamedColumnsTests {

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '~',
      value = {
        "INSERT INTO events VALUES (1, 'x') | INSERT INTO events (`at`, `what`) VALUES (1, 'x')",
        "REPLACE events VALUE(1, 'x') | REPLACE events (`at`, `what`) VALUE(1, 'x')",
        "INSERT IGNORE INTO `events` VALUES ROW(1, 'x') | INSERT IGNORE INTO `events` (`at`,"
            + " `what`) VALUES ROW(1, 'x')",
        "INSERT INTO events VALUES (1, 'x') ON DUPLICATE KEY UPDATE what = 'y' | INSERT INTO events"
            + " (`at`, `what`) VALUES (1, 'x') ON DUPLICATE KEY UPDATE what = 'y'",
        "INSERT INTO events (at) VALUES (1) | INSERT INTO events (at) VALUES (1)",
        "INSERT INTO events SET at = 1 | INSERT INTO events SET at = 1",
        "INSERT INTO countries VALUES ('DE', 'x') | INSERT INTO countries (`code`, `title`) VALUES"
            + " ('DE', 'x')",
        "INSERT INTO countries () VALUES () | INSERT INTO countries () VALUES ()",
        "INSERT INTO config VALUES ('a', 'b') | INSERT INTO config VALUES ('a', 'b')",
        "INSERT INTO events SELECT * FROM events e WHERE at = 1 | INSERT INTO events (`at`, `what`)"
            + " SELECT `e`.`at`, `e`.`what` FROM events e WHERE at = 1",
        "INSERT INTO events SELECT * FROM (SELECT * FROM events WHERE at = 1) d | INSERT INTO"
            + " events (`at`, `what`) SELECT `d`.* FROM (SELECT `events`.`at`, `events`.`what` FROM"
            + " events WHERE at = 1) d",
        "SELECT * FROM events WHERE at = 1 | SELECT * FROM events WHERE at = 1",
        "SELECT * FROM names LIMIT 1 | SELECT `names`.`name` FROM names LIMIT 1",
      })
  void namesThem(String sql, String sent) {
    Map<String, List<Catalog.Column>> tables = new LinkedHashMap<>(Shop.CATALOG.tables());
    tables.put(
        "names",
        List.of(
            new Catalog.Column(
                "name", "varchar(50)", true, "utf8mb4_bin", false, Catalog.Filling.GIVEN)));
    Catalog catalog = Catalog.of(tables, Set.of("names"), Set.of(), Catalog.Quotients.UNKNOWN);

    assertThat(sent(catalog, sql)).isEqualTo(sent);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '~',
      value = {
        "SELECT * FROM events e | SELECT `e`.`at`, `e`.`what` FROM events e",
        "SELECT e.*, 1 FROM events e | SELECT `e`.`at`, `e`.`what`, 1 FROM events e",
        "SELECT * FROM events ORDER BY 2, at | SELECT `events`.`at`, `events`.`what`,"
            + " WEIGHT_STRING(CONVERT(' ' USING utf8mb4) COLLATE utf8mb4_general_ci),"
            + " WEIGHT_STRING(`events`.`what`) FROM events ORDER BY 2, at",
        "SELECT * FROM events a JOIN events b ON a.at = b.at | SELECT `a`.`at`, `a`.`what`,"
            + " `b`.`at`, `b`.`what` FROM events a JOIN events b ON a.at = b.at",
        "WITH w AS (SELECT * FROM events) SELECT * FROM w | WITH w AS (SELECT `events`.`at`,"
            + " `events`.`what` FROM events) SELECT * FROM w",
        "SELECT COUNT(*) FROM events | SELECT COUNT(*) FROM events",
      })
  void namesAStarsWhereShardsDiffer(String sql, String sent) {
    Catalog catalog =
        Catalog.of(Shop.CATALOG.tables(), Set.of("events"), Set.of(), Catalog.Quotients.UNKNOWN);

    assertThat(sent(catalog, sql)).isEqualTo(sent);
  }

  private static String sent(Catalog catalog, String sql, @Nullable Object... values) {
    Prepared prepared =
        SqlPlanner.of(PlannerOptions.defaults()).prepare(sql, catalog, Shop.TOPOLOGY);
    Binds binds = Binds.of(Arrays.asList(values));
    Plan plan =
        prepared.plan(
            binds, prepared.hints(), Shop.shards(prepared.route(binds, prepared.hints())));
    return plan.parts().get(0).sql().text();
  }
}
