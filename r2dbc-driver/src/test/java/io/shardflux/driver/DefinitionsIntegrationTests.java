package io.shardflux.driver;

import static io.shardflux.driver.DriverShards.BOUND;
import static io.shardflux.driver.DriverShards.IDS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.r2dbc.spi.Connection;
import io.r2dbc.spi.R2dbcBadGrammarException;
import io.r2dbc.spi.Result;
import io.shardflux.driver.scatter.Definitions;
import io.shardflux.router.KeyColumn;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardingStrategy;
import io.shardflux.router.TableRule;
import io.shardflux.sql.merge.Plan;
import io.shardflux.sql.statement.Hints;
import io.shardflux.sql.statement.ShardSql;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** Definitions of tables over the driver. */
class DefinitionsIntegrationTests {

  private static final String EVERY = "/* shardflux: every-shard=true */ ";

  @SuppressWarnings("NullAway.Init")
  private static DriverShards shards;

  @BeforeAll
  static void start() {
    shards =
        new DriverShards(
            router ->
                router
                    .table(sharded("made"))
                    .table(sharded("other"))
                    .strategy(
                        "elsewhere",
                        ShardingStrategy.hash(List.of(IDS.get(1), IDS.get(2), IDS.get(0))))
                    .table(
                        new TableRule.Sharded(
                            "archive", List.of(KeyColumn.integer("id")), "elsewhere"))
                    .table(
                        new TableRule.Sharded("words", List.of(KeyColumn.text("word")), "by_user"))
                    .table(new TableRule.Reference("labels"))
                    .table(new TableRule.Pinned("notes", IDS.get(2))));
  }

  @AfterAll
  static void close() {
    shards.close();
  }

  private static TableRule sharded(String table) {
    return new TableRule.Sharded(table, List.of(KeyColumn.integer("id")), "by_user");
  }

  private static long updated(String sql, @Nullable Object... values) {
    return Objects.requireNonNull(shards.updated(sql, values).block(BOUND));
  }

  private static List<String> having(String table) {
    return Flux.fromIterable(IDS)
        .filterWhen(
            shard ->
                shards
                    .router
                    .on(shard)
                    .sql(
                        "SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA ="
                            + " DATABASE() AND TABLE_NAME = :t")
                    .bind("t", table)
                    .map((row, metadata) -> Objects.requireNonNull(row.get(0, Long.class)) > 0)
                    .one())
        .map(ShardId::value)
        .collectList()
        .blockOptional(BOUND)
        .orElseThrow();
  }

  private static List<String> names(String sql) {
    return shards
        .<String>rows(row -> row.get("name", String.class), sql)
        .collectList()
        .blockOptional(BOUND)
        .orElseThrow();
  }

  @Test
  void definesShardedTablesOnEveryShard() {
    updated(EVERY + "CREATE TABLE IF NOT EXISTS made (id BIGINT PRIMARY KEY, name VARCHAR(20))");
    assertThat(having("made")).containsExactly("shard_0", "shard_1", "shard_2");
    updated("INSERT INTO made (id, name) VALUES (1, 'a'), (2, 'b'), (3, 'c')");
    assertThat(names("SELECT * FROM made ORDER BY id")).containsExactly("a", "b", "c");

    updated(EVERY + "ALTER TABLE made ADD COLUMN age INT NOT NULL DEFAULT 7 FIRST");
    assertThat(names("SELECT name FROM made WHERE age = 7 ORDER BY id DESC")).hasSize(3);
    assertThat(names("SELECT *, age + 1 FROM made WHERE id = 2")).containsExactly("b");
    updated(EVERY + "CREATE INDEX by_name ON made (name)");
    updated(EVERY + "DROP INDEX by_name ON made");
    updated(EVERY + "ALTER TABLE made RENAME COLUMN age TO years, RENAME TO other");
    assertThat(names("SELECT name FROM other WHERE years = 7")).hasSize(3);
    assertThat(having("made")).isEmpty();
    updated(EVERY + "RENAME TABLE other TO made");
    updated(EVERY + "CREATE TABLE other LIKE made");
    updated(EVERY + "TRUNCATE TABLE made");
    assertThat(names("SELECT name FROM made")).isEmpty();
    updated(EVERY + "DROP TABLE IF EXISTS made, other");
    assertThat(having("made")).isEmpty();
  }

