package io.shardflux.cluster;

import io.shardflux.cluster.ControlTables.Head;
import io.shardflux.cluster.ControlTables.Member;
import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.r2dbc.ShardRouterBuilder;
import io.shardflux.r2dbc.config.ControlOptions;
import io.shardflux.r2dbc.config.RouterParts;
import io.shardflux.r2dbc.config.TopologyAccess;
import io.shardflux.r2dbc.config.TopologyDocument;
import io.shardflux.r2dbc.directory.TableDirectory;
import io.shardflux.r2dbc.settings.ProcessConnections;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.r2dbc.settings.SharedTopology;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardingStrategy;
import io.shardflux.router.TableRule;
import io.shardflux.router.Topology;
import io.shardflux.router.TransitionStrategy;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.Disposable;
import reactor.core.Disposables;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.core.scheduler.Schedulers;

/**
 * Keeps a router up to date: polls the control server's one row, puts a later topology in force,
 * obeys the operators' orders, and renews the router's lease. Thread-safe; one look at a time.
 */
final class TopologyWatch implements SharedTopology {

  private static final Logger log = LoggerFactory.getLogger(TopologyWatch.class);

  /** The time after which a lease is renewed. */
  static final Duration RENEWAL = Duration.ofSeconds(2);

  private static final long RENEWAL_NANOS = RENEWAL.toNanos();

  private static final Duration MOVING_POLL = Duration.ofMillis(100);
  private static final Duration SWITCHING_POLL = Duration.ofMillis(20);

  /** The factor by which the clocks of two machines may run differently. */
  private static final double SKEW = 1.1;

  /** A database may know an epoch a moment before the control server does. */
  private static final Duration CATCH_UP_GAP = Duration.ofMillis(20);

  private static final Duration CATCH_UP_BOUND = Duration.ofSeconds(2);

  /** The time after which the control server counts as behind a database, and not as late. */
  private static final long LATE_NANOS = Duration.ofMillis(500).toNanos();

  private final ControlOptions control;
  private final ControlTables tables;
  private final RouterParts own;
  private final Member member;
  private final UUID cluster;
  private final ShardRouter router;
  private final ObeyedOrders orders;
  private final Disposable.Swap polling = Disposables.swap();
  private final AtomicReference<@Nullable Mono<Void>> underWay = new AtomicReference<>();
  private final Sinks.Many<ClusterEvent> events = Sinks.many().multicast().directBestEffort();
  private volatile TopologyDocument.Opened opened;

  /** The time of the last look that succeeded; none did at first, wherever the start came from. */
  private volatile long confirmedAt;

  /** The time of the last look at the shards' databases, while the control server is lost. */
  private volatile long followedAt;

  private volatile boolean lost;

  /** True if the last look failed; used by one look at a time. */
  private volatile boolean failing;

  // Used by one look at a time.
  private volatile long registeredAt = System.nanoTime() - RENEWAL_NANOS;
  private volatile long registeredEpoch;

  /** The shards that have answered a statement of this router. */
  private final Set<ShardId> reached = ConcurrentHashMap.newKeySet();

  private final AtomicBoolean reaching = new AtomicBoolean();

  private volatile long refusedEpoch;

  /** The latest epoch that a database told a connection of this router. */
  private volatile long told;

  private volatile long toldAt;

  /** True if a move is about to switch keys. */
  private volatile boolean switchesSoon;

  /** True if the control server has an older topology than this router. */
  private volatile boolean behind;

  /** The time of the last look for what the shards know; used by one look at a time. */
  private long askedAt;

  /** A router that starts with a topology; it is kept up to date once {@link #begin begun}. */
  TopologyWatch(
      ControlOptions control,
      ControlTables tables,
      ShardRouterBuilder builder,
      Member member,
      ClusterStart.Start start) {
    this.control = control;
    this.tables = tables;
    this.own = builder.parts();
    this.member = member;
    this.cluster = start.cluster();
    this.opened = start.opened();
    this.confirmedAt = System.nanoTime() - control.lease().toNanos();
    this.followedAt = confirmedAt;
    this.askedAt = System.nanoTime() - RENEWAL_NANOS;
    this.router = builder.build(opened, this);
    this.orders = new ObeyedOrders(router.operations());
  }

  ShardRouter router() {
    return router;
  }

  ObeyedOrders orders() {
    return orders;
  }

