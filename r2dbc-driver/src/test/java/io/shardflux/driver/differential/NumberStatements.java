package io.shardflux.driver.differential;

import io.shardflux.sql.statement.RefusalCode;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** Reads of {@code figures} at random: quotients, roundings, and doubles with digits. */
final class NumberStatements {

  /** The table that has a column of each kind of number. */
  static final String TABLE = "figures";

  /** Servers keep digits that they don't show, and use them or not by their way to a group. */
  static final Support SUPPORT =
      Support.open(
          RefusalCode.AGGREGATE_EXPRESSION,
          RefusalCode.HAVING,
          RefusalCode.UNSORTABLE,
          RefusalCode.AMBIGUOUS_NAME);

  private static final List<String> DECIMALS = List.of("a", "n", "m", "z", "u", "q");

  /** Of others, a shard's part alone may be out of the type's range. */
  private static final List<String> SIGNED = List.of("a", "n", "m");

  /** Doubles of which so many digits are shown, so that nobody sees the order they are added in. */
  private static final List<String> CUTS = List.of("d", "e", "h");

  private static final Pattern CHOICE =
      Pattern.compile("COALESCE|IFNULL|IF|CASE|GREATEST|LEAST|NULLIF");

  private final Dice dice;
  private final String prefix;
  private final boolean cutsAverages;
  private final boolean cutsChoices;
  private final boolean widensChoices;

  /**
   * @param bugs what the servers answer wrong, which is not asked
   */
  NumberStatements(Dice dice, Set<ServerBug> bugs) {
    this.dice = dice;
    this.cutsAverages = bugs.contains(ServerBug.AVERAGE_OF_CHOICE);
    this.cutsChoices = bugs.contains(ServerBug.DIGITS_OF_CHOICE);
    this.widensChoices = bugs.contains(ServerBug.WIDENED_CHOICE);
    this.prefix = dice.percent(50) ? "" : "f.";
  }

  /** A statement, without what is bound. */
  record Numbers(String shape, String sql, Expected expected) {}

  Numbers next() {
    return switch (dice.below(10)) {
      case 0 -> rows();
      case 1 -> distinct();
      case 2 -> groupedByNumber();
      case 3, 4 -> aggregates();
      case 5 -> derived();
      default -> groups();
    };
  }

  private String from() {
    String condition =
        switch (dice.below(8)) {
          case 0 -> " WHERE " + name("id") + " < " + dice.value((Object) 30);
          case 1 -> " WHERE " + name("a") + " > " + dice.value((Object) 1);
          case 2 -> " WHERE " + number(1) + dice.pick(" > ", " <= ") + constant();
          default -> "";
        };
    return " FROM " + TABLE + (prefix.isEmpty() ? "" : " f") + condition;
  }

  private Numbers rows() {
    String number = any(2);
    String alias = dice.percent(50) ? " AS r" : "";
    String by = alias.isEmpty() ? dice.pick(number, "2") : dice.pick(number, "2", "r");
    return new Numbers(
        "numbers ordered",
        "SELECT "
            + name("id")
            + ", "
            + number
            + alias
            + from()
            + " ORDER BY "
            + by
            + dice.pick("", " DESC")
            + ", "
            + name("id")
            + limit(),
        Expected.total(Map.of()));
  }

  private Numbers distinct() {
    String number = any(1);
    String also = dice.pick("", ", " + name("g"));
    return new Numbers(
        "numbers distinct", "SELECT DISTINCT " + number + also + from(), Expected.bag(Map.of()));
  }

  private Numbers groupedByNumber() {
    String number = any(1);
    boolean named = dice.percent(50);
    boolean cut = cutsChoices && CHOICE.matcher(number).find();
    return new Numbers(
        "numbers grouped by",
        "SELECT "
            + number
            + (named ? " AS r" : "")
            + ", COUNT(*)"
            + (dice.percent(50) ? ", " + (cut ? computed(0) : aggregate()) : "")
            + from()
            + " GROUP BY "
            + (named ? dice.pick("r", "1") : "1"),
        Expected.bag(Map.of()));
  }

