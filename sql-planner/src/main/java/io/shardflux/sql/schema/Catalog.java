package io.shardflux.sql.schema;

import io.shardflux.router.Internal;
import io.shardflux.router.TableRule;
import io.shardflux.router.Topology;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The columns of the tables, as {@code information_schema} describes them. Immutable.
 *
 * <p>A change of the schema needs a new catalog. Tables have the same columns on every shard.
 */
public final class Catalog {

  private final Map<String, List<Column>> tables;
  private final Set<String> uneven;
  private final Set<String> mixed;
  private final Quotients quotients;
  private final @Nullable String database;
  private final Map<String, List<List<String>>> unique;

  private Catalog(
      Map<String, List<Column>> tables,
      Set<String> uneven,
      Set<String> mixed,
      Quotients quotients,
      @Nullable String database,
      Map<String, List<List<String>>> unique) {
    this.tables = tables;
    this.uneven = uneven;
    this.mixed = mixed;
    this.quotients = quotients;
    this.database = database;
    this.unique = unique;
  }

  /**
   * {@return a catalog of tables by name} The servers are not known to compute alike.
   *
   * @param tables the columns of each table, in their order
   */
  public static Catalog of(Map<String, List<Column>> tables) {
    return of(tables, Quotients.UNKNOWN);
  }

  /**
   * {@return a catalog of tables by name, with the same columns in the same order on all shards}
   *
   * @param tables the columns of each table, in their order
   * @param quotients how all servers compute with quotients
   */
  public static Catalog of(Map<String, List<Column>> tables, Quotients quotients) {
    return of(tables, Set.of(), Set.of(), quotients);
  }

  /**
   * {@return a catalog of tables by name, each with its columns in their order}
   *
   * @param tables the columns of each table, in their order
   * @param uneven the tables that have further columns on some shards, or have these columns in
   *     another order, so that a star is sent as the columns' names
   * @param mixed the tables whose columns have the same names on all shards, but of which some
   *     columns are unknown because they are of several types
   * @param quotients how all servers compute with quotients
   */
  public static Catalog of(
      Map<String, List<Column>> tables,
      Set<String> uneven,
      Set<String> mixed,
      Quotients quotients) {
    Map<String, List<Column>> copy = new HashMap<>();
    tables.forEach((table, columns) -> copy.put(table, List.copyOf(columns)));
    return new Catalog(
        Map.copyOf(copy), Set.copyOf(uneven), Set.copyOf(mixed), quotients, null, Map.of());
  }

  /**
   * {@return this catalog, of tables that a text may name with their database}
   *
   * @param name the name that the database has on every shard; null if they differ
   */
  public Catalog in(@Nullable String name) {
    return new Catalog(tables, uneven, mixed, quotients, name, unique);
  }

  /**
   * {@return this catalog, of tables with unique keys beside their primary ones}
   *
   * @param keys the names of the columns of each key, by the tables' names; a key with a column
   *     that may be NULL, or that the table lacks, is left out
   */
  public Catalog keyedBy(Map<String, List<List<String>>> keys) {
    Map<String, List<List<String>>> known = new HashMap<>();
    keys.forEach(
        (table, all) -> {
          List<List<String>> some =
              all.stream().filter(key -> isUnique(table, key)).map(List::copyOf).toList();
          if (!some.isEmpty()) {
            known.put(table, some);
          }
        });
    return new Catalog(tables, uneven, mixed, quotients, database, Map.copyOf(known));
  }

  private boolean isUnique(String table, List<String> key) {
    List<Column> columns = tables.getOrDefault(table, List.of());
    return !key.isEmpty()
        && key.stream()
            .allMatch(
                name ->
                    columns.stream()
                        .anyMatch(each -> each.name().equalsIgnoreCase(name) && !each.nullable()));
  }

  /** {@return the columns of each unique key of a table beside its primary one, none NULL} */
  List<List<Column>> uniqueKeys(String table) {
    List<Column> columns = tables.getOrDefault(table, List.of());
    return unique.getOrDefault(table, List.of()).stream()
        .map(
            key ->
                columns.stream()
                    .filter(each -> key.stream().anyMatch(each.name()::equalsIgnoreCase))
                    .toList())
        .toList();
  }

