package io.shardflux.driver.differential;

import java.util.List;

/** Statements that nothing has to be drawn for. */
final class FixedStatements {

  /** What may be refused, and may not be answered wrong. */
  static final List<String> RARE =
      List.of(
          "SELECT COUNT(DISTINCT tier, active) FROM customers",
          "SELECT SUM(DISTINCT points), AVG(DISTINCT points) FROM customers",
          "SELECT SUM(amount) / COUNT(*), MAX(amount) - MIN(amount) FROM orders",
          "SELECT status, SUM(amount) * 2 FROM orders GROUP BY status",
          "SELECT DISTINCT COUNT(*) FROM orders GROUP BY status",
          "SELECT status, COUNT(*) FROM orders GROUP BY 1",
          "SELECT status AS s, COUNT(*) FROM orders GROUP BY s HAVING s IS NOT NULL",
          "SELECT status, COUNT(*) FROM orders GROUP BY status WITH ROLLUP",
          "SELECT id FROM customers HAVING id > 30",
          "SELECT COUNT(*) FROM customers ORDER BY 1",
          "SELECT COUNT(*) FROM customers a, orders b WHERE a.id = b.customer_id",
          "SELECT COUNT(*) FROM accounts a JOIN entries b USING (tenant, code)",
          "SELECT COUNT(*), COUNT(a.id) FROM customers a RIGHT JOIN orders b ON a.id ="
              + " b.customer_id",
          "SELECT COUNT(*), COUNT(r.code) FROM customers a RIGHT JOIN countries r ON r.code ="
              + " a.country",
          "SELECT COUNT(*) FROM countries r JOIN customers a ON a.country = r.code",
          "SELECT COUNT(*) FROM countries r, customers a",
          "SELECT COUNT(*) FROM customers NATURAL JOIN countries",
          "SELECT COUNT(*) FROM (SELECT country FROM customers GROUP BY country) d",
          "SELECT COUNT(*) FROM (SELECT DISTINCT country FROM customers) d",
          "SELECT COUNT(*) FROM (SELECT id FROM customers LIMIT 5) d",
          "SELECT MAX(n) FROM (SELECT COUNT(*) AS n FROM orders GROUP BY status) d",
          "SELECT d.n, COUNT(*) FROM (SELECT customer_id, COUNT(*) AS n FROM orders GROUP BY"
              + " customer_id) d GROUP BY d.n",
          "SELECT id, (SELECT COUNT(*) FROM orders b WHERE b.customer_id = a.id) FROM customers"
              + " a",
          "SELECT id, (SELECT COUNT(*) FROM orders b) FROM customers a",
          "SELECT id FROM customers a WHERE EXISTS (SELECT 1 FROM orders b WHERE b.order_no ="
              + " a.id)",
          "SELECT id FROM customers a WHERE score = (SELECT MAX(score) FROM customers b WHERE"
              + " b.id = a.id)",
          "SELECT COUNT(*) FROM customers a JOIN (SELECT customer_id, MAX(amount) m FROM orders"
              + " GROUP BY customer_id) b ON b.customer_id = a.id",
          "SELECT COUNT(*) FROM customers a LEFT JOIN (SELECT * FROM orders) b ON b.customer_id"
              + " = a.id AND a.id = 5",
          "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 3) SELECT"
              + " i FROM n",
          "WITH d AS (SELECT id FROM customers) SELECT COUNT(*) FROM d a JOIN d b ON a.id = b.id",
          "SELECT status FROM orders UNION SELECT tier FROM customers",
          "(SELECT id FROM customers ORDER BY id LIMIT 3) UNION ALL (SELECT id FROM readings"
              + " ORDER BY id LIMIT 3)",
          "SELECT id FROM customers INTERSECT SELECT customer_id FROM orders",
          "SELECT id FROM customers EXCEPT SELECT customer_id FROM orders",
          "SELECT BIT_OR(points), BIT_XOR(points), BIT_AND(points) FROM customers",
          "SELECT ROUND(STDDEV_POP(points), 6) FROM customers",
          "SELECT ANY_VALUE(active) IS NULL FROM customers",
          "SELECT MAX(name COLLATE utf8mb4_bin) FROM customers",
          "SELECT 1, 'a', NULL, 1.50",
          "SELECT COUNT(*) FROM customers FOR SHARE",
          "SELECT GREATEST(MAX(id), 5), COALESCE(SUM(score), 0) FROM customers WHERE id > 100",
          "SELECT IF(COUNT(*) > 3, 'many', 'few') FROM customers",
          "SELECT CASE WHEN SUM(points) > 3 THEN MAX(name) END IS NULL FROM customers",
          "SELECT tier, GROUP_CONCAT(id) FROM customers WHERE id = 3 GROUP BY tier",
          "SELECT SQL_NO_CACHE id FROM customers",
          "SELECT STRAIGHT_JOIN a.id FROM customers a JOIN orders b ON a.id = b.customer_id",
          "TABLE countries",
          "VALUES ROW(1, 2)",
          "SELECT id FROM customers USE INDEX (PRIMARY) WHERE id = 4");

