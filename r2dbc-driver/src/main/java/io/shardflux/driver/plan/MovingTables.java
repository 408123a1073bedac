package io.shardflux.driver.plan;

import io.shardflux.r2dbc.spi.Snapshot;
import io.shardflux.router.Internal;
import io.shardflux.router.ShardKey;
import io.shardflux.router.TableRule;
import io.shardflux.router.Topology;
import io.shardflux.sql.merge.Plan;
import io.shardflux.sql.statement.RefusalCode;
import io.shardflux.sql.statement.RefusedSqlException;
import io.shardflux.sql.statement.Routing;
import io.shardflux.sql.statement.StatementKind;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import reactor.core.publisher.Mono;

/**
 * A statement of tables whose keys are on their way to other shards. Their rows may stand on two
 * shards, so each shard must be asked for keys that it has or for rows that it owns, or be given
 * rows.
 *
 * @param tables those of its tables
 * @param named whether the shard was named, whatever lies there
 */
@Internal
public record MovingTables(Set<String> tables, boolean named, Routing routing, Plan plan) {

  /** All keys of a table that moves whole have one place. */
  private static final ShardKey ANY = ShardKey.of(0);

  /** Tells whether each shard must be asked for the rows that it owns alone. */
  public boolean asksOwners(StatementKind kind) {
    return kind == StatementKind.READ && !(keyed(routing, new LinkedHashMap<>()) && apart());
  }

  /** The rows that count on each shard. Errors where the statement must not be sent yet. */
  public Mono<OwnedRows> owned(Snapshot snapshot) {
    return snapshot
        .owned(tables, plan.parts().stream().map(Plan.Part::shard).toList())
        .map(OwnedRows::new);
  }

  /**
   * The plan to run by.
   *
   * @param named all tables that the statement names
   */
  public Plan owned(OwnedRows owned, Set<String> named, Topology topology) {
    boolean alone =
        named.stream()
            .allMatch(
                table ->
                    tables.contains(table)
                        || topology.tables().get(table) instanceof TableRule.Reference);
    return alone ? owned.of(plan) : plan;
  }

  /**
   * Completes with the snapshot to run by.
   *
   * @param write whether it may write
   * @param waits whether it waits while keys are switched; a transaction that has begun must not,
   *     because the switch waits for it
   */
  public Mono<Snapshot> ready(Snapshot snapshot, boolean write, boolean waits) {
    Map<String, List<ShardKey>> keys = new LinkedHashMap<>();
    if (!keyed(routing, keys) || !apart()) {
      return Mono.error(refusal());
    }
    snapshot
        .wholeOf(tables)
        .forEach(table -> keys.computeIfAbsent(table, any -> new ArrayList<>()).add(ANY));
    return snapshot
        .ready(keys, write && waits)
        .map(
            places -> {
              if (write && !places.alike() && !(routing instanceof Routing.Rows)) {
                throw refusal();
              }
              return places.moving() ? snapshot.watching(tables) : snapshot;
            });
  }

  /**
   * Refuses a statement that is only explained.
   *
   * @throws RefusedSqlException if it would be refused
   */
  public void check() {
    if (!named && (!keyed(routing, new LinkedHashMap<>()) || !apart())) {
      throw refusal();
    }
  }

  /** Tells whether no shard's part can meet rows of another's. */
  private boolean apart() {
    return plan instanceof Plan.Direct || routing instanceof Routing.Rows;
  }

  private static boolean keyed(Routing routing, Map<String, List<ShardKey>> keys) {
    if (routing instanceof Routing.Keys some) {
      return keys.computeIfAbsent(some.table(), table -> new ArrayList<>()).addAll(some.keys());
    }
    if (routing instanceof Routing.Rows rows) {
      return keys.computeIfAbsent(rows.table(), table -> new ArrayList<>()).addAll(rows.keys());
    }
    // A table on one shard stays there, or moves whole.
    return routing instanceof Routing.On
        || routing instanceof Routing.Nowhere
        || routing instanceof Routing.Anywhere
        || (routing instanceof Routing.Together together
            && together.parts().stream().allMatch(part -> keyed(part, keys)));
  }

  private RefusedSqlException refusal() {
    return new RefusedSqlException(
        RefusalCode.TABLE_MOVING, tables + ": rows stand on two shards while their keys move");
  }
}
