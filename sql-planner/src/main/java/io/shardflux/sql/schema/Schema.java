package io.shardflux.sql.schema;

import io.shardflux.router.Internal;
import io.shardflux.router.KeyColumn;
import io.shardflux.router.ShardId;
import io.shardflux.router.TableRule;
import io.shardflux.router.Topology;
import io.shardflux.sql.statement.RefusalCode;
import io.shardflux.sql.statement.RefusedSqlException;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** The tables of a catalog, each with its rule in a topology. */
@Internal
public record Schema(Catalog catalog, Topology topology) {

  /** The rule of a table, which the catalog knows too. */
  public TableRule rule(String table) {
    TableRule rule = topology.tables().get(table);
    if (rule == null) {
      throw new RefusedSqlException(
          RefusalCode.UNKNOWN_TABLE,
          table + ": not in the topology (" + topology.tables().keySet() + ")");
    }
    if (catalog.columns(table) == null) {
      throw new RefusedSqlException(
          RefusalCode.UNKNOWN_TABLE,
          table + ": on no shard, though it has a rule",
          "create the table on its shards");
    }
    return topology.pinnedWhile(rule);
  }

  /** The rule of a sharded table, null if it is none. */
  public TableRule.@Nullable Sharded sharded(String table) {
    TableRule rule = topology.tables().get(table);
    return rule != null && topology.pinnedWhile(rule) instanceof TableRule.Sharded sharded
        ? sharded
        : null;
  }

  public List<Catalog.Column> columns(String table) {
    List<Catalog.Column> columns = catalog.columns(table);
    return columns == null ? List.of() : columns;
  }

  /** The columns of each unique key of a table beside its primary one, none of them NULL. */
  public List<List<Catalog.Column>> uniqueKeys(String table) {
    return catalog.uniqueKeys(table);
  }

  /** The parts of a sharded table's key. */
  public List<KeyPart> keyParts(TableRule.Sharded rule) {
    List<KeyPart> parts = new ArrayList<>();
    for (KeyColumn column : rule.key()) {
      Catalog.Column known =
          columns(rule.table()).stream()
              .filter(each -> each.name().equalsIgnoreCase(column.name()))
              .findFirst()
              .orElseThrow(
                  () ->
                      new RefusedSqlException(
                          RefusalCode.UNKNOWN_COLUMN,
                          rule.table()
                              + "."
                              + column.name()
                              + ": a key column, not in the catalog"));
      parts.add(KeyPart.of(rule, parts.size(), known));
    }
    return parts;
  }

  /** The faults of the parts of a sharded table's key. */
  List<String> keyFaults(TableRule.Sharded rule) {
    if (!(topology.pinnedWhile(rule) instanceof TableRule.Sharded)) {
      return List.of();
    }
    try {
      return keyParts(rule).stream()
          .filter(part -> !part.exact())
          .map(part -> part + ": " + part.column().collation() + " (expected: a collation …_bin)")
          .toList();
    } catch (RefusedSqlException fault) {
      return List.of(fault.reason());
    }
  }

  /** The shards that a sharded table's rows may be on. */
  public Set<ShardId> shards(String table) {
    return topology.strategy(table).shards();
  }
}