  private Numbers aggregates() {
    List<String> chosen = new ArrayList<>();
    for (int i = dice.below(3); i >= 0; i--) {
      chosen.add(selected(dice.percent(55) ? aggregate() : computed(2), chosen.size()));
    }
    String having = dice.percent(25) ? " HAVING " + condition(chosen) : "";
    return new Numbers(
        "numbers aggregated" + (having.isEmpty() ? "" : ", having"),
        "SELECT " + String.join(", ", chosen) + from() + having,
        Expected.total(Map.of()));
  }

  private Numbers groups() {
    List<String> chosen = new ArrayList<>();
    for (int i = dice.below(3); i >= 0; i--) {
      chosen.add(selected(dice.percent(55) ? aggregate() : computed(2), chosen.size()));
    }
    String having = dice.percent(40) ? " HAVING " + condition(chosen) : "";
    String order =
        switch (dice.below(4)) {
          case 0 -> "";
          case 1 -> " ORDER BY " + aggregate() + ", " + name("g");
          case 2 ->
              " ORDER BY " + dice.pick(ordered(chosen)) + dice.pick("", " DESC") + ", " + name("g");
          default -> " ORDER BY " + name("g");
        };
    return new Numbers(
        "numbers grouped" + (having.isEmpty() ? "" : ", having"),
        "SELECT "
            + name("g")
            + ", "
            + String.join(", ", chosen)
            + from()
            + " GROUP BY "
            + name("g")
            + having
            + order
            + (order.isEmpty() ? "" : limit()),
        order.isEmpty() ? Expected.bag(Map.of()) : Expected.total(Map.of()));
  }

  private Numbers derived() {
    String inner =
        "SELECT "
            + name("id")
            + ", "
            + name("g")
            + ", "
            + any(2)
            + " AS v FROM "
            + TABLE
            + (prefix.isEmpty() ? "" : " f");
    String call =
        dice.pick("SUM(v)", "AVG(v)", "MAX(v)", "SUM(v * 2)", "SUM(DISTINCT v)", "COUNT(v)");
    boolean grouped = dice.percent(50);
    return new Numbers(
        "numbers of a derived table",
        "SELECT "
            + (grouped ? "g, " : "")
            + call
            + " FROM ("
            + inner
            + ") t"
            + (grouped ? " GROUP BY g" : ""),
        Expected.bag(Map.of()));
  }

  private static List<String> ordered(List<String> chosen) {
    List<String> all = new ArrayList<>();
    for (int i = 0; i < chosen.size(); i++) {
      all.add(String.valueOf(i + 2));
      if (chosen.get(i).endsWith(" r" + i)) {
        all.add("r" + i);
      }
    }
    return all;
  }

  private String selected(String number, int index) {
    return number + (dice.percent(35) ? dice.pick(" AS r", " r") + index : "");
  }

  private String condition(List<String> chosen) {
    List<String> aliases =
        ordered(chosen).stream().filter(each -> each.startsWith("r")).collect(Collectors.toList());
    String number =
        !aliases.isEmpty() && dice.percent(50)
            ? dice.pick(aliases) + dice.pick("", "", " * 100", " + 0.5")
            : dice.percent(60) ? aggregate() : computed(2);
    return switch (dice.below(4)) {
      case 0 -> number + " BETWEEN " + constant() + " AND " + dice.value((Object) 1_000);
      case 1 -> number + " IN (" + constant() + ", " + constant() + ")";
      default -> number + dice.pick(" > ", " <= ", " = ", " <> ") + constant();
    };
  }

  private String aggregate() {
    String call =
        dice.pick(
            "SUM(", "SUM(", "SUM(", "AVG(", "AVG(", "MIN(", "MAX(", "COUNT(", "COUNT(DISTINCT ");
    boolean distinct = dice.percent(8) && (call.equals("SUM(") || call.equals("AVG("));
    String of = any(2);
    boolean cut = cutsAverages && call.equals("AVG(") && CHOICE.matcher(of).find();
    return (cut ? "SUM(" : call) + (distinct ? "DISTINCT " : "") + of + ")";
  }

