package io.shardflux.driver.differential;

import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;

/**
 * Reads at random that no shard can answer alone, and that shards' answers can't be merged into.
 */
final class GatheredStatements {

  /** A read. */
  record Gathered(String shape, String sql, Expected expected) {}

  private static final Expected BAG = Expected.bag(Map.of());
  private static final Expected TOTAL = Expected.total(Map.of());

  private final Dice dice;
  private final Terms terms;
  private final boolean oddNotIn;
  private final boolean oddNullIf;
  private final Source customers;
  private final Source orders;
  private final Source readings;
  private final Source countries;

  GatheredStatements(Dice dice, Set<ServerBug> bugs, Function<String, Table> tables) {
    this.dice = dice;
    this.terms = new Terms(dice, bugs);
    this.oddNotIn = bugs.contains(ServerBug.NOT_IN_BEYOND_TYPE);
    this.oddNullIf = bugs.contains(ServerBug.NULLIF_OF_COUNT);
    this.customers = new Source(tables.apply("customers"), "a");
    this.orders = new Source(tables.apply("orders"), "b");
    this.readings = new Source(tables.apply("readings"), "c");
    this.countries = new Source(tables.apply("countries"), "r");
  }

  Gathered next() {
    return switch (dice.below(20)) {
      case 0, 1 -> window();
      case 2 -> aggregate();
      case 3 -> rollup();
      case 4 -> groupsOfGroups();
      case 5 -> limited();
      case 6, 7, 8 -> join();
      case 9 -> keptReference();
      case 10 -> uncorrelated();
      case 11 -> correlated();
      case 12 -> setOperation();
      case 13 -> having();
      case 14 -> recursive();
      case 15 -> namedTwice();
      case 16 -> natural();
      case 17, 18 -> ofGroups();
      default -> items();
    };
  }

  private String where(Source... sources) {
    if (dice.percent(35)) {
      return "";
    }
    String condition = terms.predicate(dice.pick(sources), 1);
    return " WHERE "
        + condition
        + (dice.percent(30) ? " AND " + terms.predicate(dice.pick(sources), 1) : "");
  }

  /** Functions of the aggregates of one table, whose groups shards make by themselves. */
  private Gathered ofGroups() {
    String by =
        dice.pick(
            "",
            "a.country",
            "a.tier",
            "a.active",
            "a.score",
            "a.born",
            "DATE(a.created)",
            "YEAR(a.created)");
    String items =
        String.join(
            ", ",
            dice.some(
                List.of(
                    wrapped(),
                    wrapped(),
                    wrapped(),
                    by.isEmpty() ? "COUNT(*)" : by,
                    by.isEmpty() || by.contains("(") ? "MAX(a.country)" : "CONCAT(" + by + ", '')"),
                4));
    String condition = wrapped();
    boolean spoilt = oddNullIf && condition.startsWith("NULLIF");
    String having =
        !spoilt && dice.percent(30) ? " HAVING " + condition + " > " + dice.below(9) : "";
    // Of an expression, MariaDB's rows of ROLLUP depend on its plan.
    boolean plain = !by.isEmpty() && !by.contains("(");
    String rollup = plain && dice.percent(10) ? " WITH ROLLUP" : "";
    String sql =
        "SELECT ROUND(SUM(a.balance), 1) AS x, "
            + items
            + " FROM customers a"
            + where(customers)
            + (by.isEmpty() ? "" : " GROUP BY " + by + rollup)
            + having;
    boolean ordered = rollup.isEmpty() && !by.isEmpty() && dice.percent(40);
    return new Gathered(
        "functions of groups",
        ordered ? sql + " ORDER BY -COUNT(*) + 0, " + by : sql,
        ordered ? TOTAL : BAG);
  }

  private String wrapped() {
    return dice.pick(
        "ROUND(AVG(a.points), 2)",
        "ROUND(AVG(a.balance), 3)",
        "AVG(a.score) * 3",
        "TRUNCATE(AVG(a.balance), 6)",
        "-SUM(a.points)",
        "COUNT(*) % 3",
        "COUNT(a.score) DIV 2",
        "IF(COUNT(*) > 2, MAX(a.score), 0)",
        "CASE WHEN MIN(a.score) < 1 THEN 1 ELSE COUNT(*) END",
        "NULLIF(COUNT(*), 2)",
        "GREATEST(COUNT(a.balance), 2)",
        "YEAR(MAX(a.born))",
        "DATEDIFF(MAX(a.created), MIN(a.created))",
        "CAST(SUM(a.score) AS SIGNED)",
        "LENGTH(MIN(a.country))",
        "ABS(SUM(IF(a.active, a.score, 0)))",
        "ROUND(SUM(a.balance * 2 + 1), 1)",
        "CEIL(SUM(a.points > 5) / COUNT(*))",
        "FLOOR(100 * SUM(a.score = 3) / COUNT(*))");
  }

