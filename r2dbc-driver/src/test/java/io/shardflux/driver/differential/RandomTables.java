package io.shardflux.driver.differential;

import io.shardflux.router.KeyColumn;
import io.shardflux.router.TableRule;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.jspecify.annotations.Nullable;

/**
 * Tables at random: keys of every type, and columns of all tables of {@link DifferentialTables} in
 * any mixture. Of a seed they are always the same.
 */
final class RandomTables {

  private static final int MOST_ROWS = 40;

  private final List<Table> known =
      DifferentialTables.all().stream()
          .filter(table -> !table.name().equals(NumberStatements.TABLE))
          .toList();
  private final Random random;

  private RandomTables(Random random) {
    this.random = random;
  }

  /** From three to eight tables, of which the first two are sharded. */
  static List<Table> of(long seed) {
    RandomTables made = new RandomTables(new Random(seed));
    List<Table> tables = new ArrayList<>();
    int number = 3 + made.random.nextInt(6);
    while (tables.size() < number) {
      tables.add(made.table("t" + tables.size(), tables.size() < 2));
    }
    return tables;
  }

  private Table table(String name, boolean sharded) {
    Table like = pick(known.stream().filter(each -> each.sharded() || !sharded).toList());
    List<Column> columns = new ArrayList<>();
    for (Column column : like.primaryKey()) {
      columns.add(named("k" + columns.size(), column, column.values()));
    }
    for (int i = 1 + random.nextInt(7); i > 0; i--) {
      Column column = pick(pick(known).columns());
      List<@Nullable Object> values = new ArrayList<>(column.values());
      if (random.nextInt(3) == 0) {
        values.removeIf(value -> value == null);
      } else if (random.nextBoolean()) {
        values.add(null);
      }
      columns.add(named("c" + columns.size(), column, values));
    }
    return new Table(rule(name, like.rule()), like.primary(), columns, rows(like, columns));
  }

  private static Column named(String name, Column column, List<@Nullable Object> values) {
    return new Column(name, column.kind(), column.type(), values);
  }

  private TableRule rule(String name, TableRule like) {
    if (like instanceof TableRule.Reference) {
      return new TableRule.Reference(name);
    }
    if (like instanceof TableRule.Pinned) {
      return Table.pinned(name, pick(DifferentialTables.SHARDS));
    }
    TableRule.Sharded sharded = (TableRule.Sharded) like;
    List<KeyColumn> key = new ArrayList<>();
    for (KeyColumn column : sharded.key()) {
      key.add(new KeyColumn("k" + key.size(), column.type(), column.uuid()));
    }
    // Any type of key may be hashed, and be on a ring.
    String strategy =
        switch (random.nextInt(3)) {
          case 0 -> "by_id";
          case 1 -> "by_ring";
          default -> sharded.strategy();
        };
    return Table.sharded(name, strategy, key.toArray(KeyColumn[]::new));
  }

  /** Rows of some keys of the table that it is like, with values at random. */
  private List<List<@Nullable Object>> rows(Table like, List<Column> columns) {
    List<List<@Nullable Object>> rows = new ArrayList<>();
    int percent = random.nextInt(20) == 0 ? 0 : 30 + random.nextInt(70);
    for (List<@Nullable Object> known : like.rows()) {
      if (rows.size() == MOST_ROWS || random.nextInt(100) >= percent) {
        continue;
      }
      List<@Nullable Object> row = new ArrayList<>(known.subList(0, like.primary()));
      for (Column column : columns.subList(like.primary(), columns.size())) {
        row.add(column.values().get(random.nextInt(column.values().size())));
      }
      rows.add(row);
    }
    return rows;
  }

  private <T> T pick(List<T> some) {
    return some.get(random.nextInt(some.size()));
  }
}
