package io.shardflux.r2dbc;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.Disposable;
import reactor.core.Disposables;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * What a shard's servers are like to read from: how far each replica lags, and how near each server
 * is. Asks every second, from the first read on that may go to a replica; until a replica has
 * answered it is not used.
 */
final class ReplicaWatch {

  private static final Logger log = LoggerFactory.getLogger(ReplicaWatch.class);
  private static final Duration INTERVAL = Duration.ofSeconds(1);
  private static final Duration NEAR = Duration.ofMillis(5);

  /**
   * What is known of a server.
   *
   * @param lag how far it was behind
   * @param at when it said so, of {@link System#nanoTime}
   * @param severed whether it hears nothing from its source any more
   * @param roundTrip how long it takes to answer
   */
  record Seen(Duration lag, long at, boolean severed, Duration roundTrip) {

    /** One that hears nothing falls behind as time goes. */
    Duration lagNow() {
      return severed ? lag.plusNanos(System.nanoTime() - at) : lag;
    }
  }

  private final ServerPool primary;
  private final List<ServerPool> replicas;
  private final Duration maxLag;
  private final Runnable changed;
  private final Map<ServerPool, Seen> seen = new ConcurrentHashMap<>();
  private final AtomicBoolean begun = new AtomicBoolean();
  private final Disposable.Swap watching = Disposables.swap();

  ReplicaWatch(ServerPool primary, List<ServerPool> replicas, Duration maxLag, Runnable changed) {
    this.primary = primary;
    this.replicas = replicas;
    this.maxLag = maxLag;
    this.changed = changed;
  }

  /** Begins to watch, if that has not begun. */
  void begin() {
    if (!begun.get() && begun.compareAndSet(false, true)) {
      watching.update(
          Flux.concat(Flux.just(primary), Flux.fromIterable(replicas))
              .flatMap(this::watch)
              .subscribe());
    }
  }

  boolean watching() {
    return begun.get();
  }

  void stop() {
    watching.dispose();
  }

  /**
   * Whether a replica may be read from. One that lost a primary which is down has all there is,
   * however long ago.
   */
  boolean usable(ServerPool replica) {
    Seen now = seen.get(replica);
    return now != null
        && replica.breaker().closed()
        && (now.lagNow().compareTo(maxLag) <= 0 || (now.severed() && !primary.breaker().closed()));
  }

  /** Those of the servers whose answers come soonest. */
  List<ServerPool> nearest(List<ServerPool> servers) {
    Duration shortest =
        servers.stream().map(this::roundTrip).min(Duration::compareTo).orElse(Duration.ZERO);
    return servers.stream()
        .filter(server -> roundTrip(server).compareTo(shortest.plus(NEAR)) <= 0)
        .toList();
  }

  @Nullable Duration lag(ServerPool replica) {
    Seen now = seen.get(replica);
    return now == null ? null : now.lagNow();
  }

  private Duration roundTrip(ServerPool server) {
    Seen now = seen.get(server);
    return now == null ? Duration.ofDays(1) : now.roundTrip();
  }

  private Mono<Void> watch(ServerPool server) {
    return Mono.defer(() -> look(server))
        .onErrorResume(error -> Mono.fromRunnable(() -> lose(server, error.toString())))
        .then(Mono.delay(INTERVAL))
        .repeat()
        .then();
  }

  private Mono<Void> look(ServerPool server) {
    if (!server.breaker().closed()) {
      return Mono.fromRunnable(() -> seen.remove(server));
    }
    long start = System.nanoTime();
    return server
        .control()
        .run("DO 0")
        .then(Mono.fromSupplier(() -> Duration.ofNanos(System.nanoTime() - start)))
        .flatMap(
            roundTrip ->
                server == primary
                    ? Mono.fromRunnable(
                        () -> seen.put(server, new Seen(Duration.ZERO, start, false, roundTrip)))
                    : server
                        .control()
                        .use(ReplicaLag::of)
                        .doOnNext(lag -> note(server, lag, roundTrip))
                        .then());
  }

  private void note(ServerPool replica, ReplicaLag lag, Duration roundTrip) {
    boolean before = usable(replica);
    Seen last = seen.get(replica);
    if (lag instanceof ReplicaLag.Following following) {
      seen.put(replica, new Seen(following.behind(), System.nanoTime(), false, roundTrip));
    } else if (lag instanceof ReplicaLag.Severed && last != null) {
      seen.put(replica, new Seen(last.lag(), last.at(), true, roundTrip));
    } else {
      seen.remove(replica);
    }
    tell(replica, before, lag.toString());
  }

  private void lose(ServerPool server, String reason) {
    boolean before = usable(server);
    seen.remove(server);
    tell(server, before, reason);
  }

  private void tell(ServerPool server, boolean before, String reason) {
    boolean now = usable(server);
    if (server != primary && before != now) {
      log.atInfo()
          .addKeyValue("shard", server.server().shard())
          .log("{} is {}: {}", server.server(), now ? "read from" : "not read from", reason);
      changed.run();
    }
  }
}
