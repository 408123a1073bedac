package io.shardflux.sql;

import io.shardflux.router.TableRule;
import io.shardflux.router.Topology;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The columns of the tables, as {@code information_schema} describes them. Immutable.
 *
 * <p>A change of the schema asks for a new catalog. Tables have the same columns on every shard.
 */
public final class Catalog {

  private final Map<String, List<Column>> tables;

  private Catalog(Map<String, List<Column>> tables) {
    this.tables = tables;
  }

  /** A catalog of tables by name, each with its columns in their order. */
  public static Catalog of(Map<String, List<Column>> tables) {
    Map<String, List<Column>> copy = new HashMap<>();
    tables.forEach((table, columns) -> copy.put(table, List.copyOf(columns)));
    return new Catalog(Map.copyOf(copy));
  }

  /** The tables with their columns in order. */
  public Map<String, List<Column>> tables() {
    return tables;
  }

  /**
   * Why statements can't go by the keys of these tables, a line for each key column that is not
   * there, is not of its key's type, or has a collation by which different texts are the same. Says
   * nothing of tables that are not in the catalog.
   */
  public List<String> keyFaults(Topology topology) {
    Schema schema = new Schema(this, topology);
    return topology.tables().values().stream()
        .filter(rule -> rule instanceof TableRule.Sharded && tables.containsKey(rule.table()))
        .flatMap(rule -> schema.keyFaults((TableRule.Sharded) rule).stream())
        .toList();
  }

  /** The columns of a table in order, or null if it isn't there. */
  @Nullable List<Column> columns(String table) {
    return tables.get(table);
  }

  /**
   * A column.
   *
   * @param name the name
   * @param type {@code COLUMN_TYPE}, such as {@code bigint unsigned} or {@code varchar(20)}
   * @param nullable whether it may be NULL
   * @param collation {@code COLLATION_NAME}, null where it has none
   * @param primary whether it is in the primary key
   * @param filling who says what it holds
   */
  public record Column(
      String name,
      String type,
      boolean nullable,
      @Nullable String collation,
      boolean primary,
      Filling filling) {}

  /** Who says what a column holds. */
  public enum Filling {
    /** Statements, or its default. */
    GIVEN,
    /** The server, by {@code AUTO_INCREMENT}, where a statement gives no number, NULL or 0. */
    NUMBERED,
    /** The server, as other columns change: a generated column, or one {@code ON UPDATE}. */
    COMPUTED
  }
}
