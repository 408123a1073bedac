package io.shardflux.sql;

import static org.assertj.core.api.Assertions.assertThat;

import io.shardflux.sql.merge.Plan;
import io.shardflux.sql.statement.ShardSql;
import java.util.Map;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The texts for shards that own some rows alone of {@code users} and {@code orders}. */
class RowConditionsTests {

  private static String only(ShardSql sql) {
    return sql.only(Map.of("users", own -> "(" + own + "U)", "orders", own -> "(" + own + "O)"))
        .text();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "SELECT id FROM users | SELECT id FROM users WHERE (`users`.U)",
        "SELECT id FROM users u USE INDEX (a) LIMIT 3 | SELECT id FROM users u USE INDEX (a) WHERE"
            + " (`u`.U) LIMIT 3",
        "SELECT id FROM users WHERE age = 1 OR age = 2 | SELECT id FROM users WHERE (age = 1 OR age"
            + " = 2) AND (`users`.U)",
        "SELECT id FROM users WHERE (age) = (?) | SELECT id FROM users WHERE ((age) = (?)) AND"
            + " (`users`.U)",
        "SELECT id FROM users WHERE ? < age GROUP BY id | SELECT id FROM users WHERE (? < age) AND"
            + " (`users`.U) GROUP BY id",
        "SELECT id FROM users WHERE age > ? | SELECT id FROM users WHERE (age > ?) AND"
            + " (`users`.U)",
        "SELECT u.id FROM users u, orders o WHERE u.id = o.user_id | SELECT u.id FROM users u,"
            + " orders o WHERE (u.id = o.user_id) AND (`u`.U) AND (`o`.O)",
        "SELECT u.id FROM users u JOIN orders o ON u.id = o.user_id | SELECT u.id FROM users u JOIN"
            + " orders o ON u.id = o.user_id WHERE (`u`.U) AND (`o`.O)",
        "SELECT u.id FROM users u LEFT JOIN orders o ON u.id = o.user_id | SELECT u.id FROM users u"
            + " LEFT JOIN orders o ON (u.id = o.user_id) AND (`o`.O) WHERE (`u`.U)",
        "SELECT u.id FROM users u RIGHT JOIN orders o ON u.id = o.user_id WHERE u.age = ? | SELECT"
            + " u.id FROM users u RIGHT JOIN orders o ON (u.id = o.user_id) AND (`u`.U) WHERE"
            + " (u.age = ?) AND (`o`.O)",
        "SELECT u.id FROM users u LEFT JOIN (orders o JOIN users v ON v.id = o.user_id) ON u.id ="
            + " o.user_id | SELECT u.id FROM users u LEFT JOIN (orders o JOIN users v ON v.id ="
            + " o.user_id) ON (u.id = o.user_id) AND (`o`.O) AND (`v`.U) WHERE (`u`.U)",
        "SELECT u.id FROM users u LEFT JOIN users v USING (id) | SELECT u.id FROM users u LEFT JOIN"
            + " (SELECT * FROM users v WHERE (U)) AS `v` USING (id) WHERE (`u`.U)",
        "SELECT id FROM users u WHERE EXISTS (SELECT 1 FROM orders WHERE user_id = u.id) | SELECT"
            + " id FROM users u WHERE (EXISTS (SELECT 1 FROM orders WHERE (user_id = u.id) AND"
            + " (`orders`.O))) AND (`u`.U)",
        "SELECT id FROM users u WHERE id IN (SELECT user_id FROM orders) | SELECT id FROM users u"
            + " WHERE (id IN (SELECT user_id FROM orders WHERE (`orders`.O))) AND (`u`.U)",
        "SELECT d.id FROM (SELECT id FROM users) d | SELECT d.id FROM (SELECT id FROM users WHERE"
            + " (`users`.U)) d",
        "WITH users AS (SELECT id, age FROM users) SELECT id FROM users WHERE age = 1 | WITH users"
            + " AS (SELECT id, age FROM users WHERE (`users`.U)) SELECT id FROM users WHERE age ="
            + " 1",
        "SELECT id FROM users UNION ALL SELECT user_id FROM orders | SELECT id FROM users WHERE"
            + " (`users`.U) UNION ALL SELECT user_id FROM orders WHERE (`orders`.O)",
        "SELECT id, (SELECT COUNT(*) FROM orders WHERE user_id = users.id) + 1 FROM users | SELECT id,"
            + " (SELECT COUNT(*) FROM orders WHERE (user_id = users.id) AND (`orders`.O)) + 1 AS"
            + " `(SELECT COUNT(*) FROM orders WHERE user_id = users.id) + 1` FROM users WHERE"
            + " (`users`.U)",
        "SELECT u.id FROM users u JOIN countries c ON c.code = u.country | SELECT u.id FROM users u"
            + " JOIN countries c ON c.code = u.country WHERE (`u`.U)",
        "SELECT id FROM users u ORDER BY (SELECT COUNT(*) FROM orders WHERE user_id = u.id) |"
            + " SELECT id, (SELECT COUNT(*) FROM orders WHERE (user_id = u.id) AND (`orders`.O))"
            + " FROM users u WHERE (`u`.U) ORDER BY (SELECT COUNT(*) FROM orders WHERE (user_id ="
            + " u.id) AND (`orders`.O))",
        "SELECT DISTINCT id, (SELECT COUNT(*) FROM orders WHERE user_id = u.id) FROM users u | SELECT id, (SELECT COUNT(*) FROM orders WHERE (user_id = u.id) AND (`orders`.O)) AS `(SELECT COUNT(*) FROM orders WHERE user_id = u.id)`, MIN((SELECT COUNT(*) FROM orders WHERE (user_id = u.id) AND (`orders`.O))) FROM users u WHERE (`u`.U) GROUP BY id, (SELECT COUNT(*) FROM orders WHERE (user_id = u.id) AND (`orders`.O)) ORDER BY id, (SELECT COUNT(*) FROM orders WHERE (user_id = u.id) AND (`orders`.O))",
        "SELECT (SELECT COUNT(*) FROM orders WHERE user_id = u.id) + ?, id FROM users u ORDER BY (SELECT COUNT(*) FROM orders WHERE user_id = u.id) + 1, 2 | SELECT (SELECT COUNT(*) FROM orders WHERE (user_id = u.id) AND (`orders`.O)) + ? AS `(SELECT COUNT(*) FROM orders WHERE user_id = u.id) + ?`, id, (SELECT COUNT(*) FROM orders WHERE (user_id = u.id) AND (`orders`.O)) + 1 FROM users u WHERE (`u`.U) ORDER BY (SELECT COUNT(*) FROM orders WHERE (user_id = u.id) AND (`orders`.O)) + 1, 2",
      })
  void takeTheirOwnRowsAlone(String sql, String expected) {
    Object[] values = sql.contains("?") ? new Object[] {1} : new Object[0];
    assertThat(only(Shop.scatter(sql, values).parts().get(0).sql())).isEqualTo(expected);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "UPDATE users SET age = 1 WHERE id IN (1, 2, 3, 4) | UPDATE users SET age = 1 WHERE (id IN"
            + " (1, 2, 3, 4)) AND (`users`.U)",
        "DELETE FROM users WHERE id IN (1, 2, 3, 4) | DELETE FROM users WHERE (id IN (1, 2, 3, 4))"
            + " AND (`users`.U)",
      })
  void changeTheirOwnRowsAlone(String sql, String expected) {
    Plan plan = Shop.plan(sql);
    assertThat(plan).isInstanceOf(Plan.Writes.class);
    assertThat(only(plan.parts().get(0).sql())).isEqualTo(expected);
  }
}
