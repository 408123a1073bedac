package io.shardflux.driver.differential;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/** Expressions, aggregates and conditions at random, over what a statement reads from. */
final class Terms {

  private final Dice dice;
  private final Set<ServerBug> bugs;

  Terms(Dice dice, Set<ServerBug> bugs) {
    this.dice = dice;
    this.bugs = bugs;
  }

  String predicate(Source source, int depth) {
    if (depth > 0 && dice.percent(35)) {
      return "("
          + predicate(source, depth - 1)
          + dice.pick(" AND ", " OR ")
          + predicate(source, depth - 1)
          + ")";
    }
    if (depth > 0 && dice.percent(8)) {
      return "NOT (" + predicate(source, depth - 1) + ")";
    }
    Column column = dice.pick(source.table().columns());
    String name = source.name(column);
    if (column.nullable() && dice.percent(15)) {
      return name + dice.pick(" IS NULL", " IS NOT NULL");
    }
    if (column.kind().text() && dice.percent(15)) {
      return name
          + dice.pick(" LIKE ", " NOT LIKE ")
          + dice.value(dice.pick("a%", "%o%", "_", "%'%", "%"));
    }
    if (column.kind() == Kind.INTEGER && dice.percent(10)) {
      return name + " % 3 = " + dice.value((Object) dice.below(3));
    }
    if (column.kind() == Kind.FLAG && dice.percent(50)) {
      return dice.pick("", "NOT ") + name;
    }
    if (dice.percent(8)) {
      return name + dice.pick(" = ", " < ", " >= ") + source.name(alike(source, column));
    }
    return switch (dice.below(6)) {
      case 0 -> name + " BETWEEN " + dice.value(column) + " AND " + dice.value(column);
      case 1 ->
          name
              + dice.pick(" IN (", " NOT IN (")
              + repeat(1 + dice.below(3), () -> dice.value(column))
              + ")";
      case 2 -> name + " <=> " + dice.value(column);
      case 3 -> dice.value(column) + dice.pick(" = ", " <= ") + name;
      default ->
          name
              + dice.pick(" = ", " <> ", " != ", " < ", " > ", " <= ", " >= ")
              + dice.value(column);
    };
  }

  /** Another column of the same kind, or the same. */
  private Column alike(Source source, Column column) {
    return dice.pick(
        source.table().columns().stream().filter(other -> other.kind() == column.kind()).toList());
  }

  List<Term> terms(From from, int most) {
    List<Term> terms = new ArrayList<>();
    for (int i = dice.below(most); i >= 0; i--) {
      terms.add(dice.percent(75) ? column(from) : expression(from));
    }
    return terms;
  }

  Term column(From from) {
    Source source = dice.pick(from.sources());
    Column column = dice.pick(source.table().columns());
    return new Term(source.name(column), column.kind());
  }

  Term expression(From from) {
    Source source = dice.pick(from.sources());
    return expression(source, dice.pick(source.table().columns()));
  }