  @Test
  void takesNoOtherWordForAQueryOrAKey() {
    updated(
        EVERY
            + "CREATE TABLE made (id BIGINT PRIMARY KEY, name VARCHAR(20) DEFAULT 'x', age INT, KEY"
            + " by_name (name)) PARTITION BY RANGE (id) (PARTITION p VALUES LESS THAN (1000))");
    updated(
        EVERY
            + "ALTER TABLE made DROP PRIMARY KEY, ADD PRIMARY KEY (id), DROP INDEX by_name, ALTER"
            + " COLUMN name DROP DEFAULT, DROP COLUMN age");
    updated(EVERY + "ALTER TABLE made MODIFY name VARCHAR(30) CHARACTER SET latin1");
    updated(EVERY + "ALTER TABLE made CONVERT TO CHARACTER SET utf8mb4");
    updated("INSERT INTO made (id, name) VALUES (1, 'a')");
    assertThat(names("SELECT name FROM made")).containsExactly("a");
    updated(EVERY + "RENAME TABLE made TO other");
    updated(EVERY + "DROP TABLE other");
  }

  @Test
  void definesReferenceTablesOnEveryShardAndPinnedOnesOnTheirs() {
    updated(EVERY + "CREATE TABLE labels (id INT PRIMARY KEY, name VARCHAR(20))");
    updated("INSERT INTO labels (id, name) VALUES (1, 'x')");
    assertThat(having("labels")).hasSize(3);
    assertThat(names("SELECT name FROM labels")).containsExactly("x");
    updated(EVERY + "DROP TABLE labels");

    updated("CREATE TABLE notes (id INT PRIMARY KEY, name VARCHAR(20))");
    assertThat(having("notes")).containsExactly("shard_2");
    updated("INSERT INTO notes (id, name) VALUES (1, 'n')");
    assertThat(names("SELECT name FROM notes")).containsExactly("n");
    updated("ALTER TABLE notes CHANGE name name VARCHAR(30), ADD KEY (name)");
    updated("DROP TABLE notes");
    assertThat(having("notes")).isEmpty();
  }

  @Test
  void aFactoryMayPermitItToAllItsStatements() {
    Flux<Long> made =
        Flux.usingWhen(
            shards.factory.with(Hints.builder().everyShard(true).build()).create(),
            connection ->
                Flux.from(
                        connection
                            .createStatement("CREATE TABLE labels (id INT PRIMARY KEY)")
                            .execute())
                    .concatMap(Result::getRowsUpdated),
            Connection::close);
    made.blockLast(BOUND);
    assertThat(having("labels")).hasSize(3);
    updated(EVERY + "DROP TABLE labels");
  }

  @Test
  void theFirstFailureEndsItAndTellsWhere() {
    shards.router.on(IDS.get(1)).sql("CREATE TABLE other (id INT)").rowsUpdated().block(BOUND);
    assertThatThrownBy(() -> updated(EVERY + "CREATE TABLE other (id BIGINT PRIMARY KEY)"))
        .isInstanceOf(R2dbcBadGrammarException.class)
        .hasMessageContaining("failed on shard_1, done on [shard_0], not sent to [shard_2]");
    assertThat(having("other")).containsExactly("shard_0", "shard_1");
    updated(EVERY + "DROP TABLE IF EXISTS other");
    assertThat(having("other")).isEmpty();
  }

  /** That columns were others than it was planned for is no reason to begin it anew. */
  @Test
  void isNeverRunAgainWhereAShardHasIt() {
    updated(EVERY + "CREATE TABLE made (id BIGINT PRIMARY KEY, c INT)");
    on(1, "DROP TABLE made");
    assertThatThrownBy(() -> updated(EVERY + "ALTER TABLE made ADD COLUMN d INT"))
        .hasMessageContaining("doesn't exist")
        .hasMessageContaining("failed on shard_1, done on [shard_0], not sent to [shard_2]");
    on(1, "CREATE TABLE made (id BIGINT PRIMARY KEY)");
    assertThatThrownBy(() -> updated(EVERY + "ALTER TABLE made ADD e INT, ADD INDEX (c)"))
        .hasMessageContaining("failed on shard_1, done on [shard_0], not sent to [shard_2]");
    updated(EVERY + "DROP TABLE made");
  }

  /** Statements behind a cancelled one know what it did. */
  @Test
  void aCancelledOneLeavesNoOldColumns() {
    AtomicInteger asked = new AtomicInteger();
    Plan.Definitions plan =
        new Plan.Definitions(
            Plan.Part.each(IDS, new ShardSql("ALTER TABLE made ADD c INT", List.of())));
    Definitions definitions =
        new Definitions(
            plan, part -> Mono.never(), Set::of, () -> Mono.fromRunnable(asked::incrementAndGet));
    definitions.run().subscribe().dispose();
    assertThat(asked).hasValue(1);
  }