  /** {@return the name that the tables' database has on every shard; null if none is known} */
  public @Nullable String database() {
    return database;
  }

  /**
   * {@return whether shards name a table's columns otherwise, or have them in another order}
   *
   * @param table the table's name; may be unknown to the catalog
   */
  @Internal
  public boolean isUneven(String table) {
    return uneven.contains(table);
  }

  /** {@return whether any table is uneven; see {@link #isUneven}} */
  @Internal
  public boolean hasUneven() {
    return !uneven.isEmpty();
  }

  /**
   * {@return whether a table has unknown columns, because shards have them of several types}
   *
   * @param table the table's name; may be unknown to the catalog
   */
  @Internal
  public boolean isMixed(String table) {
    return mixed.contains(table);
  }

  /**
   * {@return whether another catalog says the same}
   *
   * @param other the catalog to compare with
   */
  public boolean isLike(Catalog other) {
    return quotients == other.quotients
        && Objects.equals(database, other.database)
        && unique.equals(other.unique)
        && tables.equals(other.tables)
        && uneven.equals(other.uneven)
        && mixed.equals(other.mixed);
  }

  /**
   * {@return whether another catalog says the same of these tables}
   *
   * @param other the catalog to compare with
   * @param some the names of the tables to compare; tables unknown to both are alike
   */
  public boolean isLike(Catalog other, Collection<String> some) {
    return this == other
        || (quotients == other.quotients
            && some.stream()
                .allMatch(
                    table ->
                        Objects.equals(columns(table), other.columns(table))
                            && uniqueKeys(table).equals(other.uniqueKeys(table))
                            && isUneven(table) == other.isUneven(table)
                            && isMixed(table) == other.isMixed(table)));
  }

  /**
   * {@return a catalog of other tables with what this one knows of some}
   *
   * @param some the tables of this catalog that are among the others
   * @param all the tables of the other
   */
  @Internal
  public Catalog only(Set<String> some, Map<String, List<Column>> all) {
    Set<String> stillUneven = new HashSet<>(uneven);
    stillUneven.retainAll(some);
    Set<String> stillMixed = new HashSet<>(mixed);
    stillMixed.retainAll(some);
    return of(all, stillUneven, stillMixed, quotients).in(database).keyedBy(unique);
  }

  /** {@return the tables with their columns in order} */
  public Map<String, List<Column>> tables() {
    return tables;
  }

  /**
   * {@return the reasons why statements can't go by the keys of these tables} There is a line for
   * each key column that is not there, is not of its key's type, or has a collation by which
   * different texts are the same. Tables that are not in the catalog are left out.
   *
   * @param topology gives the tables' keys
   */
  public List<String> keyFaults(Topology topology) {
    Schema schema = new Schema(this, topology);
    return topology.tables().values().stream()
        .filter(rule -> rule instanceof TableRule.Sharded && tables.containsKey(rule.table()))
        .flatMap(rule -> schema.keyFaults((TableRule.Sharded) rule).stream())
        .toList();
  }

  /** {@return the way in which the servers compute with quotients} */
  public Quotients quotients() {
    return quotients;
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
   * @param filling the source of its values
   */
  public record Column(
      String name,
      String type,
      boolean nullable,
      @Nullable String collation,
      boolean primary,
      Filling filling) {}

  /** The value that a server goes on computing with after a division. */
  public enum Quotients {
    /** The quotient with digits beyond its type: {@code 1 / 3 * 3} is 1.0000. */
    KEPT,
    /** The quotient as it is shown: {@code 1 / 3 * 3} is 0.9999. */
    ROUNDED,
    /** The servers are not known to do the same. */
    UNKNOWN
  }

  /** The source of a column's values. */
  public enum Filling {
    /** Statements, or the column's default. */
    GIVEN,
    /** The server, by {@code AUTO_INCREMENT}, where a statement gives no number, NULL or 0. */
    NUMBERED,
    /**
     * The server, as other columns change: a generated column, or a column with {@code ON UPDATE}.
     */
    COMPUTED
  }
}
