package io.shardflux.driver.differential;

import io.shardflux.driver.differential.ChangingTable.Field;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/** Statements for tables as they are, which leave as much as they can to the server. */
record ChangingStatements(Random random, List<ChangingTable> tables) {

  private static final List<String> NAMES = List.of("ann", "bob", "carl", "dan", "eve", "fay");

  /** A statement; {@code table} is what it writes, null of a read. */
  record Made(String sql, @Nullable ChangingTable table) {}

  Made next() {
    ChangingTable table = tables.get(random.nextInt(tables.size()));
    return random.nextInt(5) < 2 ? new Made(write(table), table) : new Made(read(table), null);
  }

  private String read(ChangingTable table) {
    String t = table.name;
    String c = table.any().name();
    String key = table.key.name();
    int position = 1 + random.nextInt(table.fields().size());
    return switch (random.nextInt(14)) {
      case 0 -> "SELECT * FROM " + t;
      case 1 -> "SELECT " + t + ".* FROM " + t + " WHERE " + key + " = " + asked(table);
      case 2 -> "SELECT * FROM " + t + " ORDER BY " + position + ", " + key;
      case 3 -> "SELECT DISTINCT * FROM " + t;
      case 4 -> "SELECT " + c + ", COUNT(*) FROM " + t + " GROUP BY " + c;
      case 5 -> "SELECT DISTINCT " + c + " FROM " + t + " ORDER BY " + c;
      case 6 -> "SELECT MIN(" + c + "), COUNT(DISTINCT " + c + "), COUNT(*) FROM " + t;
      case 7 -> "SELECT * FROM " + t + " UNION ALL SELECT * FROM " + t;
      case 8 -> "SELECT * FROM " + t + " UNION SELECT * FROM " + t + " ORDER BY " + position;
      case 9 -> "SELECT * FROM (SELECT * FROM " + t + ") d";
      case 10 -> "SELECT * FROM t JOIN u USING (id)";
      case 11 -> "SELECT x.*, y.* FROM t x JOIN u y ON x.id = y.id WHERE x.id = " + id();
      case 12 ->
          "SELECT COUNT(*) FROM "
              + t
              + " WHERE "
              + key
              + " IN ("
              + asked(table)
              + ", "
              + asked(table)
              + ")";
      default -> "SELECT SUM(" + number(table) + ") FROM " + t;
    };
  }

  private String number(ChangingTable table) {
    return table.fields().stream().filter(Field::isNumber).map(Field::name).findAny().orElse("1");
  }

  private String write(ChangingTable table) {
    Field field = table.other();
    String where = " WHERE " + table.key.name();
    return switch (random.nextInt(8)) {
      case 0, 1 -> "INSERT INTO " + table.name + " VALUES " + row(table);
      case 2, 3 -> "INSERT INTO " + table.name + " VALUES " + rows(table);
      case 4 -> "REPLACE INTO " + table.name + " VALUES " + rows(table);
      case 5 ->
          table.isKey(field)
              ? "DELETE FROM " + table.name + where + " = " + asked(table)
              : "UPDATE "
                  + table.name
                  + " SET "
                  + field.name()
                  + " = "
                  + value(field)
                  + where
                  + " IN ("
                  + asked(table)
                  + ", "
                  + asked(table)
                  + ")";
      case 6 -> "DELETE FROM " + table.name + where + " = " + asked(table);
      default ->
          "INSERT INTO "
              + table.name
              + " ("
              + table.fields().stream().map(Field::name).collect(Collectors.joining(", "))
              + ") VALUES "
              + row(table);
    };
  }

  private String rows(ChangingTable table) {
    return IntStream.range(0, 3).mapToObj(i -> row(table)).collect(Collectors.joining(", "));
  }

  private String row(ChangingTable table) {
    return table.fields().stream()
        .map(field -> table.isKey(field) ? keyed(table) : value(field))
        .collect(Collectors.joining(", ", "(", ")"));
  }

  private String keyed(ChangingTable table) {
    return table.key.isNumber() ? id() : "'" + name() + "'";
  }

  private String id() {
    return String.valueOf(1 + random.nextInt(30));
  }

  /** All differ in any collation. */
  private String name() {
    return NAMES.get(random.nextInt(NAMES.size())) + random.nextInt(4);
  }

  /** A key to ask for, perhaps in other letters than it is stored in. */
  private String asked(ChangingTable table) {
    String key = keyed(table);
    return random.nextInt(3) == 0 ? key.toUpperCase(Locale.ROOT) : key;
  }

  private String value(Field field) {
    if (field.isNumber()) {
      return String.valueOf(random.nextInt(5));
    }
    return field.type().startsWith("DATE")
        ? "'2024-01-0" + (1 + random.nextInt(3)) + "'"
        : "'" + "xXyY".charAt(random.nextInt(4)) + "'";
  }
}