  /** What may never be answered. */
  static final List<Refused> REFUSED =
      List.of(
          new Refused("window", "SELECT id, RANK() OVER (ORDER BY score) FROM customers"),
          new Refused("window", "SELECT id, SUM(score) OVER () FROM customers WHERE active"),
          new Refused("group_concat", "SELECT GROUP_CONCAT(id) FROM customers"),
          new Refused("cross join", "SELECT COUNT(*) FROM customers, readings"),
          new Refused(
              "cross join", "SELECT a.id FROM customers a JOIN customers b ON a.id = b.score"),
          new Refused(
              "cross join", "SELECT a.id FROM customers a JOIN orders b ON a.id = b.order_no"),
          new Refused(
              "cross join", "SELECT a.tenant FROM accounts a JOIN entries b ON a.code = b.code"),
          new Refused(
              "cross join",
              "SELECT r.code, COUNT(a.id) FROM countries r LEFT JOIN customers a ON a.country ="
                  + " r.code GROUP BY r.code"),
          new Refused(
              "cross subquery",
              "SELECT id FROM customers WHERE score > (SELECT AVG(score) FROM customers)"),
          new Refused(
              "cross subquery",
              "SELECT id FROM customers WHERE score IN (SELECT id FROM readings WHERE ok)"),
          new Refused(
              "cross subquery",
              "SELECT code FROM countries r WHERE NOT EXISTS (SELECT 1 FROM customers a WHERE"
                  + " a.country = r.code)"),
          new Refused("for update", "SELECT id FROM customers WHERE active FOR UPDATE"),
          new Refused("ddl", "CREATE TABLE more (id INT)"),
          new Refused("ddl", "ALTER TABLE customers ADD extra INT"),
          new Refused("ddl", "DROP TABLE customers"),
          new Refused("ddl", "TRUNCATE TABLE customers"),
          new Refused("key update", "UPDATE customers SET id = 7 WHERE id = 7"),
          new Refused(
              "key update", "UPDATE accounts SET code = 'b' WHERE tenant = 1 AND code = 'a'"),
          new Refused("unpermitted write", "UPDATE customers SET score = 1"),
          new Refused("unpermitted write", "DELETE FROM customers WHERE score > 1"),
          new Refused("limited write", "DELETE FROM customers ORDER BY score LIMIT 3"),
          new Refused("session", "SET @a = 1"),
          new Refused("session", "SELECT @a"),
          new Refused("session", "SELECT id, @n := @n + 1 FROM customers"),
          new Refused("session", "SET SESSION sql_mode = ''"),
          new Refused("session", "CREATE TEMPORARY TABLE more (id INT)"),
          new Refused("session", "SELECT LAST_INSERT_ID()"),
          new Refused("two statements", "SELECT 1; DROP TABLE customers"),
          new Refused("executable comment", "SELECT /*!99999 id, */ name FROM customers"),
          new Refused("executable comment", "SELECT /*M! id, */ name FROM customers"),
          new Refused("insert select", "INSERT INTO words SELECT email, name, 1 FROM customers"),
          new Refused("key not given", "INSERT INTO customers (name, tier) VALUES ('Ann', 'gold')"),
          new Refused("random", "SELECT id FROM customers ORDER BY RAND() LIMIT 3"),
          new Refused("unknown table", "SELECT * FROM strangers"),
          new Refused("other database", "SELECT * FROM mysql.user"),
          new Refused("call", "CALL anything()"),
          new Refused("load", "LOAD DATA INFILE '/tmp/none' INTO TABLE customers"),
          new Refused("into outfile", "SELECT id FROM customers INTO OUTFILE '/tmp/none'"),
          new Refused("lock", "LOCK TABLES customers READ"),
          new Refused("get_lock", "SELECT GET_LOCK('a', 1) FROM customers"));

  private FixedStatements() {}

  /** A statement to refuse, with its kind. */
  record Refused(String shape, String sql) {}
}
