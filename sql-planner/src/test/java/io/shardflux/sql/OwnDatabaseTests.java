package io.shardflux.sql;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.shardflux.router.ShardId;
import io.shardflux.sql.gather.Gather;
import io.shardflux.sql.merge.Plan;
import io.shardflux.sql.schema.Catalog;
import io.shardflux.sql.statement.Binds;
import io.shardflux.sql.statement.Hints;
import io.shardflux.sql.statement.PlannerOptions;
import io.shardflux.sql.statement.RefusalCode;
import io.shardflux.sql.statement.RefusedSqlException;
import io.shardflux.sql.statement.Routing;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Tables and columns that are named with the shards' own database. */
class OwnDatabaseTests {

  private static final Catalog SHOP = Shop.CATALOG.in("shop");

  private static Prepared prepare(String sql, Catalog catalog) {
    return SqlPlanner.of(PlannerOptions.defaults()).prepare(sql, catalog, Shop.TOPOLOGY);
  }

  private static Plan plan(String sql, Catalog catalog) {
    Prepared prepared = prepare(sql, catalog);
    Binds binds = Binds.of(new @Nullable Object[prepared.markers().size()]);
    return prepared.plan(binds, Hints.NONE, shards(prepared.route(binds, Hints.NONE)));
  }

  private static List<ShardId> shards(Routing routing) {
    return routing instanceof Routing.Everywhere ? List.of(Shop.A, Shop.B) : List.of(Shop.A);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '~',
      value = {
        "SELECT shop.users.id FROM shop.users WHERE shop.users.id = 5 | SELECT users.id FROM users"
            + " WHERE users.id = 5",
        "SELECT `shop`.`users`.*, shop.users.id + 1 FROM `shop` . users WHERE id = ? | SELECT"
            + " `users`.*, users.id + 1 AS `shop.users.id + 1` FROM users WHERE id = ?",
        "SELECT shop.u.id x, COUNT(shop.u.id) FROM shop.users AS u WHERE u.id = 1 | SELECT u.id x,"
            + " COUNT(u.id) AS `COUNT(shop.u.id)` FROM users AS u WHERE u.id = 1",
        "INSERT INTO shop.users (id, name) VALUES (1, 'shop.users') | INSERT INTO users (id, name)"
            + " VALUES (1, 'shop.users')",
        "UPDATE shop.users SET shop.users.age = 2, age = shop.users.age WHERE id = 1 | UPDATE users"
            + " SET users.age = 2, age = users.age WHERE id = 1",
        "DELETE shop.users.* FROM shop.users WHERE id = 1 | DELETE users.* FROM users WHERE id = 1",
        "DELETE shop.users FROM shop.users WHERE id = 1 | DELETE users FROM users WHERE id = 1",
        "DELETE FROM shop.users WHERE id = 1 | DELETE FROM users WHERE id = 1",
        "SELECT 1 FROM shop.select WHERE id = 1 | SYNTAX",
        "SELECT shop.users.key FROM shop.users WHERE id = 1 | UNKNOWN_COLUMN",
      })
  void isLeftOut(String sql, String sent) {
    if (sent.contains(" ")) {
      assertThat(plan(sql, SHOP).parts().get(0).sql().text()).isEqualTo(sent);
    } else {
      refused(sql, SHOP, RefusalCode.valueOf(sent));
    }
  }

  @Test
  void hintsAndMarkersStay() {
    Prepared prepared =
        prepare(
            "/* shardflux: timeout=3s */ SELECT shop.users.id FROM shop.users WHERE"
                + " shop.users.name = :n AND id = :i",
            SHOP);
    assertThat(prepared.hints().timeout()).hasSeconds(3);
    assertThat(prepared.markers()).containsExactly("n", "i");
  }

  @Test
  void oneServerIsAskedWithoutIt() {
    String sql = "SELECT COUNT(*) OVER (), shop.u.age + 1 FROM shop.users u";
    Prepared prepared = prepare(sql, SHOP);
    RefusedSqlException refusal = refused(sql, SHOP, RefusalCode.WINDOW);
    Gather gather = Objects.requireNonNull(prepared.gather(refusal));
    assertThat(gather.statement().text())
        .isEqualTo(
            "SELECT COUNT(*) OVER (), u.age + 1 AS `shop.u.age + 1` FROM `_shardflux_g0` AS `u`");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "SELECT 1 FROM other.users WHERE id = 1 | other.users: a table of another database",
        "SELECT other.users.id FROM shop.users WHERE id = 1 | other.users",
        "SELECT 1 FROM Shop.users WHERE id = 1 | own, shop",
        "SELECT 1 FROM users JOIN mysql.user u WHERE id = 1 | mysql.user",
        "WITH users AS (SELECT 1 AS id) SELECT id FROM shop.users | a query of WITH",
        "INSERT INTO other.users (id) VALUES (1) | other.users",
        "UPDATE users SET other.users.age = 1 WHERE id = 1 | other.users",
        "DELETE other.users FROM users WHERE id = 1 | other.users",
      })
  void anotherOneIsToldByName(String sql, String told) {
    assertThat(refused(sql, SHOP, RefusalCode.UNKNOWN_TABLE)).hasMessageContaining(told);
  }

  @Test
  void shardsOfDifferentNamesHaveNone() {
    assertThat(
            refused(
                "SELECT 1 FROM shop.users WHERE id = 1", Shop.CATALOG, RefusalCode.UNKNOWN_TABLE))
        .hasMessageContaining("different names");
  }

  private static RefusedSqlException refused(String sql, Catalog catalog, RefusalCode code) {
    RefusedSqlException[] refused = new RefusedSqlException[1];
    assertThatExceptionOfType(RefusedSqlException.class)
        .isThrownBy(() -> plan(sql, catalog))
        .satisfies(
            refusal -> {
              assertThat(refusal.code()).as(refusal.getMessage()).isEqualTo(code);
              refused[0] = refusal;
            });
    return refused[0];
  }
}
