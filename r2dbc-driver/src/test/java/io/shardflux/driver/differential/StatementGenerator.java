package io.shardflux.driver.differential;

import io.shardflux.driver.differential.Bodies.Body;
import io.shardflux.driver.differential.KeyConditions.Reach;
import io.shardflux.sql.statement.RefusalCode;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** Reads at random over {@link DifferentialTables}; the same seed gives the same ones. */
final class StatementGenerator {

  private static final Pattern QUOTIENT_COMPARED = Pattern.compile(" HAVING .*/ 4\\)");

  /** A product's digits are not those of its type. */
  private static final Pattern QUOTIENT_ADDED_UP =
      Pattern.compile("\\b(SUM|AVG)\\((DISTINCT )?[a-z_.]+ (/ 4|\\* 1.125)\\)");

  /** The last digit of one in a hundred thousand hangs on digits that no shard shows. */
  private static final Pattern QUOTIENT_AVERAGED = Pattern.compile("\\bAVG\\([a-z_.]+ / 4\\)");

  private static final Column NUMBER =
      new Column("n", Kind.INTEGER, "BIGINT", Table.row(1, 2, 3, 4));

  private final Random random;
  private final Map<String, Table> tables = new TreeMap<>();
  private final List<Table> sharded;
  private final Set<ServerBug> bugs;
  private Dice dice;
  private Terms terms;
  private KeyConditions keys;
  private Bodies bodies;

  /**
   * @param bugs what the servers answer wrong, which is not asked
   */
  StatementGenerator(Random random, List<Table> all, Set<ServerBug> bugs) {
    this.random = random;
    this.bugs = bugs;
    dice = new Dice(random);
    terms = new Terms(dice, bugs);
    keys = new KeyConditions(dice, terms);
    bodies = new Bodies(dice, terms, bugs);
    all.forEach(table -> tables.put(table.name(), table));
    sharded =
        all.stream()
            .filter(table -> table.sharded() && !table.name().equals(NumberStatements.TABLE))
            .toList();
  }

  private void begin(Dice thrown) {
    dice = thrown;
    terms = new Terms(dice, bugs);
    keys = new KeyConditions(dice, terms);
    bodies = new Bodies(dice, terms, bugs);
  }

