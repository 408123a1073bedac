package io.shardflux.driver.differential;

import io.shardflux.driver.differential.Expected.Slice;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/** Random questions about the sources of a statement. */
final class Bodies {

  private final Dice dice;
  private final Terms terms;
  private final Set<ServerBug> bugs;

  Bodies(Dice dice, Terms terms, Set<ServerBug> bugs) {
    this.dice = dice;
    this.terms = terms;
    this.bugs = bugs;
  }

  /** A {@code SELECT} that must be answered, and how its answer must be compared. */
  record Body(String shape, String sql, Expected expected) {}

  Body body(From from, String where) {
    return switch (dice.below(12)) {
      case 0, 1 -> plain(from, where);
      case 2 -> star(from, where);
      case 3, 4 -> ordered(from, where);
      case 5 -> tied(from, where);
      case 6 -> any(from, where);
      case 7 -> distinct(from, where);
      case 8, 9 -> aggregate(from, where);
      default -> dice.percent(20) ? groupedByAlias(from, where) : grouped(from, where);
    };
  }

  Body plain(From from, String where) {
    List<Term> chosen = terms.terms(from, 4);
    return new Body(
        "select",
        "SELECT " + terms.selected(chosen) + " FROM " + from.sql() + where,
        Expected.bag(Terms.folded(chosen)));
  }

  private Body star(From from, String where) {
    Source first = from.sources().get(0);
    boolean whole = dice.percent(50);
    String order = dice.percent(50) ? " ORDER BY " + terms.unique(from) : "";
    return new Body(
        order.isEmpty() ? "star" : "star ordered",
        "SELECT " + (whole ? "*" : first.alias() + ".*") + " FROM " + from.sql() + where + order,
        order.isEmpty() ? Expected.bag(Map.of()) : Expected.total(Map.of()));
  }

  private Body ordered(From from, String where) {
    List<Term> chosen = terms.terms(from, 4);
    List<String> sort = new ArrayList<>();
    for (int i = dice.below(3); i >= 0; i--) {
      sort.add(terms.sorted(dice.percent(30) ? dice.pick(chosen).sql() : terms.sortTerm(from)));
    }
    if (dice.percent(15)) {
      sort.add(0, terms.sorted(String.valueOf(1 + dice.below(chosen.size()))));
    }
    sort.add(terms.unique(from));
    if (dice.percent(10)) {
      return shadowed(from, where);
    }
    String limit = dice.percent(50) ? limit() : "";
    return new Body(
        limit.isEmpty() ? "ordered" : "ordered, limited",
        "SELECT "
            + terms.selected(chosen)
            + " FROM "
            + from.sql()
            + where
            + " ORDER BY "
            + String.join(", ", sort)
            + limit,
        Expected.total(Terms.folded(chosen)));
  }

  /** An alias that is another column's name comes before that column where rows are sorted. */
  private Body shadowed(From from, String where) {
    Source source = from.sources().get(0);
    Column one = dice.pick(source.table().columns());
    Column other = dice.pick(source.table().columns());
    Term term = new Term(source.alias() + "." + one.name(), one.kind());
    return new Body(
        "ordered by a shadowing alias",
        "SELECT "
            + term.sql()
            + " AS "
            + other.name()
            + " FROM "
            + from.sql()
            + where
            + " ORDER BY "
            + terms.sorted(other.name()),
        Expected.tied(List.of(0), Terms.folded(List.of(term))));
  }

  private Body tied(From from, String where) {
    List<Term> chosen = new ArrayList<>(terms.terms(from, 3));
    List<Integer> keys = new ArrayList<>();
    List<String> sort = new ArrayList<>();
    for (int i = dice.below(2); i >= 0; i--) {
      Term key = terms.column(from);
      keys.add(chosen.size());
      chosen.add(key);
      sort.add(terms.sorted(dice.percent(70) ? key.sql() : String.valueOf(chosen.size())));
    }
    String sql =
        "SELECT "
            + terms.selected(chosen)
            + " FROM "
            + from.sql()
            + where
            + " ORDER BY "
            + String.join(", ", sort);
    return sliced(
        "ordered with ties", sql, Expected.tied(keys, Terms.folded(chosen)), dice.percent(40));
  }

  private Body any(From from, String where) {
    List<Term> chosen = terms.terms(from, 3);
    return sliced(
        "select",
        "SELECT " + terms.selected(chosen) + " FROM " + from.sql() + where,
        Expected.bag(Terms.folded(chosen)),
        true);
  }

  private Body sliced(String shape, String sql, Expected expected, boolean limited) {
    if (!limited) {
      return new Body(shape, sql, expected);
    }
    int limit = dice.pick(0, 1, 2, 5, 20, 1000);
    int offset = dice.pick(0, 0, 1, 3, 30);
    String suffix = " LIMIT " + dice.value((Object) limit);
    if (offset > 0) {
      suffix += " OFFSET " + dice.value((Object) offset);
    }
    return new Body(
        shape + ", any limited", sql + suffix, expected.of(new Slice(sql, offset, limit)));
  }

