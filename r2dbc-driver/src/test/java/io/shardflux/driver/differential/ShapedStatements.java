package io.shardflux.driver.differential;

import java.util.Map;
import java.util.Set;
import java.util.function.Function;

/** Reads at random that shards answer each by itself, in shapes that look as if they could not. */
final class ShapedStatements {

  /** A read. */
  record Shaped(String shape, String sql, Expected expected) {}

  private static final Expected BAG = Expected.bag(Map.of());
  private static final Expected TOTAL = Expected.total(Map.of());

  private final Dice dice;
  private final Terms terms;
  private final Source customers;
  private final Source orders;
  private final Source accounts;

  ShapedStatements(Dice dice, Set<ServerBug> bugs, Function<String, Table> tables) {
    this.dice = dice;
    this.terms = new Terms(dice, bugs);
    this.customers = new Source(tables.apply("customers"), "a");
    this.orders = new Source(tables.apply("orders"), "b");
    this.accounts = new Source(tables.apply("accounts"), "c");
  }

  Shaped next() {
    return switch (dice.below(8)) {
      case 0 -> window();
      case 1 -> constants();
      case 2 -> parentheses();
      case 3 -> unnamed();
      case 4 -> natural();
      case 5 -> determined();
      case 6 -> constant();
      default -> aliases();
    };
  }

  private String where(Source source) {
    return dice.percent(40) ? "" : " WHERE " + terms.predicate(source, 1);
  }

  private Shaped window() {
    String by = dice.pick("b.customer_id", "b.customer_id, b.country");
    String over = "(PARTITION BY " + by + " ORDER BY b.order_no" + dice.pick("", " DESC") + ")";
    boolean named = dice.percent(30);
    String item =
        dice.pick("ROW_NUMBER()", "SUM(b.amount)", "LAG(b.quantity, 1, 7)", "COUNT(*)")
            + " OVER "
            + (named ? "w" : over);
    String rows =
        "SELECT b.customer_id, b.order_no, "
            + item
            + " AS n FROM orders b"
            + where(orders)
            + (named ? " WINDOW w AS " + over : "");
    return switch (dice.below(3)) {
      case 0 -> new Shaped("window by the key", rows, BAG);
      case 1 -> new Shaped("window by the key", rows + " ORDER BY 1, 2", TOTAL);
      default ->
          new Shaped(
              "window by the key, inside", "SELECT COUNT(*), MAX(n) FROM (" + rows + ") d", BAG);
    };
  }

  private Shaped constants() {
    String one = "SELECT a.score FROM customers a" + where(customers);
    String other =
        dice.pick(
            "SELECT 1", "SELECT NULL", "SELECT 3", "SELECT r.eu FROM countries r", "SELECT 0");
    String operator = dice.pick(" UNION ", " UNION ALL ");
    String sql = dice.percent(70) ? one + operator + other : other + operator + one;
    boolean ordered = dice.percent(40);
    return new Shaped(
        "union with constants",
        sql + (ordered ? " ORDER BY 1" + dice.pick("", " LIMIT 4") : ""),
        ordered ? TOTAL : BAG);
  }

  private Shaped parentheses() {
    String rows = "(SELECT a.id, a.score FROM customers a" + where(customers) + ")";
    return new Shaped(
        "parentheses",
        (dice.percent(30) ? "(" + rows + ")" : rows)
            + " ORDER BY "
            + dice.pick("1", "id DESC", "score, 1")
            + dice.pick("", " LIMIT 5", " LIMIT 3 OFFSET 2"),
        TOTAL);
  }

  private Shaped unnamed() {
    String items = dice.pick("score + 1, id", "id, id", "-score");
    return new Shaped(
        "union without names",
        "SELECT "
            + items
            + " FROM customers a"
            + dice.pick(" UNION ", " UNION ALL ")
            + "SELECT "
            + items.replace("score", "order_no").replace("id", "customer_id")
            + " FROM orders b ORDER BY 1"
            + (items.contains(",") ? ", 2" : ""),
        TOTAL);
  }

  private Shaped natural() {
    String join =
        dice.pick(
            "accounts c NATURAL JOIN entries e",
            "accounts c NATURAL LEFT JOIN entries e",
            "accounts c JOIN entries e USING (code, tenant)",
            "accounts c LEFT JOIN entries e USING (tenant, code)");
    return dice.percent(50)
        ? new Shaped(
            "star of a natural join",
            "SELECT * FROM " + join + where(accounts) + " ORDER BY tenant, code, entry_no",
            TOTAL)
        : new Shaped(
            "star of a natural join", "SELECT DISTINCT * FROM " + join + where(accounts), BAG);
  }

  private Shaped determined() {
    String join = dice.pick(" JOIN ", " LEFT JOIN ") + "countries r ON r.code = a.country";
    return new Shaped(
        "determined column",
        "SELECT a.country, r.code, COUNT(*), MAX(a.points) FROM customers a"
            + join
            + where(customers)
            + " GROUP BY a.country"
            + dice.pick("", " HAVING r.code <> 'FR'", " HAVING COUNT(*) > 1"),
        BAG);
  }

  private Shaped constant() {
    String by = dice.pick("a.tier", "a.active", "a.points");
    boolean grouped = dice.percent(60);
    return new Shaped(
        "constant column",
        "SELECT a.country, COUNT(*)"
            + (grouped ? ", " + by : "")
            + " FROM customers a WHERE a.country = "
            + dice.pick("'DE'", "'FR'", "'none'")
            + " AND "
            + terms.predicate(customers, 1)
            + (grouped ? " GROUP BY " + by : ""),
        BAG);
  }

  private Shaped aliases() {
    return switch (dice.below(4)) {
      case 0 ->
          new Shaped(
              "alias in an expression",
              "SELECT a.score AS s, COUNT(*) FROM customers a"
                  + where(customers)
                  + " GROUP BY a.score ORDER BY -s, s",
              TOTAL);
      case 1 ->
          new Shaped(
              "alias that is a column",
              "SELECT -a.score AS points, a.id FROM customers a"
                  + where(customers)
                  + " ORDER BY points + 1, a.id",
              TOTAL);
      case 2 ->
          new Shaped(
              "alias that is a column",
              "SELECT a.points % 3 AS points, COUNT(*) FROM customers a GROUP BY a.points HAVING"
                  + " points > "
                  + dice.pick("0", "9", "200"),
              BAG);
      default ->
          new Shaped(
              "alias that is a column",
              "SELECT MAX(a.score) AS score, a.tier FROM customers a GROUP BY a.tier HAVING score >"
                  + dice.pick(" 2", " 3"),
              BAG);
    };
  }
}
