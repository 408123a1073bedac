package io.shardflux.sql;

import static org.assertj.core.api.Assertions.assertThat;

import io.shardflux.router.KeyColumn;
import io.shardflux.router.KeyType;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardingStrategy;
import io.shardflux.router.TableRule;
import io.shardflux.router.Topology;
import io.shardflux.sql.Foreseen.Answer;
import io.shardflux.sql.statement.Hints;
import io.shardflux.sql.statement.PlannerOptions;
import io.shardflux.sql.statement.RefusalCode;
import io.shardflux.sql.statement.RefusedSqlException;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What becomes of the statements of one database that is split into shards. */
class ForesightTests {

  private static final Hints SCATTER = Hints.builder().scatter(true).build();
  private static final Hints NO_SCATTER = Hints.builder().scatter(false).build();

  private final SqlPlanner planner = SqlPlanner.of(PlannerOptions.defaults());
  private final Topology one = pinned();

  private static Topology pinned() {
    Topology.Builder builder = Topology.builder().shard(Shop.A).shard(Shop.B).shard(Shop.C);
    Stream.of("users", "orders", "docs", "names", "days", "countries")
        .forEach(table -> builder.table(new TableRule.Pinned(table, Shop.A)));
    return builder.build();
  }

  /** Users with their orders, docs, names and days go to three shards; countries stay. */
  private static Topology split() {
    return Topology.builder()
        .shard(Shop.A)
        .shard(Shop.B)
        .shard(Shop.C)
        .strategy("hash", ShardingStrategy.hash(List.<ShardId>of(Shop.A, Shop.B, Shop.C)))
        .table(new TableRule.Sharded("users", List.of(KeyColumn.integer("id")), "hash"))
        .table(new TableRule.Sharded("orders", List.of(KeyColumn.integer("user_id")), "hash"))
        .table(
            new TableRule.Sharded(
                "docs", List.of(KeyColumn.text("tenant"), KeyColumn.integer("id")), "hash"))
        .table(new TableRule.Sharded("names", List.of(KeyColumn.text("name")), "hash"))
        .table(new TableRule.Sharded("days", List.of(new KeyColumn("day", KeyType.DATE)), "hash"))
        .table(new TableRule.Pinned("countries", Shop.A))
        .build();
  }

  private List<Foreseen> foreseen(Hints defaults, boolean gathers, String... texts) {
    for (String sql : texts) {
      try {
        planner.prepare(sql, Shop.CATALOG, one);
      } catch (RefusedSqlException refused) {
        // It is kept as such.
      }
    }
    return planner.foresee(Shop.CATALOG, one, split(), defaults, gathers);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "SELECT * FROM users WHERE id = ? | KEYED |",
        "SELECT * FROM users WHERE id IN (?, ?) LIMIT ? | KEYED |",
        "SELECT * FROM users u JOIN orders o ON o.user_id = u.id WHERE u.id = 7 | KEYED |",
        "INSERT INTO users (id, name) VALUES (?, ?) | KEYED |",
        "UPDATE docs SET body = ? WHERE tenant = ? AND id = ? | KEYED |",
        "SELECT visits FROM days WHERE day = ? | KEYED |",
        "SELECT * FROM countries WHERE code = ? | KEYED |",
        "SELECT * FROM users WHERE age > 30 ORDER BY id LIMIT 10 | SCATTERED |",
        "SELECT COUNT(*) FROM orders | SCATTERED |",
        "SELECT u.name FROM users u JOIN orders o ON o.id = u.age | GATHERED |",
        "SELECT u.name, c.title FROM users u JOIN countries c ON c.code = u.country | GATHERED |",
        "UPDATE users SET id = id + 1 | REFUSED | KEY_UPDATE",
        "INSERT INTO orders (id, total) VALUES (?, ?) | REFUSED | KEY_MISSING",
        "SELECT * FROM names WHERE name = ? | REFUSED | KEY_COLLATION"
      })
  void textsAreAnsweredOtherwise(String sql, Answer then, @Nullable RefusalCode refusal) {
    List<Foreseen> foreseen = foreseen(SCATTER, true, sql);
    if (then == Answer.KEYED) {
      assertThat(foreseen).isEmpty();
    } else {
      assertThat(foreseen)
          .singleElement()
          .satisfies(
              each -> {
                assertThat(each.now()).isEqualTo(Answer.KEYED);
                assertThat(each.then()).isEqualTo(then);
                assertThat(each.refusal()).isEqualTo(refusal);
              });
    }
  }

  @Test
  void whatThePolicyForbidsIsRefused() {
    assertThat(foreseen(NO_SCATTER, false, "SELECT COUNT(*) FROM users"))
        .extracting(Foreseen::then)
        .containsExactly(Answer.REFUSED);
    assertThat(foreseen(SCATTER, false, "SELECT u.name FROM users u JOIN orders o ON o.id = u.age"))
        .extracting(Foreseen::then)
        .contains(Answer.REFUSED);
  }

  @Test
  void theWorstComesFirstWithoutValues() {
    List<Foreseen> foreseen =
        foreseen(
            SCATTER,
            true,
            "SELECT name FROM users WHERE name = 'secret' /* of mine */ AND age > 0x1F  LIMIT 5",
            "UPDATE users SET id = 4711",
            "no SQL");
    assertThat(foreseen)
        .extracting(Foreseen::sql)
        .containsExactly(
            "UPDATE users SET id = ?", "SELECT name FROM users WHERE name = ? AND age > ? LIMIT ?");
    assertThat(foreseen.get(0).toString())
        .isEqualTo(
            "refused (KEY_UPDATE: delete the row and insert it anew), now keyed: UPDATE users SET"
                + " id = ?");
  }

  @Test
  void aLongTextIsShownByItsBeginning() {
    String sql = "SELECT name FROM users WHERE " + "age = id OR ".repeat(80) + "age < 0";
    assertThat(foreseen(SCATTER, true, sql))
        .singleElement()
        .satisfies(each -> assertThat(each.sql()).hasSizeLessThan(510).endsWith(" …"));
  }

  @Test
  void nothingOfTablesWhoseRulesStayIsTold() {
    planner.prepare("SELECT COUNT(*) FROM users", Shop.CATALOG, one);
    assertThat(planner.foresee(Shop.CATALOG, one, one, SCATTER, true)).isEmpty();
  }

  @Test
  void itEndsWhereItsThreadIsInterrupted() {
    planner.prepare("SELECT COUNT(*) FROM users", Shop.CATALOG, one);
    Thread.currentThread().interrupt();
    List<Foreseen> foreseen = planner.foresee(Shop.CATALOG, one, split(), SCATTER, true);
    assertThat(Thread.interrupted()).isTrue();
    assertThat(foreseen).isEmpty();
  }
}
