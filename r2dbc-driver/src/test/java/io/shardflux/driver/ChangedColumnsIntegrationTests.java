package io.shardflux.driver;

import static io.shardflux.driver.DriverShards.BOUND;
import static io.shardflux.driver.DriverShards.IDS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.r2dbc.spi.R2dbcBadGrammarException;
import io.r2dbc.spi.Row;
import io.shardflux.router.KeyColumn;
import io.shardflux.router.ShardKey;
import io.shardflux.router.ShardingStrategy;
import io.shardflux.router.TableRule;
import io.shardflux.sql.statement.RefusalCode;
import io.shardflux.sql.statement.RefusedSqlException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import reactor.core.publisher.Flux;

/**
 * Tables that change while the driver runs: what is known of them may cost a refusal or a second
 * try, and never a wrong answer or a row where it does not belong.
 */
class ChangedColumnsIntegrationTests {

  private static DriverShards shards;

  @BeforeAll
  static void start() {
    shards =
        new DriverShards(
            builder ->
                builder
                    .strategy("by_hash", ShardingStrategy.hash(IDS))
                    .table(new TableRule.Sharded("o", List.of(KeyColumn.integer("id")), "by_user"))
                    .table(new TableRule.Sharded("p", List.of(KeyColumn.integer("id")), "by_user"))
                    .table(new TableRule.Sharded("n", List.of(KeyColumn.text("name")), "by_hash"))
                    .table(new TableRule.Reference("r")));
  }

  @AfterAll
  static void stop() {
    shards.close();
  }

  /** As they are known from now on. */
  @BeforeEach
  void known() {
    shards.everywhere("DROP TABLE IF EXISTS o, p, n, r");
    shards.everywhere("CREATE TABLE o (id INT PRIMARY KEY, v INT)");
    shards.everywhere("CREATE TABLE p (id INT PRIMARY KEY, s VARCHAR(20)) COLLATE utf8mb4_bin");
    shards.everywhere("CREATE TABLE n (name VARCHAR(20) PRIMARY KEY, v INT) COLLATE utf8mb4_bin");
    shards.everywhere("CREATE TABLE r (code INT PRIMARY KEY, label INT)");
    written("INSERT INTO o VALUES (1, 9), (2, 8), (3, 7), (4, 6), (5, 5), (6, 4)");
    written("INSERT INTO p VALUES (1, 'A'), (2, 'a'), (3, 'A'), (4, 'a'), (5, 'A'), (6, 'a')");
    written("INSERT INTO n VALUES ('Ann', 1), ('ann', 1), ('ANN', 1), ('Bob', 1), ('bob', 1)");
    written("INSERT INTO r VALUES (1, 2)");
    answered("SELECT * FROM o JOIN p USING (id) ORDER BY o.v");
    answered("SELECT * FROM n WHERE name = 'ann'");
  }

  @Test
  void anInsertWithoutColumnsGoesWhereItsRowBelongs() {
    shards.everywhere("ALTER TABLE o MODIFY v INT FIRST");

    written("INSERT INTO o VALUES (70, 50)");
    written("INSERT INTO o VALUES (71, 51), (72, 52), (73, 53)");
    written("REPLACE INTO o VALUES (80, 55)");

    assertThat(numbers("SELECT v FROM o WHERE id = 50")).containsExactly(70);
    assertThat(numbers("SELECT v FROM o WHERE id IN (51, 52, 53) ORDER BY id"))
        .containsExactly(71, 72, 73);
    assertThat(numbers("SELECT v FROM o WHERE id = 55")).containsExactly(80);
    nothingIsAstray();
  }

