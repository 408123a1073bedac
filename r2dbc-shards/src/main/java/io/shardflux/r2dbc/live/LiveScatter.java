package io.shardflux.r2dbc.live;

import io.shardflux.r2dbc.scatter.FailurePolicy;
import io.shardflux.r2dbc.scatter.Reach;
import io.shardflux.r2dbc.scatter.Scatter;
import io.shardflux.r2dbc.scatter.ShardSignal;
import io.shardflux.r2dbc.scatter.StreamTurns;
import io.shardflux.r2dbc.statement.BoundStatement;
import io.shardflux.r2dbc.statement.SqlTemplate;
import io.shardflux.r2dbc.statement.Work;
import io.shardflux.router.ShardId;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** A statement on its shards, by the topology in force when it is subscribed to. */
final class LiveScatter<T> {

  private final LiveShards live;
  private final ScatterStatement<T> statement;
  private final FailurePolicy policy;
  private final @Nullable Comparator<? super T> order;

  LiveScatter(
      LiveShards live,
      ScatterStatement<T> statement,
      FailurePolicy policy,
      @Nullable Comparator<? super T> order) {
    this.live = live;
    this.statement = statement;
    this.policy = policy;
    this.order = order;
  }

  Flux<ShardSignal<T>> signals() {
    return Flux.defer(
        () -> {
          Epoch start = live.epoch();
          if (statement.reach() instanceof Reach.Keys keys) {
            keys.keys().forEach(key -> live.note(keys.table(), key));
            if (start.moving(keys.table()) != null) {
              return new MovingScatter<>(live, statement, keys, order != null)
                  .rows(start)
                  .flatMapMany(this::merged);
            }
          }
          return start.moving().isEmpty() || statement.reach() instanceof Reach.Keys
              ? resting(start)
              : moving(start);
        });
  }

  private Flux<ShardSignal<T>> moving(Epoch start) {
    OwnedScatter owned = new OwnedScatter(live, statement);
    Set<String> tables = owned.tables(start);
    return tables.isEmpty()
        ? resting(start)
        : owned
            .ready(start, tables)
            .flatMapMany(
                epoch ->
                    owned
                        .statements(epoch)
                        .flatMapMany(plan -> entered(epoch, plan, owned, tables)));
  }

  private Flux<ShardSignal<T>> entered(
      Epoch epoch, Map<ShardId, SqlTemplate> plan, OwnedScatter owned, Set<String> tables) {
    return Flux.using(
        () -> epoch.enterAll(plan.keySet()),
        entered -> {
          Map<ShardId, Flux<T>> rows = new LinkedHashMap<>();
          boolean streams = false;
          for (Map.Entry<ShardId, SqlTemplate> each : plan.entrySet()) {
            ShardId shard = each.getKey();
            Work<T> work = statement.with(each.getValue());
            streams |= work.stream();
            rows.put(
                shard,
                entered
                    .on(shard)
                    .rows(work)
                    .concatWith(Mono.defer(() -> owned.looked(shard, epoch, tables))));
          }
          return merged(new Rows<>(rows, streams, 1));
        },
        Epoch.Entered::leave);
  }

  private Flux<ShardSignal<T>> resting(Epoch start) {
    return statement
        .reach()
        .plan(start.topology(), statement.sql(), statement.binds())
        .doOnNext(plan -> plan.forEach((shard, all) -> refuseUnordered(shard, all.size())))
        .flatMapMany(
            plan ->
                Flux.using(
                    () -> start.enterAll(plan.keySet()),
                    entered -> merged(rows(entered, plan)),
                    Epoch.Entered::leave));
  }

  private Rows<T> rows(Epoch.Entered entered, Map<ShardId, List<BoundStatement>> plan) {
    Map<ShardId, Flux<T>> rows = new LinkedHashMap<>();
    boolean streams = false;
    for (Epoch.Entry entry : entered.entries()) {
      Work<T> work = statement.work(plan.getOrDefault(entry.servers().id(), List.of()));
      streams |= work.stream();
      rows.put(entry.servers().id(), entry.rows(work));
    }
    return new Rows<>(rows, streams, 1);
  }

  /**
   * The rows of each shard.
   *
   * @param streams whether they may be streams
   * @param statements the statements of one shard at most
   */
  record Rows<T>(Map<ShardId, Flux<T>> byShard, boolean streams, int statements) {}

  private Flux<ShardSignal<T>> merged(Rows<T> rows) {
    rows.byShard().keySet().forEach(shard -> refuseUnordered(shard, rows.statements()));
    List<Flux<T>> asked =
        rows.streams() ? StreamTurns.of(rows.byShard()) : List.copyOf(rows.byShard().values());
    List<Scatter.Source<T>> sources = new ArrayList<>();
    rows.byShard()
        .keySet()
        .forEach(shard -> sources.add(new Scatter.Source<>(shard, asked.get(sources.size()))));
    return new Scatter<T>(sources, Scatter.Terms.of(policy, order)).signals();
  }

  /** Refuses an order over several statements of one shard, because there is none. */
  private void refuseUnordered(ShardId shard, int statements) {
    if (order != null && statements > 1) {
      throw new IllegalArgumentException(
          "keys: more than "
              + Reach.Keys.KEYS_PER_STATEMENT
              + " on "
              + shard
              + " (expected: at most so many a shard where rows are ordered)");
    }
  }
}
