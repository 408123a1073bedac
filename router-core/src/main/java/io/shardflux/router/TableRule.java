package io.shardflux.router;

import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/**
 * Says where a table's rows live. Tables with the same strategy and the same key types are
 * colocated. Immutable.
 */
public sealed interface TableRule {

  /** {@return the table's name, as statements by key use it} */
  String table();

  /**
   * Rows are spread over shards by their key.
   *
   * @param table the table
   * @param key the key columns, in the order of the key's parts
   * @param strategy the name of a strategy of the {@link Topology}
   */
  record Sharded(String table, List<KeyColumn> key, String strategy) implements TableRule {

    /**
     * Checks the parts.
     *
     * @param table see {@link #table()}
     * @param key see {@link #key()}
     * @param strategy see {@link #strategy()}
     * @throws IllegalArgumentException if the table's name is empty, there is no key column or a
     *     column is there twice
     */
    public Sharded {
      checkTable(table);
      key = List.copyOf(key);
      if (key.isEmpty()) {
        throw new IllegalArgumentException(
            "table " + table + ", key: none (expected: at least one column)");
      }
      Set<String> names = new HashSet<>();
      for (KeyColumn column : key) {
        // Servers do not tell columns apart by case.
        if (!names.add(column.name().toLowerCase(Locale.ROOT))) {
          throw new IllegalArgumentException(
              "table "
                  + table
                  + ", key: "
                  + column.name()
                  + ", twice (expected: each column once)");
        }
      }
    }

    /**
     * Refuses a key that can't be a key of this table.
     *
     * @param shardKey the key to check
     * @throws UnroutableKeyException if the number of parts, or a part's type, is not that of the
     *     key columns
     */
    public void check(ShardKey shardKey) {
      if (shardKey.size() != key.size()) {
        throw new UnroutableKeyException(
            table
                + " key: "
                + shardKey
                + " (expected: "
                + key.size()
                + " parts, "
                + columns()
                + ")");
      }
      for (int i = 0; i < key.size(); i++) {
        if (shardKey.type(i) != key.get(i).type()) {
          throw new UnroutableKeyException(
              table
                  + "."
                  + key.get(i).name()
                  + ": "
                  + shardKey.text(i)
                  + ", "
                  + shardKey.type(i)
                  + " (expected: "
                  + key.get(i).type()
                  + ")");
        }
      }
    }

    private String columns() {
      return String.join(", ", key.stream().map(KeyColumn::name).toList());
    }
  }

  /**
   * Every shard holds a whole copy.
   *
   * @param table the table
   */
  record Reference(String table) implements TableRule {

    /**
     * Checks the name.
     *
     * @param table see {@link #table()}
     * @throws IllegalArgumentException if the table's name is empty
     */
    public Reference {
      checkTable(table);
    }
  }

  /**
   * One shard holds the whole table.
   *
   * @param table the table
   * @param shard the shard
   */
  record Pinned(String table, ShardId shard) implements TableRule {

    /**
     * Checks the name.
     *
     * @param table see {@link #table()}
     * @param shard see {@link #shard()}
     * @throws IllegalArgumentException if the table's name is empty
     */
    public Pinned {
      checkTable(table);
    }
  }

  private static void checkTable(String table) {
    if (table.isBlank()) {
      throw new IllegalArgumentException("table: '" + table + "' (expected: a name)");
    }
  }
}
