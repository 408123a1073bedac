package io.shardflux.sql;

import static org.assertj.core.api.Assertions.assertThat;

import io.shardflux.sql.statement.Binds;
import io.shardflux.sql.statement.PlannerOptions;
import io.shardflux.sql.statement.RefusedSqlException;
import io.shardflux.sql.statement.Routing;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.time.Duration;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.UUID;
import org.assertj.core.api.Assertions;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/**
 * Whatever is asked, the planner answers or refuses. More of it by {@code
 * -Dodd.statements=2000000}, others by {@code -Dodd.seed=7}.
 */
class OddStatementsTests {

  private static final int STATEMENTS = Integer.getInteger("odd.statements", 5_000);

  private static final List<String> WHOLE =
      List.of(
          "SELECT DISTINCT u.age x, COUNT(*) AS n FROM users u JOIN orders o ON o.user_id = u.id"
              + " WHERE u.id BETWEEN 1 AND - -9223372036854775808 GROUP BY x, 2 HAVING n > AVG(n)"
              + " ORDER BY -x DESC, 1 LIMIT ?, 5",
          "WITH w (k, v) AS (SELECT id, name FROM users WHERE id IN (1, NULL, 'x', ?)) SELECT k,"
              + " MAX(v) OVER (PARTITION BY k) FROM w NATURAL JOIN countries UNION SELECT 1, 1"
              + " ORDER BY k",
          "(SELECT 1, 1 FROM users) UNION ALL (SELECT id, age FROM users LIMIT 2) EXCEPT SELECT 2,"
              + " 3",
          "SELECT * FROM (SELECT at, what w FROM events WHERE at >= 5e0 ORDER BY 3) d (a, b)"
              + " LEFT JOIN docs USING (tenant, id) WHERE (tenant, id) = ('x', 1) OR a <=> NULL",
          "SELECT CASE WHEN kind = 'x' THEN raw ELSE data->>'$.a' END, CAST(score AS DECIMAL(5,"
              + " 2)), IF(flag, created + INTERVAL 1 DAY, NULL) FROM users WHERE EXISTS (SELECT"
              + " u.id FROM orders o, (SELECT MAX(v) m FROM config) c WHERE o.user_id = users.id)"
              + " FOR UPDATE",
          "INSERT INTO users (id, name) VALUES (1, ?), (- 2, DEFAULT), (:x, 'a' 'b') ON DUPLICATE"
              + " KEY UPDATE name = VALUES(name), age = age + 1",
          "REPLACE INTO docs SET tenant = _utf8mb4'x', id = 0x10, body = NOW()",
          "INSERT IGNORE INTO names SELECT name FROM users WHERE id = 3 AND DATE '2024-02-30'",
          "UPDATE users u, orders o SET u.age = o.total, u.name = ? WHERE u.id = o.user_id AND u.id"
              + " = 7",
          "DELETE a FROM users a JOIN orders b ON a.id = b.user_id WHERE a.id <> ALL (SELECT 1)",
          "DELETE FROM days WHERE day < '2024-01-01' ORDER BY visits LIMIT 3");

  private static final List<String> PIECES =
      List.of(
          ("- + * / % ( ) , . ; ? :x @x @@y ! ~ | & ^ << >> = <> <=> < >= -> ->> || && := ` ' \" /*"
                  + " */ -- # SELECT DISTINCT FROM WHERE GROUP BY HAVING ORDER LIMIT OFFSET UNION ALL"
                  + " EXCEPT INTERSECT WITH RECURSIVE AS JOIN LEFT RIGHT CROSS USING ON IN NOT NULL IS"
                  + " LIKE BETWEEN AND OR XOR EXISTS ANY CASE WHEN THEN ELSE END INTERVAL DAY COLLATE"
                  + " utf8mb4_bin nowhere_ci CAST CONVERT CHAR SIGNED BINARY MATCH AGAINST OVER WINDOW"
                  + " PARTITION ROW VALUES DEFAULT SET INSERT REPLACE UPDATE DELETE INTO DUPLICATE KEY"
                  + " FOR SHARE LOCK TRUE FALSE UNKNOWN DATE TIME TIMESTAMP _latin1 b'101' x'4a' 0xG"
                  + " 0b12 COUNT SUM AVG MIN MAX GROUP_CONCAT COALESCE IFNULL IF RAND NOW nofunction"
                  + " ROLLUP users orders events docs names days countries cities config nobody u o d"
                  + " x id user_id age name kind data raw at tenant day code k v users.id u.* *")
              .split(" "));

  private static final List<String> OPERATORS =
      List.of("+ - * / DIV % = <> <=> < >= AND OR XOR LIKE | & << ^".split(" "));

  private static final List<String> NUMBERS =
      List.of(
          ("0 1 -1 00 9223372036854775807 9223372036854775808 -9223372036854775808"
                  + " 18446744073709551616 1e400 1e-400 1E5 .5 5. 1.e1 99999999999999999999999999999.5"
                  + " 0x 0b '' 'x' '1' '1e3' '2024-02-30' '0000-00-00' '9999-12-31 23:59:59.9999999'"
                  + " 1e2147483647")
              .split(" "));