  @Override
  public String cluster() {
    return cluster.toString();
  }

  @Override
  public boolean confirmed() {
    return !behind && System.nanoTime() - confirmedAt < control.lease().toNanos() && isSeen(told);
  }

  @Override
  public boolean followed() {
    return confirmed() || System.nanoTime() - followedAt < control.lease().toNanos();
  }

  @Override
  public Mono<Void> confirm() {
    return fresh()
        .repeatWhen(looks -> looks.takeWhile(look -> !confirmed()).delayElements(CATCH_UP_GAP))
        .then();
  }

  @Override
  public Mono<Void> follow() {
    return Mono.defer(() -> followed() ? Mono.empty() : look().onErrorComplete())
        .repeatWhen(looks -> looks.takeWhile(look -> !followed()).delayElements(CATCH_UP_GAP))
        .then();
  }

  /** The topology in force, as it was published. */
  TopologyDocument.Opened opened() {
    return opened;
  }

  /** The events from now on, without back-pressure. */
  Flux<ClusterEvent> events() {
    return events.asFlux();
  }

  /** Looks now, whether that succeeds or not, and again and again. */
  Mono<Void> begin() {
    return look()
        .onErrorComplete()
        .doOnSuccess(
            looked ->
                polling.update(
                    Mono.defer(() -> Mono.delay(pause()))
                        .then(Mono.defer(this::look).onErrorComplete())
                        .repeat()
                        .subscribe()));
  }

  private Duration pause() {
    return pause(router.topology(), control.poll(), switchesSoon);
  }

  /**
   * The time until the next look, which is short while keys move. Writes wait at a switch until the
   * last router knows of it.
   */
  static Duration pause(Topology topology, Duration rest, boolean switchesSoon) {
    Duration pause =
        topology.tables().values().stream().anyMatch(TopologyWatch::joins)
            ? shorter(rest, MOVING_POLL)
            : rest;
    for (ShardingStrategy strategy : topology.strategies().values()) {
      if (strategy instanceof TransitionStrategy way) {
        boolean switching = way.steps().stream().anyMatch(step -> step.phase().waits());
        pause = shorter(pause, switching || switchesSoon ? SWITCHING_POLL : MOVING_POLL);
      }
    }
    return pause;
  }

  private boolean keysMove() {
    return router.topology().strategies().values().stream()
        .anyMatch(TransitionStrategy.class::isInstance);
  }

  /** Tells whether a copy of a table is being made: all routers must write it soon. */
  private static boolean joins(TableRule rule) {
    return rule instanceof TableRule.Reference reference && !reference.joining().isEmpty();
  }

  private static Duration shorter(Duration one, Duration other) {
    return one.compareTo(other) < 0 ? one : other;
  }

  /** Ends the looks; forgets the router. */
  Mono<Void> close() {
    return Mono.defer(
        () -> {
          polling.dispose();
          return tables
              .unregister(member.id())
              .onErrorComplete()
              .thenMany(Flux.fromIterable(opened.directories()))
              .flatMap(TableDirectory::close)
              .then()
              .doFinally(end -> endEvents());
        });
  }

  private synchronized void endEvents() {
    var unused = events.tryEmitComplete();
  }

  /** Looks once, and not before the call: what a look that is under way has read may be old. */
  private Mono<Void> fresh() {
    return Mono.defer(
        () -> {
          Mono<Void> before = underWay.get();
          return before == null ? look() : before.onErrorComplete().then(Mono.defer(this::look));
        });
  }

  /** Looks once. A caller that comes while a look is under way gets the end of that one. */
  Mono<Void> look() {
    return Mono.defer(
        () -> {
          // Over before its end is told, so that nobody who is told joins it again.
          Mono<Void> fresh =
              Mono.defer(this::lookNow).doOnTerminate(() -> underWay.set(null)).cache();
          Mono<Void> first = underWay.compareAndExchange(null, fresh);
          return first == null ? fresh : first;
        });
  }

  /** Completes once the router's topology is of that epoch, or it can't be had in time. */
  @Override
  public Mono<Void> seen(long epoch) {
    return Mono.defer(() -> isSeen(epoch) ? Mono.empty() : told(epoch))
        .repeatWhen(looks -> looks.takeWhile(look -> !isSeen(epoch)).delayElements(CATCH_UP_GAP))
        .then()
        .timeout(CATCH_UP_BOUND)
        .onErrorComplete();
  }

