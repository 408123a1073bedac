package io.shardflux.r2dbc.spi;

import io.shardflux.r2dbc.failure.LocateAnew;
import io.shardflux.r2dbc.failure.TopologyChangedException;
import io.shardflux.r2dbc.live.Epoch;
import io.shardflux.r2dbc.live.LiveShards;
import io.shardflux.r2dbc.live.Patience;
import io.shardflux.router.ShardId;
import io.shardflux.router.TableRule;
import io.shardflux.router.TransitionStrategy.KeyPlace;
import java.time.Duration;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import reactor.core.publisher.Mono;

/**
 * The copies of reference tables that a statement writes, as its epoch has them. A router that has
 * not heard the control server for a lease may not know of a copy that others write by now.
 */
record Copies(LiveShards shards, Epoch epoch, Set<String> tables) {

  /**
   * Completes if the copies are still those that routers write. Otherwise it errors with what
   * {@link Crossing} is for. While the lease is over and no copy joins, the databases of the shards
   * are asked for a later topology; it goes on where they have none.
   */
  Mono<Void> hold() {
    return Mono.defer(
        () ->
            isKnown()
                ? same()
                : joining().isEmpty()
                    ? followed()
                    : Mono.error(anew(LocateAnew.After.CONFIRMATION)));
  }

  /** The same at the end of a transaction on a shard, which can't be planned anew. */
  Mono<Void> settled(ShardId shard) {
    return Mono.defer(
            () ->
                isKnown()
                    ? same()
                    : joining().isEmpty() ? followed() : confirmed().then(Mono.defer(this::same)))
        .onErrorMap(
            PlanAnew.class,
            late ->
                TopologyChangedException.of(
                    shard,
                    late.table()
                        + ": copied to another shard while it was written (expected: all copies"
                        + " written alike); run the transaction again"));
  }

  /** Whether a later topology, which has other copies, would be in force by now. */
  private boolean isKnown() {
    return tables.isEmpty() || (joining().isEmpty() ? shards.followed() : shards.confirmed());
  }

  /** Looks for a later topology; the databases of the shards know it, too. */
  private Mono<Void> followed() {
    return confirmed()
        .onErrorResume(error -> shards.followed() ? Mono.empty() : Mono.error(error))
        .then(Mono.defer(this::same));
  }

  private Mono<Void> confirmed() {
    Duration time = shards.timeouts().acquire();
    ShardId first = epoch.topology().shards().iterator().next();
    return shards
        .confirm(time)
        .onErrorMap(error -> Patience.unconfirmed(named(), new KeyPlace(first, null), time, error));
  }

  private Mono<Void> same() {
    return shards.epoch().copiesChangedSince(epoch, tables)
        ? Mono.error(anew(LocateAnew.After.NOTHING))
        : Mono.empty();
  }

  private PlanAnew anew(LocateAnew.After after) {
    ShardId first = epoch.topology().shards().iterator().next();
    return new PlanAnew(after, named(), new KeyPlace(first, null), epoch);
  }

  private String named() {
    return String.join(", ", new TreeSet<>(tables));
  }

  /** Tells whether a copy is missing on a shard, or being made there. */
  boolean moving() {
    return rules().anyMatch(rule -> !rule.isEverywhere());
  }

  /** The shards on which copies are being made. */
  Set<ShardId> joining() {
    return rules().flatMap(rule -> rule.joining().stream()).collect(Collectors.toSet());
  }

  private Stream<TableRule.Reference> rules() {
    return tables.stream()
        .map(table -> epoch.topology().tables().get(table))
        .filter(TableRule.Reference.class::isInstance)
        .map(TableRule.Reference.class::cast);
  }
}
