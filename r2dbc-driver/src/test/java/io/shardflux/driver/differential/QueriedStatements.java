package io.shardflux.driver.differential;

import java.util.EnumSet;
import java.util.List;
import java.util.Random;

/** Writes at random whose rows a query finds, on other shards than they go to. */
final class QueriedStatements {

  /** The hint of a change whose rows may be read first. */
  private static final String READ_FIRST = "read-then-write=true";

  private final Random random;
  private final List<Table> tables;
  private Dice dice;
  private Terms terms;

  QueriedStatements(Random random, List<Table> tables) {
    this.random = random;
    this.tables = tables;
    this.dice = new Dice(random);
    this.terms = new Terms(dice, EnumSet.noneOf(ServerBug.class));
  }

  Generated next() {
    dice = new Dice(random);
    terms = new Terms(dice, EnumSet.noneOf(ServerBug.class));
    return switch (dice.below(16)) {
      case 0, 1 -> between();
      case 2 -> groups();
      case 3 -> replaced();
      case 4 -> upserted();
      case 5 -> ignored();
      case 6 -> allTypes();
      case 7 -> otherKinds();
      case 8 -> reference();
      case 9, 10 -> listed();
      case 11 -> correlated();
      case 12, 13 -> joined();
      case 14 -> outer();
      default -> first();
    };
  }

  private Table table(String name) {
    return tables.stream().filter(each -> each.name().equals(name)).findFirst().orElseThrow();
  }

  private Generated insert(String shape, String sql, String table) {
    return Generated.write(
        "insert select, " + shape, Support.SUPPORTED, sql, dice, table(table), "");
  }

  private Generated change(String shape, String sql, String table) {
    return Generated.write(
            "read then write, " + shape, Support.SUPPORTED, sql, dice, table(table), "")
        .hinted(READ_FIRST);
  }

  private String where(String table, String alias) {
    return " WHERE " + terms.predicate(new Source(table(table), alias), 1);
  }

  /** Fresh keys, or some that are there. */
  private String shift() {
    return dice.pick("", " + 3", " + 5000", " + 70000");
  }

  private Generated between() {
    return dice.percent(50)
        ? insert(
            "of another table",
            "INSERT INTO orders (customer_id, order_no, amount, quantity, note, placed, status)"
                + " SELECT a.id"
                + shift()
                + ", 9, COALESCE(a.balance, 1), a.id % 100, a.name, a.created, NULL"
                + " FROM customers a"
                + where("customers", "a"),
            "orders")
        : insert(
            "of another table",
            "INSERT INTO readings (id, sensor, value, taken, ok, delta)"
                + " SELECT a.order_no * 1000 + a.customer_id"
                + shift()
                + ", 'x', a.weight, a.placed, a.tiny > 0, 1 FROM orders a"
                + where("orders", "a")
                + " AND a.tiny IS NOT NULL",
            "readings");
  }

  private Generated groups() {
    return insert(
        "of groups",
        "INSERT INTO customers (id, name, tier, points, active, created) SELECT 5000 +"
            + " COALESCE(a.quantity, 400)"
            + shift()
            + ", LEFT(MAX(HEX(a.note)), 40), 'gold', COUNT(*), 1, MIN(a.placed) FROM orders a"
            + where("orders", "a")
            + " AND a.note IS NOT NULL GROUP BY a.quantity"
            + dice.pick("", " HAVING COUNT(*) > 1", " ORDER BY a.quantity"),
        "customers");
  }

  private Generated replaced() {
    return insert(
        "replace",
        "REPLACE INTO words (word, sense, uses) SELECT a.item, r.title, a.grade FROM settings a"
            + " LEFT JOIN countries r ON r.eu = a.grade"
            + dice.pick("", " WHERE a.grade > 1", " WHERE r.code IS NULL")
            + " ORDER BY a.item, r.code",
        "words");
  }

  private Generated upserted() {
    return insert(
        "on duplicate key",
        "INSERT INTO readings (id, sensor, taken, ok, delta) SELECT a.id"
            + dice.pick(" * 2", " + 40", "")
            + ", 'n', a.created, a.active, 5 FROM customers a"
            + where("customers", "a")
            + " ORDER BY a.id ON DUPLICATE KEY UPDATE delta = VALUES(delta) + "
            + dice.value((Object) dice.below(9))
            + dice.pick("", ", sensor = 's'", ", id = VALUES(id)"),
        "readings");
  }

  private Generated ignored() {
    return insert(
        "ignore",
        "INSERT IGNORE INTO readings (id, sensor, taken, ok, delta) SELECT a.id + 40,"
            + dice.pick(" a.name", " 'far too long a name'")
            + ", a.created, a.active, a.score FROM customers a"
            + where("customers", "a")
            + " ORDER BY a.id",
        "readings");
  }