  private Gathered window() {
    String by = dice.pick("a.country", "a.tier", "a.active", "a.score");
    String over = " OVER (PARTITION BY " + by + " ORDER BY a.id" + dice.pick("", " DESC") + ")";
    String item =
        dice.pick(
            "ROW_NUMBER()" + over,
            "RANK() OVER (ORDER BY a.score)",
            "DENSE_RANK() OVER (PARTITION BY a.tier ORDER BY a.points DESC)",
            "SUM(a.points)" + over,
            "COUNT(*) OVER (PARTITION BY " + by + ")",
            "LAG(a.score, 2, 7)" + over,
            "FIRST_VALUE(a.id)" + over,
            "SUM(a.score) OVER (ORDER BY a.id ROWS BETWEEN 2 PRECEDING AND CURRENT ROW)",
            "MAX(a.balance) OVER ()",
            "RANK() OVER (ORDER BY SUM(a.points)) , COUNT(*)");
    boolean named = dice.percent(20);
    if (named) {
      item = "SUM(a.points) OVER w, COUNT(*) OVER (w ORDER BY a.id), MIN(a.id) OVER v";
    }
    boolean grouped = item.contains("SUM(a.points))");
    String sql =
        grouped
            ? "SELECT a.tier, " + item + " FROM customers a" + where(customers) + " GROUP BY a.tier"
            : "SELECT a.id, " + item + " FROM customers a" + where(customers);
    if (named) {
      sql += " WINDOW w AS (PARTITION BY " + by + "), v AS (ORDER BY a.id)";
    }
    boolean ordered = dice.percent(40);
    return new Gathered(
        "window",
        sql + (ordered ? " ORDER BY " + (grouped ? "a.tier" : "a.id DESC") : ""),
        ordered ? TOTAL : BAG);
  }

  private Gathered aggregate() {
    String by = dice.pick("", "a.tier", "a.country", "a.active", "a.score % 3");
    String item =
        dice.pick(
            "GROUP_CONCAT(a.id ORDER BY a.id DESC SEPARATOR ';')",
            "GROUP_CONCAT(DISTINCT a.score ORDER BY a.score)",
            "BIT_OR(a.points), BIT_AND(a.points), BIT_XOR(a.id)",
            "ROUND(STDDEV_POP(a.id), 6), ROUND(VAR_SAMP(a.id), 6)",
            "ROUND(AVG(a.balance), 1), IF(COUNT(*) > 3, 'many', 'few')",
            "CASE WHEN SUM(a.points) > 100 THEN MAX(a.id) ELSE -1 END",
            "GREATEST(MAX(a.id), 5), NULLIF(COUNT(*), 3)",
            "COUNT(*) > 0, -SUM(a.id), COUNT(*) % 4",
            "DATE(MAX(a.created)), CAST(SUM(a.id) AS CHAR)");
    String sql = "SELECT " + (by.isEmpty() ? "" : by + ", ") + item + " FROM customers a";
    return new Gathered(
        "aggregate", sql + where(customers) + (by.isEmpty() ? "" : " GROUP BY " + by), BAG);
  }

  private Gathered rollup() {
    String by = dice.pick("tier", "tier, active", "active, tier", "score");
    return new Gathered(
        "with rollup",
        "SELECT "
            + by
            + ", COUNT(*), SUM(points) FROM customers a"
            + where(new Source(customers.table(), "a", ""))
            + " GROUP BY "
            + by
            + " WITH ROLLUP",
        BAG);
  }

  private Gathered groupsOfGroups() {
    String by = dice.pick("a.tier", "a.country", "a.score", "a.active");
    String groups =
        "SELECT "
            + by
            + " AS g, COUNT(*) AS n, SUM(a.points) AS s FROM customers a"
            + where(customers);
    String inner =
        dice.percent(70)
            ? groups + " GROUP BY " + by
            : "SELECT DISTINCT "
                + by
                + " AS g, a.active AS n, 1 AS s FROM customers a"
                + where(customers);
    return dice.percent(50)
        ? new Gathered(
            "groups of groups", "SELECT COUNT(*), MAX(n), SUM(s) FROM (" + inner + ") d", BAG)
        : new Gathered(
            "groups of groups",
            "WITH d AS (" + inner + ") SELECT n, COUNT(*), MIN(s) FROM d GROUP BY n",
            BAG);
  }

