package io.shardflux.driver.catalog;

import io.shardflux.router.ShardId;
import io.shardflux.router.TableRule;
import io.shardflux.router.Topology;
import io.shardflux.sql.schema.Catalog;
import java.util.ArrayList;
import java.util.Collection;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The columns on which shards agree: those that all of a table's shards have alike, in the order
 * that most of them have.
 */
final class AgreedColumns {

  private static final Logger log = LoggerFactory.getLogger(CatalogSource.class);

  private AgreedColumns() {}

  static Catalog of(Topology topology, Map<ShardId, ShardColumns> shards) {
    Map<String, List<Catalog.Column>> agreed = new HashMap<>();
    Set<String> uneven = new HashSet<>();
    Set<String> mixed = new HashSet<>();
    Map<String, List<List<String>>> unique = new HashMap<>();
    tables(topology, shards)
        .forEach(
            (table, byShard) -> {
              List<Catalog.Column> common = common(byShard.values());
              agreed.put(table, common);
              unique.put(table, unique(table, byShard.keySet(), shards));
              List<List<String>> names =
                  byShard.values().stream().map(AgreedColumns::names).distinct().toList();
              if (names.size() > 1) {
                uneven.add(table);
              } else if (!names.get(0).equals(names(common))) {
                mixed.add(table);
              }
            });
    return Catalog.of(agreed, uneven, mixed, quotients(shards.values()))
        .in(database(shards.values()))
        .keyedBy(unique);
  }

  /** The unique keys that all of a table's shards have. */
  private static List<List<String>> unique(
      String table, Set<ShardId> having, Map<ShardId, ShardColumns> shards) {
    Set<List<String>> common = null;
    for (ShardId shard : having) {
      List<List<String>> own =
          Objects.requireNonNull(shards.get(shard)).unique().getOrDefault(table, List.of());
      if (common == null) {
        common = new LinkedHashSet<>(own);
      } else {
        common.retainAll(own);
      }
    }
    return common == null ? List.of() : List.copyOf(common);
  }

  /** The name that the shards' own databases have, if it is one. */
  private static @Nullable String database(Collection<ShardColumns> shards) {
    Set<String> all = shards.stream().map(ShardColumns::database).collect(Collectors.toSet());
    return all.size() == 1 ? all.iterator().next() : null;
  }

  /** The way in which all shards compute with quotients. */
  private static Catalog.Quotients quotients(Collection<ShardColumns> shards) {
    Set<Catalog.Quotients> all = EnumSet.noneOf(Catalog.Quotients.class);
    shards.forEach(shard -> all.add(shard.quotients()));
    return all.size() == 1 ? all.iterator().next() : Catalog.Quotients.UNKNOWN;
  }

  private static List<String> names(List<Catalog.Column> columns) {
    return columns.stream().map(Catalog.Column::name).toList();
  }

  /** Logs a warning for each table with a rule that some shards have otherwise. */
  static void warn(Topology topology, Map<ShardId, ShardColumns> shards, Catalog catalog) {
    tables(topology, shards)
        .forEach(
            (table, byShard) ->
                byShard.forEach(
                    (shard, columns) -> {
                      if (topology.tables().containsKey(table)
                          && !columns.equals(catalog.tables().get(table))) {
                        log.atWarn()
                            .addKeyValue("shard", shard)
                            .addKeyValue("table", table)
                            .log("{} has other columns on {} than elsewhere", table, shard);
                      }
                    }));
  }

  /** The columns of each table on the shards that count for it, in the topology's order. */
  private static Map<String, Map<ShardId, List<Catalog.Column>>> tables(
      Topology topology, Map<ShardId, ShardColumns> shards) {
    Map<String, Map<ShardId, List<Catalog.Column>>> tables = new HashMap<>();
    for (ShardId shard : topology.shards()) {
      ShardColumns own = shards.get(shard);
      if (own != null) {
        own.tables()
            .forEach(
                (table, columns) ->
                    tables
                        .computeIfAbsent(table, any -> new LinkedHashMap<>())
                        .put(shard, columns));
      }
    }
    topology
        .tables()
        .values()
        .forEach(
            rule -> {
              Map<ShardId, List<Catalog.Column>> byShard = tables.get(rule.table());
              if (byShard != null
                  && rule instanceof TableRule.Pinned pinned
                  && byShard.containsKey(pinned.shard())) {
                byShard.keySet().retainAll(Set.of(pinned.shard()));
              }
              if (byShard != null
                  && rule instanceof TableRule.Reference reference
                  && byShard.keySet().stream().anyMatch(reference::isReadOn)) {
                byShard.keySet().removeAll(reference.absent());
              }
            });
    return tables;
  }

  private static List<Catalog.Column> common(Collection<List<Catalog.Column>> all) {
    Map<List<Catalog.Column>, Integer> counts = new LinkedHashMap<>();
    all.forEach(columns -> counts.merge(columns, 1, Integer::sum));
    int most = counts.values().stream().mapToInt(Integer::intValue).max().orElse(0);
    List<Catalog.Column> common =
        new ArrayList<>(
            counts.entrySet().stream()
                .filter(each -> each.getValue() == most)
                .findFirst()
                .orElseThrow()
                .getKey());
    all.forEach(common::retainAll);
    return common;
  }
}
