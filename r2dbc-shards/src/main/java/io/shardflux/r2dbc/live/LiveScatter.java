package io.shardflux.r2dbc.live;

import io.shardflux.r2dbc.failure.LocateAnew;
import io.shardflux.r2dbc.failure.TopologyChangedException;
import io.shardflux.r2dbc.scatter.FailurePolicy;
import io.shardflux.r2dbc.scatter.Reach;
import io.shardflux.r2dbc.scatter.Scatter;
import io.shardflux.r2dbc.scatter.ShardSignal;
import io.shardflux.r2dbc.scatter.StreamTurns;
import io.shardflux.r2dbc.statement.BoundStatement;
import io.shardflux.r2dbc.statement.SqlTemplate;
import io.shardflux.r2dbc.statement.Work;
import io.shardflux.router.ShardId;
import io.shardflux.router.TransitionStrategy.KeyPlace;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Flux;
import reactor.core.scheduler.Schedulers;

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
          }
          return signals(start, new Patience(live, "rows", statement.terms().timeouts().acquire()));
        });
  }

  private Flux<ShardSignal<T>> signals(Epoch start, Patience patience) {
    if (statement.reach() instanceof Reach.Keys keys) {
      return start.moving(keys.table()) == null
          ? resting(start, patience)
          : looked(
              new ScatterLook<>(live, start, statement, Set.of(keys.table())),
              patience,
              look ->
                  new MovingScatter<>(live, statement, keys, order != null)
                      .rows(start)
                      .flatMapMany(this::merged));
    }
    return start.moving().isEmpty() ? resting(start, patience) : moving(start, patience);
  }

  private Flux<ShardSignal<T>> moving(Epoch start, Patience patience) {
    OwnedScatter owned = new OwnedScatter(live, statement);
    Set<String> tables = owned.tables(start);
    return tables.isEmpty()
        ? resting(start, patience)
        : owned
            .ready(start, tables)
            .flatMapMany(
                epoch ->
                    owned
                        .statements(epoch)
                        .flatMapMany(
                            plan ->
                                looked(
                                    new ScatterLook<>(live, epoch, statement, owned.tables(epoch)),
                                    patience,
                                    look -> entered(epoch, plan, look))));
  }

  private Flux<ShardSignal<T>> entered(
      Epoch epoch, Map<ShardId, SqlTemplate> plan, ScatterLook<T> look) {
    ScatterStatement<T> looking = look.looking();
    return Flux.using(
        () -> epoch.enterAll(plan.keySet()),
        entered -> {
          Map<ShardId, Flux<T>> rows = new LinkedHashMap<>();
          boolean streams = false;
          for (Map.Entry<ShardId, SqlTemplate> each : plan.entrySet()) {
            ShardId shard = each.getKey();
            Work<T> work = looking.with(each.getValue());
            streams |= work.stream();
            rows.put(shard, look.looked(shard, entered.on(shard).rows(work)));
          }
          return merged(new Rows<>(rows, streams, 1));
        },
        Epoch.Entered::leave);
  }

  /** Begins anew where rows no longer lie as they did, unless something was given or done. */
  private Flux<ShardSignal<T>> looked(
      ScatterLook<T> look,
      Patience patience,
      Function<ScatterLook<T>, Flux<ShardSignal<T>>> asked) {
    return Flux.defer(
        () -> {
          AtomicBoolean given = new AtomicBoolean();
          return asked
              .apply(look)
              .doOnNext(
                  signal -> {
                    if (signal instanceof ShardSignal.Row) {
                      given.setPlain(true);
                    }
                  })
              .onErrorResume(
                  LocateAnew.class,
                  anew ->
                      given.getPlain() || (statement.writes() && look.sent())
                          ? Flux.error(changed(look))
                          : again(anew, patience));
        });
  }

  private Flux<ShardSignal<T>> again(LocateAnew anew, Patience patience) {
    KeyPlace first = new KeyPlace(live.topology().shards().iterator().next(), null);
    return (anew.after() == LocateAnew.After.FOLLOWING
            ? patience.followed(first)
            : patience.next(first))
        .publishOn(Schedulers.parallel())
        .thenMany(Flux.defer(() -> signals(live.epoch(), patience)));
  }

  private TopologyChangedException changed(ScatterLook<T> look) {
    return TopologyChangedException.of(
        live.topology().shards().iterator().next(),
        look.named()
            + ": keys moved to another shard (expected: the same shard) while all shards were"
            + " asked, "
            + (statement.writes()
                ? "and some shards may have done it"
                : "and rows may be missing; ask again"));
  }

  private Flux<ShardSignal<T>> resting(Epoch start, Patience patience) {
    return statement
        .reach()
        .plan(start.topology(), statement.sql(), statement.binds())
        .doOnNext(plan -> plan.forEach((shard, all) -> refuseUnordered(shard, all.size())))
        .flatMapMany(
            plan ->
                looked(
                    new ScatterLook<>(live, start, statement, Set.of()),
                    patience,
                    look ->
                        Flux.using(
                            () -> start.enterAll(plan.keySet()),
                            entered -> merged(rows(entered, plan, look)),
                            Epoch.Entered::leave)));
  }

  private Rows<T> rows(
      Epoch.Entered entered, Map<ShardId, List<BoundStatement>> plan, ScatterLook<T> look) {
    ScatterStatement<T> looking = look.looking();
    Map<ShardId, Flux<T>> rows = new LinkedHashMap<>();
    boolean streams = false;
    for (Epoch.Entry entry : entered.entries()) {
      ShardId shard = entry.servers().id();
      Work<T> work = looking.work(plan.getOrDefault(shard, List.of()));
      streams |= work.stream();
      rows.put(shard, look.looked(shard, entry.rows(work)));
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
    List<Scatter.ShardRows<T>> sources = new ArrayList<>();
    rows.byShard()
        .keySet()
        .forEach(shard -> sources.add(new Scatter.ShardRows<>(shard, asked.get(sources.size()))));
    return new Scatter<T>(
            sources,
            new Scatter.Terms<>(policy, order, Scatter.PREFETCH, LocateAnew.class::isInstance))
        .signals();
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