  Term expression(Source source, Column column) {
    String name = source.name(column);
    Kind kind = column.kind();
    return switch (kind) {
      case INTEGER ->
          new Term(
              dice.pick(
                  name + " + 1",
                  name + "*2",
                  name + " % 3",
                  "ABS(" + name + ")",
                  "COALESCE(" + name + ", 0)",
                  "CASE WHEN " + name + " > 2 THEN " + name + " ELSE 0 END",
                  "NULLIF(" + name + ", 3)",
                  "IF(" + name + " = 3, NULL, " + name + ")",
                  name + " DIV 2",
                  "IF(" + name + " > 2, " + name + ", 2)"),
              Kind.INTEGER);
      case DECIMAL ->
          new Term(
              dice.pick(
                  name + " * 2",
                  name + " / 4",
                  name + " + 1.50",
                  "ROUND(" + name + ", 1)",
                  "GREATEST(" + name + ", 1.00)",
                  name + " * 1.125",
                  "CAST(" + name + " AS SIGNED)",
                  "-" + name),
              Kind.DECIMAL);
      case DOUBLE, FLOAT -> new Term(dice.pick(name + " * 2", name + " + 0.5"), Kind.DOUBLE);
      case UNSIGNED -> new Term(name + " DIV 7", Kind.UNSIGNED);
      case FLAG -> new Term(dice.pick("NOT " + name, name + " IS NULL"), Kind.INTEGER);
      case TIME -> new Term("HOUR(" + name + ")", Kind.INTEGER);
      case DATE, DATE_TIME ->
          dice.percent(50)
              ? new Term(dice.pick("YEAR(" + name + ")", "MONTH(" + name + ")"), Kind.INTEGER)
              : new Term(
                  dice.pick(
                      "DATE(" + name + ")",
                      name + " + INTERVAL 1 DAY",
                      "LAST_DAY(" + name + ")",
                      "DATE_FORMAT(" + name + ", '%Y-%m')"),
                  Kind.DATE);
      case GENERAL, UNICODE, BINARY ->
          dice.percent(40)
              ? new Term("CHAR_LENGTH(" + name + ")", Kind.INTEGER)
              : new Term(
                  dice.pick(
                      "COALESCE(" + name + ", 'none')",
                      "CONCAT(" + name + ", '!')",
                      "TRIM(" + name + ")",
                      "LEFT(" + name + ", 2)",
                      "LOWER(" + name + ")",
                      "UPPER(" + name + ")"),
                  kind);
      default -> new Term(name + " IS NULL", Kind.INTEGER);
    };
  }

  String sortTerm(From from) {
    if (dice.percent(70)) {
      Term column = column(from);
      boolean collated = column.kind().text() && dice.percent(15);
      Kind by = dice.pick(Kind.GENERAL, Kind.UNICODE, Kind.BINARY);
      return column.sql() + (collated ? " COLLATE " + by.collation() : "");
    }
    return dice.percent(50) ? expression(from).sql() : column(from).sql() + " IS NULL";
  }

  /** An aggregate, or what is computed of some. */
  Term computed(From from, boolean grouped) {
    if (dice.percent(90)) {
      return aggregateOf(from);
    }
    String one = number(from, dice.pick("SUM(", "MIN(", "MAX(", "COUNT("));
    String other = number(from, dice.pick("SUM(", "MIN(", "MAX(", "COUNT("));
    // The servers round an average before they compute with it, or not, by their way to groups.
    String average = grouped ? one : number(from, "AVG(");
    return new Term(
        dice.pick(
            one + " + " + other,
            one + " - " + other,
            average + " + " + other,
            one + " / COUNT(*)",
            average + " / COUNT(*)",
            one + " * 2",
            "COALESCE(" + one + ", 0)",
            "COALESCE(" + average + ", 0)",
            "IFNULL(" + one + ", " + other + ")"),
        Kind.DECIMAL);
  }

  /** An aggregate of signed numbers: of others, a shard's part may be out of the type's range. */
  private String number(From from, String aggregate) {
    Source source = dice.pick(from.sources());
    List<Column> numbers =
        source.table().columns().stream()
            .filter(column -> column.kind().number() && !column.type().endsWith("UNSIGNED"))
            .filter(column -> column.kind() != Kind.BITS)
            .toList();
    return aggregate.equals("COUNT(") || numbers.isEmpty()
        ? "COUNT(*)"
        : aggregate + source.name(dice.pick(numbers)) + ")";
  }

