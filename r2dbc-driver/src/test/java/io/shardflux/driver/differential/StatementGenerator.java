package io.shardflux.driver.differential;

import io.shardflux.driver.differential.Bodies.Body;
import io.shardflux.driver.differential.Generated.Support;
import io.shardflux.driver.differential.KeyConditions.Reach;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.stream.Collectors;

/** Reads at random over {@link DifferentialTables}; the same seed gives the same ones. */
final class StatementGenerator {

  private final Random random;
  private final Map<String, Table> tables = new HashMap<>();
  private final List<Table> sharded;
  private Dice dice;
  private Terms terms;
  private KeyConditions keys;
  private Bodies bodies;

  StatementGenerator(Random random, List<Table> all) {
    this.random = random;
    dice = new Dice(random);
    terms = new Terms(dice);
    keys = new KeyConditions(dice, terms);
    bodies = new Bodies(dice, terms);
    all.forEach(table -> tables.put(table.name(), table));
    sharded = all.stream().filter(Table::sharded).toList();
  }

  private void begin(Dice thrown) {
    dice = thrown;
    terms = new Terms(dice);
    keys = new KeyConditions(dice, terms);
    bodies = new Bodies(dice, terms);
  }

  Generated read() {
    begin(new Dice(random));
    int choice = dice.below(100);
    if (choice < 58) {
      return overTables();
    }
    if (choice < 64) {
      return derived();
    }
    if (choice < 69) {
      return union();
    }
    if (choice < 76) {
      return subquery();
    }
    if (choice < 82) {
      return oneShard();
    }
    if (choice < 87) {
      return copies();
    }
    if (choice < 91) {
      return oddKey();
    }
    if (choice < 94) {
      return fixed("rare", Support.OPEN, dice.pick(FixedStatements.RARE));
    }
    FixedStatements.Refused refused = dice.pick(FixedStatements.REFUSED);
    return fixed("refused: " + refused.shape(), Support.REFUSED, refused.sql());
  }

  private Generated fixed(String shape, Support support, String sql) {
    return generated(shape, support, sql, Expected.bag(Map.of()));
  }

  private Generated overTables() {
    From from = from();
    Reach reach = keys.reach(from.sources().get(0));
    Body body = bodies.body(from, where(from, reach));
    return generated(reach.name() + " " + body.shape() + from.shape(), body);
  }

  private Generated generated(String shape, Body body) {
    return generated(shape, body.support(), body.sql(), body.expected());
  }

  private Generated generated(String shape, Support support, String sql, Expected expected) {
    return Generated.read(shape, support, sql, dice, expected);
  }

  private From from() {
    int choice = dice.below(100);
    if (choice < 55) {
      return alone(dice.pick(sharded));
    }
    if (choice < 75) {
      return pair();
    }
    return choice < 92 ? withCountries() : three();
  }

  private From alone(Table table) {
    String alias = dice.pick("", "t", "x");
    String sql = table.name() + (alias.isEmpty() ? "" : dice.pick(" ", " AS ") + alias);
    String name = alias.isEmpty() ? table.name() : alias;
    return new From(sql, List.of(new Source(table, name, dice.percent(50) ? "" : name + ".")), "");
  }

  private From pair() {
    boolean customers = dice.percent(60);
    Source one = new Source(table(customers ? "customers" : "accounts"), "a");
    Source many = new Source(table(customers ? "orders" : "entries"), "b");
    String on =
        customers
            ? dice.pick("a.id = b.customer_id", "b.customer_id = a.id")
            : dice.pick(
                "a.tenant = b.tenant AND a.code = b.code",
                "b.code = a.code AND a.tenant = b.tenant");
    if (dice.percent(30)) {
      // No row of an outer join is lost by it, so no shard may be left out.
      on += " AND " + (dice.percent(40) ? keys.exact(many) : terms.predicate(many, 0));
    }
    List<Source> both = List.of(one, many);
    return switch (dice.below(6)) {
      case 0, 1 ->
          new From(
              one.table() + " a LEFT JOIN " + many.table() + " b ON " + on, both, ", left join");
      case 2 -> new From(many.table() + " b JOIN " + one.table() + " a ON " + on, both, ", join");
      case 3 ->
          new From(
              one.table() + " a INNER JOIN " + many.table() + " AS b ON (" + on + ")",
              both,
              ", join");
      default -> new From(one.table() + " a JOIN " + many.table() + " b ON " + on, both, ", join");
    };
  }

  private From withCountries() {
    Source one = new Source(table(dice.pick("customers", "orders")), "a");
    Source country = new Source(table("countries"), "r");
    boolean left = dice.percent(50);
    return new From(
        one.table()
            + " a"
            + (left ? " LEFT JOIN" : dice.pick(" JOIN", " INNER JOIN"))
            + " countries r ON "
            + dice.pick("a.country = r.code", "r.code = a.country"),
        List.of(one, country),
        left ? ", left join of a reference table" : ", join of a reference table");
  }

