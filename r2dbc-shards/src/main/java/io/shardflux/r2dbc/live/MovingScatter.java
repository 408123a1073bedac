package io.shardflux.r2dbc.live;

import io.shardflux.r2dbc.scatter.Reach;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardKey;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * A statement for keys of a table whose keys are on their way to other shards. The keys of a shard
 * are done as one key is; where they have left it meanwhile, their rows still come as that shard's.
 */
final class MovingScatter<T> {

  private final LiveShards live;
  private final ScatterStatement<T> statement;
  private final Reach.Keys reach;
  private final boolean ordered;

  /**
   * A statement that has not begun.
   *
   * @param ordered whether each shard's rows have an order, so that one statement must give them
   */
  MovingScatter(LiveShards live, ScatterStatement<T> statement, Reach.Keys reach, boolean ordered) {
    this.live = live;
    this.statement = statement;
    this.reach = reach;
    this.ordered = ordered;
  }

  Mono<LiveScatter.Rows<T>> rows(Epoch start) {
    List<ShardKey> keys = List.copyOf(reach.keys());
    return start
        .places(reach.table(), keys)
        .map(
            places -> {
              Map<ShardId, List<ShardKey>> byShard = new LinkedHashMap<>();
              for (int i = 0; i < keys.size(); i++) {
                byShard
                    .computeIfAbsent(places.get(i).shard(), shard -> new ArrayList<>())
                    .add(keys.get(i));
              }
              return rows(byShard);
            });
  }

  private LiveScatter.Rows<T> rows(Map<ShardId, List<ShardKey>> byShard) {
    Timeouts timeouts = statement.terms().timeouts();
    KeyedWork<T> work = KeyedWork.of(timeouts, statement.writes(), ordered, statement::workFor);
    Map<ShardId, Flux<T>> rows = new LinkedHashMap<>();
    int most = 1;
    for (Map.Entry<ShardId, List<ShardKey>> share : byShard.entrySet()) {
      List<List<ShardKey>> parts = parts(share.getValue());
      most = Math.max(most, parts.size());
      rows.put(
          share.getKey(),
          Flux.fromIterable(parts)
              .concatMap(
                  part ->
                      Flux.defer(() -> new MovingKeys<>(live, reach.table(), part, work).rows())));
    }
    return new LiveScatter.Rows<>(rows, false, most);
  }

  private static List<List<ShardKey>> parts(List<ShardKey> keys) {
    List<List<ShardKey>> parts = new ArrayList<>();
    for (int from = 0; from < keys.size(); from += Reach.Keys.KEYS_PER_STATEMENT) {
      parts.add(keys.subList(from, Math.min(keys.size(), from + Reach.Keys.KEYS_PER_STATEMENT)));
    }
    return parts;
  }
}