  private Generated allTypes() {
    return switch (dice.below(4)) {
      case 0 ->
          insert(
              "of all types",
              "INSERT INTO events SELECT a.at + INTERVAL 1 YEAR, a.event_no"
                  + dice.pick("", " + 10")
                  + ", a.day, a.fine, a.ratio, a.made, a.bits, a.tags, a.raw, a.body, a.many, a.span"
                  + " FROM events a"
                  + where("events", "a"),
              "events");
      case 1 ->
          insert(
              "of all types",
              "REPLACE INTO figures SELECT a.id"
                  + shift()
                  + ", a.g, a.a, a.n, a.m, a.x, a.d, a.e, a.f, a.h, a.z, a.u, a.q FROM figures a"
                  + where("figures", "a"),
              "figures");
      case 2 ->
          insert(
              "of all types",
              "REPLACE INTO visits SELECT a.visitor, a.seen, a.page, a.took, 0.75 FROM visits a"
                  + where("visits", "a"),
              "visits");
      default ->
          insert(
              "of all types",
              "INSERT INTO tokens SELECT a.token, a.use_no + 10, a.raw, a.title, a.worth FROM tokens"
                  + " a"
                  + where("tokens", "a"),
              "tokens");
    };
  }

  /** Values that the columns turn into others, or refuse. */
  private Generated otherKinds() {
    return insert(
        "of other kinds",
        "INSERT INTO customers (id, name, tier, points, active, created, balance, rate) SELECT"
            + " CONCAT(a.id, '"
            + dice.pick("9", "07", "")
            + "') + 20000, a.id, "
            + dice.pick("1", "'basic'", "a.ok + 1")
            + ", a.value"
            + dice.pick("", " + 0.5")
            + ", a.ok, a.taken, a.value / 3, a.delta / 7 FROM readings a WHERE a.value > 0 AND a.id < "
            + dice.value((Object) (20 + dice.below(90))),
        "customers");
  }

  private Generated reference() {
    return dice.percent(50)
        ? insert(
            "into copies",
            "REPLACE INTO countries (code, title, people) SELECT a.country, LEFT(MAX(HEX(a.name)), 40), SUM(a.points)"
                + " FROM customers a WHERE a.country IS NOT NULL GROUP BY a.country",
            "countries")
        : insert(
            "into one shard",
            "INSERT INTO settings (item, content, grade) SELECT CONCAT(a.tier, a.active), "
                + "LEFT(MIN(HEX(a.name)), 40), MAX(a.score) FROM customers a"
                + where("customers", "a")
                + " GROUP BY a.tier, a.active ON DUPLICATE KEY UPDATE grade = 9",
            "settings");
  }

  private Generated listed() {
    String list =
        dice.pick(
            "a.quantity IN (SELECT c.delta FROM readings c" + where("readings", "c") + ")",
            "a.quantity NOT IN (SELECT c.delta + 1 FROM readings c WHERE c.ok)",
            "a.quantity > (SELECT AVG(c.delta) FROM readings c WHERE c.delta < 9)",
            "EXISTS (SELECT 1 FROM readings c WHERE c.delta = a.quantity AND c.ok)");
    String own =
        dice.percent(50) ? " AND " + terms.predicate(new Source(table("orders"), "a"), 1) : "";
    return dice.percent(40)
        ? change("list", "DELETE a FROM orders a WHERE " + list + own, "orders")
        : change(
            "list",
            "UPDATE orders a SET a.tiny = 7, a.quantity = a.quantity + "
                + dice.value((Object) dice.below(3))
                + " WHERE "
                + list
                + own,
            "orders");
  }

  private Generated correlated() {
    String condition =
        " WHERE "
            + dice.pick("", "NOT ")
            + "EXISTS (SELECT 1 FROM customers b WHERE b.name = a.owner AND b.id < "
            + dice.value((Object) (10 + dice.below(50)))
            + ")";
    return dice.percent(30)
        ? change("of two keys", "DELETE a FROM accounts a" + condition, "accounts")
        : change(
            "of two keys",
            "UPDATE accounts a SET level = 3, cap = COALESCE(cap, 1) + 1" + condition,
            "accounts");
  }

  private Generated joined() {
    String on = " ON c.delta = a.score" + dice.pick("", " AND a.points < 100");
    String where = where("readings", "c") + dice.pick("", " AND a.country = 'DE'");
    return dice.percent(30)
        ? change(
            "join",
            "DELETE a FROM customers a JOIN readings c" + on + where + " AND a.id > 20",
            "customers")
        : change(
            "join",
            "UPDATE customers a JOIN readings c"
                + on
                + " SET a.points = a.points + 1, a.rate = 5"
                + where,
            "customers");
  }

  private Generated outer() {
    return dice.percent(40)
        ? change(
            "outer join",
            "DELETE a FROM visits a LEFT JOIN customers c ON c.name = a.page WHERE c.id IS NULL AND"
                + " a.took > 1",
            "visits")
        : change(
            "outer join",
            "UPDATE customers c RIGHT JOIN visits a ON c.name = a.page SET a.took = 3 WHERE c.id IS"
                + " NULL",
            "visits");
  }

  private Generated first() {
    String end = where("readings", "a") + " ORDER BY a.id DESC LIMIT " + (1 + dice.below(30));
    return change(
        "first rows", "UPDATE readings a SET a.delta = a.delta % 100 + 1" + end, "readings");
  }
}