  private From three() {
    return new From(
        "customers a JOIN orders b ON a.id = b.customer_id "
            + dice.pick("LEFT JOIN", "JOIN")
            + " countries r ON r.code = b.country",
        List.of(
            new Source(table("customers"), "a"),
            new Source(table("orders"), "b"),
            new Source(table("countries"), "r")),
        ", join of three");
  }

  /** A derived table or a common table expression of one table. */
  private Generated derived() {
    From inner = alone(dice.pick(sharded));
    Source source = inner.sources().get(0);
    Reach reach = dice.percent(60) ? keys.one(source) : keys.reach(source);
    List<Column> columns = new ArrayList<>(source.table().primaryKey());
    columns.addAll(dice.some(source.table().others(), 4));
    Table shown = new Table(source.table().rule(), source.table().primary(), columns, List.of());
    String select =
        "SELECT "
            + columns.stream().map(source::name).collect(Collectors.joining(", "))
            + " FROM "
            + inner.sql()
            + where(inner, reach);
    boolean with = dice.percent(50);
    From outer =
        new From(
            with ? "d" : "(" + select + ") " + dice.pick("", "AS ") + "d",
            List.of(new Source(shown, "d")),
            "");
    Body body =
        switch (dice.below(4)) {
          case 0 -> bodies.plain(outer, "");
          case 1 -> bodies.aggregate(outer, "");
          default -> bodies.body(outer, where(outer, KeyConditions.ALL));
        };
    String prefix = with ? "WITH d AS (" + select + ") " : "";
    return generated(
        reach.name() + " " + body.shape() + (with ? ", common table" : ", derived table"),
        reach.one() ? body.support() : Support.OPEN,
        prefix + body.sql(),
        body.expected().after(prefix));
  }

  private Generated union() {
    From from = alone(dice.pick(sharded));
    Source source = from.sources().get(0);
    Reach reach = dice.percent(60) ? keys.one(source) : keys.reach(source);
    List<Term> chosen = new ArrayList<>();
    for (int i = dice.below(3); i >= 0; i--) {
      chosen.add(terms.column(from));
    }
    boolean all = dice.percent(50);
    String key = reach.condition();
    String one = key.isEmpty() ? "" : " WHERE " + key;
    String other =
        (key.isEmpty() ? " WHERE " : " WHERE " + key + " AND ") + terms.predicate(source, 1);
    String order = "";
    if (dice.percent(40)) {
      List<String> sort = new ArrayList<>();
      for (int i = 1; i <= chosen.size(); i++) {
        sort.add(terms.sorted(String.valueOf(i)));
      }
      order = " ORDER BY " + String.join(", ", sort);
    }
    String select = "SELECT " + chosen.stream().map(Term::sql).collect(Collectors.joining(", "));
    return generated(
        reach.name() + (all ? " union all" : " union"),
        reach.one() ? Support.SUPPORTED : Support.OPEN,
        select
            + " FROM "
            + from.sql()
            + one
            + (all ? " UNION ALL " : dice.pick(" UNION ", " UNION DISTINCT "))
            + select
            + " FROM "
            + from.sql()
            + other
            + order,
        order.isEmpty()
            ? Expected.bag(Terms.folded(chosen))
            : Expected.total(Terms.folded(chosen)));
  }

  private Generated subquery() {
    Source outer = new Source(table("customers"), "a");
    From from = new From("customers a", List.of(outer), "");
    Source inner = new Source(table("orders"), "b");
    Source country = new Source(table("countries"), "r");
    boolean shardedInner = dice.percent(60);
    String condition = shardedInner ? terms.predicate(inner, 1) : terms.predicate(country, 1);
    String rows =
        shardedInner
            ? "FROM orders b WHERE b.customer_id = a.id AND " + condition
            : "FROM countries r WHERE r.code = a.country AND " + condition;
    String matched;
    Support support = Support.SUPPORTED;
    switch (dice.below(3)) {
      case 0, 1 -> matched = dice.pick("EXISTS", "NOT EXISTS") + " (SELECT 1 " + rows + ")";
      default -> {
        matched =
            shardedInner
                ? "a.id IN (SELECT b.customer_id FROM orders b WHERE " + condition + ")"
                : "a.country IN (SELECT r.code FROM countries r WHERE " + condition + ")";
        support = Support.OPEN;
      }
    }
    Reach reach = keys.reach(outer);
    String where =
        " WHERE " + matched + (reach.condition().isEmpty() ? "" : " AND " + reach.condition());
    Body body = bodies.body(from, where);
    return generated(
        reach.name() + " " + body.shape() + (shardedInner ? ", subquery" : ", reference subquery"),
        body.support() == Support.SUPPORTED ? support : body.support(),
        body.sql(),
        body.expected());
  }

