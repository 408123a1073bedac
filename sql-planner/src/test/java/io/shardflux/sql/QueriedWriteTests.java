package io.shardflux.sql;

import static org.assertj.core.api.Assertions.assertThat;

import io.shardflux.sql.gather.QueriedWrite;
import io.shardflux.sql.statement.RefusalCode;
import io.shardflux.sql.statement.RefusedSqlException;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** How the rows of a write are found first. */
class QueriedWriteTests {

  private static @Nullable QueriedWrite write(String sql) {
    return Shop.prepare(sql)
        .queried(new RefusedSqlException(RefusalCode.SCATTERED_WRITE_FORM, "several shards"));
  }

  private static QueriedWrite found(String sql) {
    QueriedWrite write = write(sql);
    assertThat(write).as(sql).isNotNull();
    return write;
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "UPDATE IGNORE users u SET u.age = ? WHERE u.age > 3 AND u.age IN (SELECT o.id FROM orders o)"
            + " | UPDATE IGNORE `users` AS `u` SET u.age = ? WHERE (u.age > 3) AND (`u`.`id`) IN (§)",
        "DELETE u FROM users u JOIN orders o ON o.id = u.age AND u.age > 7 WHERE o.id > 9"
            + " | DELETE `u` FROM `users` AS `u` WHERE (u.age > 7) AND (`u`.`id`) IN (§)",
        "DELETE FROM users ORDER BY age LIMIT 3"
            + " | DELETE `users` FROM `users` AS `users` WHERE (`users`.`id`) IN (§)",
        "INSERT INTO users (id, age) SELECT age, id FROM users ON DUPLICATE KEY UPDATE age = VALUES(age)"
            + " | INSERT INTO users (`id`, `age`) VALUES § ON DUPLICATE KEY UPDATE age = VALUES(age)",
        "REPLACE users (age, id) (SELECT age, id FROM users)"
            + " | REPLACE users (`age`, `id`) VALUES §"
      })
  void rowsStandInPlaceOfTheQuery(String sql, String expected) {
    assertThat(found(sql).of("§")).isEqualTo(expected);
  }

  @Test
  void theConditionOfAKeptSideDoesNotGoAlong() {
    QueriedWrite write =
        found(
            "WITH c AS (SELECT 1 AS n) UPDATE users u LEFT JOIN c ON c.n = u.age AND u.age = 5 SET"
                + " u.age = 1 WHERE c.n IS NULL ORDER BY u.id");
    assertThat(write.head().text()).doesNotContain("u.age = 5");
    assertThat(((QueriedWrite.Keys) write.found()).sql().text())
        .startsWith("WITH c AS (SELECT 1 AS n) SELECT CONCAT('(', ")
        .endsWith(
            " FROM users u LEFT JOIN c ON c.n = u.age AND u.age = 5 WHERE c.n IS NULL ORDER BY u.id");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "UPDATE users u JOIN orders o ON o.id = u.age SET u.age = o.id",
        "UPDATE users u JOIN orders o ON o.id = u.age SET u.age = 1, o.id = 2",
        "UPDATE users SET age = (SELECT 1) ORDER BY id",
        "DELETE u, o FROM users u JOIN orders o ON o.id = u.age",
        "INSERT INTO users (id, age) SELECT age, id FROM users ON DUPLICATE KEY UPDATE age = id",
        "INSERT INTO users (id, nothing) SELECT age, id FROM users",
        "INSERT INTO users (id, age) SELECT id, @a FROM users"
      })
  void othersAreNotFoundFirst(String sql) {
    assertThat(write(sql)).isNull();
  }
}