  private Gathered limited() {
    String inner =
        "SELECT a.id, a.score, a.country FROM customers a"
            + where(customers)
            + " ORDER BY "
            + dice.pick("a.id", "a.score, a.id", "a.points DESC, a.id")
            + " LIMIT "
            + dice.pick("3", "7 OFFSET 2", "0");
    return new Gathered(
        "limit inside",
        dice.percent(50)
            ? "SELECT COUNT(*), SUM(d.score) FROM (" + inner + ") d"
            : "SELECT d.id, b.order_no FROM ("
                + inner
                + ") d LEFT JOIN orders b ON b.customer_id = d.id"
                + (dice.percent(50) ? " AND " + terms.predicate(orders, 1) : ""),
        BAG);
  }

  private Gathered join() {
    boolean self = dice.percent(25);
    Source other = self ? new Source(customers.table(), "b") : orders;
    String on =
        self
            ? dice.pick(
                "a.id = b.score", "a.score = b.score AND a.id < b.id", "a.country = b.country")
            : dice.pick(
                "a.score = b.quantity",
                "a.country = b.country AND a.score = b.order_no",
                "a.id = b.order_no",
                "b.quantity > a.id");
    if (dice.percent(50)) {
      on += " AND " + terms.predicate(dice.pick(customers, other), 1);
    }
    String key = self ? "b.id" : "b.customer_id, b.order_no";
    String kind = dice.pick(" JOIN ", " LEFT JOIN ", " LEFT JOIN ", " RIGHT JOIN ");
    String items =
        dice.percent(50)
            ? "SELECT a.id, " + key
            : dice.pick(
                "SELECT COUNT(*), COUNT(a.id), SUM(b.country IS NULL)",
                "SELECT a.*, " + key,
                "SELECT a.country, COUNT(*)");
    return new Gathered(
        "join by other columns" + (kind.length() > 6 ? ", outer" : ""),
        items
            + " FROM customers a"
            + kind
            + other.table()
            + " b ON "
            + on
            + (self || dice.percent(80) ? where(customers, other) : " WHERE b.quantity IS NULL")
            + (items.contains("a.country,") ? " GROUP BY a.country" : ""),
        BAG);
  }

  private Gathered natural() {
    return new Gathered(
        "natural join",
        "SELECT "
            + dice.pick("*", "COUNT(*), MAX(id)", "a.id, sensor")
            + " FROM customers a NATURAL "
            + dice.pick("", "LEFT ")
            + "JOIN readings c"
            + (dice.percent(50) ? " WHERE " + terms.predicate(customers, 1) : ""),
        BAG);
  }

  private Gathered keptReference() {
    String on = "a.country = r.code";
    if (dice.percent(50)) {
      on += " AND " + terms.predicate(dice.pick(customers, countries), 1);
    }
    return new Gathered(
        "kept reference table",
        dice.pick(
                "SELECT r.code, a.id FROM countries r LEFT JOIN customers a ON ",
                "SELECT r.code, a.id FROM customers a RIGHT JOIN countries r ON ")
            + on
            + where(customers, countries),
        BAG);
  }

  private Gathered uncorrelated() {
    String condition =
        switch (dice.below(6)) {
          case 0 -> "a.score > (SELECT AVG(c.delta) FROM readings c" + where(readings) + ")";
          case 1 -> "a.score IN (SELECT c.delta FROM readings c" + where(readings) + ")";
          case 2 ->
              (oddNotIn ? "a.id" : "a.score")
                  + " NOT IN (SELECT b.quantity FROM orders b"
                  + where(orders)
                  + ")";
          case 3 -> dice.pick("", "NOT ") + "EXISTS (SELECT 1 FROM orders b" + where(orders) + ")";
          case 4 -> "a.id >= ALL (SELECT c.delta FROM readings c" + where(readings) + ")";
          default -> "a.id = ANY (SELECT b.order_no FROM orders b" + where(orders) + ")";
        };
    return new Gathered(
        "subquery",
        "SELECT a.id, a.score FROM customers a WHERE "
            + condition
            + (dice.percent(50) ? " AND " + terms.predicate(customers, 1) : "")
            + " ORDER BY a.id",
        TOTAL);
  }