  Generated read() {
    begin(new Dice(random));
    int choice = dice.below(100);
    if (choice < 48) {
      return overTables();
    }
    if (choice < 52) {
      Body body = new Aliases(dice, terms).grouped(alone(dice.pick(sharded)));
      return generated(body.shape(), Aliases.SUPPORT, body.sql(), body.expected());
    }
    if (choice < 58) {
      return numbers();
    }
    if (choice < 64) {
      return derived();
    }
    if (choice < 69) {
      return dice.percent(80) ? union() : unionOfTwo();
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
    if (choice < 93) {
      return fixed(dice.pick(FixedStatements.RARE));
    }
    if (choice < 95) {
      return fixed(dice.pick(FixedStatements.REFUSED));
    }
    if (choice < 96) {
      return fixed(dice.pick(FixedStatements.GATHERED));
    }
    return choice < 98 ? gathered() : choice < 99 ? first() : joined();
  }

  /** A read that is gathered on one server. */
  Generated gathered() {
    begin(new Dice(random));
    GatheredStatements.Gathered read = new GatheredStatements(dice, bugs, this::table).next();
    return generated("gathered, " + read.shape(), Support.SUPPORTED, read.sql(), read.expected());
  }

  /** A read that each shard answers by itself, though it does not look so. */
  Generated shaped() {
    begin(new Dice(random));
    ShapedStatements.Shaped read = new ShapedStatements(dice, bugs, this::table).next();
    return generated("shaped, " + read.shape(), Support.SUPPORTED, read.sql(), read.expected());
  }

  /** A join of which one side may cut the other down. */
  Generated joined() {
    begin(new Dice(random));
    GatheredStatements.Gathered read = new JoinStatements(dice, bugs, this::table).next();
    return generated("gathered, " + read.shape(), Support.SUPPORTED, read.sql(), read.expected());
  }

  /** A read with subqueries that may run first. */
  Generated first() {
    begin(new Dice(random));
    GatheredStatements.Gathered read = new FirstStatements(dice, bugs, this::table).next();
    return generated("run first, " + read.shape(), Support.SUPPORTED, read.sql(), read.expected());
  }

  /** A read of any tables, whatever their columns are. */
  Generated random() {
    begin(new Dice(random));
    return switch (dice.below(10)) {
      case 0, 1 -> overTable();
      case 2 -> derived();
      case 3 -> union();
      case 4, 5, 6 -> joinedAnyhow();
      case 7, 8 -> subqueryOfAny();
      default -> windowOfAny();
    };
  }

  private Generated overTable() {
    Table table = dice.pick(List.copyOf(tables.values()));
    From from = alone(table);
    Reach reach = table.sharded() ? keys.reach(from.sources().get(0)) : KeyConditions.ALL;
    Body body = bodies.body(from, where(from, reach));
    return generated("random, " + body.shape(), body);
  }

  /** A column of another table with which a table's column may be compared. */
  private record Pair(Column one, Column other) {}

  private List<Pair> pairs(Table one, Table other) {
    return one.columns().stream()
        .flatMap(
            column ->
                other.columns().stream()
                    .filter(each -> each.kind() == column.kind() && each.kind() != Kind.BITS)
                    .map(each -> new Pair(column, each)))
        .toList();
  }

  private Generated joinedAnyhow() {
    Source one = new Source(dice.pick(List.copyOf(tables.values())), "a");
    Source other = new Source(dice.pick(List.copyOf(tables.values())), "b");
    List<Pair> pairs = pairs(one.table(), other.table());
    if (pairs.isEmpty()) {
      return overTable();
    }
    Pair pair = dice.pick(pairs);
    String on = one.name(pair.one()) + " = " + other.name(pair.other());
    if (dice.percent(30)) {
      on += " AND " + terms.predicate(dice.pick(one, other), 0);
    }
    String kind = dice.pick("JOIN", "JOIN", "LEFT JOIN", "RIGHT JOIN");
    From from =
        new From(
            one.table() + " a " + kind + " " + other.table() + " b ON " + on,
            List.of(one, other),
            ", " + kind.toLowerCase(Locale.ROOT));
    Body body =
        dice.percent(60)
            ? bodies.plain(from, where(from, KeyConditions.ALL))
            : bodies.body(from, where(from, KeyConditions.ALL));
    return generated("random, " + body.shape() + from.shape(), body);
  }

  private Generated subqueryOfAny() {
    Source outer = new Source(dice.pick(List.copyOf(tables.values())), "a");
    Source inner = new Source(dice.pick(List.copyOf(tables.values())), "b");
    List<Pair> pairs = pairs(outer.table(), inner.table());
    if (pairs.isEmpty()) {
      return overTable();
    }
    Pair pair = dice.pick(pairs);
    String own = outer.name(pair.one());
    String its = inner.name(pair.other());
    String rows = " FROM " + inner.table() + " b WHERE " + terms.predicate(inner, 1);
    String same = rows + " AND " + its + " = " + own;
    boolean odd =
        (bugs.contains(ServerBug.NOT_IN_BEYOND_TYPE) || pair.one().kind() == Kind.YEAR)
            && !pair.one().type().equals(pair.other().type());
    String condition =
        switch (dice.below(odd ? 3 : 5)) {
          case 0 -> dice.pick("", "NOT ") + "EXISTS (SELECT 1" + same + ")";
          case 1 -> "(SELECT COUNT(*)" + same + ")" + dice.pick(" > ", " = ") + dice.below(3);
          case 2 -> dice.pick("", "NOT ") + "EXISTS (SELECT *" + rows + ")";
          case 3 -> own + " IN (SELECT " + its + rows + ")";
          default -> own + " NOT IN (SELECT " + its + rows + ")";
        };
    From from = new From(outer.table() + " a", List.of(outer), "");
    Body body = bodies.plain(from, " WHERE " + condition);
    return generated("random, subquery", body);
  }

  private Generated windowOfAny() {
    From from = alone(dice.pick(sharded));
    Source source = from.sources().get(0);
    String order =
        source.table().primaryKey().stream().map(source::name).collect(Collectors.joining(", "));
    Column by = dice.pick(source.table().columns());
    String over = " OVER (PARTITION BY " + source.name(by) + " ORDER BY " + order + ")";
    return generated(
        "random, window",
        Support.SUPPORTED,
        "SELECT "
            + order
            + ", "
            + dice.pick("ROW_NUMBER()" + over, "COUNT(*)" + over, "COUNT(*) OVER ()")
            + " FROM "
            + from.sql()
            + where(from, KeyConditions.ALL),
        Expected.bag(Map.of()));
  }

  private Generated fixed(FixedStatements.Fixed fixed) {
    return generated("fixed", fixed.support(), fixed.sql(), Expected.bag(Map.of()));
  }

  private Generated numbers() {
    NumberStatements.Numbers numbers = new NumberStatements(dice, bugs).next();
    return generated(numbers.shape(), NumberStatements.SUPPORT, numbers.sql(), numbers.expected());
  }

  private Generated overTables() {
    From from = from();
    Reach reach = keys.reach(from.sources().get(0));
    Body body = bodies.body(from, where(from, reach));
    String hint = dice.percent(5) ? dice.pick("scatter=true", "timeout=30s") : "";
    return generated(
            reach.name() + ", " + body.shape() + from.shape() + (hint.isEmpty() ? "" : ", hint"),
            body)
        .hinted(hint);
  }

  private Generated generated(String shape, Body body) {
    return generated(shape, support(body), body.sql(), body.expected());
  }

  private Support support(Body body) {
    Set<RefusalCode> codes = EnumSet.noneOf(RefusalCode.class);
    if (bugs.contains(ServerBug.HIDDEN_DIGITS)) {
      if (QUOTIENT_COMPARED.matcher(body.sql()).find()) {
        codes.add(RefusalCode.HAVING);
      }
      if (QUOTIENT_ADDED_UP.matcher(body.sql()).find()) {
        codes.add(RefusalCode.AGGREGATE_EXPRESSION);
      }
    }
    if (QUOTIENT_AVERAGED.matcher(body.sql()).find()) {
      codes.add(RefusalCode.AGGREGATE_EXPRESSION);
    }
    return new Support(codes, true);
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
    if (dice.percent(10)) {
      String where = dice.percent(50) ? " WHERE " + terms.predicate(whole(many.table()), 1) : "";
      return new From(
          one.table() + " a JOIN (SELECT * FROM " + many.table() + where + ") b ON " + on,
          both,
          ", join of a derived table");
    }
    return switch (dice.below(9)) {
      case 0, 1 ->
          new From(
              one.table() + " a LEFT JOIN " + many.table() + " b ON " + on, both, ", left join");
      case 2 -> new From(many.table() + " b JOIN " + one.table() + " a ON " + on, both, ", join");
      case 3 ->
          new From(
              one.table() + " a INNER JOIN " + many.table() + " AS b ON (" + on + ")",
              both,
              ", join");
      case 4 -> new From(one.table() + " a, " + many.table() + " b", both, on, ", join by a comma");
      case 5 ->
          new From(
              one.table() + " a RIGHT JOIN " + many.table() + " b ON " + on, both, ", right join");
      case 6 ->
          new From(
              "accounts a JOIN entries b USING (tenant, code)",
              List.of(new Source(table("accounts"), "a"), new Source(table("entries"), "b")),
              ", join by using");
      default -> new From(one.table() + " a JOIN " + many.table() + " b ON " + on, both, ", join");
    };
  }

  private static Source whole(Table table) {
    return new Source(table, table.name());
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
    Reach reach = dice.percent(40) ? keys.one(source) : keys.reach(source);
    boolean grouped = dice.percent(25);
    List<Column> columns = new ArrayList<>(grouped ? source.table().key() : List.of());
    String rest = " FROM " + inner.sql() + where(inner, reach);
    String select = grouped ? grouped(source, columns, rest) : rows(source, columns, rest);
    int primary = grouped ? columns.size() - 1 : source.table().primary();
    Table shown = new Table(source.table().rule(), primary, columns, List.of());
    boolean with = dice.percent(50);
    From outer =
        new From(
            with ? "d" : "(" + select + ") " + dice.pick("", "AS ") + "d",
            List.of(new Source(shown, "d")),
            with ? ", common table" : ", derived table");
    Body body =
        switch (dice.below(4)) {
          case 0 -> bodies.plain(outer, "");
          case 1 -> bodies.aggregate(outer, "");
          default -> bodies.body(outer, where(outer, KeyConditions.ALL));
        };
    String prefix = with ? "WITH d AS (" + select + ") " : "";
    return generated(
        reach.name() + ", " + body.shape() + outer.shape() + (grouped ? ", of groups" : ""),
        support(body),
        prefix + body.sql(),
        body.expected().after(prefix));
  }

  /** Groups that hold the key, with a number of each. */
  private static String grouped(Source source, List<Column> columns, String rest) {
    String by = columns.stream().map(source::name).collect(Collectors.joining(", "));
    columns.add(NUMBER);
    return "SELECT " + by + ", COUNT(*) AS n" + rest + " GROUP BY " + by;
  }

  private String rows(Source source, List<Column> columns, String rest) {
    columns.addAll(source.table().primaryKey());
    columns.addAll(dice.some(source.table().others(), 4));
    String names = columns.stream().map(source::name).collect(Collectors.joining(", "));
    return "SELECT " + (dice.percent(15) ? "DISTINCT " : "") + names + rest;
  }

  private Generated union() {
    From from = alone(dice.pick(sharded));
    Source source = from.sources().get(0);
    Reach reach = dice.percent(40) ? keys.one(source) : keys.reach(source);
    List<Term> chosen = new ArrayList<>();
    for (int i = dice.below(3); i >= 0; i--) {
      chosen.add(terms.column(from));
    }
    long names = chosen.stream().map(Term::sql).distinct().count();
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
      order = " ORDER BY " + String.join(", ", sort) + (dice.percent(40) ? bodies.limit() : "");
    }
    String select = "SELECT " + chosen.stream().map(Term::sql).collect(Collectors.joining(", "));
    return generated(
        reach.name() + (all ? ", union all" : ", union") + (order.isEmpty() ? "" : ", ordered"),
        // Around it stands a derived table, whose columns have different names.
        names == chosen.size() ? Support.SUPPORTED : Support.open(RefusalCode.SET_OPERATION),
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

  /** Of two tables with one strategy. */
  private Generated unionOfTwo() {
    boolean all = dice.percent(50);
    Source one = new Source(table("customers"), "a");
    Source many = new Source(table("orders"), "b");
    String sql =
        "SELECT a.id AS k, a.country, a.balance FROM customers a"
            + (dice.percent(60) ? " WHERE " + terms.predicate(one, 1) : "")
            + (all ? " UNION ALL " : " UNION ")
            + "SELECT b.customer_id, b.country, b.amount FROM orders b"
            + (dice.percent(60) ? " WHERE " + terms.predicate(many, 1) : "");
    boolean ordered = dice.percent(50);
    if (ordered) {
      sql +=
          " ORDER BY "
              + String.join(", ", dice.shuffled(List.of("k", terms.sorted("country"), "3 DESC")))
              + (dice.percent(50) ? bodies.limit() : "");
    }
    return generated(
        (all ? "union all" : "union") + (ordered ? ", ordered" : "") + ", of two tables",
        Support.SUPPORTED,
        sql,
        ordered ? Expected.total(Map.of()) : Expected.bag(Map.of()));
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
    String matched =
        switch (dice.below(4)) {
          case 0, 1 -> dice.pick("EXISTS", "NOT EXISTS") + " (SELECT 1 " + rows + ")";
          case 2 ->
              "(SELECT "
                  + dice.pick("COUNT(*) ", shardedInner ? "MAX(b.quantity) " : "MIN(r.eu) ")
                  + rows
                  + ")"
                  + dice.pick(" > ", " <> ", " <= ")
                  + dice.value((Object) dice.below(4));
          default ->
              (shardedInner ? "a.id" : "a.country")
                  + dice.pick(" IN ", " NOT IN ")
                  + (shardedInner
                      ? "(SELECT b.customer_id FROM orders b WHERE "
                      : "(SELECT r.code FROM countries r WHERE ")
                  + condition
                  + ")";
        };
    Reach reach = keys.reach(outer);
    String where =
        " WHERE " + matched + (reach.condition().isEmpty() ? "" : " AND " + reach.condition());
    Body body = bodies.body(from, where);
    return generated(
        reach.name() + ", " + body.shape() + (shardedInner ? ", subquery" : ", reference subquery"),
        body);
  }

  /** A statement that one server can answer goes to it as it is. */
  private Generated oneShard() {
    From from = new From("orders o", List.of(new Source(table("orders"), "o")), "");
    int key = 1 + dice.below(64);
    boolean hinted = dice.percent(30);
    String where =
        hinted
            ? " WHERE o.customer_id = " + (key - 1) + " + 1"
            : where(from, keys.one(from.sources().get(0)));
    String shape = hinted ? "hinted key, " : "key, ";
    Generated generated =
        switch (dice.below(6)) {
          case 0 ->
              ofOneShard(
                  shape + "window",
                  "SELECT o.order_no, ROW_NUMBER() OVER (ORDER BY o.amount, o.order_no) FROM"
                      + " orders o"
                      + where);
          case 1 ->
              ofOneShard(
                  shape + "group_concat",
                  "SELECT GROUP_CONCAT(o.order_no ORDER BY o.order_no) FROM orders o" + where);
          case 2 ->
              ofOneShard(
                  shape + "scalar subquery",
                  "SELECT o.order_no, (SELECT MAX(p.amount) FROM orders p WHERE p.customer_id ="
                      + " o.customer_id) FROM orders o"
                      + where);
          case 3 ->
              ofOneShard(
                  shape + "for update", "SELECT o.order_no FROM orders o" + where + " FOR UPDATE");
          case 4 ->
              ofOneShard(
                  shape + "rollup",
                  "SELECT o.status, COUNT(*) FROM orders o"
                      + where
                      + " GROUP BY o.status WITH ROLLUP");
          default ->
              ofOneShard(
                  shape + "comments",
                  "/* first */ SELECT o.order_no -- second\n FROM `orders` o" + where + " # last");
        };
    return hinted ? generated.hinted("key=" + key) : generated;
  }

  private Generated ofOneShard(String shape, String sql) {
    return generated(shape, Support.SUPPORTED, sql, Expected.bag(Map.of()));
  }

  /** Tables of which one shard has all. */
  private Generated copies() {
    Table table = table(dice.pick("countries", "countries", "settings"));
    From from = alone(table);
    Body body = bodies.body(from, where(from, KeyConditions.ALL));
    return generated((table.reference() ? "reference, " : "pinned, ") + body.shape(), body);
  }

  /** Keys that are not of the column's type, or equal to others in the column's collation. */
  private Generated oddKey() {
    From from =
        alone(table(dice.pick("customers", "readings", "words", "events", "visits", "pings")));
    Source source = from.sources().get(0);
    Column key = source.table().key().get(0);
    boolean bound = dice.percent(30);
    String odd = bound ? dice.value(dice.pick(OddKeys.values(key))) : dice.pick(OddKeys.texts(key));
    String name = source.name(key);
    String condition =
        switch (dice.below(5)) {
          case 0 -> name + " IN (" + odd + ", " + keys.keyValue(key) + ")";
          case 1 -> name + dice.pick(" < ", " >= ") + odd;
          case 2 -> name + " BETWEEN " + odd + " AND " + keys.keyValue(key);
          case 3 -> "NOT " + name + " <> " + odd;
          default -> name + " = " + odd;
        };
    // NOT binds less than comparisons do, so that it can't stand there.
    boolean misplaced = odd.startsWith("NOT") && !condition.contains(" IN ");
    Support support = misplaced ? Support.open(RefusalCode.SYNTAX) : Support.SUPPORTED;
    String where = " WHERE " + condition;
    if (dice.percent(50)) {
      return generated(
          "odd key",
          support,
          "SELECT COUNT(*) FROM " + from.sql() + where,
          Expected.total(Map.of()));
    }
    boolean lost = bugs.contains(ServerBug.ZONE_OF_KEY) && odd.endsWith("+02:00'");
    boolean aggregated = dice.percent(30) && !lost && !bugs.contains(ServerBug.EXTREME_OF_TEXT_KEY);
    Body body = aggregated ? bodies.aggregate(from, where) : bodies.plain(from, where);
    return generated(
        "odd key, " + body.shape(),
        misplaced ? support : support(body),
        body.sql(),
        body.expected());
  }

  private String where(From from, Reach reach) {
    List<String> all = new ArrayList<>();
    if (!from.condition().isEmpty()) {
      all.add(from.condition());
    }
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