  /** A move that begins meanwhile would meet other columns on one side. */
  @Test
  void endsWhereAMoveBegins() {
    Plan.Definitions plan =
        new Plan.Definitions(
            Plan.Part.each(IDS, new ShardSql("ALTER TABLE made ADD c INT", List.of())));
    AtomicInteger sent = new AtomicInteger();
    Definitions definitions =
        new Definitions(
            plan,
            part -> Mono.fromSupplier(() -> (long) sent.incrementAndGet()),
            () -> sent.get() < 2 ? Set.of() : Set.of("made"),
            Mono::empty);
    assertThatThrownBy(() -> definitions.run().block(BOUND))
        .isInstanceOfSatisfying(
            Definitions.Ended.class,
            ended ->
                assertThat(ended.told())
                    .hasMessageContaining("TABLE_MOVING")
                    .hasMessageContaining("done on [shard_0, shard_1], not sent to []"));
    assertThat(sent).hasValue(2);
  }

  private static void on(int shard, String sql) {
    shards.router.on(IDS.get(shard)).sql(sql).rowsUpdated().block(BOUND);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "STATEMENT: CREATE on 3 shards | CREATE TABLE made (id BIGINT PRIMARY KEY)",
        "STATEMENT: DROP on 3 shards | DROP TABLE users",
        "every-shard=true | TRUNCATE users",
        "STATEMENT | CREATE TABLE made AS SELECT * FROM users",
        "STATEMENT | CREATE TEMPORARY TABLE made (id INT)",
        "STATEMENT | CREATE VIEW made AS SELECT 1",
        "STATEMENT | DROP DATABASE made",
        "STATEMENT: tables on different shards | DROP TABLE users, notes",
        "STATEMENT: CREATE TABLE of a query's rows | " + EVERY + "CREATE TABLE made AS TABLE users",
        "STATEMENT: CREATE TABLE of a query's rows | " + EVERY + "CREATE TABLE made TABLE users",
        "STATEMENT: CREATE TABLE of a query's rows | "
            + EVERY
            + "CREATE TABLE made (id BIGINT) VALUES ROW(1)",
        "rule places rows otherwise | " + EVERY + "RENAME TABLE users TO archive",
        "rule places rows otherwise | " + EVERY + "RENAME TABLE made TO other, users TO labels",
        "rule places rows otherwise | " + EVERY + "ALTER TABLE users ADD x INT, RENAME AS labels",
        "rule places rows otherwise | " + EVERY + "ALTER TABLE labels RENAME users",
        "users.id: a key column | " + EVERY + "ALTER TABLE users MODIFY id INT",
        "users.id: a key column | " + EVERY + "ALTER TABLE users CHANGE COLUMN `ID` no BIGINT",
        "users.id: a key column | " + EVERY + "ALTER TABLE users ADD (x INT), CHANGE age id INT",
        "users.id: a key column | " + EVERY + "ALTER TABLE users DROP id, RENAME COLUMN age TO id",
        "users.id: a key column | " + EVERY + "ALTER TABLE users DROP COLUMN IF EXISTS id",
        "users.id: a key column | " + EVERY + "ALTER TABLE users RENAME COLUMN age TO id",
        "words.word: a key column | " + EVERY + "ALTER TABLE words CONVERT TO CHARACTER SET latin1",
        "UNKNOWN_TABLE: stranger: not in the topology | CREATE TABLE stranger (id INT)",
        "UNKNOWN_TABLE: stranger | RENAME TABLE users TO stranger",
        "UNKNOWN_TABLE: stranger | ALTER TABLE users ADD x INT, RENAME AS stranger",
        "UNKNOWN_TABLE: a table named with its schema | DROP TABLE mysql.user",
        "HINT | /* shardflux: every-shard=maybe */ DROP TABLE users",
      })
  void refuses(String line) {
    String[] parts = line.split(" \\| ", 2);
    assertThatThrownBy(() -> updated(parts[1]))
        .isInstanceOf(R2dbcBadGrammarException.class)
        .hasMessageContaining(parts[0]);
    assertThat(having("users")).hasSize(3);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        EVERY + "CREATE TABLE made (id BIGINT PRIMARY KEY)",
        "CREATE TABLE notes (id BIGINT PRIMARY KEY)"
      })
  void isRefusedInATransaction(String sql) {
    Mono<Long> inside =
        shards
            .on(
                connection ->
                    Mono.from(connection.beginTransaction())
                        .thenMany(connection.createStatement(sql).execute())
                        .concatMap(Result::getRowsUpdated))
            .reduce(0L, Long::sum);
    assertThatThrownBy(() -> inside.block(BOUND))
        .hasMessageContaining("STATEMENT: a definition of tables in a transaction");
    assertThat(having("made")).isEmpty();
    assertThat(having("notes")).isEmpty();
  }
}
