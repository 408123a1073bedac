package io.shardflux.r2dbc.live;

import io.shardflux.r2dbc.failure.ShardTimeoutException;
import io.shardflux.r2dbc.statement.Owned;
import io.shardflux.r2dbc.statement.SqlTemplate;
import io.shardflux.router.ShardId;
import io.shardflux.router.TransitionStrategy;
import io.shardflux.router.TransitionStrategy.KeyPlace;
import io.shardflux.router.TransitionStrategy.Step;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * The conditions of a statement for all shards that names tables whose keys are on their way, and
 * whose rows may stand on two shards meanwhile: each shard gives those that are its own. Used by
 * one subscription.
 */
final class OwnedScatter {

  private final LiveShards live;
  private final SqlTemplate sql;
  private final boolean writes;
  private final Duration acquire;
  private @Nullable Patience patience;

  OwnedScatter(LiveShards live, ScatterStatement<?> statement) {
    this.live = live;
    this.sql = statement.sql();
    this.writes = statement.writes();
    this.acquire = statement.terms().timeouts().acquire();
  }

  /**
   * The tables whose keys are on their way, of those that the statement names.
   *
   * @throws IllegalStateException if it does not say of each that it wants a row once
   */
  Set<String> tables(Epoch epoch) {
    if (epoch.moving().isEmpty()) {
      return Set.of();
    }
    Set<String> tables = new TreeSet<>(sql.naming(epoch.moving().keySet()));
    for (String table : tables) {
      if (sql.owned().stream().noneMatch(owned -> owned.table().equalsIgnoreCase(table))) {
        throw new IllegalStateException(
            "TABLE_MOVING: "
                + table
                + ", whose rows stand on two shards while its keys move, in: "
                + ShardTimeoutException.shortened(sql.text())
                + " (expected: :owned("
                + table
                + ") in its WHERE)");
      }
    }
    return tables;
  }

  /** Completes with the epoch in which the statement may be sent. */
  Mono<Epoch> ready(Epoch epoch, Set<String> tables) {
    for (String table : tables) {
      TransitionStrategy way = epoch.moving(table);
      for (Step step : way == null ? List.<Step>of() : way.steps()) {
        KeyPlace place = new KeyPlace(step.from(), step);
        if (!live.confirmed()) {
          return patience(table).confirmed(place).then(again());
        }
        if (writes && step.phase().waits()) {
          return patience(table)
              .parked(
                  epoch,
                  place,
                  ticket -> {
                    ticket.leave();
                    return again().flux();
                  })
              .next();
        }
      }
    }
    return Mono.just(epoch);
  }

  private Mono<Epoch> again() {
    return Mono.defer(
        () -> {
          Epoch now = live.epoch();
          return ready(now, tables(now));
        });
  }

  private Patience patience(String table) {
    Patience known = patience;
    if (known == null) {
      known = new Patience(live, table, acquire);
      patience = known;
    }
    return known;
  }

  /** The statement of each shard. */
  Mono<Map<ShardId, SqlTemplate>> statements(Epoch epoch) {
    return Flux.fromIterable(epoch.topology().shards())
        .concatMap(
            shard ->
                Flux.fromIterable(sql.owned())
                    .concatMap(
                        owned ->
                            condition(epoch, owned, shard)
                                .map(condition -> Map.entry(owned, condition)))
                    .collectMap(Map.Entry::getKey, Map.Entry::getValue)
                    .map(
                        all ->
                            Map.entry(
                                shard, sql.owning(owned -> all.getOrDefault(owned, "(TRUE)")))))
        .collectMap(Map.Entry::getKey, Map.Entry::getValue, LinkedHashMap::new);
  }

  private static Mono<String> condition(Epoch epoch, Owned owned, ShardId shard) {
    for (String table : epoch.moving().keySet()) {
      if (table.equalsIgnoreCase(owned.table())) {
        return epoch.owned(table, shard).map(condition -> condition.apply(owned.qualifier() + "."));
      }
    }
    return Mono.just("(TRUE)");
  }
}
