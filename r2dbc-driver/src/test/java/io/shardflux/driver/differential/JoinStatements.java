package io.shardflux.driver.differential;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;

/** Joins at random by other columns than the keys, of which one side may cut the other down. */
final class JoinStatements {

  private static final Expected BAG = Expected.bag(Map.of());

  /** A table with what tells its rows apart. */
  private record Side(Source source, String key) {}

  private final Dice dice;
  private final Terms terms;
  private final Side customers;
  private final Side orders;
  private final Side readings;
  private final Side words;
  private final Side entries;
  private final Side settings;

  JoinStatements(Dice dice, Set<ServerBug> bugs, Function<String, Table> tables) {
    this.dice = dice;
    this.terms = new Terms(dice, bugs);
    this.customers = new Side(new Source(tables.apply("customers"), "a"), "a.id");
    this.orders = new Side(new Source(tables.apply("orders"), "b"), "b.customer_id, b.order_no");
    this.readings = new Side(new Source(tables.apply("readings"), "c"), "c.id");
    this.words = new Side(new Source(tables.apply("words"), "w"), "w.word");
    this.entries =
        new Side(new Source(tables.apply("entries"), "e"), "e.tenant, e.code, e.entry_no");
    this.settings = new Side(new Source(tables.apply("settings"), "s"), "s.item");
  }

  /** Two sides with the columns that they are joined by. */
  private record Pair(Side left, Side right, String on) {}

  private Pair pair() {
    return dice.pick(
        new Pair(customers, orders, "a.score = b.quantity"),
        new Pair(customers, orders, "b.order_no = a.id"),
        new Pair(customers, orders, "a.points = b.big"),
        new Pair(customers, orders, "a.balance = b.amount"),
        new Pair(customers, orders, "a.country = b.country AND a.score = b.tiny"),
        new Pair(customers, orders, "a.name = b.country"),
        new Pair(customers, readings, "a.score = c.delta"),
        new Pair(customers, readings, "a.id = c.id"),
        new Pair(customers, readings, "a.rate = c.value"),
        new Pair(customers, words, "a.email = w.word"),
        new Pair(customers, words, "w.sense = a.name"),
        new Pair(customers, entries, "a.name = e.label"),
        new Pair(orders, readings, "b.quantity = c.id"),
        new Pair(orders, words, "b.quantity = w.uses"),
        new Pair(words, entries, "w.word = e.code"),
        new Pair(customers, settings, "a.score = s.grade"),
        new Pair(settings, customers, "s.content = a.name"));
  }

  GatheredStatements.Gathered next() {
    return switch (dice.below(8)) {
      case 0 -> correlated();
      case 1 -> three();
      default -> two();
    };
  }

  private String some(Side... sides) {
    List<String> all = new ArrayList<>();
    for (Side side : sides) {
      if (dice.percent(45)) {
        all.add(terms.predicate(side.source(), 1));
      }
    }
    return String.join(" AND ", all);
  }

  private static String and(String condition) {
    return condition.isEmpty() ? "" : " AND " + condition;
  }

  private static String where(String condition) {
    return condition.isEmpty() ? "" : " WHERE " + condition;
  }

  private static String table(Side side) {
    return side.source().table() + " " + side.source().alias();
  }

  private GatheredStatements.Gathered two() {
    Pair pair = pair();
    String kind = dice.pick(" JOIN ", " JOIN ", " LEFT JOIN ", " LEFT JOIN ", " RIGHT JOIN ", ", ");
    boolean comma = kind.equals(", ");
    String on = pair.on() + and(some(pair.left(), pair.right()));
    String condition = some(pair.left(), pair.right());
    String items =
        dice.percent(60)
            ? pair.left().key() + ", " + pair.right().key()
            : "COUNT(*), COUNT(" + pair.right().key().split(",", 2)[0] + ")";
    return new GatheredStatements.Gathered(
        comma || kind.equals(" JOIN ") ? "joined" : "joined, outer",
        "SELECT "
            + items
            + " FROM "
            + table(pair.left())
            + kind
            + table(pair.right())
            + (comma ? where(on + and(condition)) : " ON " + on + where(condition)),
        BAG);
  }

  private GatheredStatements.Gathered three() {
    return new GatheredStatements.Gathered(
        "joined, three",
        "SELECT a.id, b.customer_id, b.order_no, c.id FROM customers a"
            + dice.pick(" JOIN ", " LEFT JOIN ")
            + "orders b ON a.score = b.quantity"
            + and(some(customers, orders))
            + dice.pick(" JOIN ", " LEFT JOIN ", " RIGHT JOIN ")
            + "readings c ON "
            + dice.pick("c.id = b.order_no", "c.delta = a.score AND c.id = a.id")
            + and(some(readings))
            + where(some(customers, readings)),
        BAG);
  }

  private GatheredStatements.Gathered correlated() {
    Pair pair = pair();
    return new GatheredStatements.Gathered(
        "joined, correlated",
        "SELECT "
            + pair.left().key()
            + " FROM "
            + table(pair.left())
            + " WHERE "
            + dice.pick("", "NOT ")
            + "EXISTS (SELECT 1 FROM "
            + table(pair.right())
            + " WHERE "
            + pair.on()
            + and(some(pair.right()))
            + ")"
            + and(some(pair.left())),
        BAG);
  }
}
