package io.shardflux.r2dbc.live;

import io.shardflux.r2dbc.failure.ShardUnavailableException;
import io.shardflux.r2dbc.failure.ShardUnavailableException.Why;
import io.shardflux.router.Internal;
import io.shardflux.router.ShardId;
import io.shardflux.router.TransitionStrategy.KeyPlace;
import io.shardflux.router.TransitionStrategy.Step;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;

/**
 * The waiting of one statement for a topology, which is held to the statement's time to a
 * connection. Used by one subscription.
 */
@Internal
public final class Patience {

  /** The time for which a statement waits for the next topology. */
  static final Duration PARKED = Duration.ofSeconds(2);

  /** Bounds a loop where a control server answers at once with what is of no use. */
  private static final int ROUNDS = 64;

  private final LiveShards live;
  private final String table;
  private final Duration acquire;
  private final long start = now();
  private long parkedSince = Long.MIN_VALUE;
  private int rounds;

  /**
   * The waiting of a statement that begins now.
   *
   * @param table what errors speak of
   */
  public Patience(LiveShards live, String table, Duration acquire) {
    this.live = live;
    this.table = table;
    this.acquire = acquire;
  }

  /** Completes when the statement may be located once more, or errors as it has waited enough. */
  public Mono<Void> next(KeyPlace place) {
    return Mono.defer(
        () ->
            ++rounds > ROUNDS || left().isNegative()
                ? Mono.error(late(place, acquire, "have not stayed on a shard"))
                : Mono.empty());
  }

  /** Completes when the newest topology is in force. */
  public Mono<Void> confirmed(KeyPlace place) {
    return next(place)
        .then(
            Mono.defer(
                () ->
                    live.confirm(left())
                        .onErrorMap(error -> unconfirmed(table, place, acquire, error))));
  }

  /** Completes when a later topology would be known. */
  public Mono<Void> followed(KeyPlace place) {
    return next(place)
        .then(
            Mono.defer(
                () ->
                    live.follow(left())
                        .onErrorMap(error -> unfollowed(table, place.shard(), acquire, error))));
  }

  /** The error where nothing tells whether keys that stayed have moved. */
  public static ShardUnavailableException unfollowed(
      String table, ShardId shard, Duration time, Throwable error) {
    return new ShardUnavailableException(
        shard,
        Why.NOT_ASKED,
        table
            + ": its keys may have moved, and neither the control server nor a shard's database"
            + " tells (expected: an answer within "
            + time.toMillis()
            + " ms)",
        error);
  }

  /**
   * Waits for the next topology before it goes on.
   *
   * @param located the epoch that the statement was located in
   * @param on what follows; it leaves once it has a connection
   */
  public <T> Flux<T> parked(Epoch located, KeyPlace place, Function<Parking.Ticket, Flux<T>> on) {
    return next(place)
        .thenMany(
            Flux.using(
                () -> entered(located, place),
                ticket ->
                    ticket
                        .turn()
                        .timeout(bound(), Mono.error(() -> lateSwitch(place)))
                        .thenMany(Flux.defer(() -> on.apply(ticket))),
                Parking.Ticket::leave));
  }

  private Parking.Ticket entered(Epoch located, KeyPlace place) {
    Parking.Ticket ticket = live.parking().enter(located.topology().epoch());
    if (ticket == null) {
      throw new ShardUnavailableException(
          place.shard(),
          Why.OVERLOADED,
          about(table, place)
              + ", and "
              + Parking.MOST
              + " statements wait for that (expected: fewer; try again later)",
          null);
    }
    return ticket;
  }

  private Duration bound() {
    long now = now();
    if (parkedSince == Long.MIN_VALUE) {
      parkedSince = now;
    }
    Duration rest = PARKED.minusNanos(now - parkedSince);
    Duration left = left();
    return atLeast(rest.compareTo(left) < 0 ? rest : left);
  }

  private ShardUnavailableException lateSwitch(KeyPlace place) {
    return late(place, acquire.compareTo(PARKED) < 0 ? acquire : PARKED, "have not been switched");
  }

  private ShardUnavailableException late(KeyPlace place, Duration time, String what) {
    return new ShardUnavailableException(
        place.shard(),
        Why.NOT_ASKED,
        about(table, place)
            + ", and "
            + what
            + " within "
            + time.toMillis()
            + " ms (expected: within that time; nothing was sent, try again)",
        null);
  }

  /** The error where the control server does not say which topology is the newest. */
  public static ShardUnavailableException unconfirmed(
      String table, KeyPlace place, Duration time, Throwable error) {
    return new ShardUnavailableException(
        place.shard(),
        Why.NOT_ASKED,
        about(table, place)
            + ", and the control server does not answer (expected: an answer within "
            + time.toMillis()
            + " ms; tables whose keys stay are served)",
        error);
  }

  static String about(String table, KeyPlace place) {
    Step step = place.step();
    return table + ": its keys move" + (step == null ? "" : " to " + target(place.shard(), step));
  }

  private static String target(ShardId here, Step step) {
    return step.to().equals(here) ? "here" : step.to().value();
  }

  private Duration left() {
    return acquire.minusNanos(now() - start);
  }

  private static Duration atLeast(Duration time) {
    return time.toMillis() < 1 ? Duration.ofMillis(1) : time;
  }

  private static long now() {
    return Schedulers.parallel().now(TimeUnit.NANOSECONDS);
  }
}