  /** Expressions over aggregates. */
  private String computed(int depth) {
    if (depth == 0 || dice.percent(20)) {
      return dice.pick("SUM(", "SUM(", "COUNT(", "MAX(", "MIN(")
          + (dice.percent(85) ? name(dice.pick(SIGNED)) : name("n") + " / " + name("m"))
          + ")";
    }
    return switch (dice.below(9)) {
      case 0, 1 -> computed(depth - 1) + " / " + computed(depth - 1);
      case 2, 3 -> computed(depth - 1) + " / " + computed(depth - 1) + " * " + constant();
      case 4 -> constant() + " / " + computed(depth - 1) + dice.pick("", " * 1000000");
      case 5 -> "(" + computed(depth - 1) + dice.pick(" + ", " - ") + computed(depth - 1) + ")";
      case 6 ->
          dice.pick("COALESCE(", "IFNULL(")
              + computed(depth - 1)
              + ", 0)"
              + dice.pick("", " * 100");
      case 7 ->
          "AVG(" + name(dice.pick(SIGNED)) + ")" + dice.pick("", " * 100", " / 3", " + 0.0000001");
      default -> computed(depth - 1) + " * " + constant();
    };
  }

  private String any(int depth) {
    return dice.percent(75) ? number(depth) : dice.percent(80) ? cut(depth) : real();
  }

  /** A decimal or an integer. */
  private String number(int depth) {
    if (depth == 0 || dice.percent(15)) {
      return name(dice.pick(DECIMALS));
    }
    String one = number(depth - 1);
    return switch (dice.below(16)) {
      case 0, 1, 2 -> one + " / " + (dice.percent(70) ? constant() : number(depth - 1));
      case 3 -> one + " * " + constant();
      case 4 -> "(" + one + dice.pick(" + ", " - ") + number(depth - 1) + ")";
      case 5 -> "-(" + one + ")";
      case 6 -> dice.pick("ROUND(", "TRUNCATE(") + one + ", " + dice.pick("0", "1", "2", "5") + ")";
      case 7 -> dice.pick("ABS(", "FLOOR(", "CEIL(", "SIGN(", "ROUND(") + one + ")";
      case 8 ->
          dice.pick("COALESCE(", "IFNULL(") + one + ", " + dice.pick("0", "1.5", name("n")) + ")";
      case 9 -> "IF(" + name("a") + " > 1, " + one + ", " + dice.pick("0", "NULL", number(0)) + ")";
      case 10 -> "CASE WHEN " + name("a") + " < 3 THEN " + one + " ELSE " + number(0) + " END";
      case 11 -> dice.pick("GREATEST(", "LEAST(") + one + ", " + dice.pick("1", "2.25") + ")";
      case 12 -> "NULLIF(" + one + ", 0)";
      case 13 ->
          "CAST(" + one + " AS " + dice.pick("DECIMAL(30,4)", "DECIMAL(30,10)", "SIGNED") + ")";
      case 14 -> one + dice.pick(" % ", " DIV ") + dice.pick("7", "3");
      default -> "MOD(" + one + ", " + dice.pick("0.7", "3") + ")";
    };
  }

  /** A double of which so many digits are shown. */
  private String cut(int depth) {
    String name = name(dice.pick(CUTS));
    return depth == 0
        ? name
        : dice.pick(
            name,
            name,
            name + " * 2",
            name + " / 4",
            name + " + 1.5",
            "-" + name,
            "ABS(" + name + ")",
            widensChoices && name.endsWith("h") ? name : "COALESCE(" + name + ", 0)",
            name + " * " + name("n"));
  }

  /** A double whose sums are exact. */
  private String real() {
    String name = name(dice.pick("x", "f"));
    return dice.pick(
        name, name + " * 2", "ROUND(" + name("x") + ", 2)", "TRUNCATE(" + name("x") + ", 2)");
  }

  private String constant() {
    Object value =
        dice.pick(
            3,
            7,
            100,
            100_000,
            new BigDecimal("1.19"),
            new BigDecimal("0.07"),
            new BigDecimal("2.50"),
            new BigDecimal("0.3333"));
    return dice.value(value);
  }

  private String limit() {
    return dice.percent(30) ? " LIMIT " + dice.value((Object) 7) : "";
  }

  private String name(String column) {
    return prefix + column;
  }
}
