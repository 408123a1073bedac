package io.shardflux.driver.differential;

import java.util.List;

/**
 * A wrong answer that a server gives all by itself. The statements that it would spoil are not
 * asked of such a server. Each is asked again as soon as the server is mended.
 */
enum ServerBug {
  /** MariaDB 11.4: {@code OFFSET} skips nothing where all that is selected is constant. */
  OFFSET_OF_CONSTANTS("SELECT DISTINCT flag IS NULL FROM trial LIMIT 1 OFFSET 1", ""),

  /**
   * MariaDB 11.4: where rows are sorted by a decimal expression, downwards, and counted distinct,
   * those of NULL are taken for more of the group before them.
   */
  NULL_GROUP_OF_DECIMALS(
      "SELECT cost + 1.5 AS c, COUNT(DISTINCT id) FROM trial GROUP BY c ORDER BY c DESC",
      "2.50 2, null 2"),

  /**
   * MariaDB 11.4: rows that differ in an expression alone are taken for the same, where it stands
   * in {@code ORDER BY} too and is {@code NULLIF}, {@code NOT} or of a derived table.
   */
  DISTINCT_EXPRESSION(
      "SELECT DISTINCT size, NULLIF(id, 9) FROM trial ORDER BY size, NULLIF(id, 9)",
      "4294967295 1, 4294967295 2, 4294967295 3, 4294967295 4"),

  /** MariaDB 11.4: the largest key is not found where keys are compared as numbers. */
  EXTREME_OF_TEXT_KEY("SELECT COUNT(*), MAX(word) FROM trial WHERE word = 0", "4 'd'"),

  /** MariaDB 11.4: beside a distinct count the largest bits are given as the text of a number. */
  EXTREME_OF_BITS("SELECT MAX(mask), COUNT(DISTINCT id) FROM trial", "X'ff' 4"),

  /** MariaDB 11.4: no group has a {@code NULLIF} of its count in {@code HAVING}. */
  NULLIF_OF_COUNT("SELECT flag FROM trial GROUP BY flag HAVING NULLIF(COUNT(*), 2) > 1", "1"),

  /** MariaDB 11.4: a quotient is computed and compared with more digits than it shows. */
  HIDDEN_DIGITS("SELECT 1 / 3 * 3", "0.9999"),

  /**
   * MariaDB 11.4: a number beyond the type of a subquery's column is not among its values, though
   * NULL is one of them.
   */
  NOT_IN_BEYOND_TYPE(
      "SELECT COUNT(*) FROM trial WHERE size NOT IN (SELECT IF(id > 2, NULL, step) FROM trial)",
      "0"),

  /** MariaDB 11.4: a subquery's large number is taken to be below zero in {@code BETWEEN}. */
  LARGE_VALUE_OF_SUBQUERY(
      "SELECT COUNT(*) FROM trial WHERE ratio BETWEEN 0 AND (SELECT MAX(18446744073709551615) FROM"
          + " trial)",
      "4"),

  /**
   * MySQL 9.7: {@code BETWEEN} and {@code IN} pass over the zone of a time, unless rows are read by
   * a range of the index; so the rows found change with what is selected of them.
   */
  ZONE_OF_KEY(
      "SELECT COUNT(*) - (SELECT COUNT(*) FROM trial WHERE at = '2024-01-02 02:00:00+02:00')"
          + " FROM trial WHERE at IN ('2024-01-02 02:00:00+02:00', '2024-03-31')",
      "0"),

  /**
   * MySQL 9.7: a condition inside {@code IN (SELECT …)} is lost in the {@code ON} of an outer join,
   * where the subquery's rows are put into a table first.
   */
  SUBQUERY_OF_OUTER_JOIN(
      "SELECT /*+ SEMIJOIN(@s MATERIALIZATION) */ COUNT(a.id) FROM trial x LEFT JOIN trial a ON"
          + " x.id = a.id AND a.id + 0 IN (SELECT /*+ QB_NAME(s) */ b.step FROM trial b WHERE"
          + " b.flag = 0)",
      "0"),

  /**
   * MySQL 9.7: the average of a choice between an integer and a constant has a digit too few where
   * rows are sorted by another aggregate, so that it is cut to 999999999.9999.
   */
  AVERAGE_OF_CHOICE(
      "SELECT AVG(COALESCE(size, 0)) FROM trial GROUP BY flag ORDER BY COUNT(DISTINCT id)",
      "4294967295.0000"),

  /**
   * MySQL 9.7: a choice between an integer and a decimal has the digits of its type, unless rows
   * are sorted for a distinct count beside it.
   */
  DIGITS_OF_CHOICE(
      "SELECT IF(flag, id, cost), COUNT(DISTINCT word) FROM trial WHERE id = 1 GROUP BY 1",
      "1.00 1"),

  /** MySQL 9.7: a choice of floats is a double, unless all rows are one group or none is made. */
  WIDENED_CHOICE("SELECT flag, MAX(COALESCE(ratio, 0)) FROM trial GROUP BY flag", "1 0.1");

  /** The tables that the queries read. */
  static final List<String> TRIAL =
      List.of(
          "CREATE TABLE trial (id INT PRIMARY KEY, flag BOOLEAN NOT NULL, cost DECIMAL(9,2) NULL,"
              + " word VARCHAR(9) COLLATE utf8mb4_bin NOT NULL UNIQUE,"
              + " size INT UNSIGNED NULL DEFAULT 4294967295, mask BIT(8) NOT NULL DEFAULT 255,"
              + " at DATETIME NOT NULL DEFAULT '2024-01-02', ratio FLOAT NOT NULL DEFAULT 0.1,"
              + " step TINYINT NULL DEFAULT 1, KEY (at))",
          "INSERT INTO trial (id, flag, cost, word) VALUES (1, TRUE, 1, 'a'), (2, TRUE, 1, 'b'),"
              + " (3, TRUE, NULL, 'c'), (4, TRUE, NULL, 'd')");

  private final String query;
  private final String answer;

  ServerBug(String query, String answer) {
    this.query = query;
    this.answer = answer;
  }

  String query() {
    return query;
  }

  /** The right answer. */
  String answer() {
    return answer;
  }
}