  private Body distinct(From from, String where) {
    List<Term> chosen = terms.terms(from, 3);
    String order = "";
    if (dice.percent(60)) {
      List<String> all = new ArrayList<>();
      for (int i = 0; i < chosen.size(); i++) {
        boolean named = dice.percent(60) && !isLostBy(chosen.get(i), from);
        all.add(terms.sorted(named ? chosen.get(i).sql() : String.valueOf(i + 1)));
      }
      boolean limited = dice.percent(50) && !isNotSkipped(chosen);
      order = " ORDER BY " + String.join(", ", dice.shuffled(all)) + (limited ? limit() : "");
    }
    return new Body(
        order.isEmpty() ? "distinct" : "distinct ordered",
        "SELECT DISTINCT " + terms.selected(chosen) + " FROM " + from.sql() + where + order,
        order.isEmpty()
            ? Expected.bag(Terms.folded(chosen))
            : Expected.total(Terms.folded(chosen)));
  }

  private boolean isLostBy(Term term, From from) {
    boolean derived = from.sql().startsWith("(") || from.sql().equals("d");
    return bugs.contains(ServerBug.DISTINCT_EXPRESSION)
        && !term.isColumn()
        && (derived || term.sql().startsWith("NULLIF") || term.sql().startsWith("NOT "));
  }

  private boolean isNotSkipped(List<Term> chosen) {
    return bugs.contains(ServerBug.OFFSET_OF_CONSTANTS)
        && chosen.stream().allMatch(term -> term.sql().endsWith(" IS NULL"));
  }

  Body aggregate(From from, String where) {
    List<Term> chosen = new ArrayList<>();
    for (int i = dice.below(4); i >= 0; i--) {
      chosen.add(terms.computed(from, false));
    }
    String having =
        dice.percent(10) ? " HAVING " + terms.compared(terms.computed(from, false)) : "";
    String limit = dice.percent(10) ? limit() : "";
    return new Body(
        having.isEmpty() ? "aggregate" : "aggregate, having",
        "SELECT " + terms.selected(chosen) + " FROM " + from.sql() + where + having + limit,
        Expected.total(Terms.folded(chosen)));
  }

  private Body grouped(From from, String where) {
    List<Term> groups = new ArrayList<>();
    for (int i = dice.below(2); i >= 0; i--) {
      Term group = dice.percent(75) ? terms.column(from) : terms.expression(from);
      if (groups.stream().noneMatch(other -> other.sql().equals(group.sql()))) {
        groups.add(group);
      }
    }
    List<Term> chosen = new ArrayList<>(dice.percent(80) ? groups : groups.subList(0, 1));
    for (int i = dice.below(3); i >= 0; i--) {
      chosen.add(dice.below(chosen.size() + 1), terms.computed(from, true));
    }
    String by = groups.stream().map(Term::sql).collect(Collectors.joining(", "));
    String having = "";
    if (dice.percent(35)) {
      having = " HAVING " + terms.compared(terms.computed(from, true));
      if (dice.percent(30)) {
        having += dice.pick(" AND ", " OR ") + terms.compared(terms.computed(from, true));
      }
    }
    String order = dice.percent(60) ? groupOrder(from, groups) : "";
    return new Body(
        "grouped" + (having.isEmpty() ? "" : ", having") + (order.isEmpty() ? "" : ", ordered"),
        "SELECT "
            + terms.selected(chosen)
            + " FROM "
            + from.sql()
            + where
            + " GROUP BY "
            + by
            + having
            + order,
        order.isEmpty()
            ? Expected.bag(Terms.folded(chosen))
            : Expected.total(Terms.folded(chosen)));
  }

  private Body groupedByAlias(From from, String where) {
    Term group = dice.percent(50) ? terms.column(from) : terms.expression(from);
    Term aggregate = terms.aggregateOf(from);
    boolean counts = aggregate.kind() == Kind.INTEGER;
    String having = "";
    if (dice.percent(40)) {
      having = counts ? " HAVING a1 > " + dice.value((Object) 2) : " HAVING a1 IS NOT NULL";
    }
    String sort = counts && dice.percent(50) ? terms.sorted("a1") + ", " : "";
    return new Body(
        "grouped by alias" + (having.isEmpty() ? "" : ", having"),
        "SELECT "
            + group.sql()
            + " AS g0, "
            + aggregate.sql()
            + " a1 FROM "
            + from.sql()
            + where
            + " GROUP BY "
            + dice.pick("g0", "1")
            + having
            + " ORDER BY "
            + sort
            + sorted(group, dice.pick("g0", "1"))
            + (dice.percent(40) ? limit() : ""),
        Expected.total(Terms.folded(List.of(group, aggregate))));
  }

  private String groupOrder(From from, List<Term> groups) {
    List<String> sort = new ArrayList<>();
    if (dice.percent(60)) {
      Term aggregate = terms.aggregateOf(from);
      // The largest is that by name, and then sorted by name or by number as the server likes.
      sort.add(terms.sorted(aggregate.kind() == Kind.CHOICE ? "COUNT(*)" : aggregate.sql()));
    }
    dice.shuffled(groups).forEach(group -> sort.add(sorted(group, group.sql())));
    return " ORDER BY " + String.join(", ", sort) + (dice.percent(40) ? limit() : "");
  }

  private String sorted(Term group, String name) {
    boolean spoiled =
        bugs.contains(ServerBug.NULL_GROUP_OF_DECIMALS)
            && group.kind() == Kind.DECIMAL
            && !group.isColumn();
    return spoiled ? name : terms.sorted(name);
  }

  String limit() {
    String rows = dice.value((Object) dice.pick(0, 1, 2, 3, 10, 50));
    if (dice.percent(50)) {
      return " LIMIT " + rows;
    }
    String offset = dice.value((Object) dice.pick(0, 1, 2, 7, 40));
    return dice.percent(50)
        ? " LIMIT " + rows + " OFFSET " + offset
        : " LIMIT " + offset + ", " + rows;
  }
}
