package io.shardflux.driver.differential;

import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;

/** Reads at random with subqueries that may run first, in all clauses. */
final class FirstStatements {

  private static final Expected BAG = Expected.bag(Map.of());
  private static final Expected TOTAL = Expected.total(Map.of());

  /** What a subquery reads. */
  private record Inner(Source source, String item, boolean nullable) {}

  private final Dice dice;
  private final Terms terms;
  private final boolean oddNotIn;
  private final boolean oddLarge;
  private final boolean oddOuterJoin;
  private final Source customers;
  private final Source orders;
  private final Source readings;
  private final Source words;
  private final Source entries;
  private final Source settings;

  FirstStatements(Dice dice, Set<ServerBug> bugs, Function<String, Table> tables) {
    this.dice = dice;
    this.terms = new Terms(dice, bugs);
    this.oddNotIn = bugs.contains(ServerBug.NOT_IN_BEYOND_TYPE);
    this.oddLarge = bugs.contains(ServerBug.LARGE_VALUE_OF_SUBQUERY);
    this.oddOuterJoin = bugs.contains(ServerBug.SUBQUERY_OF_OUTER_JOIN);
    this.customers = new Source(tables.apply("customers"), "a");
    this.orders = new Source(tables.apply("orders"), "b");
    this.readings = new Source(tables.apply("readings"), "c");
    this.words = new Source(tables.apply("words"), "w");
    this.entries = new Source(tables.apply("entries"), "e");
    this.settings = new Source(tables.apply("settings"), "s");
  }

  GatheredStatements.Gathered next() {
    return switch (dice.below(10)) {
      case 0, 1, 2, 3 -> where();
      case 4 -> item();
      case 5 -> having();
      case 6 -> outerJoin();
      case 7 -> nested();
      case 8 -> inside();
      default -> counted();
    };
  }

  private String from(Source source) {
    return " FROM "
        + source.table()
        + " "
        + source.alias()
        + (dice.percent(70) ? " WHERE " + terms.predicate(source, 1) : "");
  }

  private Inner numbers() {
    return dice.pick(
        new Inner(orders, "b.quantity", true),
        new Inner(orders, "b.order_no", false),
        new Inner(orders, "b.tiny", true),
        new Inner(orders, "b.amount", false),
        new Inner(orders, "b.big", true),
        new Inner(readings, "c.delta", false),
        new Inner(readings, "c.id", false),
        new Inner(entries, "e.entry_no", false),
        new Inner(settings, "s.grade", true));
  }

  private String number(boolean nullable) {
    return oddNotIn && nullable
        ? "a.id"
        : dice.pick("a.id", "a.id", "a.score", "a.points", "a.balance", "a.rate", "a.score + 1");
  }

  private String one() {
    Inner inner = numbers();
    boolean large = oddLarge && inner.item().equals("b.big");
    String item =
        dice.pick(
                large ? "COUNT(" : "MAX(",
                large ? "SUM(" : "MIN(",
                "SUM(",
                "COUNT(",
                "COUNT(DISTINCT ",
                "AVG(")
            + inner.item()
            + ")";
    return "(SELECT " + item + from(inner.source()) + ")";
  }

  /** A condition with a subquery that does not hang on the row. */
  private String condition() {
    return switch (dice.below(9)) {
      case 0, 1 -> {
        Inner inner = numbers();
        yield number(inner.nullable())
            + dice.pick(" IN", " IN", " NOT IN")
            + " (SELECT "
            + dice.pick("", "DISTINCT ")
            + inner.item()
            + from(inner.source())
            + ")";
      }
      case 2 -> text();
      case 3 ->
          dice.pick("", "NOT ")
              + "EXISTS (SELECT "
              + dice.pick("1", "*")
              + from(dice.pick(orders, readings, words, settings))
              + ")";
      case 4 -> {
        Inner inner = numbers();
        String operator = dice.pick("=", "<>", ">", ">=", "<", "<=");
        String which = dice.pick("ANY", "ALL", "SOME");
        boolean list = operator.equals(which.equals("ALL") ? "<>" : "=");
        yield (list ? number(inner.nullable()) : dice.pick("a.id", "a.score", "a.balance"))
            + " "
            + operator
            + " "
            + which
            + " (SELECT "
            + inner.item()
            + from(inner.source())
            + ")";
      }
      default -> compared();
    };
  }

  private String compared() {
    return switch (dice.below(4)) {
      case 0 -> number(false) + dice.pick(" BETWEEN 0 AND ", " NOT BETWEEN 1 AND ") + one();
      case 1 -> "a.id = (SELECT MAX(b.order_no)" + from(orders) + ")";
      case 2 -> one() + dice.pick(" < ", " <=> ", " >= ") + number(false);
      default -> number(false) + dice.pick(" > ", " = ", " <> ", " <= ") + one();
    };
  }

