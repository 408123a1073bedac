package io.shardflux.r2dbc.live;

import io.shardflux.r2dbc.failure.PoolClosingException;
import io.shardflux.r2dbc.observe.HotKey;
import io.shardflux.r2dbc.observe.HotKeys;
import io.shardflux.r2dbc.observe.ShardEvent;
import io.shardflux.r2dbc.scatter.FailurePolicy;
import io.shardflux.r2dbc.scatter.ShardSignal;
import io.shardflux.r2dbc.settings.RouterOptions;
import io.shardflux.r2dbc.settings.ServerAddress;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.r2dbc.settings.SharedTopology;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.r2dbc.shard.ShardServers;
import io.shardflux.router.Internal;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardKey;
import io.shardflux.router.TableRule;
import io.shardflux.router.Topology;
import io.shardflux.router.TransitionStrategy.KeyPlace;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.core.scheduler.Schedulers;

/**
 * The current topology with its pools, swapped as one; nothing else changes an epoch. A statement
 * enters the shards that it asks, so that none of them is closed under it. It starts anew where a
 * shard began to close before.
 */
@Internal
public final class LiveShards {

  /** The number of times that a statement starts anew because of swaps. */
  public static final int SWAPS_SURVIVED = 3;

  private static final Duration DRAIN_TIME = Duration.ofSeconds(30);

  private final RouterOptions options;
  private final @Nullable HotKeys hotKeys;
  private final Sinks.Many<ShardEvent> events = Sinks.many().multicast().directBestEffort();
  private final Sinks.Many<Topology> topologies = Sinks.many().multicast().directBestEffort();
  private final Parking parking;
  private volatile Epoch now;
  // Guarded by this.
  private final List<Consumer<Collection<ShardServers>>> watchers = new ArrayList<>();
  private boolean closed;

  /**
   * The first topology with pools that connect to nothing yet.
   *
   * @param shards the servers of the topology's shards
   * @param hotKeys counts the keys that statements are for, or null
   */
  public LiveShards(
      Topology topology, List<Shard> shards, RouterOptions options, @Nullable HotKeys hotKeys) {
    this.options = options;
    this.hotKeys = hotKeys;
    ServerAddress.check(shards);
    Map<ShardId, ShardServers> servers = new LinkedHashMap<>();
    shards.forEach(shard -> servers.put(shard.id(), servers(shard)));
    this.now = new Epoch(topology, servers);
    this.parking = new Parking(topology.epoch(), options.pool().maxSize());
  }

  public Topology topology() {
    return now.topology();
  }

  /** The topology in force with its pools. */
  public Epoch epoch() {
    return now;
  }

  public RouterOptions options() {
    return options;
  }

  /** The times of a statement that has none of its own. */
  public Timeouts timeouts() {
    return options.timeouts();
  }

  public Collection<ShardServers> all() {
    return now.servers().values();
  }

  /** The connections that the smallest pool has at most. */
  public int smallestPool() {
    return all().stream()
        .mapToInt(ShardServers::maxConnections)
        .min()
        .orElse(options.pool().maxSize());
  }

  /** The connections that streams leave to others, in the pool that has the fewest of them. */
  public int smallestRest() {
    return all().stream()
        .mapToInt(ShardServers::connectionsBesideStreams)
        .min()
        .orElse(options.pool().maxSize() - options.pool().streams());
  }

  /**
   * The servers of a shard, which may be closed at any time; see {@link #enter}.
   *
   * @throws IllegalArgumentException if there is no such shard
   */
  public ShardServers of(ShardId shard) {
    return now.of(shard);
  }

  public boolean has(ShardServers servers) {
    return now.servers().containsValue(servers);
  }

  /**
   * The shard of a key that a statement is for. Where keys are on their way, it comes once the
   * statement may be sent.
   *
   * @param timeouts the statement's
   * @param writes whether it may write
   */
  public Mono<ShardId> asked(String table, ShardKey key, Timeouts timeouts, boolean writes) {
    return Mono.defer(
        () -> {
          note(table, key);
          return now.moving(table) == null
              ? topology().locate(table, key)
              : new MovingKeys<>(this, table, List.of(key), KeyedWork.locating(timeouts, writes))
                  .rows()
                  .next();
        });
  }

  /** The key as the table's columns hold it, if the table has such a key. */
  public ShardKey stored(String table, ShardKey key) {
    return topology().tables().get(table) instanceof TableRule.Sharded rule
        ? rule.withBytes(key)
        : key;
  }

