package io.shardflux.driver.differential;

import io.shardflux.sql.statement.RefusalCode;
import java.util.List;

/** Statements that nothing has to be drawn for. */
final class FixedStatements {

  /** Rare statements; some of them may be refused, none may be answered wrong. */
  static final List<Fixed> RARE =
      List.of(
          answered("SELECT COUNT(DISTINCT tier, active) FROM customers"),
          answered("SELECT SUM(DISTINCT points), AVG(DISTINCT points) FROM customers"),
          answered("SELECT SUM(amount) / COUNT(*), MAX(amount) - MIN(amount) FROM orders"),
          answered("SELECT status, SUM(amount) * 2 FROM orders GROUP BY status"),
          answered("SELECT DISTINCT COUNT(*) FROM orders GROUP BY status"),
          answered("SELECT status, COUNT(*) FROM orders GROUP BY 1"),
          answered("SELECT status AS s, COUNT(*) FROM orders GROUP BY s HAVING s IS NOT NULL"),
          answered("SELECT id FROM customers HAVING id > 30"),
          answered("SELECT COUNT(*) FROM customers ORDER BY 1"),
          answered("SELECT COUNT(*) FROM customers a, orders b WHERE a.id = b.customer_id"),
          answered("SELECT COUNT(*) FROM accounts a JOIN entries b USING (tenant, code)"),
          answered(
              "SELECT COUNT(*), COUNT(a.id) FROM customers a RIGHT JOIN orders b ON a.id ="
                  + " b.customer_id"),
          answered("SELECT COUNT(*) FROM countries r JOIN customers a ON a.country = r.code"),
          answered("SELECT COUNT(*) FROM countries r, customers a"),
          answered(
              "SELECT d.n, COUNT(*) FROM (SELECT customer_id, COUNT(*) AS n FROM orders"
                  + " GROUP BY customer_id) d GROUP BY d.n"),
          answered(
              "SELECT id, (SELECT COUNT(*) FROM orders b WHERE b.customer_id = a.id) FROM"
                  + " customers a"),
          answered(
              "SELECT id FROM customers a WHERE score = (SELECT MAX(score) FROM customers"
                  + " b WHERE b.id = a.id)"),
          answered(
              "SELECT COUNT(*) FROM customers a JOIN (SELECT customer_id, MAX(amount) m"
                  + " FROM orders GROUP BY customer_id) b ON b.customer_id = a.id"),
          answered(
              "SELECT COUNT(*) FROM customers a LEFT JOIN (SELECT * FROM orders) b ON"
                  + " b.customer_id = a.id AND a.id = 5"),
          answered(
              "WITH d AS (SELECT id FROM customers) SELECT COUNT(*) FROM d a JOIN d b ON"
                  + " a.id = b.id"),
          answered("SELECT status FROM orders UNION SELECT tier FROM customers"),
          answered("SELECT MAX(name COLLATE utf8mb4_bin) FROM customers"),
          answered("SELECT 1, 'a', NULL, 1.50"),
          answered("SELECT tier, GROUP_CONCAT(id) FROM customers WHERE id = 3 GROUP BY tier"),
          answered("SELECT SQL_NO_CACHE id FROM customers"),
          answered(
              "SELECT STRAIGHT_JOIN a.id FROM customers a JOIN orders b ON a.id ="
                  + " b.customer_id"),
          answered("SELECT id FROM customers USE INDEX (PRIMARY) WHERE id = 4"),
          answered("SELECT tier, ANY_VALUE(tier) FROM customers GROUP BY tier"),
          answered("SELECT id FROM customers WHERE (id, country) IN ((3, 'DE'), (4, 'FR'))"),
          answered(
              "SELECT customer_id, GROUP_CONCAT(order_no ORDER BY order_no), BIT_OR(order_no) FROM"
                  + " orders GROUP BY customer_id"),
          answered("SELECT DISTINCT status, COUNT(*) FROM orders GROUP BY status, country"),
          answered(
              "SELECT id FROM customers UNION SELECT customer_id FROM orders UNION SELECT id FROM"
                  + " customers WHERE active"),
          answered(
              "SELECT COUNT(*) FROM customers a JOIN orders b ON a.id = b.customer_id JOIN orders c"
                  + " ON c.customer_id = b.customer_id"),
          answered("SELECT status, COUNT(*) FROM orders GROUP BY status WITH ROLLUP"),
          answered(
              "SELECT COUNT(*), COUNT(r.code) FROM customers a RIGHT JOIN countries r ON"
                  + " r.code = a.country"),
          answered("SELECT COUNT(*) FROM customers NATURAL JOIN countries"),
          answered("SELECT COUNT(*) FROM (SELECT country FROM customers GROUP BY country) d"),
          answered("SELECT COUNT(*) FROM (SELECT DISTINCT country FROM customers) d"),
          answered("SELECT COUNT(*) FROM (SELECT id FROM customers LIMIT 5) d"),
          answered("SELECT MAX(n) FROM (SELECT COUNT(*) AS n FROM orders GROUP BY status) d"),
          answered("SELECT id, (SELECT COUNT(*) FROM orders b) FROM customers a"),
          answered(
              "SELECT id FROM customers a WHERE EXISTS (SELECT 1 FROM orders b WHERE"
                  + " b.order_no = a.id)"),
          open(
              RefusalCode.SYNTAX,
              "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i <"
                  + " 3) SELECT i FROM n"),
          answered(
              "(SELECT id FROM customers ORDER BY id LIMIT 3) UNION ALL (SELECT id FROM"
                  + " readings ORDER BY id LIMIT 3)"),
          answered("SELECT id FROM customers INTERSECT SELECT customer_id FROM orders"),
          answered("SELECT id FROM customers EXCEPT SELECT customer_id FROM orders"),
          answered("SELECT BIT_OR(points), BIT_XOR(points), BIT_AND(points) FROM customers"),
          answered("SELECT ROUND(STDDEV_POP(points), -3) FROM customers"),
          answered("SELECT ANY_VALUE(active) IS NULL FROM customers"),
          open(RefusalCode.SCATTERED_LOCK, "SELECT COUNT(*) FROM customers FOR SHARE"),
          answered(
              "SELECT GREATEST(MAX(id), 5), COALESCE(SUM(score), 0) FROM customers WHERE"
                  + " id > 100"),
          answered("SELECT IF(COUNT(*) > 3, 'many', 'few') FROM customers"),
          answered("SELECT CASE WHEN SUM(points) > 3 THEN MAX(name) END IS NULL FROM customers"),
          open(RefusalCode.STATEMENT, "TABLE countries"),
          open(RefusalCode.STATEMENT, "VALUES ROW(1, 2)"));