  Term aggregateOf(From from) {
    if (dice.percent(20)) {
      return new Term("COUNT(*)", Kind.INTEGER);
    }
    Source source = dice.pick(from.sources());
    Column column = dice.pick(source.table().columns());
    String name = source.name(column);
    if (dice.percent(12)) {
      return aggregateOf(expression(source, column));
    }
    boolean number = column.kind().number() || column.kind() == Kind.FLAG;
    if (dice.percent(6)) {
      String distinct = "DISTINCT " + name + ")";
      return number
          ? new Term(dice.pick("SUM(", "AVG(") + distinct, Kind.DECIMAL)
          : new Term(dice.pick("MIN(", "MAX(") + distinct, column.kind());
    }
    if (dice.percent(4)) {
      Column other = dice.pick(source.table().columns());
      return new Term("COUNT(DISTINCT " + name + ", " + source.name(other) + ")", Kind.INTEGER);
    }
    if (column.kind() == Kind.BITS && bugs.contains(ServerBug.EXTREME_OF_BITS)) {
      return new Term("SUM(" + name + ")", Kind.DECIMAL);
    }
    return switch (dice.below(number ? 7 : 4)) {
      case 0 -> new Term("COUNT(" + name + ")", Kind.INTEGER);
      case 1 -> new Term("COUNT(DISTINCT " + name + ")", Kind.INTEGER);
      case 2 -> new Term("MIN(" + name + ")", column.kind());
      case 3 -> new Term("MAX(" + name + ")", column.kind());
      case 4, 5 -> new Term("SUM(" + name + ")", Kind.DECIMAL);
      default -> new Term("AVG(" + name + ")", Kind.DECIMAL);
    };
  }

  Term aggregateOf(Term inner) {
    boolean chosen = inner.sql().matches("(COALESCE|CASE|IF|GREATEST)\\b.*");
    boolean cut = chosen && bugs.contains(ServerBug.AVERAGE_OF_CHOICE);
    return switch (dice.below(!inner.kind().number() ? 3 : cut ? 4 : 5)) {
      case 0 -> new Term("COUNT(DISTINCT " + inner.sql() + ")", Kind.INTEGER);
      case 1 -> new Term("MIN(" + inner.sql() + ")", inner.kind());
      case 2 -> new Term("MAX(" + inner.sql() + ")", inner.kind());
      case 3 -> new Term("SUM(" + inner.sql() + ")", Kind.DECIMAL);
      default -> new Term("AVG(" + inner.sql() + ")", Kind.DECIMAL);
    };
  }

  String compared(Term aggregate) {
    if (aggregate.kind() == Kind.INTEGER || aggregate.kind() == Kind.DECIMAL) {
      Part number = () -> dice.value((Object) dice.below(10));
      return switch (dice.below(8)) {
        case 0 -> aggregate.sql() + " BETWEEN " + number.next() + " AND " + number.next();
        case 1 -> aggregate.sql() + dice.pick(" IN (", " NOT IN (") + repeat(2, number) + ")";
        case 2 -> "NOT (" + aggregate.sql() + " > " + number.next() + ")";
        default -> aggregate.sql() + dice.pick(" > ", " <= ", " <> ") + number.next();
      };
    }
    return aggregate.sql() + dice.pick(" IS NULL", " IS NOT NULL");
  }

  String sorted(String term) {
    return term + dice.pick("", "", " ASC", " DESC", " DESC");
  }

  String unique(From from) {
    return from.sources().stream()
        .flatMap(
            source ->
                source.table().primaryKey().stream().map(column -> sorted(source.name(column))))
        .collect(Collectors.joining(", "));
  }

  String selected(List<Term> terms) {
    List<String> all = new ArrayList<>();
    for (Term term : terms) {
      all.add(term.sql() + (dice.percent(35) ? dice.pick(" AS r", " r") + all.size() : ""));
    }
    return String.join(", ", all);
  }

  static Map<Integer, Kind> folded(List<Term> terms) {
    Map<Integer, Kind> folded = new HashMap<>();
    for (int i = 0; i < terms.size(); i++) {
      if (terms.get(i).kind().folded()) {
        folded.put(i, terms.get(i).kind());
      }
    }
    return folded;
  }

  static String repeat(int times, Part part) {
    List<String> all = new ArrayList<>();
    for (int i = 0; i < times; i++) {
      all.add(part.next());
    }
    return String.join(", ", all);
  }

  /** Gives another part each time. */
  interface Part {
    String next();
  }
}