  @Test
  void oneShardsOrderIsItsOwn() {
    shards.router.on(IDS.get(1)).sql("ALTER TABLE o MODIFY v INT FIRST").rowsUpdated().block(BOUND);
    shards
        .router
        .on(IDS.get(1))
        .sql("ALTER TABLE r MODIFY label INT FIRST")
        .rowsUpdated()
        .block(BOUND);

    written("INSERT INTO o VALUES (10, 50), (11, 51), (12, 52)");
    written("INSERT INTO o VALUES (13, 53)");
    written("INSERT INTO r VALUES (3, 4)");

    assertThat(numbers("SELECT v FROM o WHERE id >= 10 ORDER BY id"))
        .containsExactly(50, 51, 52, 53);
    assertThat(answered("SELECT * FROM o WHERE id = 13")).containsExactly("id=13 v=53");
    assertThat(answered("SELECT * FROM o WHERE id > 10 ORDER BY 2"))
        .containsExactly("id=11 v=51", "id=12 v=52", "id=13 v=53");
    assertThat(answered("SELECT o.*, p.s FROM o JOIN p ON o.id = p.id WHERE o.id < 3 ORDER BY 1"))
        .containsExactly("id=1 v=9 s=A", "id=2 v=8 s=a");
    for (int i = 0; i < IDS.size(); i++) {
      assertThat(
              shards
                  .router
                  .on(IDS.get(i))
                  .sql("SELECT label FROM r WHERE code = 3")
                  .map((row, metadata) -> row.get(0, Integer.class))
                  .all()
                  .collectList()
                  .block(BOUND))
          .containsExactly(4);
    }
    nothingIsAstray();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "ALTER TABLE o ADD COLUMN w INT DEFAULT 5 | SELECT * FROM o | id=1 v=9 w=5",
        "ALTER TABLE o ADD COLUMN w INT DEFAULT 5 FIRST | SELECT * FROM o | w=5 id=1 v=9",
        "ALTER TABLE o ADD COLUMN w INT DEFAULT 5 | SELECT DISTINCT * FROM o | id=1 v=9 w=5",
        "ALTER TABLE o ADD COLUMN w INT DEFAULT 5 | SELECT * FROM o ORDER BY 3, id | id=1 v=9 w=5",
        "ALTER TABLE o ADD COLUMN w INT DEFAULT 5 | SELECT x.* FROM o AS x ORDER BY id | id=1 v=9"
            + " w=5",
        "ALTER TABLE o ADD COLUMN w INT DEFAULT 5 | SELECT * FROM o UNION SELECT * FROM o | id=1"
            + " v=9 w=5",
        "ALTER TABLE o ADD COLUMN w INT DEFAULT 5 | SELECT * FROM (SELECT * FROM o) d | id=1 v=9"
            + " w=5",
        "ALTER TABLE o ADD COLUMN w INT DEFAULT 5 | SELECT * FROM o JOIN p USING (id) | id=1 v=9"
            + " w=5 s=A",
        "ALTER TABLE o DROP COLUMN v | SELECT * FROM o | id=1",
        "ALTER TABLE o MODIFY v INT FIRST | SELECT * FROM o | v=9 id=1",
        "ALTER TABLE o MODIFY v INT FIRST | SELECT * FROM o ORDER BY 2 | v=9 id=1",
        "ALTER TABLE o MODIFY v INT FIRST | SELECT DISTINCT * FROM o ORDER BY 2 | v=9 id=1",
        "ALTER TABLE o MODIFY v INT FIRST | SELECT * FROM o UNION ALL SELECT * FROM o ORDER BY 2 |"
            + " v=9 id=1",
        "ALTER TABLE o RENAME COLUMN v TO w | SELECT * FROM o ORDER BY id | id=1 w=9",
        "ALTER TABLE o RENAME COLUMN v TO w | SELECT w FROM o WHERE id = 1 | w=9",
        "ALTER TABLE o MODIFY v VARCHAR(9) | SELECT id, v FROM o ORDER BY v DESC LIMIT 1 | id=1"
            + " v=9",
        "ALTER TABLE o MODIFY v VARCHAR(9) | SELECT MAX(v) AS m FROM o | m=9",
        "ALTER TABLE o MODIFY v DECIMAL(9,2) | SELECT SUM(v) AS m FROM o | m=39.00",
        "ALTER TABLE o MODIFY v DECIMAL(9,2) | SELECT v FROM o WHERE id = 1 | v=9.00",
        "ALTER TABLE o ADD COLUMN s INT DEFAULT 3 | SELECT s FROM o WHERE id = 1 | s=3",
      })
  void aReadSeesTheTableAsItIs(String change, String sql, String first) {
    shards.everywhere(change);

    assertThat(answered(sql)).contains(first);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "SELECT s, COUNT(*) AS n FROM p GROUP BY s | 1",
        "SELECT DISTINCT s FROM p | 1",
        "SELECT COUNT(DISTINCT s) AS n FROM p | 1",
      })
  void groupsGoByTheCollationThatIs(String sql, int rows) {
    shards.everywhere("ALTER TABLE p MODIFY s VARCHAR(20) COLLATE utf8mb4_general_ci");

    assertThat(answered(sql)).hasSize(rows);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "SELECT * FROM n WHERE name = 'ann'",
        "SELECT COUNT(*) FROM n WHERE name IN ('ann', 'bob')",
        "SELECT name, COUNT(*) FROM n GROUP BY name",
        "UPDATE n SET v = 2 WHERE name = 'ann'",
        "UPDATE n SET v = 2 WHERE name IN ('ann', 'bob', 'Bob')",
        "DELETE FROM n WHERE name = 'ann'",
        "INSERT INTO n (name, v) VALUES ('aNN', 1)",
        "INSERT INTO n (name, v) VALUES ('dan', 1), ('eve', 1), ('carl', 1)",
      })
  void aKeyOfAnotherCollationIsRefused(String sql) {
    shards.everywhere("DELETE FROM n WHERE name IN ('Bob', 'ANN', 'Ann')");
    shards.everywhere("ALTER TABLE n MODIFY name VARCHAR(20) COLLATE utf8mb4_general_ci");

    Throwable error = catchThrowable(() -> answered(sql));

    if (!sql.contains("GROUP")) {
      refused(error, RefusalCode.KEY_COLLATION);
    }
    assertThat(
            shards
                .router
                .onAll()
                .sql("SELECT CONCAT(name, v) FROM n")
                .map((row, metadata) -> String.valueOf(row.get(0)))
                .rows()
                .collectList()
                .block(BOUND))
        .containsExactlyInAnyOrder("ann1", "bob1");

    shards.everywhere("ALTER TABLE n MODIFY name VARCHAR(20) COLLATE utf8mb4_bin");
    answered(sql);
  }

  @Test
  void whatDoesNotFitIsLookedAtAtOnce() {
    shards.everywhere("ALTER TABLE o ADD COLUMN w INT");
    written("INSERT INTO o VALUES (20, 1, 2)");
    assertThat(answered("SELECT * FROM o WHERE id = 20")).containsExactly("id=20 v=1 w=2");

    for (int i = 0; i < 3; i++) {
      shards.everywhere("ALTER TABLE o ADD COLUMN w" + i + " INT DEFAULT " + i);
      assertThat(numbers("SELECT w" + i + " FROM o WHERE id = 20")).containsExactly(i);
      shards.everywhere("ALTER TABLE o DROP COLUMN w" + i);
      Throwable gone = catchThrowable(() -> answered("SELECT w0 FROM o WHERE id = 20"));
      refused(gone, RefusalCode.UNKNOWN_COLUMN);
    }
  }

  @Test
  void aTransactionsStatementsFitToo() {
    List<Integer> found =
        shards
            .on(
                connection ->
                    Flux.concat(
                        Flux.from(connection.beginTransaction()).thenMany(Flux.<Integer>empty()),
                        Flux.from(
                                connection
                                    .createStatement("UPDATE p SET s = 'x' WHERE id = 3")
                                    .execute())
                            .concatMap(result -> result.getRowsUpdated())
                            .map(Long::intValue),
                        Flux.<Integer>defer(
                                () -> {
                                  shards.everywhere("ALTER TABLE o MODIFY v INT FIRST");
                                  return Flux.empty();
                                })
                            .subscribeOn(reactor.core.scheduler.Schedulers.boundedElastic()),
                        Flux.from(
                                connection
                                    .createStatement("INSERT INTO o VALUES (75, 33)")
                                    .execute())
                            .concatMap(result -> result.getRowsUpdated())
                            .map(Long::intValue),
                        Flux.from(connection.commitTransaction()).thenMany(Flux.<Integer>empty())))
            .collectList()
            .block(BOUND);

    assertThat(found).containsExactly(1, 1);
    assertThat(numbers("SELECT v FROM o WHERE id = 33")).containsExactly(75);
    nothingIsAstray();
  }

  @Test
  void aTableMadeAnewHasItsNewColumns() {
    shards.everywhere("DROP TABLE o");
    shards.everywhere("CREATE TABLE o (name VARCHAR(9), id INT PRIMARY KEY)");

    written("INSERT INTO o VALUES ('x', 7)");
    written("INSERT INTO o VALUES ('y', 8), ('z', 9)");

    assertThat(answered("SELECT * FROM o ORDER BY id"))
        .containsExactly("name=x id=7", "name=y id=8", "name=z id=9");
    nothingIsAstray();
  }

  @Test
  void aFloodOfMisspeltStatementsLooksFewTimes() {
    long before = statements();
    Flux.range(0, 300)
        .flatMap(
            i ->
                shards
                    .rows(row -> 1, "SELECT misspelt" + i + " FROM o WHERE id = 1")
                    .onErrorResume(R2dbcBadGrammarException.class, error -> Flux.empty()),
            64)
        .blockLast(BOUND);
    // Two statements to each of three shards, for those that wait together.
    assertThat(statements() - before).isLessThan(300);
  }

  private static long statements() {
    return shards
        .router
        .onAll()
        .sql("SHOW GLOBAL STATUS LIKE 'Com_select'")
        .map((row, metadata) -> Long.parseLong(String.valueOf(row.get(1))))
        .rows()
        .reduce(0L, Long::sum)
        .blockOptional(Duration.ofSeconds(20))
        .orElseThrow();
  }

  private static void refused(Throwable error, RefusalCode code) {
    assertThat(error)
        .isInstanceOf(R2dbcBadGrammarException.class)
        .hasMessageContaining(code.name());
    assertThat(error.getCause())
        .isInstanceOfSatisfying(
            RefusedSqlException.class, refusal -> assertThat(refusal.code()).isEqualTo(code));
  }

  private static void written(String sql, Object... values) {
    shards.updated(sql, values).block(BOUND);
  }

  private static List<Integer> numbers(String sql) {
    return shards
        .rows(row -> row.get(0, Integer.class), sql)
        .collectList()
        .blockOptional(BOUND)
        .orElseThrow();
  }

  private static List<String> answered(String sql) {
    return shards
        .rows(ChangedColumnsIntegrationTests::shown, sql)
        .collectList()
        .blockOptional(BOUND)
        .orElseThrow();
  }

  private static String shown(Row row) {
    List<String> shown = new ArrayList<>();
    row.getMetadata()
        .getColumnMetadatas()
        .forEach(column -> shown.add(column.getName() + "=" + row.get(column.getName())));
    return String.join(" ", shown);
  }

  private static void nothingIsAstray() {
    for (int i = 0; i < IDS.size(); i++) {
      List<Integer> here =
          shards
              .router
              .on(IDS.get(i))
              .sql("SELECT id FROM o")
              .map((row, metadata) -> row.get(0, Integer.class))
              .all()
              .collectList()
              .blockOptional(BOUND)
              .orElseThrow();
      for (int id : here) {
        assertThat(shards.router.topology().locate("o", ShardKey.of(id)).block(BOUND))
            .as("the shard of %s", id)
            .isEqualTo(IDS.get(i));
      }
    }
  }
}
