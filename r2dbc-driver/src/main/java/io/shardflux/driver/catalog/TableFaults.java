package io.shardflux.driver.catalog;

import io.shardflux.router.Internal;
import io.shardflux.router.ShardId;
import io.shardflux.router.TableRule;
import io.shardflux.router.Topology;
import io.shardflux.sql.schema.Catalog;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;

/** Finds where the shards' tables are not what their rules say. */
@Internal
public final class TableFaults {

  private final Topology topology;
  private final Map<ShardId, ShardColumns> shards;
  private final Catalog agreed;
  private final List<String> faults = new ArrayList<>();

  private TableFaults(Topology topology, Map<ShardId, ShardColumns> shards) {
    this.topology = topology;
    this.shards = shards;
    this.agreed = AgreedColumns.of(topology, shards);
  }

  /**
   * The faults, a line for each.
   *
   * @param shards each shard's description, except of those that did not answer
   */
  public static List<String> of(Topology topology, Map<ShardId, ShardColumns> shards) {
    TableFaults found = new TableFaults(topology, shards);
    topology.shards().stream()
        .filter(shard -> !shards.containsKey(shard))
        .forEach(
            shard ->
                found.faults.add(
                    shard + ": not looked at, as it did not answer (expected: it does)"));
    topology.tables().values().forEach(found::look);
    found.faults.addAll(found.agreed.keyFaults(topology));
    return List.copyOf(found.faults);
  }

  private void look(TableRule rule) {
    String table = rule.table();
    Set<ShardId> missing = new TreeSet<>();
    Map<ShardId, List<Catalog.Column>> there = new TreeMap<>();
    for (ShardId shard : places(rule)) {
      ShardColumns own = shards.get(shard);
      List<Catalog.Column> columns = own == null ? null : own.tables().get(table);
      if (columns != null) {
        there.put(shard, columns);
      } else if (own != null) {
        missing.add(shard);
      }
    }
    if (!missing.isEmpty()) {
      faults.add(
          table
              + ": not on "
              + (there.isEmpty() ? "any shard" : missing)
              + " (expected: on all of "
              + new TreeSet<>(places(rule))
              + ")");
    }
    there.forEach((shard, columns) -> compare(table, shard, columns));
  }

  private Set<ShardId> places(TableRule rule) {
    if (rule instanceof TableRule.Pinned pinned) {
      return Set.of(pinned.shard());
    }
    if (rule instanceof TableRule.Reference reference) {
      return topology.shards().stream().filter(reference::isWrittenOn).collect(Collectors.toSet());
    }
    return rule instanceof TableRule.Sharded
        ? topology.strategy(rule.table()).shards()
        : topology.shards();
  }

  private void compare(String table, ShardId shard, List<Catalog.Column> own) {
    List<Catalog.Column> common = agreed.tables().getOrDefault(table, List.of());
    if (own.equals(common)) {
      return;
    }
    List<Catalog.Column> others = new ArrayList<>(own);
    others.removeAll(common);
    faults.add(
        table
            + ": on "
            + shard
            + (others.isEmpty() ? " its columns are in another order, " : " it also has ")
            + (others.isEmpty() ? names(own) : described(others))
            + " (expected: the same columns on all shards, of which all have "
            + names(common)
            + ")");
  }

  private static List<String> names(List<Catalog.Column> columns) {
    return columns.stream().map(Catalog.Column::name).toList();
  }

  private static List<String> described(List<Catalog.Column> columns) {
    return columns.stream()
        .map(
            column ->
                column.name()
                    + " "
                    + column.type()
                    + (column.collation() == null ? "" : " " + column.collation())
                    + (column.nullable() ? "" : " not null")
                    + (column.primary() ? " primary" : "")
                    + (column.filling() == Catalog.Filling.GIVEN
                        ? ""
                        : " " + column.filling().name().toLowerCase(Locale.ROOT)))
        .toList();
  }
}
