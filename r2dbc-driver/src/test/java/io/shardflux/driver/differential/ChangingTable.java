package io.shardflux.driver.differential;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/** A table that is altered as a test goes on, as it is at the moment. */
final class ChangingTable {

  private static final List<String> NUMBERS = List.of("INT", "BIGINT", "DECIMAL(9,2)");
  private static final List<String> DATES = List.of("DATE", "DATETIME");
  private static final List<String> TEXTS =
      List.of(
          "VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
          "VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci");

  /** A column with its type. */
  record Field(String name, String type) {

    boolean isNumber() {
      return NUMBERS.contains(type);
    }

    String definition() {
      return name + " " + type;
    }
  }

  final String name;
  final Field key;
  private final Random random;
  private final List<Field> fields = new ArrayList<>();
  private int named;
  private String keyType;

  ChangingTable(String name, Field key, Random random) {
    this.name = name;
    this.key = key;
    this.keyType = key.type();
    this.random = random;
    anew();
  }

  List<Field> fields() {
    return List.copyOf(fields);
  }

  /** Tells whether its key is text that is compared by its letters alone. */
  boolean hasLooseKey() {
    return keyType.endsWith("_ci");
  }

  Field any() {
    return fields.get(random.nextInt(fields.size()));
  }

  /** A column that is not the key; the key if there is no other. */
  Field other() {
    List<Field> others = fields.stream().filter(field -> !isKey(field)).toList();
    return others.isEmpty() ? fields.get(0) : others.get(random.nextInt(others.size()));
  }

  boolean isKey(Field field) {
    return field.name().equals(key.name());
  }

  private void anew() {
    fields.clear();
    keyType = key.type();
    fields.add(key);
    for (int i = 0; i < 2; i++) {
      fields.add(random.nextInt(fields.size() + 1), fresh());
    }
  }

  private Field fresh() {
    List<String> types = pick(List.of(NUMBERS, DATES, TEXTS));
    return new Field("c" + named++, pick(types));
  }

  String create() {
    return "CREATE TABLE "
        + name
        + " ("
        + fields.stream().map(Field::definition).collect(Collectors.joining(", "))
        + ", PRIMARY KEY ("
        + key.name()
        + "))";
  }

  /** Changes it, and says by what statements. */
  List<String> change() {
    return switch (random.nextInt(8)) {
      case 0 -> added();
      case 1 -> dropped();
      case 2, 3 -> moved();
      case 4 -> renamed();
      case 5 -> swapped();
      case 6 -> retyped();
      default -> random.nextInt(3) == 0 ? madeAnew() : retyped();
    };
  }

  private List<String> added() {
    if (fields.size() > 4) {
      return dropped();
    }
    int at = random.nextInt(fields.size() + 1);
    Field field = fresh();
    String place = place(at);
    fields.add(at, field);
    return List.of(altered("ADD COLUMN " + field.definition() + place));
  }

  private List<String> dropped() {
    Field field = other();
    if (isKey(field) || fields.size() < 3) {
      return added();
    }
    fields.remove(field);
    return List.of(altered("DROP COLUMN " + field.name()));
  }

  private List<String> moved() {
    Field field = fields.remove(random.nextInt(fields.size()));
    int at = random.nextInt(fields.size() + 1);
    String place = place(at);
    fields.add(at, field);
    return List.of(altered("MODIFY " + field.definition() + place));
  }

  private List<String> renamed() {
    Field field = other();
    if (isKey(field)) {
      return added();
    }
    Field now = new Field("c" + named++, field.type());
    fields.set(fields.indexOf(field), now);
    return List.of(altered("RENAME COLUMN " + field.name() + " TO " + now.name()));
  }

  private List<String> swapped() {
    Field one = other();
    Field two = other();
    if (isKey(one) || isKey(two) || one.equals(two)) {
      return moved();
    }
    int i = fields.indexOf(one);
    int j = fields.indexOf(two);
    fields.set(i, new Field(two.name(), one.type()));
    fields.set(j, new Field(one.name(), two.type()));
    return List.of(
        altered("RENAME COLUMN " + one.name() + " TO swap"),
        altered("RENAME COLUMN " + two.name() + " TO " + one.name()),
        altered("RENAME COLUMN swap TO " + two.name()));
  }

  private List<String> retyped() {
    Field field = any();
    List<String> types =
        field.isNumber() && isKey(field)
            ? List.of("INT", "BIGINT")
            : field.isNumber() ? NUMBERS : TEXTS.contains(field.type()) ? TEXTS : DATES;
    Field now = new Field(field.name(), pick(types));
    if (isKey(field)) {
      keyType = now.type();
    }
    fields.set(fields.indexOf(field), now);
    return List.of(altered("MODIFY " + now.definition()));
  }

  private List<String> madeAnew() {
    anew();
    return List.of("DROP TABLE " + name, create());
  }

  /** A statement that puts the columns of one shard into an order of its own. */
  String disordered() {
    Field last = fields.get(fields.size() - 1);
    return altered("MODIFY " + last.definition() + " FIRST");
  }

  /** A statement that puts the columns back. */
  List<String> ordered() {
    return IntStream.range(0, fields.size())
        .mapToObj(i -> altered("MODIFY " + fields.get(i).definition() + place(i)))
        .toList();
  }

  private String place(int at) {
    return at == 0 ? " FIRST" : " AFTER " + fields.get(at - 1).name();
  }

  private String altered(String how) {
    return "ALTER TABLE " + name + " " + how;
  }

  <T> T pick(List<T> from) {
    return from.get(random.nextInt(from.size()));
  }
}
