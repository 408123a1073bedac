package io.shardflux.r2dbc.live;

import io.r2dbc.spi.Connection;
import io.shardflux.r2dbc.failure.LocateAnew;
import io.shardflux.r2dbc.failure.TopologyChangedException;
import io.shardflux.r2dbc.shard.ShardServers;
import io.shardflux.r2dbc.statement.Work;
import io.shardflux.router.Internal;
import io.shardflux.router.ShardKey;
import io.shardflux.router.TransitionStrategy.KeyPlace;
import java.time.Duration;
import java.util.List;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.reactivestreams.Publisher;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * The look at a key's place, right before a statement is sent there and when its answer has come. A
 * shard can't refuse a statement that finds nothing: where its rows have left, an answer without
 * rows would be a wrong one. So what a read gave, and a write that changed nothing, counts only
 * while the topology is known to be the newest.
 */
@Internal
public final class Look {

  private final LiveShards live;
  private final Epoch epoch;
  private final String table;
  private final List<ShardKey> keys;
  private final KeyPlace place;
  private final Parking.@Nullable Ticket ticket;

  /**
   * A look at keys that were located together.
   *
   * @param ticket of a statement that has waited; it is left once there is a connection
   */
  Look(
      LiveShards live,
      Epoch epoch,
      String table,
      List<ShardKey> keys,
      KeyPlace place,
      Parking.@Nullable Ticket ticket) {
    this.live = live;
    this.epoch = epoch;
    this.table = table;
    this.keys = keys;
    this.place = place;
    this.ticket = ticket;
  }

  Epoch epoch() {
    return epoch;
  }

  KeyPlace place() {
    return place;
  }

  /** A statement's answer; errors with {@link LocateAnew} where it must be put again. */
  <T> Flux<T> answer(ShardServers servers, Work<T> work) {
    // A replica may not have the rows that came to its shard.
    Flux<T> rows = servers.run(place.step() == null ? sent(work) : sent(work).onPrimary());
    Duration time = work.terms().timeouts().acquire();
    if (work.counting()) {
      return rows.concatMap(
          count ->
              work.changedNothing(count)
                  ? this.<T>looked(time, given -> new LocateAnew(LocateAnew.After.NOTHING), false)
                      .switchIfEmpty(Mono.just(count))
                  : Mono.just(count));
    }
    return new LookedFlux<>(
        rows, this::holds, given -> looked(time, had -> gone(work, had), given));
  }

  private RuntimeException gone(Work<?> work, boolean given) {
    if (!work.read()) {
      return changed("while the statement ran; whether it changed rows is not known");
    }
    return given
        ? changed("while they were read, and rows may be missing; read again")
        : new LocateAnew(LocateAnew.After.NOTHING);
  }

  /** The work of a caller on a connection, which must then find the key where it was. */
  public <T> Function<Connection, Publisher<T>> lent(
      Duration time, Function<Connection, ? extends Publisher<T>> work) {
    return connection ->
        mayGo() ? Flux.concat(work.apply(connection), this.<T>end(time)) : Flux.error(anew());
  }

  /** Completes if the key is still there, so that a transaction may commit. */
  public <T> Mono<T> end(Duration time) {
    return Mono.defer(
        () ->
            this.<T>looked(
                time, given -> changed("while they were used; run the transaction again"), true));
  }

  /** Tells whether a statement that has its connection may be sent. */
  public boolean mayGo() {
    if (ticket != null) {
      ticket.leave();
    }
    return holds();
  }

  /** The error of a statement that must not be sent. */
  public LocateAnew anew() {
    return new LocateAnew(
        place.step() == null && !live.followed()
            ? LocateAnew.After.FOLLOWING
            : LocateAnew.After.NOTHING);
  }

  private <T> Work<T> sent(Work<T> work) {
    return work.doing(
        (connection, dialect) ->
            mayGo() ? work.execution().apply(connection, dialect) : Flux.error(anew()));
  }

  private boolean holds() {
    // In this order: what is confirmed later may be a later epoch.
    boolean sure = place.step() == null ? live.followed() : live.confirmed();
    Epoch now = live.epoch();
    return sure && (now.isSame(epoch) || (place.step() == null && rests(now)));
  }

  /** Tells whether keys that did not move don't either by a later topology. */
  private boolean rests(Epoch now) {
    return now.moving(table) == null && !now.movedSince(epoch, List.of(table), place.shard());
  }

  /**
   * Completes if the answer counts.
   *
   * @param gone the error if the key is elsewhere by now, by whether rows were given
   */
  private <T> Mono<T> looked(
      Duration time, Function<Boolean, RuntimeException> gone, boolean given) {
    return holds() ? Mono.empty() : settled(time).then(elsewhere(() -> gone.apply(given)));
  }

  private Mono<Void> settled(Duration time) {
    return live.confirmed()
        ? Mono.empty()
        : stayed()
            .flatMap(
                stayed ->
                    stayed
                        ? live.follow(time)
                            .onErrorMap(
                                error -> Patience.unfollowed(table, place.shard(), time, error))
                            .then(Mono.defer(this::stayed))
                        : Mono.just(false))
            .flatMap(
                stayed ->
                    stayed
                        ? Mono.empty()
                        : live.confirm(time)
                            .onErrorMap(error -> Patience.unconfirmed(table, place, time, error)));
  }

  /** Tells whether none of the keys is on its way, or was. */
  private Mono<Boolean> stayed() {
    return place.step() != null
        ? Mono.just(false)
        : live.epoch()
            .places(table, keys)
            .map(places -> places.stream().allMatch(each -> each.step() == null));
  }

  private <T> Mono<T> elsewhere(Supplier<RuntimeException> error) {
    return Mono.defer(
        () -> {
          Epoch now = live.epoch();
          return now.places(table, keys)
              .flatMap(
                  places ->
                      places.stream().allMatch(each -> stays(now, each))
                          ? Mono.empty()
                          : Mono.error(error.get()));
        });
  }

  /** Tells whether a key is where it was, and was nowhere else meanwhile. */
  private boolean stays(Epoch now, KeyPlace found) {
    boolean still = place.step() == null && found.step() == null && now.moving(table) != null;
    return found.shard().equals(place.shard())
        && (still || !now.movedSince(epoch, List.of(table), place.shard()));
  }

  private TopologyChangedException changed(String when) {
    return TopologyChangedException.of(
        place.shard(),
        table + ": its keys moved to another shard (expected: the same shard) " + when);
  }
}