  private Mono<Void> told(long epoch) {
    synchronized (this) {
      if (epoch > told) {
        told = epoch;
        toldAt = System.nanoTime();
      }
    }
    return look().onErrorComplete();
  }

  private boolean isSeen(long epoch) {
    return router.topology().epoch() >= epoch;
  }

  private Mono<Void> lookNow() {
    long sentAt = System.nanoTime();
    // Others may have gone on meanwhile, and the control server have forgotten it.
    boolean gap = sentAt - confirmedAt >= control.lease().toNanos();
    Mono<Void> asked =
        tables
            .head(keysMove())
            .doOnNext(head -> switchesSoon = head.switchesSoon())
            .flatMap(head -> follow(head, gap, sentAt))
            .doOnSuccess(done -> confirmed(sentAt))
            .doOnError(this::unconfirmed);
    // A control server that is silent takes its time, in which the shards tell.
    return failing
        ? fromShards().then(asked)
        : asked.onErrorResume(error -> fromShards().then(Mono.error(error)));
  }

  /**
   * Follows what the shards know, so that a router which alone has lost the control server does not
   * go on by a topology that the others have left.
   */
  private Mono<Void> fromShards() {
    return Mono.defer(() -> fromShards(System.nanoTime()));
  }

  private Mono<Void> fromShards(long sentAt) {
    AtomicBoolean answered = new AtomicBoolean();
    return IdentityTables.later(
            router,
            cluster,
            router.topology().epoch(),
            Timeouts.of(control.lease().dividedBy(4)),
            answered)
        .publishOn(Schedulers.boundedElastic())
        .flatMap(this::putInForce)
        .doOnSuccess(
            end -> {
              if (answered.get()) {
                followedAt = sentAt;
              }
            });
  }

  private Mono<Void> follow(Head head, boolean gap, long sentAt) {
    if (!head.cluster().equals(cluster)) {
      return Mono.error(
          new IllegalStateException(
              "control: of cluster " + head.cluster() + " (expected: " + cluster + ")"));
    }
    return topologyOf(head)
        .then(Mono.defer(() -> gap || isMissing(head) ? askedShards() : Mono.empty()))
        .then(Mono.defer(() -> head.epoch() < epoch() ? behind(head) : upToDate(head, sentAt)));
  }

  private long epoch() {
    return router.topology().epoch();
  }

  private boolean isMissing(Head head) {
    return told > epoch() && told > head.epoch() && System.nanoTime() - toldAt > LATE_NANOS;
  }

  private Mono<Void> upToDate(Head head, long sentAt) {
    behind = false;
    // Tables at rest need neither the registration, nor a topology that this router can't open.
    followedAt = sentAt;
    return ordersOf(head).then(Mono.defer(this::renewed));
  }

  /** Goes on as a registered router, by its own topology and orders. */
  private Mono<Void> behind(Head head) {
    behind = true;
    return renewed().then(Mono.error(() -> new ControlBehindException(head.epoch(), epoch())));
  }

  private Mono<Void> topologyOf(Head head) {
    return head.epoch() <= epoch()
        ? Mono.empty()
        : tables
            .topology(head.epoch())
            .publishOn(Schedulers.boundedElastic())
            .flatMap(
                now -> putInForce(now.epoch(), now.document(), now.madeBy() + ": " + now.why()));
  }

  /**
   * Follows what the shards know, by connections of its own: those of the router wait for this
   * look. A shard that is silent tells its first connection.
   */
  private Mono<Void> askedShards() {
    long now = System.nanoTime();
    if (now - askedAt < RENEWAL_NANOS) {
      return Mono.empty();
    }
    askedAt = now;
    return IdentityTables.on(
            opened.shards(),
            // One that is silent must not make this look as old as a lease.
            control.lease().dividedBy(4),
            shards ->
                Mono.zip(shards.reached(), shards.later(cluster, epoch()).singleOptional())
                    .doOnNext(both -> both.getT1().forEach(this::reached))
                    .flatMap(both -> Mono.justOrEmpty(both.getT2())))
        .publishOn(Schedulers.boundedElastic())
        .flatMap(this::putInForce);
  }

  /** Puts what the shards know in force here, if it is later, whatever the control server has. */
  Mono<Void> putInForce(IdentityTables.Identity found) {
    return found.epoch() <= epoch()
        ? Mono.empty()
        : putInForce(found.epoch(), found.document(), "the database of " + found.shard());
  }