  /**
   * The shard of a key, for a transaction that holds a connection there by itself. Where keys are
   * on their way, it comes once the transaction may write there.
   *
   * @param timeouts the statement's
   */
  public Mono<Located> located(String table, ShardKey key, Timeouts timeouts) {
    return Mono.defer(
        () -> {
          note(table, key);
          Epoch epoch = now;
          List<ShardKey> keys = List.of(key);
          return epoch.moving(table) == null
              ? epoch
                  .topology()
                  .locate(table, key)
                  .map(
                      shard ->
                          new Located(
                              shard,
                              new Look(this, epoch, table, keys, new KeyPlace(shard, null), null)))
              : new MovingKeys<>(this, table, keys, KeyedWork.located(timeouts)).rows().next();
        });
  }

  /**
   * The shard of a key.
   *
   * @param look is asked at the end of what was done there, or null if the shard was named
   */
  public record Located(ShardId shard, @Nullable Look look) {}

  /** Counts a key that a statement is for, where keys are counted. */
  public void note(String table, ShardKey key) {
    if (hotKeys != null) {
      hotKeys.record(table, stored(table, key));
    }
  }

  /** The hottest keys of a table, the hottest first; empty where keys are not counted. */
  public List<HotKey> hotKeys(String table) {
    return hotKeys == null ? List.of() : hotKeys.top(table);
  }

  /**
   * A shard's servers, which can't be closed until they are {@linkplain ShardServers#leave left}.
   */
  public ShardServers enter(ShardId shard) {
    return now.enter(shard);
  }

  /** Runs the work on the shard of a key, wherever that moves to meanwhile. */
  public <T> Flux<T> onKey(String table, ShardKey key, KeyedWork<T> work) {
    return new KeyedFlux<>(this, table, key, work, SWAPS_SURVIVED);
  }

  /** The statements that wait for the next topology. */
  Parking parking() {
    return parking;
  }

  /** Tells whether the topology in force is known to be the newest one. */
  public boolean confirmed() {
    SharedTopology shared = options.shared();
    return shared == null || shared.confirmed();
  }

  /** Tells whether a later topology would be known by now; see {@link SharedTopology#followed}. */
  public boolean followed() {
    SharedTopology shared = options.shared();
    return shared == null || shared.followed();
  }

  /** Tells whether other routers, or moves, may change the topology. */
  public boolean isShared() {
    return options.shared() != null;
  }

  /** Completes when a later topology would be known. Errors if that is not so in time. */
  public Mono<Void> follow(Duration time) {
    SharedTopology shared = options.shared();
    return shared == null || shared.followed() ? Mono.empty() : shared.follow().timeout(time);
  }

  /** Completes when the newest topology is in force. Errors if that is not so in time. */
  public Mono<Void> confirm(Duration time) {
    SharedTopology shared = options.shared();
    return shared == null ? Mono.empty() : shared.confirm().timeout(time);
  }

  /**
   * Completes when it is known where a table's keys are: by the databases of the shards, too, while
   * none of them moves. Errors if that is not so in time.
   */
  public Mono<Void> know(String table, Duration time) {
    return Mono.defer(() -> rests(table) ? follow(time) : Mono.<Void>empty())
        .then(Mono.defer(() -> rests(table) ? Mono.<Void>empty() : confirm(time)));
  }

  private boolean rests(String table) {
    return now.moving(table) == null;
  }

  /** Runs the work on the servers of a shard, which can't be closed under it. */
  public <T> Flux<T> onOne(Mono<ShardId> shard, Function<ShardServers, Flux<T>> work) {
    return overSwaps(
        shard.flatMapMany(id -> Flux.using(() -> now.enter(id), work, ShardServers::leave)),
        SWAPS_SURVIVED);
  }

  /**
   * The same for a shard that was located before. Errors with {@link PoolClosingException} if the
   * shard is gone or going; the caller must then locate it anew.
   */
  public <T> Flux<T> onLocated(ShardId shard, Function<ShardServers, Flux<T>> work) {
    return Flux.using(
        () -> {
          Epoch last = now;
          if (!last.servers().containsKey(shard)) {
            throw new PoolClosingException(shard);
          }
          return last.enter(shard);
        },
        work,
        ShardServers::leave);
  }

  /** Runs a statement on all its shards and merges their results. */
  public <T> Flux<ShardSignal<T>> scatter(
      ScatterStatement<T> statement, FailurePolicy policy, @Nullable Comparator<? super T> order) {
    return overSwaps(new LiveScatter<>(this, statement, policy, order).signals(), SWAPS_SURVIVED);
  }

  /**
   * Starts anew where a pool began to close between the look at the topology and the statement's
   * start.
   */
  private static <T> Flux<T> overSwaps(Flux<T> statement, int attempts) {
    return statement.onErrorResume(
        PoolClosingException.class,
        closing ->
            attempts == 0
                ? Flux.error(closing.asUnavailable())
                : overSwaps(statement, attempts - 1));
  }

  private ShardServers servers(Shard shard) {
    return new ShardServers(shard, options, this::publish);
  }