  /** Statements that one server answers which is given the rows of all. */
  static final List<Fixed> GATHERED =
      List.of(
          answered("SELECT id, RANK() OVER (ORDER BY score) FROM customers"),
          answered("SELECT id, SUM(score) OVER () FROM customers WHERE active"),
          answered("SELECT GROUP_CONCAT(id ORDER BY id) FROM customers"),
          answered("SELECT COUNT(*) FROM customers, readings"),
          answered("SELECT a.id FROM customers a JOIN customers b ON a.id = b.score"),
          answered("SELECT a.id FROM customers a JOIN orders b ON a.id = b.order_no"),
          answered("SELECT a.tenant FROM accounts a JOIN entries b ON a.code = b.code"),
          answered(
              "SELECT r.code, COUNT(a.id) FROM countries r LEFT JOIN customers a ON"
                  + " a.country = r.code GROUP BY r.code"),
          answered("SELECT id FROM customers WHERE score > (SELECT AVG(score) FROM customers)"),
          answered("SELECT id FROM customers WHERE score IN (SELECT id FROM readings WHERE ok)"),
          answered(
              "SELECT code FROM countries r WHERE NOT EXISTS (SELECT 1 FROM customers a"
                  + " WHERE a.country = r.code)"),
          answered("SELECT tier FROM customers GROUP BY tier ORDER BY MAX(tier), tier"),
          answered("SELECT COUNT(*) FROM (SELECT id FROM customers ORDER BY RAND() LIMIT 3) d"));

