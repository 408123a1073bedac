package io.shardflux.r2dbc.live;

import io.shardflux.r2dbc.failure.LocateAnew;
import io.shardflux.r2dbc.scatter.Reach;
import io.shardflux.r2dbc.settings.ReadPreference;
import io.shardflux.r2dbc.statement.Work;
import io.shardflux.router.ShardId;
import io.shardflux.router.TransitionStrategy.KeyPlace;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * The look at the places of rows that a statement for several shards takes, before it is sent to
 * each of them and when its first row has come. One shard may be asked long after another. Used by
 * one subscription.
 */
final class ScatterLook<T> {

  private final LiveShards live;
  private final Epoch start;
  private final ScatterStatement<T> statement;
  private final Set<String> moving;
  private final AtomicBoolean sent = new AtomicBoolean();

  /**
   * A look at rows as they lay by a topology.
   *
   * @param moving the tables whose rows are told apart by their owners
   */
  ScatterLook(LiveShards live, Epoch start, ScatterStatement<T> statement, Set<String> moving) {
    this.live = live;
    this.start = start;
    this.statement = statement;
    this.moving = moving;
  }

  /** Tells whether a shard was sent the statement. */
  boolean sent() {
    return sent.get();
  }

  /** The statement, which is sent only while rows lie as it has it. */
  ScatterStatement<T> looking() {
    return new ScatterStatement<>(
        statement.reach(),
        statement.sql(),
        statement.binds(),
        terms(),
        statement.counting(),
        (bound, connection, dialect) ->
            Flux.defer(
                () -> {
                  // Whether it is the newest topology is asked when the answer has come.
                  boolean followed = live.followed();
                  if (!followed || isMoved(live.epoch())) {
                    return Flux.error(anew());
                  }
                  sent.set(true);
                  return statement.execution().on(bound, connection, dialect);
                }));
  }

  /** Those of the caller, but for replicas, which may not have the rows that came to a shard. */
  private Work.Terms terms() {
    Work.Terms own = statement.terms();
    return moving.isEmpty() ? own : own.preferring(ReadPreference.PRIMARY);
  }

  /** A shard's rows, which count if they lay as the statement has it when the first one came. */
  Flux<T> looked(ShardId shard, Flux<T> rows) {
    return Flux.defer(
        () -> {
          AtomicBoolean given = new AtomicBoolean();
          AtomicBoolean sure = new AtomicBoolean();
          return rows.doOnNext(
                  row -> {
                    if (!given.getPlain()) {
                      given.setPlain(true);
                      sure.setPlain(lie());
                      if (!sure.getPlain() && isMoved(live.epoch())) {
                        throw anew();
                      }
                    }
                  })
              .concatWith(
                  Mono.defer(() -> sure.getPlain() || lie() ? Mono.empty() : settled(shard)));
        });
  }

  private <V> Mono<V> settled(ShardId shard) {
    Duration acquire = statement.terms().timeouts().acquire();
    Mono<Void> confirmed =
        live.confirmed()
            ? Mono.empty()
            : moving.isEmpty()
                ? live.follow(acquire)
                    .onErrorMap(error -> Patience.unfollowed(named(), shard, acquire, error))
                : live.confirm(acquire)
                    .onErrorMap(
                        error ->
                            Patience.unconfirmed(
                                named(), new KeyPlace(shard, null), acquire, error));
    return confirmed.then(
        Mono.defer(() -> isMoved(live.epoch()) ? Mono.error(anew()) : Mono.empty()));
  }

  private boolean lie() {
    // Before the look at the epoch: what is confirmed later may be a later one.
    boolean sure = moving.isEmpty() ? live.followed() : live.confirmed();
    Epoch now = live.epoch();
    return sure && !isMoved(now);
  }

  private boolean isMoved(Epoch now) {
    if (now.isSame(start)) {
      return false;
    }
    if (!moving.isEmpty()) {
      return now.movedSince(start, moving);
    }
    if (statement.reach() instanceof Reach.Keys keys) {
      return now.movedSince(start, List.of(keys.table()));
    }
    Set<String> others = new HashSet<>(now.moving().keySet());
    for (String table : now.topology().tables().keySet()) {
      if (now.movedSince(start, List.of(table))) {
        others.add(table);
      }
    }
    return !others.isEmpty() && !statement.sql().naming(others).isEmpty();
  }

  String named() {
    return moving.isEmpty() ? "rows" : String.join(", ", moving);
  }

  private LocateAnew anew() {
    return new LocateAnew(live.followed() ? LocateAnew.After.NOTHING : LocateAnew.After.FOLLOWING);
  }
}
