package io.shardflux.r2dbc.shard;

import io.shardflux.r2dbc.server.ServerPool;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
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
 * Watches how well a shard's servers can be read from: how far each replica lags, and how near each
 * server is. Asks every second, from the first read on that may go to a replica. A replica is not
 * used until it has answered.
 */
final class ReplicaWatch {

  private static final Logger log = LoggerFactory.getLogger(ReplicaWatch.class);
  private static final Duration INTERVAL = Duration.ofSeconds(1);
  private static final Duration NEAR = Duration.ofMillis(5);

  /**
   * The last answer of a server.
   *
   * @param lag how far it was behind
   * @param at the time of the answer, of {@link System#nanoTime}
   * @param roundTrip how long it took to answer
   */
  record Seen(Duration lag, long at, Duration roundTrip) {}

  private final ServerPool primary;
  private final List<ServerPool> replicas;
  private final Duration maxLag;
  private final Runnable changed;
  private final Map<ServerPool, Seen> seen = new ConcurrentHashMap<>();
  private final Map<ServerPool, Boolean> told = new ConcurrentHashMap<>();
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

  /** Tells whether a replica may be read from. */
  boolean usable(ServerPool replica) {
    Duration behind = lag(replica);
    return behind != null && replica.breaker().closed() && behind.compareTo(maxLag) <= 0;
  }

  /** The servers whose answers come soonest. */
  List<ServerPool> nearest(List<ServerPool> servers) {
    Duration shortest =
        servers.stream().map(this::roundTrip).min(Duration::compareTo).orElse(Duration.ZERO);
    return servers.stream()
        .filter(server -> roundTrip(server).compareTo(shortest.plus(NEAR)) <= 0)
        .toList();
  }

  /**
   * The upper bound of a replica's lag: what it said, and the time since which its primary is known
   * to have lived. A replica that lost its primary gets no older by itself.
   */
  @Nullable Duration lag(ServerPool replica) {
    Seen said = seen.get(replica);
    Seen source = seen.get(primary);
    return said == null || source == null
        ? null
        : said.lag().plusNanos(Math.max(0, source.at() - said.at()));
  }

  private Duration roundTrip(ServerPool server) {
    Seen now = seen.get(server);
    return now == null ? Duration.ofDays(1) : now.roundTrip();
  }

  private Mono<Void> watch(ServerPool server) {
    return Mono.defer(() -> look(server))
        .onErrorResume(
            error -> {
              log.debug("{} does not answer: {}", server.server(), error.toString());
              return Mono.empty();
            })
        .then(Mono.fromRunnable(() -> tell(server)))
        .then(Mono.delay(INTERVAL))
        .repeat()
        .then();
  }

  private Mono<Void> look(ServerPool server) {
    if (!server.breaker().closed()) {
      return Mono.empty();
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
                        () -> seen.put(primary, new Seen(Duration.ZERO, start, roundTrip)))
                    : server
                        .control()
                        .use(ReplicaLag::of)
                        .doOnNext(lag -> note(server, lag, start, roundTrip))
                        .then());
  }

  private void note(ServerPool replica, ReplicaLag lag, long at, Duration roundTrip) {
    if (lag instanceof ReplicaLag.Following following) {
      seen.put(replica, new Seen(following.behind(), at, roundTrip));
    } else {
      log.debug("{}: {}", replica.server(), lag);
    }
  }

  private void tell(ServerPool replica) {
    boolean now = usable(replica);
    if (replica != primary && now != Boolean.TRUE.equals(told.put(replica, now))) {
      log.atInfo()
          .addKeyValue("shard", replica.server().shard())
          .log(
              "{} is {}, its lag is {}",
              replica.server(),
              now ? "read from" : "not read from",
              Objects.requireNonNullElse(lag(replica), "not known"));
      changed.run();
    }
  }
}