  /**
   * Adds a shard; errors as {@link Topology#withShard}, with {@link IllegalArgumentException} if
   * another shard has its server and database, and with {@link IllegalStateException} if the shards
   * are closed.
   */
  public Mono<Void> add(Shard shard) {
    // Setting the driver up looks into jar files, and certificates are files too.
    return Mono.<Void>fromRunnable(() -> swapIn(shard)).subscribeOn(Schedulers.boundedElastic());
  }

  /**
   * Lets a shard go, and completes when its statements have ended and its connections are closed.
   * Errors as {@link Topology#withoutShard}.
   */
  public Mono<Void> remove(ShardId shard) {
    return Mono.defer(() -> swapOut(shard).close(DRAIN_TIME));
  }

  /**
   * Puts a topology in force that was made elsewhere, if its epoch is a later one. Shards that stay
   * as they are keep their connections; the others' are closed once their statements have ended.
   * Errors as {@link #add} does.
   *
   * @param shards the servers of the topology's shards
   * @return whether it was put in force
   */
  public Mono<Boolean> swap(Topology topology, List<Shard> shards) {
    return Mono.fromCallable(() -> swapAll(topology, shards))
        .subscribeOn(Schedulers.boundedElastic());
  }

  /** Lets all shards go. Once begun, this goes on by itself. */
  public Mono<Void> close() {
    return Flux.defer(() -> Flux.fromIterable(swapsEnded().servers().values()))
        .flatMap(servers -> servers.close(DRAIN_TIME))
        .then();
  }

  /** Tells the watcher of the shards, and again whenever one comes or goes, one call at a time. */
  public synchronized void watch(Consumer<Collection<ShardServers>> watcher) {
    watchers.add(watcher);
    watcher.accept(all());
  }

  /** The topologies that come into force from now on, without back-pressure. */
  public Flux<Topology> topologies() {
    return topologies.asFlux();
  }

  /** The changes of status from now on, without back-pressure. */
  public Flux<ShardEvent> events() {
    return events.asFlux();
  }

  private synchronized void publish(ShardEvent event) {
    // There may be no listener, and a slow one loses old events in its own buffer.
    var unused = events.tryEmitNext(event);
  }

  public synchronized void endEvents() {
    var unused = events.tryEmitComplete();
    var unusedToo = topologies.tryEmitComplete();
  }

  /** Ends the swaps and gives the last shards. Nobody would close a shard that came in later. */
  private synchronized Epoch swapsEnded() {
    closed = true;
    return now;
  }

  private synchronized void swapIn(Shard shard) {
    refuseIfClosed();
    refuseIfShared();
    Topology topology = now.topology().withShard(shard.id());
    ServerAddress.check(
        Stream.concat(all().stream().map(ShardServers::shard), Stream.of(shard)).toList());
    Map<ShardId, ShardServers> servers = new LinkedHashMap<>(now.servers());
    servers.put(shard.id(), servers(shard));
    swap(topology, servers);
  }

  private synchronized ShardServers swapOut(ShardId shard) {
    refuseIfShared();
    Topology topology = now.topology().withoutShard(shard);
    Map<ShardId, ShardServers> servers = new LinkedHashMap<>(now.servers());
    ShardServers gone = servers.remove(shard);
    swap(topology, servers);
    if (gone == null) {
      throw new IllegalStateException("shard: " + shard + ", without a pool");
    }
    return gone;
  }

  private synchronized boolean swapAll(Topology topology, List<Shard> shards) {
    refuseIfClosed();
    if (topology.epoch() <= now.topology().epoch()) {
      return false;
    }
    ServerAddress.check(shards);
    Map<ShardId, ShardServers> servers = new LinkedHashMap<>();
    shards.forEach(shard -> servers.put(shard.id(), kept(shard)));
    List<ShardServers> gone = new ArrayList<>(all());
    gone.removeAll(servers.values());
    swap(topology, servers);
    gone.forEach(one -> one.close(DRAIN_TIME).subscribe());
    return true;
  }

  /** The servers of a shard that stays as it is, or new ones. */
  private ShardServers kept(Shard shard) {
    ShardServers known = now.servers().get(shard.id());
    return known != null && known.shard().equals(shard) ? known : servers(shard);
  }

  /** One router alone must not have a topology that the others don't have. */
  private void refuseIfShared() {
    if (options.shared() != null) {
      throw new IllegalStateException(
          "topology: shared with other routers (expected: a change for all of them, by the"
              + " operations of its ClusterRouter)");
    }
  }

  private void refuseIfClosed() {
    if (closed) {
      throw new IllegalStateException("router: closed (expected: one in use)");
    }
  }

  // Called under the lock.
  private void swap(Topology topology, Map<ShardId, ShardServers> servers) {
    now = now.then(topology, servers);
    parking.moved(topology.epoch());
    watchers.forEach(watcher -> watcher.accept(servers.values()));
    // There may be no listener, and a slow one loses old topologies in its own buffer.
    var unused = topologies.tryEmitNext(topology);
  }
}
