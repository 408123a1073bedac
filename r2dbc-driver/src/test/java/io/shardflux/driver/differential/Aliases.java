package io.shardflux.driver.differential;

import io.shardflux.driver.differential.Bodies.Body;
import io.shardflux.sql.statement.RefusalCode;
import java.util.ArrayList;
import java.util.List;

/** Groups, also told apart, whose aliases may be columns' names and stand wherever names may. */
final class Aliases {

  /** Statements that may be refused: servers refuse or settle them in ways of their own. */
  static final Support SUPPORT =
      Support.open(
          RefusalCode.AGGREGATE,
          RefusalCode.AGGREGATE_EXPRESSION,
          RefusalCode.AMBIGUOUS_NAME,
          RefusalCode.HAVING,
          RefusalCode.NOT_GROUPED,
          RefusalCode.UNKNOWN_COLUMN,
          RefusalCode.UNSORTABLE);

  private final Dice dice;
  private final Terms terms;

  Aliases(Dice dice, Terms terms) {
    this.dice = dice;
    this.terms = terms;
  }

  /** Groups of one table by one or two columns, with a number or two of each. */
  Body grouped(From from) {
    Source source = from.sources().get(0);
    List<Term> groups = new ArrayList<>(List.of(terms.column(from)));
    Term other = terms.column(from);
    if (!other.sql().equals(groups.get(0).sql()) && dice.percent(60)) {
      groups.add(other);
    }
    List<Term> chosen = new ArrayList<>(groups.subList(0, dice.percent(70) ? groups.size() : 1));
    chosen.add(new Term(dice.pick("COUNT(*)", "SUM(1)", "COUNT(DISTINCT 1)"), Kind.INTEGER));
    List<String> aliases = new ArrayList<>();
    List<String> items = new ArrayList<>();
    for (Term term : chosen) {
      String alias = dice.percent(40) ? dice.pick(source.table().columns()).name() : null;
      aliases.add(alias == null ? dice.pick("x", "s", "n") + aliases.size() : alias);
      items.add(term.sql() + dice.pick(" AS ", " ") + aliases.get(aliases.size() - 1));
    }
    boolean distinct = dice.percent(40);
    List<String> by = new ArrayList<>();
    for (int i = 0; i < groups.size(); i++) {
      // A column of that name would be meant, and then the item is of any row of the group.
      boolean named = i < chosen.size() - 1 && !isColumn(source, aliases.get(i));
      by.add(named ? dice.pick(aliases.get(i), groups.get(i).sql()) : groups.get(i).sql());
    }
    String sql =
        (distinct ? "SELECT DISTINCT " : "SELECT ")
            + String.join(", ", items)
            + " FROM "
            + from.sql()
            + " GROUP BY "
            + String.join(", ", by)
            + (dice.percent(50) ? " HAVING " + condition(groups, aliases) : "")
            + order(groups, aliases, distinct);
    return new Body(
        distinct ? "aliases of distinct groups" : "aliases of groups",
        sql,
        Expected.total(Terms.folded(chosen)));
  }

  private static boolean isColumn(Source source, String name) {
    return source.table().columns().stream().anyMatch(column -> column.name().equals(name));
  }

  private String condition(List<Term> groups, List<String> aliases) {
    String last = aliases.get(aliases.size() - 1);
    return dice.pick(
        last + " > 1",
        last + " + 1 > 2 AND " + aliases.get(0) + " IS NOT NULL",
        "MAX(" + last + ") >= " + last,
        "COUNT(" + aliases.get(0) + ") > 1",
        "COUNT(" + groups.get(0).sql() + ") >= " + last,
        "NOT (" + last + " BETWEEN 2 AND 3)",
        groups.get(groups.size() - 1).sql() + " IS NOT NULL",
        "COALESCE(" + last + ", AVG(" + last + ")) > 1");
  }

  /** By something odd, and then by all that is selected. */
  private String order(List<Term> groups, List<String> aliases, boolean distinct) {
    String last = aliases.get(aliases.size() - 1);
    String odd =
        dice.pick(
            last,
            // MariaDB has no order by an expression of it; distinct groups are sorted here.
            distinct ? last : "-" + last,
            aliases.get(0),
            "COUNT(*)",
            "MIN(" + last + ")",
            groups.get(groups.size() - 1).sql(),
            groups.get(groups.size() - 1).sql() + " IS NULL",
            aliases.get(0) + " IS NULL");
    List<String> sort = new ArrayList<>(List.of(terms.sorted(odd)));
    for (int i = 1; i <= aliases.size(); i++) {
      sort.add(terms.sorted(String.valueOf(i)));
    }
    return " ORDER BY " + String.join(", ", sort) + (dice.percent(40) ? " LIMIT 3" : "");
  }
}