  private String text() {
    String operator = dice.pick(" IN ", " NOT IN ", " = ANY ", " <> ALL ");
    return switch (dice.below(5)) {
      case 0 -> "a.country" + operator + "(SELECT b.country" + from(orders) + ")";
      case 1 -> "a.email" + operator + "(SELECT w.word" + from(words) + ")";
      case 2 -> "a.name" + operator + "(SELECT e.label" + from(entries) + ")";
      case 3 -> "a.name" + operator + "(SELECT w.sense" + from(words) + ")";
      default ->
          "a.country" + dice.pick(" = ", " > ") + "(SELECT MAX(b.country)" + from(orders) + ")";
    };
  }

  private String conditions() {
    String other = dice.pick(terms.predicate(customers, 1), condition());
    return switch (dice.below(4)) {
      case 0 -> condition() + " AND " + other;
      case 1 -> condition() + " OR " + other;
      case 2 -> "NOT (" + condition() + ")";
      default -> condition();
    };
  }

  private GatheredStatements.Gathered where() {
    return new GatheredStatements.Gathered(
        "subquery in a condition",
        "SELECT a.id, a.score FROM customers a WHERE "
            + conditions()
            + " ORDER BY a.id"
            + dice.pick("", "", " LIMIT 5"),
        TOTAL);
  }

  private GatheredStatements.Gathered item() {
    String item =
        dice.pick(
            one(),
            one() + " + a.score",
            "a.balance - " + one(),
            "CASE WHEN " + condition() + " THEN 1 ELSE " + one() + " END",
            condition(),
            "COALESCE(" + one() + ", a.id)");
    return new GatheredStatements.Gathered(
        "subquery as an item",
        "SELECT a.id, " + item + " AS m FROM customers a ORDER BY a.id" + dice.pick("", " LIMIT 7"),
        TOTAL);
  }

  private GatheredStatements.Gathered having() {
    return new GatheredStatements.Gathered(
        "subquery in having",
        "SELECT a.active, COUNT(*), SUM(a.points) FROM customers a GROUP BY a.active HAVING "
            + dice.pick("COUNT(*)", "SUM(a.points)", "MAX(a.id)")
            + dice.pick(" > ", " <= ")
            + one(),
        BAG);
  }

  private GatheredStatements.Gathered outerJoin() {
    String kind = dice.pick(" LEFT JOIN ", " JOIN ", " RIGHT JOIN ");
    return new GatheredStatements.Gathered(
        "subquery in a join",
        "SELECT a.id, x.order_no FROM customers a"
            + kind
            + "orders x ON x.customer_id = a.id AND "
            + (oddOuterJoin ? compared() : condition())
            + (dice.percent(40) ? " WHERE " + condition() : ""),
        BAG);
  }

  private GatheredStatements.Gathered nested() {
    return new GatheredStatements.Gathered(
        "subquery in a subquery",
        "SELECT a.id FROM customers a WHERE a.id "
            + dice.pick("IN", "NOT IN")
            + " (SELECT b.order_no FROM orders b WHERE "
            + dice.pick(
                "b.quantity IN (SELECT c.delta" + from(readings) + ")",
                "EXISTS (SELECT 1" + from(words) + ")",
                "b.amount > (SELECT AVG(e.amount)" + from(entries) + ")",
                "b.order_no = a.score AND b.tiny <> (SELECT MAX(c.delta)" + from(readings) + ")")
            + ")",
        BAG);
  }

  private GatheredStatements.Gathered inside() {
    String rows = "SELECT a.id, a.tier FROM customers a WHERE " + conditions();
    return new GatheredStatements.Gathered(
        "subquery in a derived table",
        dice.pick(
            "SELECT d.id FROM (" + rows + ") d",
            "WITH d AS ("
                + rows
                + ") SELECT d.id, b.order_no FROM d JOIN orders b ON b.customer_id"
                + " = d.id",
            rows + " UNION ALL SELECT c.id, c.ok FROM readings c WHERE c.id < 9"),
        BAG);
  }

  private GatheredStatements.Gathered counted() {
    List<String> items =
        List.of("COUNT(*)", "COUNT(*), SUM(a.points)", "MAX(a.id), COUNT(a.email)");
    return new GatheredStatements.Gathered(
        "subquery of a count",
        "SELECT " + dice.pick(items) + " FROM customers a WHERE " + conditions(),
        dice.percent(50) ? BAG : TOTAL);
  }
}