  /** What one server can do goes to it as it is. */
  private Generated oneShard() {
    From from = new From("orders o", List.of(new Source(table("orders"), "o")), "");
    String where = where(from, keys.one(from.sources().get(0)));
    return switch (dice.below(6)) {
      case 0 ->
          generated(
              "key window",
              Support.SUPPORTED,
              "SELECT o.order_no, ROW_NUMBER() OVER (ORDER BY o.amount, o.order_no) FROM orders o"
                  + where,
              Expected.bag(Map.of()));
      case 1 ->
          generated(
              "key group_concat",
              Support.SUPPORTED,
              "SELECT GROUP_CONCAT(o.order_no ORDER BY o.order_no) FROM orders o" + where,
              Expected.bag(Map.of()));
      case 2 ->
          generated(
              "key scalar subquery",
              Support.OPEN,
              "SELECT o.order_no, (SELECT MAX(p.amount) FROM orders p WHERE p.customer_id ="
                  + " o.customer_id) FROM orders o"
                  + where,
              Expected.bag(Map.of()));
      case 3 ->
          generated(
              "key for update",
              Support.SUPPORTED,
              "SELECT o.order_no FROM orders o" + where + " FOR UPDATE",
              Expected.bag(Map.of()));
      case 4 ->
          generated(
              "key rollup",
              Support.OPEN,
              "SELECT o.status, COUNT(*) FROM orders o" + where + " GROUP BY o.status WITH ROLLUP",
              Expected.bag(Map.of()));
      default ->
          generated(
              "key with a comment",
              Support.SUPPORTED,
              "/* first */ SELECT o.order_no -- second\n FROM `orders` o" + where + " # last",
              Expected.bag(Map.of()));
    };
  }

  /** Tables of which one shard has all. */
  private Generated copies() {
    Table table = table(dice.pick("countries", "countries", "settings"));
    From from = alone(table);
    Body body = bodies.body(from, where(from, KeyConditions.ALL));
    return generated((table.reference() ? "reference " : "pinned ") + body.shape(), body);
  }

  /** Keys that are not of the column's type, or equal to others in the column's collation. */
  private Generated oddKey() {
    From from = alone(table(dice.pick("customers", "readings", "words")));
    Source source = from.sources().get(0);
    Column key = source.table().key().get(0);
    String odd =
        key.kind() == Kind.INTEGER
            ? dice.pick(
                "'42'",
                "42.0",
                "42.5",
                "4.2e1",
                "'42abc'",
                "TRUE",
                "'4' + 38",
                "-(-42)",
                "0x2A",
                "' 42'",
                "'42 '",
                "'042'",
                "99999999999999999999",
                "1 + 1",
                "NOT 0")
            : dice.pick(
                "'a '",
                "0",
                "1",
                "'A'",
                "'a' 'b'",
                "TRUE",
                "_utf8mb4'a'",
                "0x61",
                "'a\\0'",
                "CONCAT('a', 'b')",
                "'a' COLLATE utf8mb4_general_ci",
                "N'a'",
                "X'61'");
    if (dice.percent(30)) {
      Object value =
          key.kind() == Kind.INTEGER
              ? dice.pick("42", "42.0", 42.0, 42.5, new BigDecimal("42.00"), true)
              : dice.pick("a ", 0, 1.0, true);
      odd = dice.value(value);
    }
    String name = source.name(key);
    String condition =
        switch (dice.below(5)) {
          case 0 -> name + " IN (" + odd + ", " + keys.keyValue(key) + ")";
          case 1 -> name + dice.pick(" < ", " >= ") + odd;
          case 2 -> name + " BETWEEN " + odd + " AND " + keys.keyValue(key);
          case 3 -> "NOT " + name + " <> " + odd;
          default -> name + " = " + odd;
        };
    // No MAX: MariaDB's of a key is wrong where the key is compared as another type or collation.
    String where = " WHERE " + condition;
    if (dice.percent(50)) {
      return generated(
          "odd key",
          Support.OPEN,
          "SELECT COUNT(*) FROM " + from.sql() + where,
          Expected.total(Map.of()));
    }
    Body body = bodies.plain(from, where);
    return generated("odd key", Support.OPEN, body.sql(), body.expected());
  }

  private String where(From from, Reach reach) {
    List<String> all = new ArrayList<>();
    if (!reach.condition().isEmpty()) {
      all.add(reach.condition());
    }
    if (dice.percent(45)) {
      all.add(dice.below(all.size() + 1), terms.predicate(dice.pick(from.sources()), 2));
    }
    return all.isEmpty() ? "" : " WHERE " + String.join(" AND ", all);
  }

  private Table table(String name) {
    return Objects.requireNonNull(tables.get(name));
  }
}