  /**
   * Puts a topology in force.
   *
   * @param by where it comes from, for the log
   */
  private Mono<Void> putInForce(long epoch, String document, String by) {
    TopologyDocument.Opened before = opened;
    TopologyDocument.Opened next;
    try {
      next = TopologyDocument.parse(document).open(epoch, own, before);
    } catch (IllegalArgumentException e) {
      refused(epoch, e);
      return Mono.empty();
    }
    next.forgetSince(before);
    return TopologyAccess.of(router)
        .swap(next.topology(), next.shards())
        .doOnNext(swapped -> inForce(before, next, epoch, document, by))
        .doOnError(IllegalArgumentException.class, error -> refused(epoch, error))
        .onErrorComplete(IllegalArgumentException.class)
        .then();
  }

  private void inForce(
      TopologyDocument.Opened before,
      TopologyDocument.Opened next,
      long epoch,
      String document,
      String by) {
    opened = next;
    orders.again();
    log.atInfo().addKeyValue("epoch", epoch).log("topology {} is in force, by {}", epoch, by);
    before.directories().stream()
        .filter(directory -> !next.directories().contains(directory))
        .forEach(directory -> directory.close().subscribe());
    reached.retainAll(next.topology().shards());
    IdentityTables.note(router, cluster, epoch, document).subscribe(this::reached);
  }

  /** Asks the shards that have not answered yet, on connections that nobody else uses. */
  private void reachOthers() {
    List<Shard> others =
        opened.shards().stream().filter(shard -> !reached.contains(shard.id())).toList();
    if (!others.isEmpty() && reaching.compareAndSet(false, true)) {
      IdentityTables.on(others, control.lease(), IdentityTables::reached)
          .doFinally(end -> reaching.set(false))
          .onErrorComplete()
          .subscribe(all -> all.forEach(this::reached));
    }
  }

  /** Has the next look tell the others of a shard that was not reached before. */
  private void reached(ShardId shard) {
    if (reached.add(shard)) {
      registeredEpoch = -1;
    }
  }

  private void refused(long epoch, IllegalArgumentException error) {
    if (refusedEpoch != epoch) {
      refusedEpoch = epoch;
      String reason = String.valueOf(error.getMessage());
      tell(new ClusterEvent.TopologyRefused(Instant.now(), epoch, reason));
    }
  }

  private Mono<Void> ordersOf(Head head) {
    return Mono.defer(
        () ->
            orders.seen(head.orders())
                ? Mono.empty()
                : tables
                    .orders()
                    .collectList()
                    .doOnNext(now -> orders.obey(head.orders(), now))
                    .then());
  }

  private Mono<Void> renewed() {
    long now = System.nanoTime();
    long epoch = router.topology().epoch();
    if (now - registeredAt < RENEWAL_NANOS && epoch == registeredEpoch) {
      return Mono.empty();
    }
    reachOthers();
    return router
        .operations()
        .statistics()
        .flatMap(
            all ->
                tables.register(
                    member,
                    epoch,
                    registered(),
                    StatisticsText.of(all, Set.copyOf(reached), ProcessConnections.all())))
        .doOnSuccess(
            done -> {
              registeredAt = now;
              registeredEpoch = epoch;
            });
  }

  /** The time after which the router routes by no epoch that it has read until now. */
  private Duration registered() {
    return Duration.ofNanos((long) (control.lease().toNanos() * SKEW) + RENEWAL_NANOS);
  }

  private void confirmed(long sentAt) {
    confirmedAt = sentAt;
    failing = false;
    if (lost) {
      lost = false;
      tell(new ClusterEvent.ControlBack(Instant.now()));
    }
  }

  private void unconfirmed(Throwable error) {
    failing = true;
    if (!lost && System.nanoTime() - confirmedAt > control.lease().toNanos()) {
      lost = true;
      tell(
          error instanceof ControlBehindException found
              ? new ClusterEvent.ControlBehind(Instant.now(), found.published(), found.inForce())
              : new ClusterEvent.ControlLost(Instant.now(), String.valueOf(error.getMessage())));
    }
  }

  private synchronized void tell(ClusterEvent event) {
    log.warn("{}", event);
    // There may be no listener, and a slow one loses old events in its own buffer.
    var unused = events.tryEmitNext(event);
  }
}
