package io.shardflux.router;

import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;

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
     * @throws IllegalArgumentException if the table's name is empty, there is no key column, a
     *     column is there twice, or the bytes of UUIDs are in several orders
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
      if (key.stream().map(KeyColumn::uuid).filter(Objects::nonNull).distinct().count() > 1) {
        throw new IllegalArgumentException(
            "table " + table + ", order: several (expected: one of PLAIN and SWAPPED)");
      }
    }

    /**
     * {@return a key as the columns hold it} A UUID is the bytes of a column that holds it so.
     *
     * @param given a key of this table
     * @throws UnroutableKeyException if the number of parts, or a part's type, is not that of the
     *     key columns
     */
    public ShardKey stored(ShardKey given) {
      ShardKey shardKey = withBytes(given);
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
      return shardKey;
    }

    /**
     * {@return a key with the bytes of UUIDs in place of those that a column holds so}
     *
     * @param given a key, not checked
     */
    @Internal
    public ShardKey withBytes(ShardKey given) {
      Object[] parts = null;
      for (int i = 0; i < Math.min(given.size(), key.size()); i++) {
        UuidOrder order = key.get(i).uuid();
        if (order != null && given.type(i) == KeyType.UUID) {
          parts = parts == null ? given.parts().toArray() : parts;
          parts[i] = order.bytes((UUID) given.part(i));
        }
      }
      return parts == null ? given : ShardKey.of(parts);
    }

    private String columns() {
      return String.join(", ", key.stream().map(KeyColumn::name).toList());
    }
  }

  /**
   * Every shard holds a whole copy, but those that do not have it yet.
   *
   * @param table the table
   * @param absent the shards where it is neither read nor written; none unless several routers
   *     share the topology
   * @param joining the shards where it is written with all others and not read, because a move
   *     copies it there
   */
  record Reference(String table, Set<ShardId> absent, Set<ShardId> joining) implements TableRule {

    /**
     * Checks the name, and copies the sets.
     *
     * @param table see {@link #table()}
     * @param absent see {@link #absent()}
     * @param joining see {@link #joining()}
     * @throws IllegalArgumentException if the table's name is empty, or a shard is in both sets
     */
    public Reference {
      checkTable(table);
      absent = Collections.unmodifiableSet(new TreeSet<>(absent));
      joining = Collections.unmodifiableSet(new TreeSet<>(joining));
      if (!Collections.disjoint(absent, joining)) {
        throw new IllegalArgumentException(
            "table "
                + table
                + ", joining: "
                + joining
                + " (expected: none of absent, "
                + absent
                + ")");
      }
    }

    /**
     * A copy on every shard.
     *
     * @param table the table
     * @throws IllegalArgumentException if the table's name is empty
     */
    public Reference(String table) {
      this(table, Set.of(), Set.of());
    }

    /**
     * {@return whether a shard has a whole copy, which may be read}
     *
     * @param shard a shard of the topology
     */
    public boolean isReadOn(ShardId shard) {
      return !absent.contains(shard) && !joining.contains(shard);
    }

    /**
     * {@return whether writes go to a shard}
     *
     * @param shard a shard of the topology
     */
    public boolean isWrittenOn(ShardId shard) {
      return !absent.contains(shard);
    }

    /** {@return whether every shard has a whole copy} */
    public boolean isEverywhere() {
      return absent.isEmpty() && joining.isEmpty();
    }

    /**
     * {@return the rule where a shard has no copy}
     *
     * @param shard the shard
     */
    @Internal
    public Reference absentOn(ShardId shard) {
      return new Reference(table, with(absent, shard), without(joining, shard));
    }

    /**
     * {@return the rule where a shard is given its copy}
     *
     * @param shard the shard
     */
    @Internal
    public Reference joiningOn(ShardId shard) {
      return new Reference(table, without(absent, shard), with(joining, shard));
    }

    /**
     * {@return the rule where a shard has a copy, or is no shard any more}
     *
     * @param shard the shard
     */
    @Internal
    public Reference thereOn(ShardId shard) {
      return new Reference(table, without(absent, shard), without(joining, shard));
    }

    private static Set<ShardId> with(Set<ShardId> some, ShardId shard) {
      Set<ShardId> more = new HashSet<>(some);
      more.add(shard);
      return more;
    }

    private static Set<ShardId> without(Set<ShardId> some, ShardId shard) {
      Set<ShardId> fewer = new HashSet<>(some);
      fewer.remove(shard);
      return fewer;
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