  private static final List<@Nullable Object> VALUES =
      Arrays.asList(
          null,
          0,
          -1L,
          Long.MIN_VALUE,
          (short) 3,
          1.5,
          Double.NaN,
          Double.NEGATIVE_INFINITY,
          Float.MAX_VALUE,
          new BigDecimal("1E+40"),
          new BigDecimal("5.000"),
          BigInteger.TWO.pow(200),
          true,
          "",
          "x ",
          "\ud800",
          'c',
          new byte[] {1, 2},
          UUID.randomUUID(),
          LocalDate.MIN,
          LocalDateTime.MAX,
          Duration.ofDays(-99),
          new Object());

  private Random random = new Random(Long.getLong("odd.seed", 1));

  @Test
  void everyStatementIsPlannedOrRefused() {
    SqlPlanner planner = SqlPlanner.of(PlannerOptions.defaults());
    int planned = 0;
    for (int i = 0; i < STATEMENTS; i++) {
      String sql = statement();
      try {
        plan(planner.prepare(sql, Shop.CATALOG, Shop.TOPOLOGY));
        planned++;
      } catch (RefusedSqlException refused) {
        assertThat(refused.reason()).doesNotContain("shardflux", "WEIGHT_STRING", "null");
      } catch (RuntimeException | StackOverflowError e) {
        Assertions.fail("no refusal: " + sql, e);
      }
    }
    assertThat(planned).isGreaterThan(STATEMENTS / 20);
  }

  /** With values, over as many shards as it may touch. */
  private void plan(Prepared prepared) {
    List<@Nullable Object> values = new ArrayList<>();
    prepared.markers().forEach(marker -> values.add(pick(VALUES)));
    Binds binds = Binds.of(values);
    Routing routing = prepared.route(binds, prepared.hints());
    boolean far = random.nextInt(3) > 0 && !(routing instanceof Routing.Rows);
    prepared.plan(
        binds, prepared.hints(), far ? List.of(Shop.A, Shop.B, Shop.C) : Shop.shards(routing));
  }

  private String statement() {
    return switch (random.nextInt(4)) {
      case 0 -> "SELECT " + expr(3) + " x, " + expr(2) + " FROM users u WHERE " + expr(4) + tail();
      case 1 -> "SELECT " + aggregate() + " x, age FROM users u GROUP BY " + expr(1) + tail();
      case 2 -> random.nextInt(4) == 0 ? pick(WHOLE) : mutated(pick(WHOLE));
      default -> "SELECT " + expr(1) + ", id x FROM users u WHERE id = " + pick(NUMBERS) + tail();
    };
  }

  private String tail() {
    return switch (random.nextInt(4)) {
      case 0 -> " HAVING " + expr(3);
      case 1 -> " ORDER BY " + expr(2) + ", " + expr(1);
      case 2 -> " HAVING " + aggregate() + " > x ORDER BY x LIMIT " + pick(NUMBERS);
      default -> " UNION " + pick(List.of("", "ALL ")) + "SELECT " + expr(1) + ", 1 FROM orders";
    };
  }

  private String aggregate() {
    return pick(List.of("SUM", "AVG", "MIN", "COUNT", "MAX", "ANY_VALUE", "STD"))
        + pick(List.of("(", "(DISTINCT "))
        + expr(2)
        + pick(List.of(")", ") / 0", ") - -1", ") * 1e308"));
  }

  private String expr(int depth) {
    if (depth == 0 || random.nextInt(5) == 0) {
      return pick(
          List.of("id", "u.age", "name", "x", "data", "raw", "kind", "score", "u.id", "age", "?"));
    }
    int deeper = depth - 1;
    return switch (random.nextInt(10)) {
      case 0 -> pick(NUMBERS);
      case 1 -> pick(List.of("- ", "-", "+", "~", "!", "NOT ", "BINARY ")) + expr(deeper);
      case 2 -> "(" + expr(deeper) + ", " + expr(deeper) + ")";
      case 3 -> expr(deeper) + " IN (" + expr(deeper) + ", " + pick(NUMBERS) + ")";
      case 4 -> expr(deeper) + " BETWEEN " + expr(deeper) + " AND " + expr(deeper);
      case 5 -> "CASE WHEN " + expr(deeper) + " THEN " + expr(deeper) + " END";
      case 6 -> aggregate();
      case 7 -> "(SELECT " + expr(deeper) + " FROM orders x WHERE " + expr(deeper) + ")";
      case 8 -> pick(List.of("COALESCE(", "ABS(", "LOWER(", "RAND(", "DATE(")) + expr(deeper) + ")";
      default -> {
        String operator = random.nextInt(20) == 0 ? pick(PIECES) : pick(OPERATORS);
        yield expr(deeper) + " " + operator + " " + expr(deeper);
      }
    };
  }

  /** With a piece left out, put in, doubled or in another's place. */
  private String mutated(String sql) {
    List<String> words = new ArrayList<>(List.of(sql.split("(?<=\\W)|(?=\\W)")));
    for (int i = random.nextInt(2); i >= 0 && words.size() > 2; i--) {
      int at = random.nextInt(words.size());
      switch (random.nextInt(4)) {
        case 0 -> words.remove(at);
        case 1 -> words.add(at, " " + pick(PIECES) + " ");
        case 2 -> words.set(at, " " + pick(NUMBERS) + " ");
        default ->
            words.addAll(at, words.subList(at, Math.min(words.size(), at + 8)).stream().toList());
      }
    }
    return String.join("", words);
  }

  private <T extends @Nullable Object> T pick(List<T> all) {
    return all.get(random.nextInt(all.size()));
  }
}
