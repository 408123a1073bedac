package io.shardflux.driver;

import static io.shardflux.driver.DriverShards.BOUND;
import static io.shardflux.driver.DriverShards.IDS;
import static org.assertj.core.api.Assertions.assertThat;

import io.r2dbc.spi.R2dbcBadGrammarException;
import io.shardflux.router.KeyColumn;
import io.shardflux.router.KeyType;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardingStrategy;
import io.shardflux.router.TableRule;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import reactor.test.StepVerifier;

/** The faults that {@code check()} finds in tables that are not as their rules say. */
class TableFaultsIntegrationTests {

  private static final String SOUND = "CREATE TABLE checked (id INT PRIMARY KEY, v INT)";

  private static DriverShards shards;

  @BeforeAll
  static void start() {
    shards =
        new DriverShards(
            builder ->
                builder
                    .strategy("by_hash", ShardingStrategy.hash(IDS))
                    .table(
                        new TableRule.Sharded(
                            "checked", List.of(KeyColumn.integer("id")), "by_hash"))
                    .table(
                        new TableRule.Sharded(
                            "tokens", List.of(new KeyColumn("id", KeyType.UUID)), "by_hash")));
  }

  @AfterAll
  static void stop() {
    shards.close();
  }

  @AfterEach
  void dropped() {
    shards.everywhere("DROP TABLE IF EXISTS checked");
    shards.everywhere("DROP TABLE IF EXISTS tokens");
  }

  @Test
  void soundTablesHaveNone() {
    shards.everywhere(SOUND);
    shards.everywhere("CREATE TABLE tokens (id CHAR(36) PRIMARY KEY) COLLATE utf8mb4_bin");

    assertThat(faults()).isEmpty();
  }

  @Test
  void aTableThatIsNowhereIsNamed() {
    shards.everywhere(SOUND);

    assertThat(faults())
        .containsExactly(
            "tokens: not on any shard (expected: on all of [shard_0, shard_1, shard_2])");
  }

  @Test
  void aTableThatIsMissingOnSomeShardsIsNamed() {
    shards.everywhere("CREATE TABLE tokens (id CHAR(36) PRIMARY KEY) COLLATE utf8mb4_bin");
    on(IDS.get(1), SOUND);

    assertThat(faults())
        .containsExactly(
            "checked: not on [shard_0, shard_2] (expected: on all of [shard_0, shard_1, shard_2])");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "MODIFY v BIGINT | checked: on shard_2 it also has [v bigint",
        "ADD COLUMN w INT | checked: on shard_2 it also has [w int",
        "MODIFY v INT NOT NULL | checked: on shard_2 it also has [v int",
        "MODIFY v INT FIRST | checked: on shard_2 its columns are in another order, [v, id]",
        "DROP COLUMN v | checked: on shard_0 it also has [v int",
      })
  void columnsThatDifferAreNamed(String change, String told) {
    shards.everywhere("CREATE TABLE tokens (id CHAR(36) PRIMARY KEY) COLLATE utf8mb4_bin");
    shards.everywhere(SOUND);
    on(IDS.get(2), "ALTER TABLE checked " + change);

    assertThat(faults()).anySatisfy(fault -> assertThat(fault).startsWith(told));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "tokens (id BINARY(16) PRIMARY KEY) | binary(16) (expected: text of 36 characters or more",
        "tokens (id INT PRIMARY KEY) | (expected: text of 36 characters or more, as the key is"
            + " UUID)",
        "checked (id VARCHAR(9) PRIMARY KEY) | varchar(9) (expected: an integer type",
        "checked (other INT PRIMARY KEY) | checked.id: a key column, not in the catalog",
      })
  void aKeyOverAnotherTypeIsNamed(String table, String told) {
    shards.everywhere("CREATE TABLE " + table);

    assertThat(faults()).anySatisfy(fault -> assertThat(fault).contains(told));

    String name = table.substring(0, table.indexOf(' '));
    shards
        .rows(row -> 1, "SELECT * FROM " + name + " WHERE id = 'x'")
        .as(StepVerifier::create)
        .expectErrorSatisfies(
            error ->
                assertThat(error)
                    .isInstanceOf(R2dbcBadGrammarException.class)
                    .message()
                    .doesNotContain("_bin"))
        .verify(BOUND);
  }

  @Test
  void aTableWithARuleIsNotToldToBeGivenOne() {
    shards
        .rows(row -> 1, "SELECT * FROM checked")
        .as(StepVerifier::create)
        .expectErrorSatisfies(
            error ->
                assertThat(error)
                    .hasMessageContaining(
                        "UNKNOWN_TABLE: checked: on no shard, though it has a rule")
                    .hasMessageContaining("create the table on its shards"))
        .verify(BOUND);
  }

  private static List<String> faults() {
    return shards.factory.check().blockOptional(BOUND).orElseThrow();
  }

  private static void on(ShardId shard, String sql) {
    shards.router.on(shard).sql(sql).rowsUpdated().block(BOUND);
  }
}