  private Gathered correlated() {
    String rows =
        " FROM orders b WHERE " + dice.pick("b.country = a.country", "b.order_no = a.score");
    if (dice.percent(60)) {
      rows += " AND " + terms.predicate(orders, 1);
    }
    return new Gathered(
        "correlated subquery",
        dice.percent(50)
            ? "SELECT a.id FROM customers a WHERE "
                + dice.pick("EXISTS (SELECT 1", "NOT EXISTS (SELECT 1")
                + rows
                + ")"
                + (dice.percent(50) ? " AND " + terms.predicate(customers, 1) : "")
            : "SELECT a.id, (SELECT "
                + dice.pick("COUNT(*)", "MAX(b.amount)")
                + rows
                + ")"
                + named(rows)
                + " FROM customers a"
                + where(customers),
        BAG);
  }

  /** A name where the column's own would have a marker, which a driver may replace by a value. */
  private String named(String sql) {
    return sql.contains("\u0001") || dice.percent(30) ? " AS m" : "";
  }

  private Gathered setOperation() {
    String one = "SELECT a.id FROM customers a" + where(customers);
    String other =
        dice.pick(
            "SELECT c.id FROM readings c" + where(readings),
            "SELECT b.customer_id FROM orders b" + where(orders),
            "SELECT 5",
            "SELECT r.eu FROM countries r" + where(countries));
    String operator = dice.pick("INTERSECT", "EXCEPT", "UNION", "UNION ALL");
    boolean ordered = dice.percent(40);
    String sql =
        dice.percent(30)
            ? "(" + one + " ORDER BY 1 LIMIT 5) " + operator + " (" + other + " LIMIT 0)"
            : one + " " + operator + " " + other;
    return new Gathered(
        "set operation",
        sql + (ordered ? " ORDER BY 1" + dice.pick("", " LIMIT 4") : ""),
        ordered ? TOTAL : BAG);
  }

  private Gathered having() {
    String condition =
        dice.pick(
            "COUNT(*) % 2 = 1",
            "ROUND(AVG(a.score)) >= 1",
            "MAX(a.created) > '2024-01-01'",
            "SUM(a.points) > (SELECT AVG(c.id) FROM readings c)",
            "MIN(a.name) LIKE '%n%'",
            "GROUP_CONCAT(a.id ORDER BY a.id) LIKE '%1%'",
            "MAX(a.active) = 1 AND COUNT(DISTINCT a.score) > 1");
    return new Gathered(
        "having",
        "SELECT a.tier, COUNT(*) FROM customers a"
            + where(customers)
            + " GROUP BY a.tier HAVING "
            + condition,
        BAG);
  }

  private Gathered recursive() {
    return new Gathered(
        "recursive",
        "WITH RECURSIVE n AS (SELECT MIN(a.id) AS i FROM customers a"
            + where(customers)
            + " UNION ALL SELECT i + 1 FROM n WHERE i < 9) SELECT i, "
            + dice.pick(
                "COUNT(b.order_no) FROM n LEFT JOIN orders b ON b.customer_id = i GROUP BY i",
                "(SELECT COUNT(*) FROM orders b WHERE b.order_no = i) FROM n"),
        BAG);
  }

  private Gathered namedTwice() {
    String first = "SELECT a.id, a.score, a.country FROM customers a" + where(customers);
    String with =
        dice.percent(50)
            ? "WITH d (i, s, c) AS (" + first + ") "
            : "WITH o AS (SELECT b.customer_id AS k FROM orders b"
                + where(orders)
                + "), d (i, s, c) AS ("
                + first
                + (first.contains("WHERE") ? " AND" : " WHERE")
                + " a.id IN (SELECT k FROM o)) ";
    return new Gathered(
        "common table named twice",
        with
            + dice.pick(
                "SELECT d.i, e.i FROM d JOIN d e ON d.s = e.s AND d.i < e.i",
                "SELECT COUNT(*) FROM d WHERE s >= (SELECT AVG(s) FROM d)",
                "SELECT i FROM d UNION SELECT s FROM d",
                "SELECT d.c, COUNT(*) FROM d LEFT JOIN d AS e ON e.s = d.i GROUP BY d.c"),
        BAG);
  }

  private Gathered items() {
    String condition = where(readings);
    return new Gathered(
        "subquery as an item",
        "SELECT a.id, (SELECT "
            + dice.pick("MAX(c.delta)", "COUNT(*)", "SUM(c.id)")
            + " FROM readings c"
            + condition
            + ")"
            + dice.pick("", " + 1")
            + named(condition)
            + " FROM customers a"
            + where(customers)
            + " ORDER BY a.id"
            + dice.pick("", " LIMIT 5"),
        TOTAL);
  }
}