  /** Statements that may never be answered. */
  static final List<Fixed> REFUSED =
      List.of(
          refused(RefusalCode.SCATTERED_LOCK, "SELECT id FROM customers WHERE active FOR UPDATE"),
          refused(RefusalCode.UNKNOWN_TABLE, "CREATE TABLE more (id INT)"),
          refused(RefusalCode.STATEMENT, "ALTER TABLE customers ADD extra INT"),
          refused(RefusalCode.STATEMENT, "DROP TABLE customers"),
          refused(RefusalCode.STATEMENT, "TRUNCATE TABLE customers"),
          refused(RefusalCode.KEY_UPDATE, "UPDATE customers SET id = 8 WHERE id = 7"),
          refused(
              RefusalCode.KEY_UPDATE,
              "UPDATE accounts SET code = 'b' WHERE tenant = 1 AND code = 'a'"),
          refused(RefusalCode.SCATTERED_WRITE, "UPDATE customers SET score = 1"),
          refused(RefusalCode.SCATTERED_WRITE, "DELETE FROM customers WHERE score > 1"),
          refused(RefusalCode.SCATTERED_WRITE_FORM, "DELETE FROM customers ORDER BY score LIMIT 3"),
          refused(RefusalCode.SESSION_STATE, "SET @a = 1"),
          refused(RefusalCode.SESSION_STATE, "SELECT @a"),
          refused(RefusalCode.SYNTAX, "SELECT id, @n := @n + 1 FROM customers"),
          refused(RefusalCode.SESSION_STATE, "SET SESSION sql_mode = ''"),
          refused(RefusalCode.STATEMENT, "CREATE TEMPORARY TABLE more (id INT)"),
          refused(RefusalCode.SESSION_STATE, "SELECT LAST_INSERT_ID()"),
          refused(RefusalCode.SEVERAL_STATEMENTS, "SELECT 1; DROP TABLE customers"),
          refused(RefusalCode.EXECUTABLE_COMMENT, "SELECT /*!99999 id, */ name FROM customers"),
          refused(RefusalCode.EXECUTABLE_COMMENT, "SELECT /*M! id, */ name FROM customers"),
          refused(
              RefusalCode.SCATTERED_WRITE_FORM,
              "INSERT INTO words SELECT email, name, 1 FROM customers ON DUPLICATE KEY UPDATE uses ="
                  + " score"),
          refused(
              RefusalCode.KEY_MISSING, "INSERT INTO customers (name, tier) VALUES ('Ann', 'gold')"),
          refused(RefusalCode.UNKNOWN_TABLE, "SELECT * FROM strangers"),
          refused(RefusalCode.UNKNOWN_TABLE, "SELECT * FROM mysql.user"),
          refused(RefusalCode.STATEMENT, "CALL anything()"),
          refused(RefusalCode.STATEMENT, "LOAD DATA INFILE '/tmp/none' INTO TABLE customers"),
          refused(RefusalCode.SYNTAX, "SELECT id FROM customers INTO OUTFILE '/tmp/none'"),
          refused(RefusalCode.SESSION_STATE, "LOCK TABLES customers READ"),
          refused(RefusalCode.SESSION_STATE, "SELECT GET_LOCK('a', 1) FROM customers"),
          refused(RefusalCode.OFFSET_TOO_LARGE, "SELECT id FROM customers LIMIT 1 OFFSET 100001"),
          refused(RefusalCode.KEY_VALUE, "INSERT INTO customers (id, name) VALUES ('1x', 'Ann')"),
          refused(RefusalCode.FUNCTION, "SELECT strange(id) FROM customers"),
          refused(RefusalCode.UNKNOWN_COLUMN, "SELECT strange FROM customers"),
          refused(RefusalCode.TRANSACTION_CONTROL, "START TRANSACTION"),
          refused(RefusalCode.HINT, "/* shardflux: strange=1 */ SELECT id FROM customers"),
          refused(
              RefusalCode.SCATTER_FORBIDDEN,
              "/* shardflux: scatter=false */ SELECT id FROM customers"));

  private FixedStatements() {}

  /** A statement, with whether it has to be answered. */
  record Fixed(String sql, Support support) {}

  private static Fixed answered(String sql) {
    return new Fixed(sql, Support.SUPPORTED);
  }

  private static Fixed open(RefusalCode code, String sql) {
    return new Fixed(sql, Support.open(code));
  }

  private static Fixed refused(RefusalCode code, String sql) {
    return new Fixed(sql, Support.refused(code));
  }
}
