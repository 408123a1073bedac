package io.shardflux.driver.plan;

import io.shardflux.r2dbc.spi.Snapshot;
import io.shardflux.router.Internal;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardKey;
import io.shardflux.router.TableRule;
import io.shardflux.router.Topology;
import io.shardflux.sql.merge.Plan;
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
public record MovingTables(
    Set<String> tables, StatementKind kind, boolean named, Routing routing, Plan plan) {

  /** All keys of a table that moves whole have one place. */
  private static final ShardKey ANY = ShardKey.of(0);

  /**
   * What a statement is run by.
   *
   * @param snapshot looks at the keys, if any of them may leave its shard
   * @param owned the rows that count on each shard
   * @param several whether its rows may leave their shard one without the other, so that a write
   *     must be undone where some have
   */
  public record Ready(Snapshot snapshot, OwnedRows owned, Plan plan, boolean several) {}

  /**
   * Completes with what to run by. Errors where the statement must not be sent yet.
   *
   * @param waits whether a write waits while keys are switched; a transaction that has begun must
   *     not, because the switch waits for it
   * @param all all tables that the statement names
   */
  public Mono<Ready> ready(Snapshot snapshot, boolean waits, Set<String> all) {
    if (named) {
      return Mono.just(new Ready(snapshot, OwnedRows.ALL, plan, false));
    }
    boolean write = kind != StatementKind.READ;
    Map<String, List<ShardKey>> keys = new LinkedHashMap<>();
    boolean keyed = keyed(routing, keys);
    if (!keyed) {
      Mono<Void> unparked = write && waits ? snapshot.unparked(tables) : Mono.empty();
      return unparked.then(Mono.defer(() -> owned(snapshot, all)));
    }
    snapshot
        .wholeOf(tables)
        .forEach(table -> keys.computeIfAbsent(table, any -> new ArrayList<>()).add(ANY));
    return snapshot
        .ready(keys, write && waits)
        .flatMap(
            places -> {
              boolean rows = routing instanceof Routing.Rows;
              return rows
                      || (plan instanceof Plan.Direct
                          && (!write || (places.alike() && alone(all, snapshot.topology()))))
                  ? Mono.just(
                      new Ready(
                          places.moving() ? snapshot.watching(tables) : snapshot,
                          OwnedRows.ALL,
                          plan,
                          false))
                  : owned(snapshot, all);
            });
  }

  private Mono<Ready> owned(Snapshot snapshot, Set<String> all) {
    List<ShardId> shards = plan.parts().stream().map(Plan.Part::shard).distinct().toList();
    if (plan instanceof Plan.Direct && !snapshot.holdsOthers(tables, shards.get(0))) {
      return Mono.just(new Ready(snapshot.watching(tables), OwnedRows.ALL, plan, true));
    }
    return snapshot
        .owned(tables, shards)
        .map(OwnedRows::new)
        .map(
            owned ->
                new Ready(
                    snapshot.watching(tables),
                    owned,
                    alone(all, snapshot.topology()) ? owned.of(plan) : plan,
                    true));
  }

  /** Tells whether all rows of the statement are of tables that move, or the same everywhere. */
  private boolean alone(Set<String> all, Topology topology) {
    return all.stream()
        .allMatch(
            table ->
                tables.contains(table)
                    || topology.tables().get(table) instanceof TableRule.Reference);
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
}
