package io.shardflux.driver.differential;

import java.util.List;
import java.util.stream.Collectors;

/** Conditions at random on the columns that a table's rows are spread by. */
final class KeyConditions {

  /** Reads every row. */
  static final Reach ALL = new Reach("all", "", false);

  private final Dice dice;
  private final Terms terms;

  KeyConditions(Dice dice, Terms terms) {
    this.dice = dice;
    this.terms = terms;
  }

  /**
   * A condition.
   *
   * @param name how far it reaches, for the count of the refused
   * @param one whether it is one key, and so one shard
   */
  record Reach(String name, String condition, boolean one) {}

  Reach reach(Source source) {
    int choice = dice.below(100);
    if (choice < 40) {
      return ALL;
    }
    if (choice < 45) {
      String other = terms.predicate(source, 0);
      return new Reach("all", "(" + exact(source) + " OR " + other + ")", false);
    }
    if (choice < 60) {
      return one(source);
    }
    if (choice < 72) {
      return new Reach("keys", list(source), false);
    }
    if (choice < 80) {
      return new Reach("keys by or", "(" + exact(source) + " OR " + exact(source) + ")", false);
    }
    return choice < 95
        ? new Reach("range", range(source), false)
        : new Reach("contradiction", contradiction(source), false);
  }

  Reach one(Source source) {
    return new Reach("key", exact(source), true);
  }

  String exact(Source source) {
    List<Column> key = source.table().key();
    if (key.size() > 1 && dice.percent(40)) {
      return columns(source, key) + " = " + tuple(key);
    }
    return key.stream()
        .map(
            column ->
                dice.percent(80)
                    ? source.name(column) + " = " + keyValue(column)
                    : keyValue(column) + " = " + source.name(column))
        .collect(Collectors.joining(" AND "));
  }

  private String list(Source source) {
    List<Column> key = source.table().key();
    if (key.size() == 1) {
      return source.name(key.get(0)) + " IN " + list(key.get(0));
    }
    if (dice.percent(50)) {
      return columns(source, key)
          + " IN ("
          + Terms.repeat(1 + dice.below(4), () -> tuple(key))
          + ")";
    }
    return source.name(key.get(0))
        + " = "
        + keyValue(key.get(0))
        + " AND "
        + source.name(key.get(1))
        + " IN "
        + list(key.get(1));
  }

  private String list(Column column) {
    return "(" + Terms.repeat(1 + dice.below(5), () -> keyValue(column)) + ")";
  }

  private String tuple(List<Column> key) {
    return key.stream().map(this::keyValue).collect(Collectors.joining(", ", "(", ")"));
  }

  private String range(Source source) {
    Column column = source.table().key().get(source.table().key().size() - 1);
    String name = source.name(column);
    return switch (dice.below(5)) {
      case 0 -> name + " BETWEEN " + edge(column) + " AND " + edge(column);
      case 1 ->
          name
              + dice.pick(" > ", " >= ")
              + edge(column)
              + " AND "
              + name
              + dice.pick(" < ", " <= ")
              + edge(column);
      case 2 -> edge(column) + dice.pick(" < ", " >= ") + name;
      default -> name + dice.pick(" < ", " <= ", " > ", " >= ") + edge(column);
    };
  }

  private String contradiction(Source source) {
    Column column = source.table().key().get(0);
    String name = source.name(column);
    return switch (dice.below(6)) {
      case 0 -> name + " = NULL";
      case 1 -> name + " = " + dice.value(null, column);
      case 2 -> name + " IN (NULL, " + keyValue(column) + ")";
      case 3 -> name + " IS NULL";
      case 4 -> name + " > " + keyValue(column) + " AND " + name + " < " + keyValue(column);
      default -> name + " = " + keyValue(column) + " AND " + name + " = " + keyValue(column);
    };
  }

  String keyValue(Column column) {
    if (column.kind() == Kind.INTEGER && dice.percent(10)) {
      return dice.value((Object) dice.pick(0, -1, 61, 999_999));
    }
    return dice.value(dice.some(column));
  }

  /** Often where one shard ends and the next begins. */
  private String edge(Column column) {
    boolean ranged = column.kind() == Kind.INTEGER || column.kind() == Kind.BINARY;
    if (ranged && dice.percent(50)) {
      return dice.value(
          column.kind() == Kind.INTEGER
              ? dice.pick(39, 40, 41, 79, 80, 81)
              : dice.pick("g", "gz", "h", "hz", "p", "q", "qq"));
    }
    return keyValue(column);
  }

  private String columns(Source source, List<Column> columns) {
    return columns.stream().map(source::name).collect(Collectors.joining(", ", "(", ")"));
  }
}
